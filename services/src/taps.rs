//! Tap records as rides: what an acquirer reads out of them.

use tongtu_crypto::Algorithm;
use tongtu_hsm::MacScheme;
use tongtu_keyring::KeyNumber;
use tongtu_keyring::code::Purpose;
use tongtu_purse::field::{Balance, Industry};
use tongtu_ride_code::record::{CATEGORY_BUS, CATEGORY_METRO, Direction};
use tongtu_sql::{GreyRow, RideRow};
use tongtu_tap_record::{Mac2State, RecordKind, Recovery, Stage, TapRecord};
use tongtu_types::{CardNumber, Fen, InstitutionCode, RecordId, TerminalNumber, Timestamp};

use crate::cash::{self, CashClaim};
use crate::keys::{Claim, KeyObjection, Moments, card_slot};
use crate::proof::ProofNumber;
use crate::stored;

/// How many sequence numbers a record id tells apart.
const RECORD_SEQUENCES: u64 = 100_000;

/// What became of a card's proof under its issuer's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// There is none to check.
    None,
    /// It is that of the card, under this key.
    Holds(KeyNumber),
    /// It is not that of the card.
    Wrong,
}

/// A tap record that was read, as far as routing and counting need it.
pub(crate) struct Tap {
    pub(crate) record: TapRecord,
    pub(crate) id: RecordId,
    pub(crate) card: CardNumber,
    pub(crate) issuer: InstitutionCode,
    pub(crate) at: Timestamp,
    /// What the cryptogram of an e-cash covers.
    pub(crate) cash: Option<CashClaim>,
}

impl Tap {
    /// Reads a signed record of an acquirer's terminal; the reason says what does not hold.
    pub(crate) fn read(
        bytes: &[u8],
        acquirer: InstitutionCode,
        terminal: TerminalNumber,
    ) -> Result<Self, String> {
        let record = TapRecord::decode_signed(bytes).map_err(|error| error.to_string())?;
        record.check().map_err(|error| error.to_string())?;
        let named = record.acceptor.code();
        if named.map(|code| code.as_acquirer()) != Some(acquirer) {
            let found = record.acceptor;
            return Err(format!(
                "record of acceptor {found}, expected {acquirer} in front"
            ));
        }
        let card = record.serial.card_number();
        let card = card.ok_or("application serial number is not digits")?;
        let issuer = record.issuer.code();
        let issuer = issuer.ok_or_else(|| format!("issuer {} is not digits", record.issuer))?;
        let at = record
            .at
            .instant()
            .ok_or_else(|| format!("time {} is none", record.at))?;
        let made = record.recorded_at.instant();
        let made = made.ok_or_else(|| format!("time {} is none", record.recorded_at))?;
        let cash = match record.kind {
            RecordKind::Cash => Some(CashClaim::of_record(&record)?),
            _ => None,
        };
        // A lock has no number of a module; a card is locked once in a second.
        let (made, sequence) = match record.kind {
            RecordKind::Lock => (made, u64::from(u32::from_be_bytes(tail(&record.serial.0)))),
            // What was noted of a ride is named by the ride, whenever that was: once, and far from
            // whatever the terminal counted then.
            _ if record.recovery == Recovery::Untold => {
                let half = match record.terminal == record.recorder {
                    true => 0,
                    false => RECORD_SEQUENCES / 2,
                };
                let ride = u64::from(record.terminal_sequence) + half;
                (at, ride + RECORD_SEQUENCES / 4)
            }
            // Recovered for another terminal: the number is that of the other's module. In one
            // vehicle the modules count alike, and what this terminal's own module gave in the
            // same second, so that the card vouches for itself, must not have the same id.
            _ if record.terminal != record.recorder => {
                let sequence = u64::from(record.terminal_sequence);
                (made, sequence + RECORD_SEQUENCES / 2)
            }
            _ => (made, u64::from(record.terminal_sequence)),
        };
        Ok(Self {
            id: RecordId::compose_tap(acquirer, terminal, made, sequence),
            card,
            issuer,
            at,
            record,
            cash,
        })
    }

    /// Whether nothing is known yet of what the card did.
    pub(crate) fn is_grey(&self) -> bool {
        self.record.recovery == Recovery::Grey
    }

    /// Whether it says of another record that its rider was never told.
    pub(crate) fn is_untold(&self) -> bool {
        self.record.recovery == Recovery::Untold
    }

    /// Whether a card paid, whose holder can be owed what is not claimed.
    pub(crate) fn is_by_card(&self) -> bool {
        !matches!(self.record.kind, RecordKind::Lock | RecordKind::Face)
    }

    /// What the acquirer claims: the whole amount, unless MAC2 was wrong and it cannot count.
    // UNSPECIFIED: what a ride on the second ticket (第二票种) is worth to whoever carried it. Its
    // amount is a number of rides, not of fen, and leaves the purse as it was.
    pub(crate) fn amount(&self) -> Fen {
        match self.record.kind {
            RecordKind::Ticket => Fen::ZERO,
            _ => self.record.amount.fen(),
        }
    }

