//! A real terminal for codes in the street: lists from its node, records to its node.

use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_ride_code::{Policy, Verdict};
use tongtu_services::{Node, UploadKind};
use tongtu_terminal::{Post, Profile, RecordStore as _, Scan, ScanTerminal, Setup};
use tongtu_types::Timestamp;

use crate::country::{Country, Rider, Terminal, code, key};

pub(crate) struct Street {
    pub(crate) who: Terminal,
    scans: ScanTerminal,
    store: Journal<SimMedium>,
    /// The last record that was uploaded.
    sent: u64,
}

impl Street {
    /// A bus terminal of a city that is registered and has no lists yet.
    pub(crate) async fn new(country: &Country, city: &str, number: u32) -> Self {
        let who = country.terminal(city, number).await;
        let store = Journal::recover(SimMedium::new(), Limits::default()).unwrap();
        let setup = Setup {
            profile: Profile {
                acquirer: code(city).as_acquirer(),
                terminal: who.number,
                model: *b"TT-BUS01",
                terminal_id: *b"BUS00001",
                software: *b"0.1_260101",
                serial: who.serial,
                post: Post::Bus {
                    line: "B00001".parse().unwrap(),
                    vehicle: "A1234".parse().unwrap(),
                },
            },
            policy: Policy::default(),
            list_key: key(&format!("list {city}")).public().clone(),
            sam: Box::new(key(&format!("terminal {city} {number}"))),
        };
        Self {
            scans: ScanTerminal::recover(setup, &store).unwrap(),
            who,
            store,
            sent: 0,
        }
    }

    /// Asks the node for newer lists; the version that is held then.
    pub(crate) async fn fetch(&mut self, node: &Node, now: Timestamp) -> u64 {
        let held = |scans: &ScanTerminal| scans.lists().map_or(0, |held| held.version());
        let bytes = node.lists_current(held(&self.scans), now).await.unwrap();
        if let Some(bytes) = bytes {
            self.scans
                .apply_lists(&bytes, now, &mut self.store)
                .unwrap();
        }
        held(&self.scans)
    }

    /// A rider shows a code made this very second; the rider is told.
    pub(crate) fn scan(&mut self, rider: &Rider, now: Timestamp) -> Verdict {
        let bytes = rider.code_at(now);
        let scan = Scan {
            bytes: &bytes,
            now: Some(now),
            open_entry: None,
        };
        let outcome = self.scans.scan(scan, &mut self.store);
        if let Some(ride) = outcome.ride() {
            self.scans.told(ride.seq, &mut self.store).unwrap();
        }
        outcome.verdict()
    }

    /// Uploads what was not uploaded yet; every record is stored there. How many.
    pub(crate) async fn upload(&mut self, node: &Node, now: Timestamp) -> usize {
        let waiting = self.store.replay().filter(|stored| stored.seq > self.sent);
        let (mut records, mut last) = (Vec::new(), self.sent);
        for stored in waiting {
            records.push(stored.record.to_vec());
            last = stored.seq;
        }
        for outcome in node
            .records_upload(self.who.number, &records, now)
            .await
            .unwrap()
        {
            assert_eq!(outcome.kind, UploadKind::Stored);
        }
        self.sent = last;
        records.len()
    }
}
