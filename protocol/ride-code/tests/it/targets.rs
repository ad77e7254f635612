//! What hostile bytes may do to ride codes, as functions of bytes: no panic, and nothing accepted but what was signed.
//!
//! A fuzzer is given each of them as it is; `hostile` runs them over inputs that are the same in every run.

use std::cell::RefCell;

use tongtu_ride_code::record::RideRecord;
use tongtu_ride_code::{RideCode, Root, UserCertificate, Verdict, describe, foreign, tolerant};

use crate::fixture::{Fixture, T0, resign};

/// Every parser.
pub(crate) fn parse(bytes: &[u8]) {
    let _ = RideCode::frame(bytes);
    let _ = describe(bytes);
    let _ = Root::verify(bytes);
    let _ = UserCertificate::parse(bytes);
    let _ = RideRecord::decode(bytes);
    let _ = foreign::kind_of(bytes);
    let _ = tolerant::unwrap(bytes);
}

std::thread_local! {
    static FIXTURE: RefCell<(Fixture, Vec<u8>)> = RefCell::new({
        let fixture = Fixture::new();
        let good = fixture.code_at(T0).as_bytes().to_vec();
        (fixture, good)
    });
}

/// Scans them: alone, among others and once more, which have one verdict. Only the code that was signed is
/// accepted.
pub(crate) fn scan(bytes: &[u8]) {
    FIXTURE.with_borrow_mut(|(fixture, good)| {
        let accepted = fixture.scan(bytes, T0) == Verdict::Accepted;
        assert_eq!(accepted, bytes == good, "{bytes:02x?}");
    });
}

/// Scans the good code with these bits of it turned and signed again, so that checks behind the signatures
/// are reached.
pub(crate) fn scan_signed_again(turned: &[u8]) {
    FIXTURE.with_borrow_mut(|(fixture, good)| {
        let mut bytes = good.clone();
        for (byte, turned) in bytes.iter_mut().zip(turned) {
            *byte ^= turned;
        }
        resign(fixture, &mut bytes);
        let verdict = fixture.scan(&bytes, T0);
        assert!(verdict != Verdict::Accepted || RideCode::frame(&bytes).is_ok());
    });
}
