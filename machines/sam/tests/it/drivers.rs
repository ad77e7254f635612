//! One module asked in two ways, and wires that lose what they carry.

use proptest::prelude::*;
use tongtu_card::Torn;
use tongtu_psam::command::MacKeys;
use tongtu_psam::{
    LockRequest, Psam, PsamAnswer, PsamFault, PsamRequest, PurchaseRequest, UpdateRequest,
};
use tongtu_purse::field::{Amount, Kind};
use tongtu_sam::{ApduPsam, Lost, PsamProfile, SoftPsam, Wire};
use tongtu_testkit::cipher::{retail_mac, sm4_encrypt, tdes_encrypt};
use tongtu_testkit::tear::Chip;

use crate::bench::{Cells, SIZE, again, array, bytes, credit, entry, made, profile, send};

/// A module on a wire that can lose an answer, or the module.
struct Slot {
    module: SoftPsam<Cells>,
    /// Exchanges until the answer of one is lost; the module does what it was told.
    loses_after: Option<usize>,
}

impl Slot {
    fn holding(module: SoftPsam<Cells>) -> Self {
        Self {
            module,
            loses_after: None,
        }
    }
}

impl Wire for Slot {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let answer = send(&mut self.module, apdu).map_err(|Torn| Lost::Gone)?;
        match &mut self.loses_after {
            Some(0) => {
                self.loses_after = None;
                Err(Lost::Timeout { waited_ms: 500 })
            }
            Some(left) => {
                *left -= 1;
                Ok(answer)
            }
            None => Ok(answer),
        }
    }

    fn reset(&mut self) -> Result<(), Lost> {
        self.module.reset();
        Ok(())
    }
}

fn behind_apdus(profile: &PsamProfile) -> ApduPsam<Slot> {
    ApduPsam::open(Slot::holding(made(profile)), MacKeys::USUAL).expect("a module")
}

#[test]
fn an_identity_is_read_from_the_files() {
    assert_eq!(behind_apdus(&profile()).identity(), &profile().identity);
}

#[test]
fn a_module_that_knows_its_directory_by_name_only_is_opened() {
    struct ByName(Slot);
    impl Wire for ByName {
        fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
            if apdu.starts_with(&[0x00, 0xA4, 0x00, 0x00, 0x02, 0x80]) {
                return Ok(vec![0x6A, 0x82]);
            }
            self.0.exchange(apdu)
        }

        fn reset(&mut self) -> Result<(), Lost> {
            self.0.reset()
        }
    }
    let wire = ByName(Slot::holding(made(&profile())));
    let psam = ApduPsam::open(wire, MacKeys::USUAL).expect("a module");
    assert_eq!(psam.identity(), &profile().identity);
}

#[test]
fn something_else_in_the_slot_is_refused_with_its_status_word() {
    struct Stub;
    impl Wire for Stub {
        fn exchange(&mut self, _: &[u8]) -> Result<Vec<u8>, Lost> {
            Ok(vec![0x6A, 0x82])
        }

        fn reset(&mut self) -> Result<(), Lost> {
            Ok(())
        }
    }
    let fault = ApduPsam::open(Stub, MacKeys::USUAL)
        .map(|_| ())
        .expect_err("no module");
    assert_eq!(
        fault.to_string(),
        "PSAM: SELECT was answered 6A82, expected 9000"
    );
    assert!(fault.is_out_of_service());
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    struct Endless(SoftPsam<Cells>);
    impl Wire for Endless {
        fn exchange(&mut self, _: &[u8]) -> Result<Vec<u8>, Lost> {
            Ok(vec![0x61, 0x08])
        }

        fn reset(&mut self) -> Result<(), Lost> {
            self.0.reset();
            Ok(())
        }
    }
    assert!(ApduPsam::open(Endless(made(&profile())), MacKeys::USUAL).is_err());
}

