//! Modules on chips, purchases, and what a card makes of a permit.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tongtu_card::{Memory, Torn};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_psam::{
    CardFactor, CreditRequest, Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest,
    PurchaseRequest,
};
use tongtu_purse::field::{Amount, DateTime, Institution, Kind};
use tongtu_purse::proof::{self, Deal};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_sam_pool::{Admission, Clients, Credential, Pool, serve};
use tongtu_testkit::tear::Chip;

#[derive(Clone, Debug)]
pub(crate) struct Cells(pub(crate) Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

/// Chips with a module each, numbered from 1.
pub(crate) fn chips(count: u16) -> Vec<Chip> {
    let made = (1..=count).map(|number| {
        let chip = Chip::new(4 * 1024);
        let profile = PsamProfile::test_flat().numbered(number);
        SoftPsam::manufacture(Cells(chip.clone()), &profile).unwrap();
        chip
    });
    made.collect()
}

/// The modules on these chips, under power.
pub(crate) fn modules(chips: &[Chip]) -> Vec<Box<dyn Psam + Send>> {
    let up = chips.iter().map(|chip| {
        let module = SoftPsam::power_up(Cells(chip.clone())).unwrap();
        Box::new(module) as Box<dyn Psam + Send>
    });
    up.collect()
}

/// The client that the tests' pools admit.
pub(crate) fn credential() -> Credential {
    Credential::new("gate-1", [0x47; 32]).unwrap()
}

fn admission() -> Admission {
    let mut clients = Clients::default();
    clients.admit(credential());
    // Another one in every life, as the program has it.
    let life = LIVES.fetch_add(1, Ordering::SeqCst);
    let mut secret = [0x11; 32];
    secret[..8].copy_from_slice(&life.to_be_bytes());
    Admission::new(clients, secret)
}

static LIVES: AtomicU64 = AtomicU64::new(0);

/// A pool's server in a runtime of its own, which dies as a process does.
pub(crate) struct Server {
    runtime: Runtime,
    /// Kept over the server's deaths, so that nobody else gets the port.
    door: TcpListener,
}

impl Server {
    pub(crate) fn start(pool: Pool) -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").unwrap(), pool)
    }

    pub(crate) fn start_at(door: TcpListener, pool: Pool) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = door.try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let pool = Arc::new(pool);
            serve(listener, pool, admission(), std::future::pending()).await
        });
        Self { runtime, door }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.door.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// No answer leaves it any more; who comes now waits at the door for the next one.
    pub(crate) fn kill(self) -> TcpListener {
        self.runtime.shutdown_timeout(Duration::from_secs(60));
        self.door
    }
}

pub(crate) fn purchase(sequence: u16) -> PurchaseRequest {
    let [a, b] = sequence.to_be_bytes();
    PurchaseRequest {
        random: [a, b, 0xC0, 0xDE],
        sequence,
        amount: Amount::new(200),
        kind: Kind::PURCHASE,
        at: DateTime([0x20, 0x26, 0x01, 0x01, 0x08, 0x00, 0x00]),
        key_version: 1,
        algorithm: 0,
        card: CardFactor([0x48, 0x99, 0x99, 0x99, 0, 0, 0, 0x17]),
        issuer: Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]),
    }
}

/// What the card with the published test key answers: MAC2, if MAC1 is right.
pub(crate) fn mac2(
    module: &PsamIdentity,
    purchase: &PurchaseRequest,
    terminal_sequence: u32,
    mac1: [u8; 4],
) -> Option<[u8; 4]> {
    let mut key = [0; 16];
    for (byte, value) in key.iter_mut().zip(0x10..) {
        *byte = value;
    }
    let key = BlockKey::new(Algorithm::Tdes, key);
    let session =
        proof::purchase_session(&key, purchase.random, purchase.sequence, terminal_sequence);
    let deal = Deal {
        amount: purchase.amount,
        kind: purchase.kind,
        terminal: module.terminal,
    };
    let is_right = deal.purchase_mac1(&session, purchase.at) == mac1;
    is_right.then(|| deal.purchase_mac2(&session))
}

/// One purchase from permit to verified MAC2; its terminal sequence.
pub(crate) fn buy(psam: &mut dyn Psam, sequence: u16) -> Result<u32, PsamFault> {
    let purchase = purchase(sequence);
    let answer = psam.ask(&PsamRequest::Purchase(purchase))?;
    let PsamAnswer::Permit {
        terminal_sequence,
        mac1,
    } = answer
    else {
        panic!("{answer:?}");
    };
    let mac2 = mac2(psam.identity(), &purchase, terminal_sequence, mac1);
    let credit = PsamRequest::Credit(CreditRequest {
        terminal_sequence,
        mac2: mac2.expect("the card takes MAC1"),
    });
    assert_eq!(psam.ask(&credit)?, PsamAnswer::Credited);
    Ok(terminal_sequence)
}
