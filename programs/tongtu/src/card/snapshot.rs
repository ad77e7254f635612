//! What a card tells to anybody who asks: applications, numbers, balances, rides.
//!
//! Tolerant, as cards are: an application is what its FCI says and not what its AID says, files may
//! be missing, lengths may have to be asked for again. Nothing is written, and no PIN is tried.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE, Select};
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand as _, Command, Response, StatusWord};
use tongtu_ecash::command::GetData;
use tongtu_ecash::{Amount, Dol, IssuerDiscretionary, Values, log, tag};
use tongtu_purse::command::{BalanceKind, GetBalance, Sfi};
use tongtu_purse::fci::{Application, Directory, DirectoryEntry, Fci};
use tongtu_purse::field::{Balance, TripKind};
use tongtu_purse::layout::{Composite, PublicInfo, Transaction, TransitInfo, Trip};
use tongtu_reader::CardChannel;
use tongtu_types::Fen;

use super::place::no_card;
use crate::exit::Failure;

/// What a card told.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The answer to reset.
    pub(crate) atr: Vec<u8>,
    /// What its directory lists.
    pub(crate) directory: Vec<DirectoryEntry>,
    /// Its e-purses; more than one on a few cards.
    pub(crate) purses: Vec<PurseTold>,
    /// Its e-cashes.
    pub(crate) cashes: Vec<CashTold>,
}

/// What an e-purse told.
#[derive(Debug)]
pub(crate) struct PurseTold {
    pub(crate) aid: Aid,
    /// How SELECT ended: `6283` and `9303` mean a blocked application.
    pub(crate) selected: StatusWord,
    pub(crate) label: Option<String>,
    pub(crate) version: Vec<u8>,
    pub(crate) public: Option<PublicInfo>,
    pub(crate) transit: Option<TransitInfo>,
    pub(crate) balance: Option<Fen>,
    pub(crate) overdraft: Option<Fen>,
    /// With their numbers; blank records are left out.
    pub(crate) transactions: Vec<(u8, Transaction)>,
    pub(crate) trips: Vec<(u8, Trip)>,
    pub(crate) composites: Vec<(u8, Composite)>,
}

/// What an e-cash told.
#[derive(Debug)]
pub(crate) struct CashTold {
    pub(crate) aid: Aid,
    pub(crate) selected: StatusWord,
    pub(crate) label: Option<String>,
    /// The issuer's own data in the FCI, with what T-Union adds.
    pub(crate) discretionary: Option<IssuerDiscretionary>,
    /// The card number as records of the application give it, digits and padding.
    pub(crate) number: Option<Vec<u8>>,
    pub(crate) expires: Option<Vec<u8>>,
    pub(crate) balance: Option<Fen>,
    pub(crate) balance_limit: Option<Fen>,
    pub(crate) single_limit: Option<Fen>,
    pub(crate) counter: Option<u16>,
    pub(crate) log: Vec<(u8, Values)>,
}

/// A card that is being asked.
struct Asked<'a> {
    card: &'a mut dyn CardChannel,
}

impl Snapshot {
    /// Asks a card for everything it tells to anybody.
    pub(crate) fn take(card: &mut dyn CardChannel) -> Result<Self, Failure> {
        let mut snapshot = Self {
            atr: card.atr(),
            ..Self::default()
        };
        let mut asked = Asked { card };
        let found = asked.send(&Select::by_name(PPSE.as_bytes()).to_command())?;
        if let Ok(directory) = Directory::parse(&found.data) {
            snapshot.directory = directory.entries;
        }
        // As listed first: instances in phones have longer names. Then the names of the scheme,
        // for cards without a directory.
        let listed = snapshot.directory.iter().map(|entry| entry.aid);
        let mut names: Vec<Aid> = listed.collect();
        for known in [E_PURSE, E_CASH] {
            if !names.iter().any(|name| name.starts_with(known.as_bytes())) {
                names.push(known);
            }
        }
        for name in names {
            asked.application(name, &mut snapshot)?;
        }
        Ok(snapshot)
    }
}