/// The MAC of an application lock, computed a second time by the simplest means.
#[test]
fn a_lock_and_an_update_have_the_mac_of_the_card_s_own_key() {
    let factors = (bytes("02905810FFFFFFFF"), bytes("4899999900000017"));
    let turned = |f: &[u8]| f.iter().map(|byte| !byte).collect::<Vec<_>>();
    let derive = |mut key: Vec<u8>, is_sm4: bool| {
        for factor in [&factors.0, &factors.1] {
            key = if is_sm4 {
                sm4_encrypt(&key, &[&factor[..], &turned(factor)].concat())
            } else {
                [
                    tdes_encrypt(&key, factor),
                    tdes_encrypt(&key, &turned(factor)),
                ]
                .concat()
            };
        }
        key
    };
    let lock = PsamRequest::Lock(LockRequest {
        card: entry().card,
        issuer: entry().issuer,
        challenge: array("11223344"),
        head: array("841E000004"),
        algorithm: 0,
    });
    let key = derive(bytes("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"), false);
    let mac = retail_mac(&key, &bytes("1122334400000000"), &bytes("841E000004"));
    let expected = Ok(PsamAnswer::Mac(mac[..4].try_into().expect("four")));
    assert_eq!(behind_apdus(&profile()).ask(&lock), expected);
    assert_eq!(made(&profile()).ask(&lock), expected);

    let record = vec![0x27; 128];
    let update = PsamRequest::UpdateMac(UpdateRequest {
        card: entry().card,
        issuer: entry().issuer,
        challenge: array("11223344"),
        head: array("04DC02D484"),
        data: record.clone(),
        algorithm: 4,
    });
    let key = derive(bytes("B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF"), true);
    let iv = bytes("11223344000000000000000000000000");
    let message = [&bytes("04DC02D484")[..], &record].concat();
    let mac = tongtu_testkit::cipher::cbc_mac(|block| sm4_encrypt(&key, block), &iv, &message);
    let expected = Ok(PsamAnswer::Mac(mac[..4].try_into().expect("four")));
    assert_eq!(behind_apdus(&profile()).ask(&update), expected);
    assert_eq!(made(&profile()).ask(&update), expected);
}

#[test]
fn a_lost_answer_costs_its_sequence_and_nothing_else() {
    let mut psam = behind_apdus(&profile());
    let mut slot = psam.into_wire();
    slot.module.reset();
    psam = ApduPsam::open(slot, MacKeys::USUAL).expect("a module");
    let buy = PsamRequest::Purchase(entry());
    let Ok(PsamAnswer::Permit {
        terminal_sequence: 0x101,
        ..
    }) = psam.ask(&buy)
    else {
        panic!("the first");
    };
    let mut slot = psam.into_wire();
    slot.loses_after = Some(6);
    // Six exchanges read the identity; the next is the purchase.
    psam = ApduPsam::open(slot, MacKeys::USUAL).expect("a module");
    assert_eq!(psam.ask(&buy), Err(PsamFault::Timeout { waited_ms: 500 }));
    assert_eq!(
        psam.ask(&credit(0x102, "00000000")),
        Err(PsamFault::Superseded {
            asked: 0x102,
            awaited: None
        })
    );
    let Ok(PsamAnswer::Permit {
        terminal_sequence, ..
    }) = psam.ask(&buy)
    else {
        panic!("it is opened again");
    };
    assert_eq!(terminal_sequence, 0x103, "102 was given and lost");
}

#[test]
fn another_module_in_the_slot_is_not_used() {
    struct Swapped(Slot, Option<Slot>);
    impl Wire for Swapped {
        fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
            if apdu.get(1) == Some(&0x70)
                && let Some(other) = self.1.take()
            {
                self.0 = other;
                return Err(Lost::Gone);
            }
            self.0.exchange(apdu)
        }

        fn reset(&mut self) -> Result<(), Lost> {
            self.0.reset()
        }
    }
    let other = Slot::holding(made(&profile().numbered(2)));
    let wire = Swapped(Slot::holding(made(&profile())), Some(other));
    let mut psam = ApduPsam::open(wire, MacKeys::USUAL).expect("a module");
    let buy = PsamRequest::Purchase(entry());
    assert_eq!(psam.ask(&buy), Err(PsamFault::Absent));
    for _ in 0..2 {
        assert!(matches!(psam.ask(&buy), Err(PsamFault::Replaced { .. })));
    }
}