    /// Single, entry or exit, as clearing tells rides apart. Money that is taken at an entry, for
    /// an earlier ride, is settled like an exit's; what moves none is kept as evidence.
    pub(crate) fn direction(&self) -> Direction {
        match self.record.stage {
            _ if self.record.kind == RecordKind::Ticket => Direction::Entry,
            Stage::Single => Direction::Single,
            Stage::Exit | Stage::Alighting => Direction::Exit,
            _ if self.record.amount.get() > 0 => Direction::Exit,
            _ => Direction::Entry,
        }
    }

    /// The merchant category.
    pub(crate) fn category(&self) -> [u8; 4] {
        match self.record.industry {
            Industry::RAIL => CATEGORY_METRO,
            _ => CATEGORY_BUS,
        }
    }

    /// The row that is stored; batch and place come later.
    pub(crate) fn row(&self, acquirer: InstitutionCode, bytes: &[u8]) -> RideRow {
        let category = self.category();
        RideRow {
            record: self.id.as_str().to_owned(),
            batch: String::new(),
            number: 0,
            acquirer: acquirer.as_str().to_owned(),
            issuer: self.issuer.as_str().to_owned(),
            account: self.card.reveal().to_owned(),
            generated_at: ProofNumber::of_tap(&self.record, self.at).number(),
            scanned_at: self.at.get(),
            amount: self.amount().get(),
            direction: stored::direction_number(self.direction()),
            category: category.iter().map(|b| char::from(*b)).collect(),
            line: self.record.line.as_str().to_owned(),
            body: Some(bytes.to_vec()),
        }
    }

    /// The row of a record whose fate, or what it says of another's, is not known.
    pub(crate) fn grey(&self, bytes: &[u8], now: Timestamp) -> GreyRow {
        GreyRow {
            record: self.id.as_str().to_owned(),
            account: self.card.reveal().to_owned(),
            sequence: i64::from(self.record.sequence),
            arrived_at: now.get(),
            body: bytes.to_vec(),
            ended: None,
        }
    }

    /// Whether balance before less amount is balance after; nothing to follow without a card.
    pub(crate) fn balance_follows(&self) -> bool {
        let record = &self.record;
        match record.kind {
            RecordKind::Purse | RecordKind::Composite | RecordKind::Ticket | RecordKind::MakeUp => {
                record.before.fen().checked_sub(record.amount.fen()) == Ok(record.after.fen())
            }
            // An e-cash need not say its balance.
            RecordKind::Cash => !says_balance(record) || self.left() == Some(record.after.fen()),
            _ => true,
        }
    }

    /// What is on the card if it has paid.
    pub(crate) fn left(&self) -> Option<Fen> {
        let record = &self.record;
        record.before.fen().checked_sub(record.amount.fen()).ok()
    }

    /// The algorithm of the card's codes.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        cash::algorithm(self.record.algorithm)
    }

    /// What is to be asked of the issuer's keys about TAC or cryptogram. `Err` is the answer where
    /// there is nothing to ask.
    pub(crate) fn claim(&self) -> Result<Claim, Proof> {
        if let Some(cash) = &self.cash {
            return cash
                .claim(&self.card, (self.issuer, self.at))
                .ok_or(Proof::Wrong);
        }
        if !self.has_tac() {
            return Err(Proof::None);
        }
        let record = &self.record;
        Ok(Claim {
            slot: card_slot(self.issuer.city(), Purpose::Tac, self.algorithm()),
            // One city, one key: the issuer's own stands in custody, the card's is below it.
            factors: [record.serial.factor()],
            scheme: MacScheme::Tac,
            message: record.tac_message(),
            proof: record.tac.to_vec(),
            // The card says the version of its key for purchases; keys are renewed together.
            version: Some(record.key_version),
            at: self.at,
        })
    }

    /// What is to be said against the key that the ride was made with, by the version and index
    /// in its record and the moment of the ride.
    pub(crate) fn key_objection(&self, moments: &mut Moments) -> Option<KeyObjection> {
        let slot = |purpose| card_slot(self.issuer.city(), purpose, self.algorithm());
        if let Some(cash) = &self.cash {
            let algorithm = cash.algorithm()?;
            let slot = card_slot(self.issuer.city(), Purpose::CashCryptogram, algorithm);
            return moments.against_any(slot, self.at);
        }
        if !self.has_tac() {
            return None;
        }
        let named = (self.record.key_version, self.record.key_index);
        moments.against_card(slot(Purpose::Purchase), named, self.at)
    }

    /// Whether the record has a TAC that somebody could check.
    fn has_tac(&self) -> bool {
        let paid_by = ProofNumber::of_tap(&self.record, self.at);
        !self.is_grey() && matches!(paid_by, ProofNumber::Purse(_))
    }

    /// Whether anybody can see that the card has not paid: MAC2 was wrong, or the cryptogram of an
    /// e-cash is none by which it pays.
    pub(crate) fn is_unpaid(&self) -> bool {
        let unpaid = self.cash.as_ref().is_some_and(|cash| !cash.is_payment());
        unpaid || self.record.mac2 == Mac2State::Failed
    }
}

/// Whether an e-cash said what it had.
pub(crate) fn says_balance(record: &TapRecord) -> bool {
    [record.before, record.after] != [Balance::default(); 2]
}

fn tail(bytes: &[u8; 10]) -> [u8; 4] {
    let [.., a, b, c, d] = *bytes;
    [a, b, c, d]
}
