//! How long a tap takes at a gate, as a model: simulated time out of the bytes that really go over
//! the line. What is left out is named too: the mechanics of a gate, and a radio that has to ask
//! for a block again.
//!
//! UNSPECIFIED: no source gives these times; they are the slow end of what is seen.

/// The times of a card, a line, a module and a store, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Finding the card before the first command: REQA, anticollision, select, RATS.
    pub find_us: u64,
    /// One byte over the air.
    pub byte_us: u64,
    /// Between command and answer and before the next command: frame delay of the card, and the
    /// reader's own way to the host.
    pub turn_us: u64,
    /// One exchange with a module in a slot.
    pub psam_us: u64,
    /// One durable write.
    pub sync_us: u64,
    /// What the terminal computes itself where a module has the keys.
    pub cpu_us: u64,
    /// What it computes where it verifies the signatures of an e-cash itself.
    pub verify_us: u64,
}

/// What a block has beside the command or answer: PCB, and CRC of two bytes.
const BLOCK_BYTES: u64 = 3;
/// An intent before the card is asked to pay, and the record.
const SYNCS: u64 = 2;

impl Pace {
    /// A slow card and a slow module on a line of 106 kbit/s.
    pub const SLOW: Self = Self {
        find_us: 15_000,
        // 13.56 MHz / 128, eight bits and a parity bit, and one bit of pause where type B has
        // its start and stop.
        byte_us: 95,
        turn_us: 1_000,
        // From 10 to 20 ms.
        psam_us: 20_000,
        // A journal on flash.
        sync_us: 5_000,
        // `tongtu bench` measures far less.
        cpu_us: 1_000,
        // Three RSA or SM2 signatures on a small ARM.
        verify_us: 10_000,
    };

    /// The same on a line of 424 kbit/s, which reader and card agree on after RATS (ISO/IEC
    /// 14443-4 clause 5). An e-cash needs it: its certificates are more than a thousand bytes.
    pub const SLOW_ON_424: Self = Self {
        byte_us: 24,
        ..Self::SLOW
    };

    /// How long a card thinks about a command, from 5 ms for what it only reads to 25 ms for a
    /// debit: MAC1, MAC2 and TAC, and a journalled write.
    #[must_use]
    pub const fn card_us(self, command: &[u8]) -> u64 {
        match command {
            [_, 0xB0 | 0xB2, ..] => 5_000,
            [_, 0xDC, ..] => 10_000,
            [_, 0x54, ..] => 25_000,
            // An e-cash's cryptogram and signature, with a coprocessor.
            [_, 0xA8, ..] => 60_000,
            _ => 15_000,
        }
    }

    /// A command of the card and its answer, as they went over the line.
    #[must_use]
    pub fn exchange_us(self, command: &[u8], answer: &[u8]) -> u64 {
        let bytes = u64::try_from(command.len() + answer.len()).unwrap_or(u64::MAX);
        let on_air = bytes.saturating_add(2 * BLOCK_BYTES);
        self.card_us(command) + self.turn_us + on_air.saturating_mul(self.byte_us)
    }

    /// A whole tap: what went over the line, and how often the module was asked.
    pub fn tap_us<'a>(
        self,
        exchanges: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        psam: u16,
    ) -> u64 {
        let exchanges = exchanges.into_iter();
        let card: u64 = exchanges
            .map(|(command, answer)| self.exchange_us(command, answer))
            .sum();
        let own = match psam {
            0 => self.verify_us,
            _ => self.cpu_us,
        };
        self.find_us + card + u64::from(psam) * self.psam_us + SYNCS * self.sync_us + own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_takes_what_its_parts_take() {
        let select = ([0x00, 0xA4, 0x04, 0x00].as_slice(), [0x90, 0x00].as_slice());
        let pace = Pace::SLOW;
        assert_eq!(
            pace.exchange_us(select.0, select.1),
            15_000 + 1_000 + 12 * 95
        );
        assert_eq!(
            pace.tap_us([select], 2),
            15_000 + 17_140 + 40_000 + 10_000 + 1_000
        );
        assert_eq!(pace.tap_us([select], 0), 15_000 + 17_140 + 10_000 + 10_000);
    }
}
