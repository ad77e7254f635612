//! Moves the country through its days: phones, terminals, uploads, settlement.
//!
//! Everything goes in order of simulated time. Whoever drives the world in separate
//! processes may lose one of them at any moment; a [`Caretaker`] brings it back, and the same
//! question is asked again: every call here may be repeated without harm.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_api::{KeyUsesView, RideRole, RideState as ApiRideState, UploadKind};
use tongtu_http::client::{Client, ClientError};
use tongtu_ride_code::record::RideRecord;
use tongtu_ride_code::{RideCode, Verdict};
use tongtu_terminal::OpenEntry;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, RecordId, TerminalNumber, Timestamp,
};

use crate::WorldError;
use crate::callers::{as_auditor, as_terminal};
use crate::cards::{CardSide, ObservedCardRide, PlannedTap, TapLog};
use crate::codes::Phone;
use crate::country::{CITIES, Country, NODES, Place, Post};
use crate::faces::{FaceLog, FaceSide, PlannedLook};
use crate::hardware::Hardware;
use crate::log::{
    LoggedRecord, Observed, ObservedChain, ObservedDay, ObservedPosition, ObservedRide, RideState,
    ScanLog,
};
use crate::plan::{PlannedDay, PlannedScan, Trick};
use crate::terminals::{Answer, RESTART_S, Terminals};

/// Keeps the country's processes alive.
pub trait Caretaker {
    /// Called before each step; may do harm.
    fn step(&mut self) -> impl Future<Output = ()>;

    /// Called when somebody does not answer; true when it is worth asking again.
    fn mend(&mut self) -> impl Future<Output = bool>;
}

/// A country in which nobody is killed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peace;

impl Caretaker for Peace {
    async fn step(&mut self) {}

    async fn mend(&mut self) -> bool {
        false
    }
}

/// How often the same question is asked before the world gives up.
const ASK_MAX: usize = 40;

/// Asks until there is a whole answer.
async fn insist<C: Caretaker, T, F: Future<Output = Result<T, ClientError>>>(
    caretaker: &mut C,
    ask: impl Fn() -> F,
) -> Result<T, ClientError> {
    caretaker.step().await;
    for _ in 1..ASK_MAX {
        match ask().await {
            Err(ClientError::Unreachable { .. }) if caretaker.mend().await => {}
            answer => return answer,
        }
    }
    ask().await
}

/// The country in motion.
#[derive(Debug)]
pub struct Drive<'a, C> {
    country: &'a Country,
    clients: &'a [Client],
    terminals: Terminals,
    caretaker: C,
    phones: Vec<Phone>,
    /// Who is inside which city's metro.
    inside: BTreeMap<(usize, CardNumber), OpenEntry>,
    issuers: BTreeMap<InstitutionCode, usize>,
    cards: Option<CardSide<'a>>,
    faces: Option<FaceSide<'a>>,
    /// What stands around the terminals, for codes and for cards.
    hardware: Hardware,
    /// Every scan so far.
    pub logs: Vec<ScanLog>,
}

impl<'a, C: Caretaker> Drive<'a, C> {
    /// Takes the country, a client for each node, its terminals, and who looks after them.
    #[must_use]
    pub fn new(
        country: &'a Country,
        clients: &'a [Client],
        terminals: Terminals,
        caretaker: C,
    ) -> Self {
        let phones = (0..country.riders.len())
            .map(|rider| Phone {
                key: country.user_key(rider),
                certificate: None,
                last: Vec::new(),
            })
            .collect();
        let issuers = NODES
            .iter()
            .enumerate()
            .map(|(i, n)| (n.institution(), i))
            .collect();
        Self {
            country,
            clients,
            terminals,
            caretaker,
            phones,
            inside: BTreeMap::new(),
            issuers,
            cards: None,
            faces: None,
            hardware: Hardware::of(country),
            logs: Vec::new(),
        }
    }

    /// The same with riders who have cards. Their terminals are in this process.
    #[must_use]
    pub fn with_cards(mut self, cards: CardSide<'a>) -> Self {
        self.cards = Some(cards);
        self
    }

    /// The same with riders by face. Their terminals are in this process.
    #[must_use]
    pub fn with_faces(mut self, faces: FaceSide<'a>) -> Self {
        self.faces = Some(faces);
        self
    }

