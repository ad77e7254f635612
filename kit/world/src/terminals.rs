//! The country's terminals: in this process on simulated devices, or in processes of their own.

use std::sync::Arc;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_config::{MODEL, SOFTWARE, terminal_id};
use tongtu_door::{Door, DoorClient, DoorClientError, DoorError, EntryBody, ScanBody};
use tongtu_http::client::Client;
use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_ride_code::{Policy, Verdict};
use tongtu_terminal::{Held, OpenEntry, Post as TerminalPost, Profile, Prompt, ScanOutcome, Setup};
use tongtu_types::{LineCode, TerminalNumber, Timestamp};

use crate::WorldError;
use crate::country::{Country, NETWORK, NODES, Place};
use crate::drive::{Caretaker, verdict_of};

/// Seconds from a power cut to the scan after it.
pub const RESTART_S: i64 = 12;

/// What a terminal said to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// The record's bytes, if there is a ride.
    pub record: Option<Vec<u8>>,
    /// Whether a ride from before a power cut was completed.
    pub resumed: bool,
    /// What the rider is told; none where the terminal stays silent or is in a process of its own.
    pub prompt: Option<Prompt>,
}

/// All terminals, in the order of the country's posts.
#[derive(Debug)]
pub enum Terminals {
    /// In this process.
    Local(Vec<Local>),
    /// In processes of their own.
    Remote(Vec<DoorClient>),
}

/// A terminal in this process: the machine, and a device that survives it.
#[derive(Debug)]
pub struct Local {
    profile: Profile,
    /// Whether it takes cards too, and so wants their blacklist.
    takes_cards: bool,
    list_key: tongtu_crypto::PublicKey,
    sam_key: tongtu_crypto::SecretKey,
    acquirer: Client,
    medium: SimMedium,
    door: Option<Door>,
}

/// What a post of the plan is to the terminal machine.
#[must_use]
pub fn terminal_post(place: &Place) -> TerminalPost {
    let network = LineCode::parse(NETWORK).expect("a line code");
    match place {
        Place::Bus { line, vehicle } => TerminalPost::Bus {
            line: *line,
            vehicle: *vehicle,
        },
        Place::Entry { station } => TerminalPost::Entry {
            network,
            station: *station,
        },
        Place::Exit { station } => TerminalPost::Exit {
            network,
            station: *station,
        },
    }
}

impl Terminals {
    /// Puts up every terminal in this process.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when one does not start.
    pub fn local(country: &Country, clients: &[Client]) -> Result<Self, WorldError> {
        let mut terminals = Vec::new();
        for post in &country.posts {
            let (number, serial) = (post.number, post.serial);
            let stands = terminal_post(&post.place);
            terminals.push(Local::new(
                country, clients, post.city, number, serial, stands,
            )?);
        }
        Ok(Self::Local(terminals))
    }

    /// Hands a code to a terminal.
    ///
    /// # Errors
    /// [`WorldError`] when the terminal does not answer.
    pub async fn scan<C: Caretaker>(
        &mut self,
        post: usize,
        bytes: &[u8],
        at: Timestamp,
        open: Option<OpenEntry>,
        caretaker: &mut C,
    ) -> Result<Answer, WorldError> {
        match self {
            Self::Local(terminals) => terminals[post].scan(bytes, at, open),
            Self::Remote(clients) => {
                let body = ScanBody {
                    code: hex_encode(bytes),
                    open_entry: open.map(|entry| EntryBody {
                        station: entry.station.to_string(),
                        at_s: entry.at.get(),
                        record: entry.record.to_string(),
                    }),
                };
                let client = &clients[post];
                let mut answer = insist_door(caretaker, "scanning", at, async || {
                    client.scan(&body, at).await
                })
                .await?;
                // Restarted while its acquirer was down: no lists yet. The rider waits.
                for _ in 0..ASK_MAX {
                    if answer.verdict != Verdict::TerminalState.code() || !caretaker.mend().await {
                        break;
                    }
                    answer = insist_door(caretaker, "scanning", at, async || {
                        client.scan(&body, at).await
                    })
                    .await?;
                }
                if let Some(seq) = answer.seq {
                    // The beep. If it is lost the terminal must assume that nobody was told.
                    let _ = client.told(seq, at).await;
                }
                let record = answer
                    .record
                    .map(|text| hex_decode(&text).map_err(|e| failed("reading a record", at, e)))
                    .transpose()?;
                let verdict = verdict_of(&answer.verdict)?;
                // At an exit a rider over the limit is let out; that is an acceptance.
                let verdict = if record.is_some() {
                    Verdict::Accepted
                } else {
                    verdict
                };
                Ok(Answer {
                    verdict,
                    record,
                    resumed: answer.resumed,
                    prompt: None,
                })
            }
        }
    }

