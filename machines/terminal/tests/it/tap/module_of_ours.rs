//! Taps with the soft module instead of the double: asked directly, by APDUs, and on a wire that
//! loses what it carries.

use tongtu_card::RamMemory;
use tongtu_crypto::Algorithm;
use tongtu_psam::command::MacKeys;
use tongtu_psam::{Psam, PsamSerial};
use tongtu_purse::field::{Institution, Terminal};
use tongtu_purse::profile::{Profile, test_keys};
use tongtu_sam::{ApduPsam, Lost, PsamProfile, SoftPsam, Wire};
use tongtu_tap_record::{Mac2State, RecordKind};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    CardTerminal, PlainLists, Snapshot, TapEnd, TapOutcome, TapPost, Task, Way, drive,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, array, audit, bus, gate, lists};

/// A card under the published test keys as masters.
fn card() -> Profile {
    let profile = Profile::test();
    let serial = profile.public.serial;
    let masters = [Algorithm::Tdes, Algorithm::Sm4].map(test_keys);
    profile.for_card(serial, &masters)
}

fn module() -> SoftPsam<RamMemory> {
    SoftPsam::manufacture(RamMemory::new(16 * 1024), &PsamProfile::test()).unwrap()
}

/// A terminal for a module; what it keeps is the double's, which is never asked.
fn post(post: TapPost, psam: &dyn Psam) -> Post {
    let mut made = Post::new(1, post).changed(|profile, lists| {
        profile.module.receivers = vec![psam.identity().receiver];
        lists.local = vec![[0x01, 0x01, 0x10, 0x00]];
    });
    made.psam.identity = *psam.identity();
    made.started()
}

fn tap(post: &mut Post, psam: &mut dyn Psam, rider: &mut Rider, now: Timestamp) -> TapEnd {
    let circumstances = post.circumstances(now, Task::Ride);
    let end = drive(
        &mut post.terminal,
        circumstances,
        rider,
        psam,
        &mut post.store,
    );
    if let Some(ride) = end.outcome.ride() {
        post.terminal.told(ride.seq, &mut post.store).unwrap();
    }
    end
}

/// The module behind APDUs, on a wire that loses the answer to one exchange.
struct Slot {
    module: SoftPsam<RamMemory>,
    loses_after: Option<usize>,
    exchanged: usize,
}