    /// Every look of a camera so far.
    #[must_use]
    pub fn looks(&self) -> &[FaceLog] {
        self.faces.as_ref().map_or(&[], |faces| &faces.logs)
    }

    /// Every tap of a card so far.
    #[must_use]
    pub fn taps(&self) -> &[TapLog] {
        self.cards.as_ref().map_or(&[], |cards| &cards.logs)
    }

    /// Registers terminals, opens accounts and pays in, before the first day.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn prepare(
        &mut self,
        day: BusinessDay,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        let at = day.start_in_china().plus_s(4 * 3600);
        for post in &self.country.posts {
            let client = self.clients[post.city].at(at);
            let key = self.country.terminal_key(post.number);
            insist(&mut self.caretaker, || {
                client.terminal_register(post.number, post.serial, key.public())
            })
            .await
            .map_err(WorldError::http("registering a terminal", at))?;
            tick();
        }
        for (index, rider) in self.country.riders.iter().enumerate() {
            let client = self.clients[rider.home].at(at);
            let key = self.phones[index].key.public().clone();
            insist(&mut self.caretaker, || {
                client.account_open_as(rider.account, &key, rider.class.account_type())
            })
            .await
            .map_err(WorldError::http("opening an account", at))?;
            let id = format!("first-{index}");
            insist(&mut self.caretaker, || {
                client.account_recharge(rider.account, &id, rider.recharge)
            })
            .await
            .map_err(WorldError::http("recharging", at))?;
            tick();
        }
        if let Some(cards) = &mut self.cards {
            cards.prepare(at, tick).await?;
        }
        if let Some(faces) = &mut self.faces {
            faces.prepare(at, tick).await?;
        }
        Ok(())
    }

    /// Lives one day up to its cut-off.
    ///
    /// # Errors
    /// [`WorldError`] when a node or a terminal does not answer as it should.
    pub async fn live(
        &mut self,
        day: &PlannedDay,
        late_from_yesterday: &[usize],
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        self.renew_certificates(day.at(5 * 3600)).await?;
        self.suspend(day).await?;
        if let Some(cards) = &mut self.cards {
            let is_first = cards.logs.is_empty();
            cards.refill(is_first, day.at(5 * 3600 + 1800)).await?;
        }
        self.refresh_lists(day.at(6 * 3600)).await?;
        if let Some(faces) = self.faces.as_mut().filter(|_| day.withdraws) {
            faces.withdraw_on(day.at(0));
        }
        let mut others = Others {
            taps: &day.taps,
            looks: &day.looks,
        };
        let mut uploads = [10, 14, 18, 23]
            .into_iter()
            .map(|h| day.at(h * 3600))
            .peekable();
        for scan in &day.scans {
            while let Some(at) = uploads.next_if(|at| *at <= scan.at) {
                self.all_upload(day, late_from_yesterday, at, &mut others, tick)
                    .await?;
            }
            self.others_until(&mut others, scan.at, tick).await?;
            self.scan(day, *scan).await?;
            tick();
        }
        for at in uploads {
            self.all_upload(day, late_from_yesterday, at, &mut others, tick)
                .await?;
        }
        Ok(())
    }

    /// What cards and faces did up to this moment.
    async fn others_until(
        &mut self,
        others: &mut Others<'_>,
        at: Timestamp,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        let hardware = &mut self.hardware;
        if let Some(cards) = &mut self.cards {
            let taps = others.taps;
            let (now, later) = taps.split_at(taps.partition_point(|tap| tap.at <= at));
            others.taps = later;
            cards.tap(now, hardware, tick).await?;
        }
        match &mut self.faces {
            Some(faces) => faces.look(&mut others.looks, at, hardware, tick).await,
            None => Ok(()),
        }
    }

    /// The upload of every terminal, for codes and for cards.
    async fn all_upload(
        &mut self,
        day: &PlannedDay,
        late_from_yesterday: &[usize],
        at: Timestamp,
        others: &mut Others<'_>,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        self.others_until(others, at, tick).await?;
        self.upload(day, late_from_yesterday, at).await?;
        if let Some(faces) = &self.faces {
            faces.upload(at).await?;
        }
        let Some(cards) = &mut self.cards else {
            return Ok(());
        };
        cards.upload(at).await?;
        if day.reports_at == Some(at) {
            cards.report(at).await?;
            self.refresh_lists(at).await?;
        }
        Ok(())
    }

    /// On the day after the last: riders whose last tap nobody knows of ride once more, and the
    /// late posts of `day` upload what they still hold.
    ///
    /// # Errors
    /// [`WorldError`] when a node or a terminal does not answer as it should.
    pub async fn catch_up(
        &mut self,
        day: &PlannedDay,
        homecoming: &[PlannedTap],
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        let at = day.at(24 * 3600 + 10 * 3600);
        let mut others = Others {
            taps: homecoming,
            looks: &[],
        };
        self.others_until(&mut others, at, tick).await?;
        if let Some(cards) = &mut self.cards {
            cards.upload(at).await?;
        }
        for post in &day.late_posts {
            self.upload_post(*post, at).await?;
        }
        Ok(())
    }

    /// Closes and settles a day at every node, in the order of the timetable.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn settle(
        &mut self,
        day: BusinessDay,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        let base = day.next().start_in_china();
        let timetable: [(i64, usize, Step); 15] = [
            (185, 2, Step::Close),
            (186, 2, Step::Pump),
            (187, 3, Step::Close),
            (188, 3, Step::Pump),
            (210, 1, Step::Close),
            (211, 1, Step::Pump),
            (240, 0, Step::Close),
            (245, 0, Step::Settle),
            (260, 1, Step::Pump),
            (262, 1, Step::Settle),
            (280, 2, Step::Pump),
            (282, 2, Step::Settle),
            (284, 3, Step::Pump),
            (286, 3, Step::Settle),
            (290, 3, Step::Pump),
        ];
        for (minute, node, step) in timetable {
            let at = base.plus_s(minute * 60);
            let client = self.clients[node].at(at);
            let what = format!("{step:?} of {day} at {}", NODES[node].en);
            match step {
                Step::Close => {
                    insist(&mut self.caretaker, || client.day_close(day))
                        .await
                        .map_err(WorldError::http(what, at))?;
                }
                Step::Settle => {
                    insist(&mut self.caretaker, || client.day_settle(day))
                        .await
                        .map_err(WorldError::http(what, at))?;
                }
                Step::Pump => self.pump(&client, &what, at).await?,
            }
            tick();
        }
        Ok(())
    }

    /// A pump may meet a parent that is just being restarted; it says so, and is tried again.
    async fn pump(&mut self, client: &Client, what: &str, at: Timestamp) -> Result<(), WorldError> {
        for _ in 0..ASK_MAX {
            let report = insist(&mut self.caretaker, || client.pump())
                .await
                .map_err(WorldError::http(what, at))?;
            let Some(problem) = report.problems.first() else {
                return Ok(());
            };
            if !self.caretaker.mend().await {
                return Err(WorldError::Unexpected {
                    what: what.to_owned(),
                    found: format!("{problem:?}"),
                    expected: "files moved".to_owned(),
                });
            }
        }
        Err(WorldError::Unexpected {
            what: what.to_owned(),
            found: "a parent that stays away".to_owned(),
            expected: "files moved".to_owned(),
        })
    }

    async fn renew_certificates(&mut self, at: Timestamp) -> Result<(), WorldError> {
        for (rider, phone) in self.country.riders.iter().zip(&mut self.phones) {
            let renew = phone
                .certificate
                .as_ref()
                .is_none_or(|c| c.wants_renewal(at));
            if !renew {
                continue;
            }
            let client = self.clients[rider.home].at(at);
            let certificate = insist(&mut self.caretaker, || {
                client.user_certificate_issue(rider.account)
            })
            .await;
            match certificate {
                Ok(certificate) => phone.certificate = Some(certificate),
                // Suspended or in arrears: the phone goes on with what it has.
                Err(ClientError::Refused { .. }) if phone.certificate.is_some() => {}
                Err(error) => {
                    return Err(WorldError::http("issuing a user certificate", at)(error));
                }
            }
        }
        Ok(())
    }

    async fn suspend(&mut self, day: &PlannedDay) -> Result<(), WorldError> {
        let at = day.at(5 * 3600 + 1800);
        let mut accounts = Vec::new();
        for rider in &day.suspended {
            let rider = &self.country.riders[*rider];
            let client = self.clients[rider.home].at(at);
            insist(&mut self.caretaker, || {
                client.account_suspend(rider.account, true)
            })
            .await
            .map_err(WorldError::http("suspending an account", at))?;
            accounts.push(rider.account);
        }
        if accounts.is_empty() {
            return Ok(());
        }
        for city in CITIES {
            let client = self.clients[city].at(at);
            insist(&mut self.caretaker, || client.blacklist_add(&accounts))
                .await
                .map_err(WorldError::http("extending a blacklist", at))?;
        }
        Ok(())
    }

    async fn refresh_lists(&mut self, at: Timestamp) -> Result<(), WorldError> {
        for post in 0..self.country.posts.len() {
            self.caretaker.step().await;
            self.terminals
                .refresh_lists(post, at, &mut self.caretaker)
                .await?;
        }
        if let Some(cards) = &mut self.cards {
            cards.refresh_lists(&self.terminals, at).await?;
        }
        match &mut self.faces {
            Some(faces) => faces.refresh(&self.terminals, at).await,
            None => Ok(()),
        }
    }

    async fn upload(
        &mut self,
        day: &PlannedDay,
        late_from_yesterday: &[usize],
        at: Timestamp,
    ) -> Result<(), WorldError> {
        for post in 0..self.country.posts.len() {
            let late = day.late_posts.contains(&post);
            // Yesterday's laggards are on the line again in the morning, before today's lag.
            let catches_up = late_from_yesterday.contains(&post) && at == day.at(10 * 3600);
            if late && !catches_up {
                continue;
            }
            if day.tampered_posts.contains(&post) {
                self.tamper(post, at).await?;
            }
            if day.double_posts.contains(&post) {
                let waiting = self.terminals.waiting(post);
                self.upload_post(post, at).await?;
                self.upload_again(post, &waiting, at).await?;
            } else {
                self.upload_post(post, at).await?;
            }
        }
        Ok(())
    }

    async fn upload_post(&mut self, post: usize, at: Timestamp) -> Result<(), WorldError> {
        self.caretaker.step().await;
        self.terminals.upload(post, at, &mut self.caretaker).await
    }

    /// A client in a terminal's name, beside its own.
    fn uplink(&self, post: &Post, use_: &str, at: Timestamp) -> Client {
        let use_ = format!("{use_} {at}");
        let client = &self.clients[post.city];
        as_terminal(client, self.country, post.city, post.number, &use_).at(at)
    }

    /// The acknowledgement was lost: the same records once more.
    async fn upload_again(
        &mut self,
        post: usize,
        records: &[Vec<u8>],
        at: Timestamp,
    ) -> Result<(), WorldError> {
        if records.is_empty() {
            return Ok(());
        }
        let post = &self.country.posts[post];
        let client = self.uplink(post, "again", at);
        let outcomes = insist(&mut self.caretaker, || {
            client.records_upload(post.number, records)
        })
        .await
        .map_err(WorldError::http("uploading twice", at))?;
        match outcomes.iter().find(|o| o.kind != UploadKind::Duplicate) {
            None => Ok(()),
            Some(other) => Err(WorldError::Unexpected {
                what: "second upload of the same record".to_owned(),
                found: format!("{:?}", other.kind),
                expected: "duplicate".to_owned(),
            }),
        }
    }

    /// Somebody in the terminal raises an amount; the signature of its module no longer holds.
    async fn tamper(&mut self, post: usize, at: Timestamp) -> Result<(), WorldError> {
        let Some(mut record) = self.terminals.waiting(post).into_iter().next() else {
            return Ok(());
        };
        // Behind the digest lies the fare version; behind that nothing but the signature sees.
        let Some(version_at) = record
            .windows(4)
            .rposition(|w| w == [0x00, 0x15, 0x00, 0x04])
        else {
            return Ok(());
        };
        record[version_at + 7] ^= 0x40;
        let records = [record];
        let post = &self.country.posts[post];
        // Behind the terminal's envelope: on the line nothing is changed unseen any more.
        let client = self.uplink(post, "tampered", at);
        let outcomes = insist(&mut self.caretaker, || {
            client.records_upload(post.number, &records)
        })
        .await
        .map_err(WorldError::http("uploading a tampered record", at))?;
        match outcomes.first().map(|o| &o.kind) {
            Some(UploadKind::Refused { .. }) => Ok(()),
            other => Err(WorldError::Unexpected {
                what: "upload of a tampered record".to_owned(),
                found: format!("{other:?}"),
                expected: "refused".to_owned(),
            }),
        }
    }

    async fn scan(&mut self, day: &PlannedDay, scan: PlannedScan) -> Result<(), WorldError> {
        let post = &self.country.posts[scan.post];
        let drawn_at = scan.at.plus_s(-scan.age_s);
        let phone = &mut self.phones[scan.rider];
        let bytes = phone.show(self.country, scan.rider, scan.trick, drawn_at)?;
        let account = self.country.riders[scan.rider].account;
        let open = match post.place {
            Place::Exit { .. } => self.inside.get(&(post.city, account)).copied(),
            _ => None,
        };
        self.caretaker.step().await;
        let answer = match scan.trick {
            Trick::PowerCutWriting => self.terminals.scan_torn(scan.post, &bytes, scan.at).await?,
            Trick::PowerCutUntold => {
                self.terminals
                    .scan_untold(scan.post, &bytes, scan.at)
                    .await?
            }
            _ => {
                let caretaker = &mut self.caretaker;
                self.terminals
                    .scan(scan.post, &bytes, scan.at, open, caretaker)
                    .await?
            }
        };
        self.note(day, scan, &bytes, answer)
    }

    fn note(
        &mut self,
        day: &PlannedDay,
        scan: PlannedScan,
        bytes: &[u8],
        answer: Answer,
    ) -> Result<(), WorldError> {
        let post = &self.country.posts[scan.post];
        let record = match answer.record {
            None => None,
            Some(raw) => Some(self.logged(day, scan, bytes, &raw, post.city)?),
        };
        if let Some(record) = &record {
            let key = (post.city, record.account);
            match &post.place {
                Place::Entry { station } => {
                    let entry = OpenEntry {
                        station: *station,
                        at: scan.at,
                        record: record.id,
                    };
                    self.inside.insert(key, entry);
                }
                Place::Exit { .. } => {
                    self.inside.remove(&key);
                }
                Place::Bus { .. } => {}
            }
        }
        let device = self.hardware.at(post.number);
        let told_at = match scan.trick {
            Trick::PowerCutWriting | Trick::PowerCutUntold => scan.at.plus_s(RESTART_S),
            _ => scan.at,
        };
        let shown = answer
            .prompt
            .map(|prompt| device.show_scan(&prompt, told_at));
        let went_on = match &shown {
            Some(_) => record.is_some() && device.pass(),
            // In a process of its own no device stands around it.
            None => record.is_some(),
        };
        let (verdict, resumed) = (answer.verdict, answer.resumed);
        self.logs.push(ScanLog {
            scan,
            verdict,
            record,
            resumed,
            shown,
            went_on,
        });
        Ok(())
    }

    fn logged(
        &self,
        day: &PlannedDay,
        scan: PlannedScan,
        bytes: &[u8],
        raw: &[u8],
        city: usize,
    ) -> Result<LoggedRecord, WorldError> {
        let terminal = |message: String| WorldError::Terminal {
            what: "reading the record of an accepted ride".to_owned(),
            at: scan.at,
            message,
        };
        let record = RideRecord::decode(raw).map_err(|e| terminal(e.to_string()))?;
        let code = RideCode::frame(&record.code).map_err(|e| terminal(e.to_string()))?;
        let user = code.user().map_err(|e| terminal(e.to_string()))?;
        let certificate = code.certificate().map_err(|e| terminal(e.to_string()))?;
        // A resumed ride carries the code of before the power cut; otherwise it is this one.
        debug_assert!(!bytes.is_empty(), "every scan shows something");
        let issuer = self
            .issuers
            .get(&certificate.issuer)
            .copied()
            .ok_or_else(|| terminal(format!("issuer {} is nobody's here", certificate.issuer)))?;
        let late = day.late_posts.contains(&scan.post);
        Ok(LoggedRecord {
            id: record.id,
            account: user.account,
            generated_at: code.generated_at(),
            issuer,
            acquirer: city,
            amount: record.amount,
            direction: record.direction,
            settled_on: if late { day.day.next() } else { day.day },
        })
    }

    /// Who looks after the processes.
    pub const fn caretaker(&mut self) -> &mut C {
        &mut self.caretaker
    }

    /// The bytes that a rider's phone showed last.
    #[must_use]
    pub fn shown(&self, rider: usize) -> &[u8] {
        self.phones.get(rider).map_or(&[], |phone| &phone.last)
    }

    /// Asks every node what it holds.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn observe(
        &mut self,
        days: &[BusinessDay],
        at: Timestamp,
    ) -> Result<Observed, WorldError> {
        let mut observed = Observed::default();
        let holders = self.country.cardholders.iter();
        let numbers: BTreeSet<CardNumber> = holders.map(|holder| holder.number).collect();
        let riders = self.country.face_riders.iter();
        let faces: BTreeSet<CardNumber> = riders.map(|rider| rider.account).collect();
        for city in CITIES {
            let client = self.clients[city].at(at);
            let http = || WorldError::http("asking for rides", at);
            let rides = insist(&mut self.caretaker, || {
                client.rides_view(RideRole::Acquirer)
            })
            .await
            .map_err(http())?;
            let (taps, rides) = apart(rides, &numbers)?;
            let (looks, rides) = apart(rides, &faces)?;
            observed.face_rides.insert(city, looks);
            let rides = rides.iter().map(observed_ride).collect::<Result<_, _>>()?;
            observed.rides.insert(city, rides);
            observed.card_rides.insert(city, taps);
            let debits = insist(&mut self.caretaker, || client.rides_view(RideRole::Issuer))
                .await
                .map_err(http())?;
            let (taps, debits) = apart(debits, &numbers)?;
            let (looks, debits) = apart(debits, &faces)?;
            observed.face_debits.insert(city, looks);
            observed.card_debits.insert(city, taps);
            let debits = debits
                .iter()
                .filter(|r| r.debited)
                .map(|r| {
                    let account = CardNumber::parse(&r.account).map_err(malformed)?;
                    let record = RecordId::parse(&r.record).map_err(malformed)?;
                    Ok((record, account, Fen::new(r.amount_fen)))
                })
                .collect::<Result<_, WorldError>>()?;
            observed.debits.insert(city, debits);
            let chains = insist(&mut self.caretaker, || client.chains_view())
                .await
                .map_err(WorldError::http("asking for chains", at))?;
            let chains = chains.chains.into_iter().map(observed_chain);
            let chains = chains.collect::<Result<_, _>>()?;
            observed.chains.insert(city, chains);
            let rejected = insist(&mut self.caretaker, || client.rejected_view())
                .await
                .map_err(WorldError::http("asking for refused uploads", at))?;
            let reasons = rejected.uploads.into_iter().map(|u| u.reason).collect();
            observed.refused_uploads.insert(city, reasons);
            let uses = self.observe_uses(city, at).await?;
            observed.key_uses.insert(city, uses);
        }
        for rider in &self.country.riders {
            let client = self.clients[rider.home].at(at);
            let view = insist(&mut self.caretaker, || client.account_view(rider.account))
                .await
                .map_err(WorldError::http("asking for a balance", at))?;
            observed.balances.push(Fen::new(view.balance_fen));
        }
        if let Some(cards) = &mut self.cards {
            observed.cards = cards.observe(at).await?;
            observed.journals = cards.journals();
        }
        if let Some(faces) = &self.faces {
            observed.faces = faces.observe(at).await?;
        }
        for (node, client) in self.clients.iter().enumerate() {
            let client = client.at(at);
            for day in days {
                let view = insist(&mut self.caretaker, || client.day_view(*day))
                    .await
                    .map_err(WorldError::http("asking for a day", at))?;
                observed.days.push(observed_day(node, *day, &view)?);
            }
            let ledger = insist(&mut self.caretaker, || client.ledger_view())
                .await
                .map_err(WorldError::http("asking for a ledger", at))?;
            let balances = ledger.balances.iter().map(|b| b.balance_e7.0).collect();
            observed.ledgers.insert(node, balances);
        }
        Ok(observed)
    }

    /// A city's whole chain of what its keys were used for; it is handed out piece by piece.
    async fn observe_uses(
        &mut self,
        city: usize,
        at: Timestamp,
    ) -> Result<KeyUsesView, WorldError> {
        let client = as_auditor(&self.clients[city], self.country, city).at(at);
        let http = || WorldError::http("asking for uses of keys", at);
        let mut uses = insist(&mut self.caretaker, || client.key_uses(0))
            .await
            .map_err(http())?;
        loop {
            let known = u64::try_from(uses.lines.len()).map_err(malformed)?;
            let more = insist(&mut self.caretaker, || client.key_uses(known))
                .await
                .map_err(http())?;
            if more.lines.is_empty() {
                return Ok(uses);
            }
            uses.lines.extend(more.lines);
        }
    }
}