    /// Power fails while the record is being written; after the restart the rider scans again.
    ///
    /// # Errors
    /// [`WorldError`] when the terminal accepts without power, or not afterwards.
    pub async fn scan_torn(
        &mut self,
        post: usize,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<Answer, WorldError> {
        self.with_power_cut(post, bytes, at, true).await
    }

    /// Power fails between the stored record and the beep; after the restart the rider scans
    /// again.
    ///
    /// # Errors
    /// [`WorldError`] when the terminal does not accept.
    pub async fn scan_untold(
        &mut self,
        post: usize,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<Answer, WorldError> {
        self.with_power_cut(post, bytes, at, false).await
    }

    async fn with_power_cut(
        &mut self,
        post: usize,
        bytes: &[u8],
        at: Timestamp,
        torn: bool,
    ) -> Result<Answer, WorldError> {
        let terminals = match self {
            Self::Local(terminals) => terminals,
            // Processes have their power cut by whoever kills them.
            Self::Remote(_) => {
                return self
                    .scan(post, bytes, at, None, &mut crate::drive::Peace)
                    .await;
            }
        };
        let local = &mut terminals[post];
        if torn {
            // Somewhere inside the record: its length is above 600 bytes.
            local.medium.set_power(300);
        }
        let outcome = local.door()?.scan(bytes, at, None);
        if torn && outcome.ride().is_some() {
            return Err(WorldError::Unexpected {
                what: "scan while the power failed".to_owned(),
                found: outcome.verdict().to_string(),
                expected: "no ride".to_owned(),
            });
        }
        local.door = None;
        local.medium = local.medium.reboot(&Survival::Prefix(150));
        local
            .start()
            .map_err(|e| failed("restarting a terminal", at, e))?;
        let again = at.plus_s(RESTART_S);
        local.refresh_lists(again).await?;
        local.scan(bytes, again, None)
    }

    /// Fetches lists.
    ///
    /// # Errors
    /// [`WorldError`] when terminal or acquirer do not answer as they should.
    pub async fn refresh_lists<C: Caretaker>(
        &mut self,
        post: usize,
        at: Timestamp,
        caretaker: &mut C,
    ) -> Result<(), WorldError> {
        match self {
            Self::Local(terminals) => terminals[post].refresh_lists(at).await,
            Self::Remote(clients) => {
                let client = &clients[post];
                insist_door(caretaker, "fetching lists", at, async || {
                    client.refresh_lists(at).await
                })
                .await
                .map(|_| ())
            }
        }
    }

    /// The lists that a terminal in this process holds.
    #[must_use]
    pub fn held(&self, post: usize) -> Option<Arc<Held>> {
        match self {
            Self::Local(terminals) => terminals[post].held(),
            Self::Remote(_) => None,
        }
    }

    /// Uploads what waits.
    ///
    /// # Errors
    /// [`WorldError`] when terminal or acquirer do not answer as they should.
    pub async fn upload<C: Caretaker>(
        &mut self,
        post: usize,
        at: Timestamp,
        caretaker: &mut C,
    ) -> Result<(), WorldError> {
        match self {
            Self::Local(terminals) => {
                terminals[post]
                    .door()?
                    .upload(at)
                    .await
                    .map_err(|e| failed("uploading", at, e))?;
                Ok(())
            }
            Self::Remote(clients) => {
                let client = &clients[post];
                // After a failure the terminal waits its backoff before it tries again.
                let mut when = at;
                for _ in 0..ASK_MAX {
                    let answer = insist_door(caretaker, "uploading", when, async || {
                        client.upload(when).await
                    })
                    .await?;
                    if answer.waiting == 0 {
                        return Ok(());
                    }
                    when = when.plus_s(BACKOFF_S);
                }
                Err(failed("uploading", when, "records still wait"))
            }
        }
    }

    /// The records that a terminal in this process has not got rid of yet.
    #[must_use]
    pub fn waiting(&self, post: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Local(terminals) => terminals[post]
                .door
                .as_ref()
                .map_or_else(Vec::new, Door::waiting),
            Self::Remote(_) => Vec::new(),
        }
    }
}

impl Local {
    /// Puts one up.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when it does not start.
    pub(crate) fn new(
        country: &Country,
        clients: &[Client],
        city: usize,
        number: TerminalNumber,
        serial: [u8; 4],
        post: TerminalPost,
    ) -> Result<Self, WorldError> {
        let mut local = Self {
            profile: Profile {
                acquirer: NODES[city].institution().as_acquirer(),
                terminal: number,
                model: MODEL,
                terminal_id: terminal_id(number),
                software: SOFTWARE,
                serial,
                post,
            },
            takes_cards: !country.card_posts.is_empty(),
            list_key: country.list_key(city).clone(),
            sam_key: country.terminal_key(number),
            acquirer: crate::callers::as_terminal(&clients[city], country, city, number, "door"),
            medium: SimMedium::new(),
            door: None,
        };
        local
            .start()
            .map_err(|e| failed("starting a terminal", Timestamp::default(), e))?;
        Ok(local)
    }

