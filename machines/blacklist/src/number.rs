//! The numbers that are listed, and spans of them.

use core::fmt;

use tongtu_types::CardNumber;

/// One more than the greatest number: 20 digits.
const END: u128 = 100_000_000_000_000_000_000;

/// A card's number as it is listed: the 20 digits of its application serial number (应用序列号).
///
/// The key is the serial of file 0x15, bytes 10 to 19, because a terminal has it after its first
/// read; a purse's serial is `0` and the card number's 19 digits, so that an e-cash card, which
/// tells its card number, is found in the same list. It is kept as a number, not as a
/// [`CardNumber`], because ranges, order and packing are those of numbers; text of differing
/// length has another order. A serial that is not digits is no number: such a card is malformed
/// and refused for that, and cannot be listed.
///
/// `Debug` masks it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListedNumber(u128);

impl ListedNumber {
    /// The least number.
    pub const MIN: Self = Self(0);
    /// The greatest number.
    pub const MAX: Self = Self(END - 1);
    /// Bytes of a number in files and on cards.
    pub const LEN: usize = 10;

    /// The number of a card; shorter numbers are zero-filled on the left, as on the card.
    #[must_use]
    pub fn of(card: &CardNumber) -> Self {
        let digits = card.reveal().bytes();
        Self(digits.fold(0, |value, digit| value * 10 + u128::from(digit - b'0')))
    }

    /// The number in a card's serial, if all of it is digits.
    #[must_use]
    pub fn from_bcd(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let mut value = 0;
        for byte in bytes {
            let (high, low) = (byte >> 4, byte & 0x0F);
            if high > 9 || low > 9 {
                return None;
            }
            value = value * 100 + u128::from(high * 10 + low);
        }
        Some(Self(value))
    }

    /// The 20 digits, two in a byte.
    #[must_use]
    pub fn to_bcd(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            let pair = u8::try_from(rest % 100).expect("below a hundred");
            *slot = ((pair / 10) << 4) | (pair % 10);
            rest /= 100;
        }
        out
    }

    /// The card number.
    #[must_use]
    pub fn card(self) -> CardNumber {
        let text = alloc::format!("{:020}", self.0);
        CardNumber::parse(&text).expect("20 digits")
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.0 + 1 < END {
            Some(Self(self.0 + 1))
        } else {
            None
        }
    }

    /// The number before this one.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    pub(crate) const fn get(self) -> u128 {
        self.0
    }

    /// The caller knows that it is in the world of numbers.
    pub(crate) fn new(value: u128) -> Self {
        debug_assert!(value < END, "twenty digits");
        Self(value)
    }
}

impl fmt::Debug for ListedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.card(), f)
    }
}

/// The numbers from `low` to `high`, both in it; a single number where they are the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    low: ListedNumber,
    high: ListedNumber,
}

impl Span {
    /// The numbers from `low` to `high`, unless that is backwards.
    #[must_use]
    pub fn new(low: ListedNumber, high: ListedNumber) -> Option<Self> {
        (low <= high).then_some(Self { low, high })
    }

    /// One number.
    #[must_use]
    pub const fn single(number: ListedNumber) -> Self {
        Self {
            low: number,
            high: number,
        }
    }

    /// Its first number.
    #[must_use]
    pub const fn low(self) -> ListedNumber {
        self.low
    }

    /// Its last number.
    #[must_use]
    pub const fn high(self) -> ListedNumber {
        self.high
    }

    /// Whether it is one number.
    #[must_use]
    pub fn is_single(self) -> bool {
        self.low == self.high
    }

    /// How many marks it takes in a list.
    #[must_use]
    pub fn marks(self) -> usize {
        if self.is_single() { 1 } else { 2 }
    }

    /// The part of it between two numbers, if there is one.
    pub(crate) fn within(self, low: ListedNumber, high: ListedNumber) -> Option<Self> {
        Self::new(self.low.max(low), self.high.min(high))
    }
}

/// What a set of numbers adds up to, however it is written: the check that two sides have the
/// same list.
///
/// Both parts change with a span in constant time, so that a delta states what must come out.
/// It guards against mistakes; forgery is the signature's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many numbers there are.
    pub numbers: u128,
    /// Their sum, of which the lowest 128 bits count.
    pub sum: u128,
}

impl Tally {
    /// With a span more.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        let part = Self::of(span);
        Self {
            numbers: self.numbers.wrapping_add(part.numbers),
            sum: self.sum.wrapping_add(part.sum),
        }
    }

    /// With a span less.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        let part = Self::of(span);
        Self {
            numbers: self.numbers.wrapping_sub(part.numbers),
            sum: self.sum.wrapping_sub(part.sum),
        }
    }

    const fn of(span: Span) -> Self {
        let (low, high) = (span.low.0, span.high.0);
        let numbers = high - low + 1;
        let ends = low + high;
        // One of both is even: n numbers from a to b sum up to n (a + b) / 2.
        let sum = if numbers.is_multiple_of(2) {
            (numbers / 2).wrapping_mul(ends)
        } else {
            (ends / 2).wrapping_mul(numbers)
        };
        Self { numbers, sum }
    }
}

impl FromIterator<Span> for Tally {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        spans.into_iter().fold(Self::default(), Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u128) -> ListedNumber {
        ListedNumber::new(value)
    }

    #[test]
    fn a_serial_and_its_card_number_are_one_number() {
        let card = CardNumber::parse("3104581099999000017").unwrap();
        let serial = [0x03, 0x10, 0x45, 0x81, 0x09, 0x99, 0x99, 0x00, 0x00, 0x17];
        let listed = ListedNumber::from_bcd(&serial).unwrap();
        assert_eq!(ListedNumber::of(&card), listed);
        assert_eq!((listed.to_bcd(), listed.card()), (serial, card));
        assert_eq!(format!("{listed:?}"), "310458****0017");
    }

    #[test]
    fn a_serial_that_is_not_digits_is_no_number() {
        for at in 0..ListedNumber::LEN {
            for nibble in [0x0A, 0x0F, 0xA0, 0xF0] {
                let mut serial = [0; ListedNumber::LEN];
                serial[at] = nibble;
                assert_eq!(ListedNumber::from_bcd(&serial), None);
            }
        }
    }

    #[test]
    fn the_ends_of_the_world_have_no_neighbours() {
        assert_eq!(ListedNumber::MAX.next(), None);
        assert_eq!(ListedNumber::MIN.previous(), None);
        assert_eq!(ListedNumber::MAX.to_bcd(), [0x99; 10]);
        assert_eq!(ListedNumber::from_bcd(&[0x99; 10]), Some(ListedNumber::MAX));
    }

    #[test]
    fn a_tally_does_not_depend_on_how_the_set_is_written() {
        let span = |low, high| Span::new(number(low), number(high)).unwrap();
        let whole: Tally = [span(5, 9)].into_iter().collect();
        let parts: Tally = [span(5, 5), span(6, 8), span(9, 9)].into_iter().collect();
        assert_eq!(whole, parts);
        assert_eq!((whole.numbers, whole.sum), (5, 35));
        let all: Tally = [span(0, END - 1)].into_iter().collect();
        assert_eq!(all.numbers, END);
        assert_eq!(all.minus(span(0, END - 1)), Tally::default());
    }
}