/// What happens beside scans and is still to come.
struct Others<'a> {
    taps: &'a [PlannedTap],
    looks: &'a [PlannedLook],
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Close,
    Pump,
    Settle,
}

fn malformed(error: impl std::fmt::Display) -> WorldError {
    WorldError::Unexpected {
        what: "a node's answer".to_owned(),
        found: error.to_string(),
        expected: "a value of its kind".to_owned(),
    }
}

fn observed_ride(ride: &tongtu_api::RideView) -> Result<ObservedRide, WorldError> {
    Ok(ObservedRide {
        record: RecordId::parse(&ride.record).map_err(malformed)?,
        state: match ride.state {
            ApiRideState::Stored => RideState::Stored,
            ApiRideState::Evidence => RideState::Evidence,
            ApiRideState::Forwarded => RideState::Forwarded,
            ApiRideState::Settled => RideState::Settled,
            ApiRideState::Refused => RideState::Refused,
        },
        result: ride.result,
        amount: Fen::new(ride.amount_fen),
    })
}

fn observed_chain(chain: tongtu_api::ChainView) -> Result<ObservedChain, WorldError> {
    let fault = |fault: tongtu_api::ChainFaultView| format!("{}: {}", fault.number, fault.reason);
    Ok(ObservedChain {
        terminal: TerminalNumber::parse(&chain.terminal).map_err(malformed)?,
        tip: chain.tip,
        value: chain.value.0,
        missing: chain.missing.map(|gap| (gap.first, gap.last)),
        waiting: chain.waiting,
        faults: chain.faults.into_iter().map(fault).collect(),
    })
}

