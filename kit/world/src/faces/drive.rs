//! Moves riders by face through their days: enrolled before the first, recognised, forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tongtu_api::FacePlaceState;
use tongtu_config::{MODEL, SOFTWARE, terminal_id};
use tongtu_door::{FaceDoor, GalleryKeeper, GalleryKeys};
use tongtu_http::client::Client;
use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_services::faces::{ConsentChannel, FaceCapture, FaceConsent, FaceDigits, FaceEnrolment};
use tongtu_terminal::face::{
    Capture, Cosine, Engine as _, FaceMoment, FacePolicy, FaceRide, FaceScope, FaceSetup, Liveness,
    Look, Probe, SealKey, Sight, Spoof,
};
use tongtu_terminal::{Held, OpenEntries, OpenEntry, Profile};
use tongtu_types::{Fen, RecordId, Timestamp};
use zeroize::Zeroizing;

use super::people::{Seen, digits, template};
use super::plan::{Before, PlannedLook, TYPING_S, WITHDRAWN_S};
use super::{face_keys, face_terms};
use crate::WorldError;
use crate::country::{Country, NODES, Place};
use crate::hardware::{Hardware, Shown};
use crate::terminals::{Terminals, terminal_post};

/// Number of the one operator of each city.
const OPERATOR: u16 = 1;
/// How long the demo's riders consent: three hundred days.
const CONSENT_S: i64 = 300 * 86_400;

/// One look, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceLog {
    /// What was planned.
    pub look: PlannedLook,
    /// What was said in the end.
    pub moment: FaceMoment,
    /// Whether the digits were asked for.
    pub asked: bool,
    /// What the rider saw and heard, in order.
    pub shown: Vec<Shown>,
    /// Whether the rider went on.
    pub went_on: bool,
    /// The record, with its amount.
    pub record: Option<(RecordId, Fen)>,
}

/// A rider's enrolment as the issuer shows it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedFace {
    /// What is in the account.
    pub balance: Fen,
    /// Terminals that have the face, by the issuer.
    pub held: usize,
    /// Terminals that had it and confirmed that it is gone.
    pub forgotten: usize,
    /// Terminals of which it is not known.
    pub unknown: usize,
}

/// A gallery at rest, in memory.
#[derive(Debug, Clone, Default)]
struct AtRest(Arc<Mutex<Option<Vec<u8>>>>);

impl GalleryKeeper for AtRest {
    fn load(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.clone())
    }

    fn keep(&mut self, gallery: &[u8]) -> std::io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(gallery.to_vec());
        Ok(())
    }
}

/// Riders by face and their terminals in motion.
#[derive(Debug)]
pub struct FaceSide<'a> {
    country: &'a Country,
    clients: &'a [Client],
    doors: Vec<FaceDoor>,
    /// The fares of each terminal's housing.
    fares: Vec<Option<Arc<Held>>>,
    /// Who is inside each city's metro.
    inside: BTreeMap<usize, OpenEntries>,
    /// When the first rider withdraws; none afterwards.
    withdraws_at: Option<Timestamp>,
    /// Every look so far.
    pub logs: Vec<FaceLog>,
}

impl<'a> FaceSide<'a> {
    /// Puts up every face terminal.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when one does not start.
    pub fn new(country: &'a Country, clients: &'a [Client]) -> Result<Self, WorldError> {
        let mut doors = Vec::new();
        for index in 0..country.face_posts.len() {
            doors.push(door(country, clients, index)?);
        }
        Ok(Self {
            country,
            clients,
            fares: vec![None; doors.len()],
            doors,
            inside: BTreeMap::new(),
            withdraws_at: None,
            logs: Vec::new(),
        })
    }

