//! Riders who let terminals recognise them: their faces, as an engine sees them.

use tongtu_types::{BusinessDay, CardNumber, Fen};

use crate::country::{CITIES, NODES};
use crate::seed::Seed;

/// A rider who enrolled a face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceRider {
    /// Index into [`NODES`]: the city of the account, and of the terminals that have the face.
    pub home: usize,
    /// The account that pays.
    pub account: CardNumber,
    /// What the rider paid in beforehand.
    pub recharge: Fen,
}

/// Numbers in a template.
const TEMPLATE_LEN: usize = 512;

/// Deals so many riders, one city after the other.
#[must_use]
pub fn face_riders(seed: Seed, count: usize, first_day: BusinessDay) -> Vec<FaceRider> {
    let mut dice = seed.dice("faces");
    (0..count)
        .map(|i| {
            let home = CITIES[i % CITIES.len()];
            // Invented numbers: 312, the city, a day that nobody was born on, a serial.
            let region = NODES[home].institution().city();
            let day = first_day.days().rem_euclid(100_000);
            let digits = format!("312{region}00{day:05}{i:05}");
            FaceRider {
                home,
                account: CardNumber::parse(&digits).expect("nineteen digits"),
                recharge: Fen::new(dice.between(30, 60) * 1000),
            }
        })
        .collect()
}

/// How a camera sees a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// As it was enrolled.
    Clearly,
    /// Half turned away: like enough to ask for the digits, not to let pass.
    Askance,
}

/// A rider's face before the engine; `who` is one for everybody, enrolled or not.
#[must_use]
pub fn template(seed: Seed, who: &str, seen: Seen) -> Vec<u8> {
    let numbers = |use_: &str| {
        let mut bytes = vec![0; TEMPLATE_LEN];
        seed.dice(use_).fill(&mut bytes);
        // Halved, so that a sum of two is still one byte.
        bytes
            .into_iter()
            .map(|byte| i32::from(byte.cast_signed()) / 2)
    };
    let face = numbers(&format!("face {who}"));
    let turned = numbers(&format!("turned {who}"));
    let seen = face.zip(turned).map(|(face, turned)| match seen {
        Seen::Clearly => face,
        // A cosine of 20 / √(20² + 11²), 0.876.
        Seen::Askance => (face * 20 + turned * 11) / 20,
    });
    seen.map(|number| i8::try_from(number).unwrap_or(i8::MAX).cast_unsigned())
        .collect()
}

/// The last four digits of a rider's telephone number.
#[must_use]
pub fn digits(rider: usize) -> Vec<u8> {
    format!("{:04}", (rider * 7 + 1_000) % 10_000).into_bytes()
}

#[cfg(test)]
mod tests {
    use tongtu_terminal::face::{Cosine, Engine as _};

    use super::*;

    #[test]
    fn a_face_is_its_own_and_nobody_elses() {
        let seed = Seed(1);
        let face = |who: &str, seen| template(seed, who, seen);
        for rider in ["0", "1", "2", "3"] {
            let clear = face(rider, Seen::Clearly);
            let askance = face(rider, Seen::Askance);
            let alike = Cosine.compare(&askance, &clear).unwrap().get();
            assert!((8_500..9_000).contains(&alike), "{alike}");
            let other = Cosine.compare(&face("stranger", Seen::Clearly), &clear);
            assert!(other.unwrap().get() < 3_000);
        }
    }
}