impl Wire for Slot {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        self.exchanged += 1;
        let mut entropy = |out: &mut [u8]| out.fill(0x5A);
        let answer = self
            .module
            .transmit(&mut entropy, apdu)
            .map_err(|_| Lost::Gone)?;
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

fn behind_apdus(loses_after: Option<usize>) -> ApduPsam<Slot> {
    let slot = Slot {
        module: module(),
        loses_after: None,
        exchanged: 0,
    };
    let psam = ApduPsam::open(slot, MacKeys::USUAL).unwrap();
    let Some(after) = loses_after else {
        return psam;
    };
    // It is opened once more, by as many exchanges as the first time, and then served by.
    let mut slot = psam.into_wire();
    slot.loses_after = Some(slot.exchanged + after);
    ApduPsam::open(slot, MacKeys::USUAL).unwrap()
}

#[test]
fn a_ride_and_a_lock_verify_under_the_soft_module_asked_in_either_way() {
    let mut direct = module();
    let mut by_apdu = behind_apdus(None);
    let modules: [&mut dyn Psam; 2] = [&mut direct, &mut by_apdu];
    for psam in modules {
        let mut rider = Rider::with(&card(), 5_000);
        let mut single = post(bus(), psam);
        let end = tap(&mut single, psam, rider.present_again(), T0);
        let record = &end.outcome.ride().unwrap().record;
        assert_eq!(
            (record.mac2, record.terminal_sequence),
            (Mac2State::Verified, 1)
        );
        let mut entry = post(gate("0101", Way::Entry), psam);
        let end = tap(&mut entry, psam, rider.present_again(), T0.plus_s(60));
        assert_eq!(end.outcome.ride().unwrap().record.terminal_sequence, 2);
        audit(
            "soft module",
            &mut rider,
            5_000,
            &mut [&mut single, &mut entry],
            T0,
        );
        let serial = rider.profile.public.serial.0;
        let mut locking = single.changed(|_, lists| {
            lists.blacklist.insert(serial);
        });
        tap(&mut locking, psam, rider.present_again(), T0.plus_s(120));
        let locked = locking
            .records()
            .into_iter()
            .find(|r| r.kind == RecordKind::Lock);
        assert!(locked.unwrap().status.is_ok());
    }
}

#[test]
fn a_torn_ride_is_recovered_under_the_soft_module_with_and_without_vouching() {
    for other_rider in [false, true] {
        let mut psam = behind_apdus(None);
        let mut rider = Rider::with(&card(), 5_000);
        let mut here = post(bus(), &psam);
        rider.present();
        // SELECT 14 and 51, 0x17 5 and 13, INITIALIZE 17 and 17, DEBIT 21, and a bit.
        rider.line = Line::breaking_after(14 + 51 + 5 + 13 + 17 + 17 + 21 + 4);
        let end = tap(&mut here, &mut psam, &mut rider, T0);
        assert!(
            matches!(end.outcome, TapOutcome::Torn { in_doubt: true, .. }),
            "{end:?}"
        );
        if other_rider {
            let mut other = card();
            other.public.serial.0[9] = 0x18;
            let masters = [Algorithm::Tdes, Algorithm::Sm4].map(test_keys);
            let other = other.clone().for_card(other.public.serial, &masters);
            let mut other = Rider::with(&other, 5_000);
            let end = tap(&mut here, &mut psam, other.present_again(), T0.plus_s(2));
            assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        }
        let end = tap(&mut here, &mut psam, rider.present_again(), T0.plus_s(9));
        assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
        let state = if other_rider {
            Mac2State::Unverified
        } else {
            Mac2State::Verified
        };
        assert_eq!(end.outcome.ride().unwrap().record.mac2, state);
        audit("recovered", &mut rider, 5_000, &mut [&mut here], T0);
    }
}

#[test]
fn a_module_whose_answer_is_lost_at_any_moment_costs_no_ride_and_no_money() {
    let mut lost = 0;
    for after in 0.. {
        let mut psam = behind_apdus(Some(after));
        let mut rider = Rider::with(&card(), 5_000);
        let mut here = post(bus(), &psam);
        let first = tap(&mut here, &mut psam, rider.present_again(), T0);
        let what = format!("answer {after} lost");
        if matches!(first.outcome, TapOutcome::Accepted(_)) {
            break;
        }
        lost += 1;
        // Where MAC2 got lost the card has vouched for itself in the same tap already.
        if first.outcome.ride().is_none() {
            let end = tap(&mut here, &mut psam, rider.present_again(), T0.plus_s(30));
            assert!(end.outcome.ride().is_some(), "{what}: {end:?}");
        }
        let paid: i64 = here
            .records()
            .iter()
            .map(|r| i64::from(r.amount.get()))
            .sum();
        assert_eq!(paid, 200, "{what}");
        audit(&what, &mut rider, 5_000, &mut [&mut here], T0);
    }
    assert!(lost >= 2, "MAC1 and MAC2: {lost}");
}

#[test]
fn a_terminal_that_gets_another_module_goes_on_with_its_number() {
    let mut old = module();
    let mut rider = Rider::with(&card(), 5_000);
    let mut here = post(bus(), &old);
    tap(&mut here, &mut old, rider.present_again(), T0);
    let memory = RamMemory::new(16 * 1024);
    let mut new = SoftPsam::manufacture(memory, &PsamProfile::test().numbered(2)).unwrap();
    here.terminal.take_psam(*new.identity());
    let end = tap(&mut here, &mut new, rider.present_again(), T0.plus_s(60));
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!(record.terminal, Terminal(array("100000000002")));
    assert_eq!((record.psam.0[9], record.terminal_sequence), (2, 1));
    assert_eq!(record.issuer, Institution(array("01011000FFFFFFFF")));
    assert_ne!(record.psam, PsamSerial([0; 10]));
    assert_eq!(here.store.capacity().held, 2);
    audit("another module", &mut rider, 5_000, &mut [&mut here], T0);
}

#[test]
fn newer_lists_count_from_the_next_tap_on() {
    let mut psam = module();
    let mut rider = Rider::with(&card(), 5_000);
    let mut here = post(bus(), &psam);
    tap(&mut here, &mut psam, rider.present_again(), T0);
    let nobody = PlainLists {
        local: Vec::new(),
        listed: Vec::new(),
        ..lists()
    };
    let terminal: &mut CardTerminal = &mut here.terminal;
    terminal.take(Snapshot {
        lists: std::sync::Arc::new(nobody),
        tariff: here.tariff.clone(),
    });
    let end = tap(&mut here, &mut psam, rider.present_again(), T0.plus_s(60));
    assert!(end.outcome.ride().is_none(), "{end:?}");
}