    /// The lists held.
    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        self.door.as_ref().and_then(Door::held)
    }

    fn start(&mut self) -> Result<(), DoorError> {
        let setup = Setup {
            profile: self.profile.clone(),
            policy: Policy::default(),
            list_key: self.list_key.clone(),
            sam: Box::new(
                tongtu_crypto::SecretKey::from_bytes(&self.sam_key.danger_to_bytes())
                    .expect("made from a key"),
            ),
        };
        let journal = Journal::recover(self.medium.clone(), Limits::default()).map_err(|e| {
            DoorError::Invalid {
                what: "journal",
                message: e.to_string(),
            }
        })?;
        self.door = Some(Door::open(
            setup,
            Box::new(journal),
            self.acquirer.clone(),
            None,
        )?);
        Ok(())
    }

    fn door(&self) -> Result<&Door, WorldError> {
        self.door.as_ref().ok_or_else(|| {
            failed(
                "using a terminal",
                Timestamp::default(),
                "it is switched off",
            )
        })
    }

    pub(crate) async fn refresh_lists(&self, at: Timestamp) -> Result<(), WorldError> {
        let door = self.door()?;
        door.refresh_lists(at)
            .await
            .map_err(|e| failed("fetching lists", at, e))?;
        if self.takes_cards {
            door.refresh_card_blacklist(at)
                .await
                .map_err(|e| failed("fetching the card blacklist", at, e))?;
        }
        Ok(())
    }

    fn scan(
        &mut self,
        bytes: &[u8],
        at: Timestamp,
        open: Option<OpenEntry>,
    ) -> Result<Answer, WorldError> {
        let door = self.door()?;
        let outcome = door.scan(bytes, at, open);
        door.told(&outcome)
            .map_err(|e| failed("noting the beep", at, e))?;
        let verdict = match outcome.ride() {
            Some(_) => Verdict::Accepted,
            None => outcome.verdict(),
        };
        Ok(Answer {
            verdict,
            record: outcome.ride().map(|ride| ride.raw.clone()),
            resumed: matches!(outcome, ScanOutcome::Resumed(_)),
            prompt: outcome.prompt().copied(),
        })
    }
}

fn failed(what: &str, at: Timestamp, error: impl std::fmt::Display) -> WorldError {
    WorldError::Terminal {
        what: what.to_owned(),
        at,
        message: error.to_string(),
    }
}

/// Longer than any backoff of a terminal's upload.
const BACKOFF_S: i64 = 301;
/// How often a terminal is asked before the world gives up.
const ASK_MAX: usize = 40;

async fn insist_door<C: Caretaker, T>(
    caretaker: &mut C,
    what: &str,
    at: Timestamp,
    ask: impl AsyncFn() -> Result<T, DoorClientError>,
) -> Result<T, WorldError> {
    let mut last = String::new();
    for _ in 0..ASK_MAX {
        match ask().await {
            Ok(answer) => return Ok(answer),
            // 502: the terminal is up, its acquirer is not.
            Err(
                error @ (DoorClientError::Unreachable(_)
                | DoorClientError::Refused {
                    status: 502 | 503, ..
                }),
            ) => {
                last = error.to_string();
                if !caretaker.mend().await {
                    break;
                }
            }
            Err(error) => return Err(failed(what, at, error)),
        }
    }
    Err(failed(what, at, last))
}
