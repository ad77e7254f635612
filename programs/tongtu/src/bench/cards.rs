//! How fast a card pays: both sides of the dialogue in this process, and one command through the
//! system's reader service where there is one.

use tongtu_apdu::select::{E_PURSE, Select};
use tongtu_apdu::{CardCommand, Response};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_purse::command::{
    CreditForLoad, Debit, InitComposite, InitLoad, InitPurchase, PurchaseInit, Sfi, UpdateCache,
};
use tongtu_purse::field::{Amount, DateTime, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::RAIL_ID;
use tongtu_purse::profile::{Profile, blank_composite};
use tongtu_purse::proof::{Deal, load_session, purchase_session};
use tongtu_reader::{connect, measure_round_trips};

use super::{Figure, figure, of_rates};
use crate::card::factory;

/// Purchases of one fen in a run.
const PURCHASES: usize = 500;
/// Commands through the reader service.
const ROUND_TRIPS: usize = 200;
const TERMINAL: Terminal = Terminal([0x10, 0x00, 0x00, 0x00, 0x00, 0x01]);
const AT: DateTime = DateTime([0x20, 0x26, 0x03, 0x02, 0x08, 0x00, 0x00]);

/// A card in memory, and the terminal before it.
pub(super) struct Counter {
    card: Card<RamMemory>,
    profile: Profile,
    /// Not random: a measurement needs no secrets, and the same bytes each time.
    next: u8,
    terminal_sequence: u32,
}

impl Counter {
    pub(super) fn new(profile: factory::Profile) -> Self {
        let mut next = 0_u8;
        let memory = RamMemory::default();
        let mut entropy = |out: &mut [u8]| fill(&mut next, out);
        let blueprint = factory::blueprint(profile, &mut entropy);
        let card = Card::manufacture(memory, &blueprint, &mut entropy);
        let mut counter = Self {
            card: card.expect("a profile of ours makes a card"),
            profile: profile.purse(),
            next,
            terminal_sequence: 0,
        };
        counter.ask(&Select::by_name(E_PURSE.as_bytes()));
        counter.load(Amount::new(50_000));
        counter
    }

    /// The card leaves the field and comes back.
    pub(super) fn present(&mut self) {
        self.card.reset();
    }

    /// A command and its answer, as bytes.
    pub(super) fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let next = &mut self.next;
        let mut entropy = |out: &mut [u8]| fill(next, out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        let answer = self.card.transmit(&mut env, apdu);
        answer.expect("memory does not tear")
    }

    fn ask<C: CardCommand>(&mut self, command: &C) -> C::Answer {
        let apdu = command.to_command().encode().expect("short");
        let answer = self.transmit(&apdu);
        let response = Response::parse(&answer).expect("a card answers a status word");
        assert!(
            response.sw.is_ok(),
            "{} is answered {}",
            C::NAME,
            response.sw
        );
        C::answer(&response.data).expect("a card of ours answers as its commands say")
    }

    fn key(&self, purpose: KeyUse) -> tongtu_crypto::BlockKey {
        let key = self.profile.transaction_key(purpose, 1);
        key.expect("a test card has keys of index 1")
    }

    fn load(&mut self, amount: Amount) {
        let init = InitLoad {
            key: 1,
            amount,
            terminal: TERMINAL,
        };
        let begun = self.ask(&init);
        let session = load_session(&self.key(KeyUse::Load), begun.random, begun.sequence);
        let mac2 = init.deal().load_mac2(&session, AT);
        self.ask(&CreditForLoad { at: AT, mac2 });
    }

    fn debit(&mut self, begun: &PurchaseInit, deal: &Deal) {
        let key = self.key(KeyUse::Purchase);
        self.terminal_sequence += 1;
        let terminal_sequence = self.terminal_sequence;
        let session = purchase_session(&key, begun.random, begun.sequence, terminal_sequence);
        let mac1 = deal.purchase_mac1(&session, AT);
        let answer = self.ask(&Debit {
            terminal_sequence,
            at: AT,
            mac1,
        });
        assert_eq!(answer.mac2, deal.purchase_mac2(&session), "MAC2");
    }

    fn purchase(&mut self) {
        let init = InitPurchase {
            key: 1,
            amount: Amount::new(1),
            terminal: TERMINAL,
        };
        let begun = self.ask(&init);
        self.debit(&begun, &init.deal());
    }

    fn composite(&mut self) {
        let init = InitComposite {
            key: 1,
            amount: Amount::new(1),
            terminal: TERMINAL,
        };
        let begun = self.ask(&init);
        let rail = blank_composite(RAIL_ID);
        self.ask(&UpdateCache {
            sfi: Sfi::COMPOSITE,
            record: 1,
            data: rail,
        });
        self.ask(&UpdateCache {
            sfi: Sfi::TRIPS,
            record: 0,
            data: vec![0; 48],
        });
        self.debit(&begun, &init.deal());
    }
}

fn fill(next: &mut u8, out: &mut [u8]) {
    for byte in out {
        *byte = *next;
        *next = next.wrapping_add(1);
    }
}

/// The figures of cards.
pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let purchases = |what, zh, profile, work: fn(&mut Counter)| {
        let mut counters: Vec<Counter> = (0..runs).map(|_| Counter::new(profile)).collect();
        figure(what, zh, runs, PURCHASES, move || {
            let mut counter = counters.pop().expect("one for each run");
            for _ in 0..PURCHASES {
                work(&mut counter);
            }
        })
    };
    let mut figures = vec![
        purchases(
            "card purchases, both sides (3DES)",
            "卡片消费，卡与终端两侧 (3DES)",
            factory::Profile::Default,
            Counter::purchase,
        ),
        purchases(
            "card composite purchases, both sides (3DES)",
            "卡片复合消费，卡与终端两侧 (3DES)",
            factory::Profile::Default,
            Counter::composite,
        ),
        purchases(
            "card composite purchases, both sides (SM4)",
            "卡片复合消费，卡与终端两侧 (SM4)",
            factory::Profile::Sm4,
            Counter::composite,
        ),
    ];
    figures.extend(round_trips(runs));
    figures
}

/// One command through the reader service, if there is a card.
fn round_trips(runs: u32) -> Option<Figure> {
    let mut card = connect(None).ok()?;
    let mut rates = Vec::new();
    for _ in 0..runs {
        // GET CHALLENGE: answered by every application, and changes nothing that lasts.
        let trips =
            measure_round_trips(&mut card, &[0x00, 0x84, 0x00, 0x00, 0x08], ROUND_TRIPS).ok()?;
        rates.push(super::per_second(1, trips.percentile(50)));
    }
    let (what, zh) = ("card commands through PC/SC", "经 PC/SC 的卡片命令");
    Some(of_rates(what, zh, rates))
}