impl Asked<'_> {
    fn send(&mut self, command: &Command) -> Result<Response, Failure> {
        let apdu = command.encode().expect("no command here has much data");
        let answer = self.card.transmit(&apdu).map_err(|error| no_card(&error))?;
        Ok(Response::parse(&answer).unwrap_or(Response::status(StatusWord::NO_DIAGNOSIS)))
    }

    /// The answer if the card gave one, be it with a warning.
    fn ask(&mut self, command: &Command) -> Result<Option<Vec<u8>>, Failure> {
        let response = self.send(command)?;
        let is_answer =
            response.sw.is_ok() || (response.sw.is_warning() && !response.data.is_empty());
        Ok(is_answer.then_some(response.data))
    }

    /// The same, asking for so many bytes and, where that is the wrong length, for all.
    fn read(&mut self, command: Command, len: u8) -> Result<Option<Vec<u8>>, Failure> {
        match self.ask(&command.clone().with_le(len))? {
            Some(data) => Ok(Some(data)),
            None => self.ask(&command.with_le(0)),
        }
    }

    fn file(&mut self, sfi: Sfi, len: u8) -> Result<Option<Vec<u8>>, Failure> {
        self.read(Command::new(0x00, 0xB0, 0x80 | sfi.get(), 0), len)
    }

    /// Records from the first on until the card has no more.
    fn records(&mut self, sfi: u8, len: u8, most: u8) -> Result<Vec<(u8, Vec<u8>)>, Failure> {
        let mut records = Vec::new();
        for number in 1..=most {
            let command = Command::new(0x00, 0xB2, number, sfi << 3 | 4);
            match self.read(command, len)? {
                Some(record) => records.push((number, record)),
                None => break,
            }
        }
        Ok(records)
    }

    fn application(&mut self, name: Aid, snapshot: &mut Snapshot) -> Result<(), Failure> {
        let found = self.send(&Select::by_name(name.as_bytes()).to_command())?;
        let is_blocked = matches!(
            found.sw,
            StatusWord::BLOCKED_FILE | StatusWord::PERMANENTLY_LOCKED
        );
        if !(found.sw.is_ok() || is_blocked) {
            return Ok(());
        }
        let fci = Fci::parse(&found.data).ok();
        let kind = match fci.as_ref().map(Fci::application) {
            Some(kind @ (Application::Purse | Application::Cash)) => kind,
            _ if tlv::find_deep(&found.data, Tag::new(0x9F0C)).is_some() => Application::Purse,
            // Without a word of the FCI the name is all there is.
            _ if name.starts_with(E_PURSE.as_bytes()) => Application::Purse,
            _ if name.starts_with(E_CASH.as_bytes()) => Application::Cash,
            _ => return Ok(()),
        };
        let aid = fci.as_ref().map_or(name, Fci::aid);
        match kind {
            Application::Purse => {
                let purse = self.purse(aid, &found, fci.as_ref())?;
                snapshot.purses.push(purse);
            }
            _ => snapshot.cashes.push(self.cash(aid, &found)?),
        }
        Ok(())
    }

    fn purse(
        &mut self,
        aid: Aid,
        found: &Response,
        fci: Option<&Fci>,
    ) -> Result<PurseTold, Failure> {
        let in_fci = tlv::find_deep(&found.data, Tag::new(0x9F0C));
        let public = match in_fci.and_then(|data| PublicInfo::decode(data).ok()) {
            Some(public) => Some(public),
            None => {
                let file = self.file(Sfi::PUBLIC, 30)?;
                file.and_then(|data| PublicInfo::decode(data.get(..30)?).ok())
            }
        };
        let transit = self.file(Sfi::TRANSIT, 60)?;
        let transit = transit.and_then(|data| TransitInfo::decode(data.get(..60)?).ok());
        let overdraft = self.money(BalanceKind::Limit)?;
        let balance = match self.money(BalanceKind::Real)? {
            Some(balance) => Some(balance),
            // Older cards know only what can be spent, the overdraft limit included.
            None => {
                let spendable = self.money(BalanceKind::Spendable)?;
                let limit = overdraft.unwrap_or(Fen::new(0));
                spendable.and_then(|spendable| spendable.checked_sub(limit).ok())
            }
        };
        let composites = self.records(Sfi::COMPOSITE.get(), 128, 8)?;
        let transactions = self.records(Sfi::TRANSACTIONS.get(), 23, 10)?;
        let trips = self.records(Sfi::TRIPS.get(), 48, 30)?;
        Ok(PurseTold {
            aid,
            selected: found.sw,
            label: fci.and_then(Fci::label),
            version: fci.and_then(Fci::version).unwrap_or_default().to_vec(),
            public,
            transit,
            balance,
            overdraft,
            transactions: transactions
                .into_iter()
                .filter_map(|(number, record)| {
                    let transaction = Transaction::decode(record.get(..23)?).ok()?;
                    // Some cities leave records that were never written.
                    let is_blank = transaction.at.date().day().is_none() && transaction.kind.0 == 0;
                    (!is_blank && !is_erased(&record)).then_some((number, transaction))
                })
                .collect(),
            trips: trips
                .into_iter()
                .filter_map(|(number, record)| {
                    let trip = Trip::decode(record.get(..48)?).ok()?;
                    let is_blank = trip.kind == TripKind::INITIAL && trip.at.0 == [0; 7];
                    (!is_blank && !is_erased(&record)).then_some((number, trip))
                })
                .collect(),
            composites: composites
                .into_iter()
                .filter(|(_, record)| record.len() > 2)
                .map(|(number, record)| (number, Composite::read(&record)))
                .collect(),
        })
    }

    fn money(&mut self, kind: BalanceKind) -> Result<Option<Fen>, Failure> {
        let data = self.ask(&GetBalance { kind }.to_command())?;
        let bytes = data.and_then(|data| data.get(..4)?.try_into().ok());
        Ok(bytes.map(|bytes| Balance::from_bytes(bytes).fen()))
    }

    fn cash(&mut self, aid: Aid, found: &Response) -> Result<CashTold, Failure> {
        let fci = tongtu_ecash::Fci::parse(&found.data).ok();
        let discretionary = fci.as_ref().and_then(|fci| fci.discretionary.clone());
        let mut told = CashTold {
            aid,
            selected: found.sw,
            label: fci
                .as_ref()
                .and_then(|fci| fci.label.as_deref())
                .map(|label| String::from_utf8_lossy(label).into_owned()),
            number: None,
            expires: None,
            balance: self.amount(tag::BALANCE)?,
            balance_limit: self.amount(tag::BALANCE_CAP)?,
            single_limit: self.amount(tag::SINGLE_LIMIT)?,
            counter: self
                .element(tag::ATC)?
                .and_then(|value| value.try_into().ok())
                .map(u16::from_be_bytes),
            log: Vec::new(),
            discretionary,
        };
        // Where the number stands is the profile's choice; the files before 11 hold it.
        'files: for sfi in 1..=10 {
            for (_, record) in self.records(sfi, 0, 3)? {
                let number = tlv::find_deep(&record, tag::PAN);
                let number = number.or_else(|| tlv::find_deep(&record, tag::TRACK2));
                if let Some(expires) = tlv::find_deep(&record, tag::EXPIRY) {
                    told.expires = Some(expires.to_vec());
                }
                if let Some(number) = number {
                    told.number = Some(number.to_vec());
                    if told.expires.is_some() {
                        break 'files;
                    }
                }
            }
        }
        let entry = told.discretionary.as_ref().and_then(|data| data.log);
        if let Some(entry) = entry {
            let format = self.element(tag::LOG_FORMAT)?;
            let format = format.and_then(|format| Dol::parse(&format).ok());
            let format = format.unwrap_or_else(log::usual_format);
            for (number, record) in self.records(entry.sfi, 0, entry.records)? {
                if let Ok(values) = format.split(&record) {
                    told.log.push((number, values));
                }
            }
        }
        Ok(told)
    }

    fn element(&mut self, tag: Tag) -> Result<Option<Vec<u8>>, Failure> {
        let data = self.ask(&GetData { tag }.to_command())?;
        Ok(data.and_then(|data| tlv::find(&data, tag).ok().map(<[u8]>::to_vec)))
    }

    fn amount(&mut self, tag: Tag) -> Result<Option<Fen>, Failure> {
        let value = self.element(tag)?;
        Ok(value
            .and_then(|value| Amount::decode(&value).ok())
            .map(Amount::fen))
    }
}

/// Whether a record is memory that was never written.
fn is_erased(record: &[u8]) -> bool {
    record.iter().all(|byte| *byte == 0xFF) || record.iter().all(|byte| *byte == 0)
}