/// Rides of these cards or accounts, and all others.
fn apart(
    rides: Vec<tongtu_api::RideView>,
    cards: &BTreeSet<CardNumber>,
) -> Result<(Vec<ObservedCardRide>, Vec<tongtu_api::RideView>), WorldError> {
    let (mut taps, mut others) = (Vec::new(), Vec::new());
    for ride in rides {
        let card = CardNumber::parse(&ride.account).map_err(malformed)?;
        if cards.contains(&card) {
            let seen = observed_ride(&ride)?;
            taps.push(ObservedCardRide {
                record: seen.record,
                card,
                state: seen.state,
                result: seen.result,
                amount: seen.amount,
            });
        } else {
            others.push(ride);
        }
    }
    Ok((taps, others))
}

fn observed_day(
    node: usize,
    day: BusinessDay,
    view: &tongtu_api::DayView,
) -> Result<ObservedDay, WorldError> {
    let e7 = |value: i128| i64::try_from(value).map(FenE7::new).map_err(malformed);
    Ok(ObservedDay {
        node,
        day,
        positions: view
            .positions
            .iter()
            .map(|p| {
                let member = InstitutionCode::parse(&p.member).map_err(malformed)?;
                Ok(ObservedPosition {
                    member,
                    net: Fen::new(p.net_fen),
                })
            })
            .collect::<Result<_, WorldError>>()?,
        hub_fee: e7(view.hub_fee_e7.0)?,
        rounding: e7(view.rounding_e7.0)?,
        control_sum: view.control_sum_e7.0.to_string(),
    })
}

/// The verdict in words, for those who only have the text.
///
/// # Errors
/// [`WorldError::Unexpected`] when it is none.
pub fn verdict_of(text: &str) -> Result<Verdict, WorldError> {
    text.parse().map_err(malformed)
}