#[test]
fn a_module_set_back_to_an_old_state_is_found_out() {
    let chip = Chip::new(SIZE);
    drop(SoftPsam::manufacture(Cells(chip.clone()), &profile()).expect("it fits"));
    let old = chip.copy();
    let mut psam = ApduPsam::open(Slot::holding(again(&chip)), MacKeys::USUAL).expect("a module");
    let buy = PsamRequest::Purchase(entry());
    psam.ask(&buy).expect("the first");
    let mut spare = Slot::holding(again(&old));
    // The restored copy comes up in the place of the real one.
    let mut psam = {
        let mut swapped = psam.into_wire();
        std::mem::swap(&mut swapped, &mut spare);
        let mut psam =
            ApduPsam::open(Twice(spare, Some(swapped)), MacKeys::USUAL).expect("a module");
        psam.ask(&buy).expect("102");
        psam
    };
    assert_eq!(psam.ask(&buy), Err(PsamFault::Absent));
    let fault = psam.ask(&buy).expect_err("set back");
    assert_eq!(
        fault,
        PsamFault::Sequence {
            found: 0x101,
            last: 0x102
        }
    );
    assert!(fault.is_out_of_service());
    for _ in 0..3 {
        assert_eq!(
            psam.ask(&buy),
            Err(fault.clone()),
            "not even when it has caught up"
        );
    }
}

/// Swaps its module for another at the second purchase.
struct Twice(Slot, Option<Slot>);

impl Wire for Twice {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if apdu.get(1) == Some(&0x70)
            && self.0.module.next_sequence() > 0x102
            && let Some(other) = self.1.take()
        {
            self.0 = other;
            return Err(Lost::Gone);
        }
        self.0.exchange(apdu)
    }

    fn reset(&mut self) -> Result<(), Lost> {
        self.0.reset()
    }
}

fn requests() -> impl Strategy<Value = PsamRequest> {
    let algorithm = prop_oneof![Just(0), Just(4), any::<u8>()];
    let kind = prop_oneof![4 => Just(Kind::PURCHASE), 4 => Just(Kind::COMPOSITE), 1 => any::<u8>().prop_map(Kind)];
    prop_oneof![
        4 => (any::<[u8; 4]>(), any::<u16>(), any::<u32>(), kind, 1..=5_u8, algorithm.clone())
            .prop_map(|(random, sequence, amount, kind, key_version, algorithm)| {
                PsamRequest::Purchase(PurchaseRequest {
                    random,
                    sequence,
                    amount: Amount::new(amount),
                    kind,
                    key_version,
                    algorithm,
                    ..entry()
                })
            }),
        4 => (0x100..0x110_u32).prop_map(|number| credit(number, "00000000")),
        1 => (any::<[u8; 5]>(), algorithm.clone()).prop_map(|(head, algorithm)| {
            PsamRequest::Lock(LockRequest {
                card: entry().card,
                issuer: entry().issuer,
                challenge: [1, 2, 3, 4],
                head,
                algorithm,
            })
        }),
        1 => (proptest::collection::vec(any::<u8>(), 0..=255), algorithm).prop_map(
            |(data, algorithm)| {
                PsamRequest::UpdateMac(UpdateRequest {
                    card: entry().card,
                    issuer: entry().issuer,
                    challenge: [1, 2, 3, 4],
                    head: [4, 0xDC, 2, 0xD4, 0x84],
                    data,
                    algorithm,
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_module_answers_the_same_with_apdus_and_without(
        asked in proptest::collection::vec(requests(), 1..40),
    ) {
        let mut direct = made(&profile());
        let mut over_apdus = behind_apdus(&profile());
        for request in asked {
            let told = direct.ask(&request);
            prop_assert_eq!(over_apdus.ask(&request), told, "{:?}", request);
        }
    }
}
