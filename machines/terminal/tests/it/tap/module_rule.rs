//! Whose module a terminal takes money with: refused by name, said to riders, reported once.

use tongtu_crypto::Algorithm;
use tongtu_fare::Lang;
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{City, Institution, Terminal};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    ModuleFault, ModuleReport, ModuleReportError, ModuleRule, Say, TapFault, TapOutcome,
};

use super::fixture::{Post, Rider, T0, bus, profile};
use super::module::TestPsam;

const HERE: City = City([0x58, 0x10]);
const ELSEWHERE: Institution = Institution([0x12, 0x90, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);

fn identity() -> PsamIdentity {
    TestPsam::new(7).identity
}

#[test]
fn the_first_thing_that_is_not_the_terminals_own_is_named() {
    let own = identity();
    let rule = ModuleRule {
        receivers: vec![own.receiver],
        issuers: vec![own.issuer],
        key_indexes: vec![1, 2],
        admitted: vec![own.serial],
        terminal: Some(own.terminal),
    };
    assert_eq!(rule.judge(&own, HERE), Ok(()));
    let serial = own.serial;
    type Spoil = fn(&mut PsamIdentity);
    let spoil: [(Spoil, ModuleFault); 5] = [
        (
            |module| module.receiver = ELSEWHERE,
            ModuleFault::City {
                serial,
                found: ELSEWHERE,
                expected: HERE,
            },
        ),
        (
            |module| module.issuer = ELSEWHERE,
            ModuleFault::Issuer {
                serial,
                found: ELSEWHERE,
            },
        ),
        (
            |module| module.key_index = 3,
            ModuleFault::KeyIndex { serial, found: 3 },
        ),
        (
            |module| module.serial = PsamSerial([8; 10]),
            ModuleFault::NotAdmitted {
                serial: PsamSerial([8; 10]),
            },
        ),
        (
            |module| module.terminal = Terminal([0x58, 0x10, 0, 0, 0, 8]),
            ModuleFault::Moved {
                serial,
                found: Terminal([0x58, 0x10, 0, 0, 0, 8]),
                expected: own.terminal,
            },
        ),
    ];
    for (first, (change, fault)) in spoil.iter().enumerate() {
        let mut module = own;
        change(&mut module);
        assert_eq!(rule.judge(&module, HERE), Err(*fault));
        assert_eq!(usize::from(fault.number()), first + 1);
        // Of two faults the earlier one speaks.
        for (change, _) in &spoil[first + 1..] {
            let mut both = module;
            change(&mut both);
            let number = rule.judge(&both, HERE).map_err(|fault| fault.number());
            assert_eq!(number, Err(fault.number()));
        }
    }
}

#[test]
fn without_a_word_only_the_city_is_asked_for() {
    let rule = ModuleRule::default();
    let mut module = identity();
    module.key_index = 9;
    module.issuer = ELSEWHERE;
    assert_eq!(rule.judge(&module, HERE), Ok(()));
    module.receiver = ELSEWHERE;
    let fault = rule.judge(&module, HERE);
    assert!(matches!(fault, Err(ModuleFault::City { .. })), "{fault:?}");
    // A city that writes its receivers otherwise says so.
    let named = ModuleRule {
        receivers: vec![ELSEWHERE],
        ..rule
    };
    assert_eq!(named.judge(&module, HERE), Ok(()));
}

/// A bus in whose terminal a module of another city was put.
fn with_a_foreign_module() -> Post {
    let mut post = Post::new(7, bus());
    post.psam.identity.receiver = ELSEWHERE;
    post.terminal.take_psam(post.psam.identity);
    post
}

#[test]
fn no_card_is_served_with_a_foreign_module_and_riders_are_told_to_scan() {
    let mut post = with_a_foreign_module();
    let mut rider = Rider::with(&profile(0x17, Algorithm::Sm4), 5_000);
    let end = post.tap(&mut rider, T0);
    assert!(
        matches!(
            end.outcome,
            TapOutcome::OutOfService(TapFault::Module(ModuleFault::City { .. }))
        ),
        "{:?}",
        end.outcome
    );
    assert_eq!((end.exchanges.card, end.exchanges.psam), (0, 0));
    assert_eq!(end.prompt.say, Say::NoCards);
    assert_eq!(end.prompt.voice(Lang::Zh), "暂停刷卡，请扫码");
    assert_eq!(end.prompt.voice(Lang::En), "No cards now, use a code");

    post.terminal.take_psam(identity());
    post.psam.identity = identity();
    let end = post.tap(&mut rider, T0.plus_s(60));
    assert!(end.outcome.ride().is_some(), "{:?}", end.outcome);
}

#[test]
fn a_foreign_module_is_reported_once_and_the_report_is_the_terminals() {
    let mut post = with_a_foreign_module();
    let first = post.close(T0).unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(post.close(T0.plus_s(60)).unwrap(), []);
    let stored = post.store.replay().find(|stored| stored.seq == first[0]);
    let bytes = stored.unwrap().record.to_vec();
    assert!(ModuleReport::is_one(&bytes));
    let key = crate::fixture::key("sam");
    let key = key.public();
    let report = ModuleReport::open(&bytes, key).unwrap();
    assert_eq!((report.psam(), report.fault()), (identity().serial, 1));
    assert_eq!(report.record().receiver, ELSEWHERE);
    assert_eq!(report.record().at, u64::try_from(T0.get()).unwrap());
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        let opened = ModuleReport::open(&bent, key);
        assert_eq!(opened, Err(ModuleReportError::Signature), "byte {at}");
    }
    // A restart knows it from the store, another module is another report.
    post.restart();
    post.terminal.take_psam(post.psam.identity);
    assert_eq!(post.close(T0.plus_s(120)).unwrap(), []);
    post.psam.identity.serial = PsamSerial([9; 10]);
    post.terminal.take_psam(post.psam.identity);
    assert_eq!(post.close(T0.plus_s(180)).unwrap().len(), 1);
}

#[test]
fn codes_go_on_beside_a_module_that_was_reported() {
    let mut post = with_a_foreign_module();
    post.close(T0).unwrap();
    let city = crate::fixture::City::new();
    let scans = crate::fixture::recover(&city, crate::fixture::bus(), &post.store);
    assert!(scans.is_ok(), "{:?}", scans.err());
}