    /// Registers terminals, opens accounts, pays in, and enrols.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn prepare(
        &mut self,
        at: Timestamp,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        for place in &self.country.face_posts {
            let post = &place.post;
            let client = self.clients[post.city].at(at);
            let key = self.country.terminal_key(post.number);
            let line = terminal_post(&post.place).line();
            let http = || WorldError::http("putting up a face terminal", at);
            client
                .terminal_register(post.number, post.serial, key.public())
                .await
                .map_err(http())?;
            client
                .face_terminal_put(post.number, OPERATOR, line, Cosine.id())
                .await
                .map_err(http())?;
        }
        for (index, rider) in self.country.face_riders.iter().enumerate() {
            let client = self.clients[rider.home].at(at);
            let key = self.country.seed.key(&format!("face account {index}"));
            client
                .account_open(rider.account, key.public())
                .await
                .map_err(WorldError::http("opening an account", at))?;
            client
                .account_recharge(rider.account, &format!("face-{index}"), rider.recharge)
                .await
                .map_err(WorldError::http("recharging", at))?;
            client
                .face_enrol(rider.account, &self.enrolment(index, at))
                .await
                .map_err(WorldError::http("enrolling a face", at))?;
            tick();
        }
        Ok(())
    }

    fn enrolment(&self, rider: usize, at: Timestamp) -> FaceEnrolment {
        let home = self.country.face_riders[rider].home;
        let face = template(self.country.seed, &rider.to_string(), Seen::Clearly);
        FaceEnrolment {
            request: format!("face-{rider}"),
            consent: FaceConsent {
                terms: face_terms().version,
                at,
                until: at.plus_s(CONSENT_S),
                scopes: [FaceScope {
                    acquirer: NODES[home].institution().as_acquirer(),
                    operator: OPERATOR,
                    line: None,
                }]
                .into(),
                channel: ConsentChannel::Recorded(format!("desk/{rider}")),
            },
            digits: FaceDigits(Zeroizing::new(digits(rider))),
            captures: vec![FaceCapture {
                engine: Cosine.id(),
                template: Zeroizing::new(face),
                liveness: Liveness::Live,
                quality: 90,
            }],
        }
    }

    /// Every terminal fetches and confirms its gallery, and takes the fares of its housing.
    ///
    /// # Errors
    /// [`WorldError`] when terminal or acquirer do not answer as they should.
    pub async fn refresh(&mut self, codes: &Terminals, at: Timestamp) -> Result<(), WorldError> {
        for (index, place) in self.country.face_posts.iter().enumerate() {
            self.fares[index] = codes.held(place.beside);
        }
        self.refresh_galleries(at).await
    }

    async fn refresh_galleries(&self, at: Timestamp) -> Result<(), WorldError> {
        for door in &self.doors {
            door.refresh_gallery(at)
                .await
                .map_err(|e| WorldError::terminal("fetching a gallery", at, e))?;
        }
        Ok(())
    }

    /// The first rider will withdraw on this day.
    pub const fn withdraw_on(&mut self, midnight: Timestamp) {
        self.withdraws_at = Some(midnight.plus_s(WITHDRAWN_S));
    }

    /// What cameras see up to this moment; the looks are in order of time.
    ///
    /// # Errors
    /// [`WorldError`] when something does not answer as it should.
    pub async fn look(
        &mut self,
        looks: &mut &[PlannedLook],
        until: Timestamp,
        hardware: &mut Hardware,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        let now = looks.partition_point(|look| look.at <= until);
        let (now, later) = looks.split_at(now);
        *looks = later;
        for look in now {
            self.withdraw_before(look.at).await?;
            self.look_once(look, hardware)?;
            tick();
        }
        self.withdraw_before(until).await
    }

    async fn withdraw_before(&mut self, at: Timestamp) -> Result<(), WorldError> {
        let Some(due) = self.withdraws_at.take_if(|due| *due <= at) else {
            return Ok(());
        };
        let Some(first) = self.country.face_riders.first() else {
            return Ok(());
        };
        self.clients[first.home]
            .at(due)
            .face_withdraw(first.account)
            .await
            .map_err(WorldError::http("withdrawing a consent", due))?;
        self.refresh_galleries(due.plus_s(300)).await
    }

    fn look_once(&mut self, look: &PlannedLook, hardware: &mut Hardware) -> Result<(), WorldError> {
        let post = &self.country.face_posts[look.post].post;
        let who = match look.before {
            Before::Stranger => "stranger".to_owned(),
            _ => look.rider.to_string(),
        };
        let seen = match look.before {
            Before::Askance => Seen::Askance,
            _ => Seen::Clearly,
        };
        let face = template(self.country.seed, &who, seen);
        let capture = match look.before {
            Before::Two => Capture::Several(2),
            before => Capture::One(Probe {
                template: &face,
                liveness: match before {
                    Before::Picture => Liveness::Spoof(Spoof::Photo),
                    _ => Liveness::Live,
                },
                quality: 90,
            }),
        };
        let held = self.fares[look.post].clone();
        let terms = held.as_ref().map(|held| held.terms(look.at));
        let fares = terms.as_ref().and_then(|terms| terms.fare_book());
        let inside = self.inside.entry(post.city).or_default();
        let sight = |now| Sight {
            now: Some(now),
            fares,
            inside,
        };
        let door = &self.doors[look.post];
        let device = hardware.at(post.number);
        let mut shown = Vec::new();
        let mut outcome = door.look(capture, &sight(look.at));
        let mut asked = false;
        if let Look::Digits(prompt) = outcome {
            asked = true;
            shown.push(device.show_face(&prompt, look.at));
            let typed_at = look.at.plus_s(TYPING_S);
            outcome = door.digits(&digits(look.rider), &sight(typed_at));
        }
        let (prompt, ride) = match outcome {
            Look::Ride(ride) => (ride.prompt, Some(ride)),
            Look::Refused(_, prompt) | Look::Digits(prompt) => (prompt, None),
            Look::Idle => {
                return Err(WorldError::terminal("looking", look.at, "nobody was seen"));
            }
        };
        let told_at = look.at.plus_s(if asked { TYPING_S } else { 0 });
        shown.push(device.show_face(&prompt, told_at));
        let went_on = ride.is_some() && device.pass();
        let mut record = None;
        if let Some(ride) = &ride {
            door.told(ride)
                .map_err(|e| WorldError::terminal("noting a beep", look.at, e))?;
            let id = id_of(ride);
            record = Some((id, ride.record.amount.fen()));
            let inside = self.inside.entry(post.city).or_default();
            match post.place {
                Place::Entry { station } => inside.open(
                    ride.account,
                    OpenEntry {
                        station,
                        at: look.at,
                        record: id,
                    },
                ),
                Place::Exit { .. } => inside.close(&ride.account),
                Place::Bus { .. } => {}
            }
        }
        self.logs.push(FaceLog {
            look: *look,
            moment: prompt.moment,
            asked,
            shown,
            went_on,
            record,
        });
        Ok(())
    }

    /// Every terminal uploads what waits.
    ///
    /// # Errors
    /// [`WorldError`] when the acquirer does not answer as it should.
    pub async fn upload(&self, at: Timestamp) -> Result<(), WorldError> {
        for door in &self.doors {
            door.upload(at)
                .await
                .map_err(|e| WorldError::terminal("uploading rides by face", at, e))?;
        }
        Ok(())
    }

    /// Asks every rider's issuer for the account and for where the face is.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn observe(&self, at: Timestamp) -> Result<Vec<ObservedFace>, WorldError> {
        let mut observed = Vec::new();
        for rider in &self.country.face_riders {
            let client = self.clients[rider.home].at(at);
            let account = client
                .account_view(rider.account)
                .await
                .map_err(WorldError::http("asking for a balance", at))?;
            let face = client
                .face_view(rider.account)
                .await
                .map_err(WorldError::http("asking for an enrolment", at))?;
            let count = |wanted: &[FacePlaceState]| {
                let places = face.places.iter();
                places.filter(|place| wanted.contains(&place.state)).count()
            };
            observed.push(ObservedFace {
                balance: Fen::new(account.balance_fen),
                held: count(&[FacePlaceState::Held]),
                forgotten: count(&[FacePlaceState::Forgotten]),
                unknown: count(&[
                    FacePlaceState::Given,
                    FacePlaceState::Forgetting,
                    FacePlaceState::Lapsed,
                ]),
            });
        }
        Ok(observed)
    }
}

/// The id that the acquirer will give the record.
fn id_of(ride: &FaceRide) -> RecordId {
    let record = &ride.record;
    let acquirer = record.acceptor.code().expect("made of an institution code");
    let terminal = tongtu_codec::hex_encode(&record.terminal.0);
    let terminal = terminal.parse().expect("six bytes are twelve digits");
    let at = record.recorded_at.instant().expect("made of an instant");
    let sequence = u64::from(record.terminal_sequence);
    RecordId::compose_tap(acquirer.as_acquirer(), terminal, at, sequence)
}

fn door(country: &Country, clients: &[Client], index: usize) -> Result<FaceDoor, WorldError> {
    let post = &country.face_posts[index].post;
    let failed = |message: String| {
        WorldError::terminal("starting a face terminal", Timestamp::default(), message)
    };
    let setup = FaceSetup {
        profile: Profile {
            acquirer: NODES[post.city].institution().as_acquirer(),
            terminal: post.number,
            model: MODEL,
            terminal_id: terminal_id(post.number),
            software: SOFTWARE,
            serial: post.serial,
            post: terminal_post(&post.place),
        },
        policy: FacePolicy::plain(Timestamp::new(0)),
        engine: Box::new(Cosine),
        sam: Box::new(country.terminal_key(post.number)),
    };
    let mut own = [0; 16];
    let mut chance = country.seed.dice(&format!("face door {}", post.number));
    chance.fill(&mut own);
    let keys = GalleryKeys {
        list_key: country.list_key(post.city).clone(),
        transport: SealKey::new(&face_keys(country, post.city).terminal_key(post.number)),
        own: SealKey::new(&own),
    };
    let journal = Journal::recover(SimMedium::new(), Limits::default());
    let journal = journal.map_err(|e| failed(e.to_string()))?;
    FaceDoor::open(
        setup,
        keys,
        Box::new(journal),
        Box::new(AtRest::default()),
        Box::new(move |out: &mut [u8]| chance.fill(out)),
        crate::callers::as_terminal(
            &clients[post.city],
            country,
            post.city,
            post.number,
            "faces",
        ),
    )
    .map_err(|e| failed(e.to_string()))
}
