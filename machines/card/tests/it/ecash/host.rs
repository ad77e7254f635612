//! Terminal and issuer of the test card: what they send, and what they check.

use tongtu_apdu::select::E_CASH;
use tongtu_apdu::{CardCommand, Command, Response, StatusWord, select::Select, tlv};
use tongtu_card::factory::{Blueprint, Module, Preinstalled};
use tongtu_card::{Card, Env, Interface, Memory, RamMemory, Torn};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::command::{
    AppendRecord, ExternalAuthenticate, GenerateAc, GenerateAcAnswer, GetData,
    GetProcessingOptions, ReadCappData, ReadRecord, UpdateCappCache, sign,
};
use tongtu_ecash::cryptogram::{self, CryptogramInput};
use tongtu_ecash::oda::{self, CardCertificate, Evidence, OdaError, Reading};
use tongtu_ecash::perso::{self, Profile};
use tongtu_ecash::{Aip, Amount, CryptogramKind, Fci, GpoAnswer, Iad, Tap, Values, tag, test_card};
use tongtu_types::{Fen, Timestamp};

use crate::tear::Dice;

pub(crate) const BOTH: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];
pub(crate) const NOW: Timestamp = Timestamp::new(1_795_000_000);
/// A transit terminal: qPBOC, offline only, verifies fDDA 01.
pub(crate) const TRANSIT: [u8; 4] = [0x28, 0, 0, 0x80];
/// A shop's terminal: qPBOC, can go online.
pub(crate) const SHOP: [u8; 4] = [0x26, 0, 0, 0];
/// The same, and it wants to go online.
pub(crate) const SHOP_ONLINE: [u8; 4] = [0x26, 0x80, 0, 0];
/// A counter where cards are loaded: the long dialogue.
pub(crate) const COUNTER: [u8; 4] = [0x10, 0, 0, 0];

pub(crate) fn money(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).expect("a small amount")
}

/// A card in a reader, with whoever holds its keys.
pub(crate) struct Host<M = RamMemory> {
    pub(crate) card: Card<M>,
    pub(crate) dice: Dice,
    pub(crate) algorithm: Algorithm,
}

/// A blueprint with one e-cash, its profile changed by `change`.
pub(crate) fn blueprint(algorithm: Algorithm, change: impl FnOnce(&mut Profile)) -> Blueprint {
    let mut dice = Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    let mut profile = test_card::profile(algorithm);
    change(&mut profile);
    let issuer = test_card::issuer(algorithm, &mut entropy);
    let groups = perso::groups(&profile, &issuer, &mut entropy).expect("the profile fits");
    Blueprint {
        applications: vec![Preinstalled {
            module: Module::Ecash,
            aid: E_CASH,
            label: b"MOT_T_CASH".to_vec(),
            priority: 1,
            parameters: Vec::new(),
            groups: groups.into_iter().map(Into::into).collect(),
        }],
        ..Blueprint::default()
    }
}

impl Host {
    /// The test card, and its e-cash selected.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self::with(algorithm, |_| {})
    }

    /// A card of a changed profile, and its e-cash selected.
    pub(crate) fn with(algorithm: Algorithm, change: impl FnOnce(&mut Profile)) -> Self {
        let mut dice = Dice::new();
        let blueprint = blueprint(algorithm, change);
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let card = Card::manufacture(RamMemory::default(), &blueprint, &mut entropy)
            .expect("the groups are the card's");
        let mut host = Self {
            card,
            dice,
            algorithm,
        };
        host.select();
        host
    }
}

/// A tap as the terminal has read it.
pub(crate) struct Tapped {
    pub(crate) answer: GpoAnswer,
    pub(crate) card: Values,
    pub(crate) static_data: Vec<u8>,
    pub(crate) terminal: Values,
}

impl Tapped {
    pub(crate) fn tap(&self) -> &Tap {
        self.answer.tap.as_ref().expect("a tap")
    }

    pub(crate) fn verify(&self) -> Result<CardCertificate, OdaError> {
        let evidence = Evidence {
            card: &self.card,
            static_data: &self.static_data,
            terminal: &self.terminal,
        };
        oda::verify(&test_card::authorities().into(), evidence, NOW)
    }
}

/// What a transaction that went online left for scripts.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) atc: u16,
    pub(crate) request: [u8; 8],
}

impl<M: Memory> Host<M> {
    pub(crate) fn try_send(&mut self, command: &Command) -> Result<Response, Torn> {
        let mut entropy = |out: &mut [u8]| self.dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        let bytes = command.encode().expect("short");
        let answer = self.card.transmit(&mut env, &bytes)?;
        Ok(Response::parse(&answer).expect("a status word"))
    }

    pub(crate) fn send(&mut self, command: &Command) -> Response {
        self.try_send(command).expect("power stays")
    }

    pub(crate) fn hex(&mut self, apdu: &str) -> Response {
        let bytes = tongtu_codec::hex_decode(apdu).expect("a test writes hex");
        self.send(&Command::parse(&bytes).expect("an APDU"))
    }

    pub(crate) fn ask<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, StatusWord> {
        let response = self.send(&command.to_command());
        if response.sw.is_ok() {
            Ok(C::answer(&response.data).expect("the card's own answer"))
        } else {
            Err(response.sw)
        }
    }

    pub(crate) fn select(&mut self) -> (Fci, StatusWord) {
        let response = self.send(&Select::by_name(E_CASH.as_bytes()).to_command());
        (Fci::parse(&response.data).expect("FCI"), response.sw)
    }

    pub(crate) fn get(&mut self, tag: tlv::Tag) -> Result<Vec<u8>, StatusWord> {
        Ok(self.ask(&GetData { tag })?.value)
    }

    pub(crate) fn money_at(&mut self, tag: tlv::Tag) -> i64 {
        let value = self.get(tag).expect("an element of the card");
        Amount::decode(&value).expect("an amount").fen().get()
    }

    pub(crate) fn balance(&mut self) -> i64 {
        self.money_at(tag::BALANCE)
    }

    pub(crate) fn atc(&mut self) -> u16 {
        let value = self.get(tag::ATC).expect("every card has one");
        u16::from_be_bytes(value.try_into().expect("two bytes"))
    }

    /// What a terminal says, by tag.
    pub(crate) fn terminal(&mut self, ttq: [u8; 4], fen: i64) -> Values {
        let mut random = [0; 4];
        self.dice.fill(&mut random);
        Values::from([
            (tag::TTQ, ttq.to_vec()),
            (tag::AMOUNT, money(fen).encode().to_vec()),
            (tag::CURRENCY, vec![0x01, 0x56]),
            (tag::UNPREDICTABLE, random.to_vec()),
            (tag::DATE, vec![0x26, 0x11, 0x22]),
            (tag::TIME, vec![0x09, 0x31, 0x00]),
        ])
    }

    /// What of it the card hears at a tap: what its PDOL asks for.
    pub(crate) fn heard(&self, terminal: &Values) -> Values {
        let pdol = test_card::profile(self.algorithm).pdol;
        pdol.split(&pdol.fill(terminal)).expect("filled by it")
    }

    pub(crate) fn options(&mut self, terminal: &Values) -> Result<GpoAnswer, StatusWord> {
        let values = test_card::profile(self.algorithm).pdol.fill(terminal);
        self.ask(&GetProcessingOptions { values })
    }

    /// SELECT and GET PROCESSING OPTIONS.
    pub(crate) fn begin(
        &mut self,
        ttq: [u8; 4],
        fen: i64,
    ) -> Result<(GpoAnswer, Values), StatusWord> {
        self.select();
        let terminal = self.terminal(ttq, fen);
        let answer = self.options(&terminal)?;
        Ok((answer, terminal))
    }

    /// The records of the AFL but the last; the last is the debit.
    pub(crate) fn read_records(
        &mut self,
        answer: GpoAnswer,
        terminal: Values,
    ) -> Result<Tapped, StatusWord> {
        let mut reading = Reading::begin(&answer);
        let afl = answer.afl.clone().expect("an approved tap has records");
        for (sfi, number, is_signed) in afl.records() {
            let record = self.ask(&ReadRecord { sfi, number })?;
            reading.add(sfi, &record, is_signed).expect("template 70");
        }
        Ok(Tapped {
            static_data: reading.static_data(),
            card: reading.card,
            answer,
            terminal,
        })
    }

    /// A whole tap.
    pub(crate) fn pay(&mut self, ttq: [u8; 4], fen: i64) -> Result<Tapped, StatusWord> {
        let (answer, terminal) = self.begin(ttq, fen)?;
        self.read_records(answer, terminal)
    }

    /// The issuer's view of a cryptogram: recomputed from its master keys.
    pub(crate) fn issuer_believes(
        &self,
        terminal: &Values,
        aip: Aip,
        atc: u16,
        iad: &[u8],
        cryptogram: &[u8; 8],
    ) -> bool {
        let keys = test_card::card_keys(self.algorithm);
        let key = |bytes| BlockKey::new(self.algorithm, bytes);
        let iad = Iad::parse(iad).expect("the card's own");
        let input = CryptogramInput {
            terminal,
            aip: aip.0,
            atc,
            cvr: iad.cvr,
        };
        let balance = iad.balance().expect("this card reports its balance");
        let mac = cryptogram::balance_mac(&key(keys.mac), atc, balance);
        input.cryptogram(&key(keys.cryptogram)) == *cryptogram && iad.encode().ends_with(&mac)
    }

    /// SELECT, long dialogue, ARQC: what the issuer is asked.
    pub(crate) fn ask_issuer(&mut self) -> (Asked, GenerateAcAnswer, Values) {
        let (answer, mut terminal) = self.begin(COUNTER, 0).expect("the long dialogue");
        assert!(answer.tap.is_none() && answer.afl.is_some());
        let ac = self.first_ac(&terminal);
        terminal.insert(tag::TTQ, COUNTER.to_vec());
        let asked = Asked {
            atc: ac.atc,
            request: ac.cryptogram,
        };
        (asked, ac, terminal)
    }

    pub(crate) fn first_ac(&mut self, terminal: &Values) -> GenerateAcAnswer {
        self.ask(&GenerateAc {
            kind: CryptogramKind::Online,
            values: perso::cdol1().fill(terminal),
        })
        .expect("an ARQC")
    }

    pub(crate) fn second_ac(
        &mut self,
        kind: CryptogramKind,
        terminal: &Values,
    ) -> Result<GenerateAcAnswer, StatusWord> {
        let values = perso::cdol2().fill(terminal);
        self.ask(&GenerateAc { kind, values })
    }

    /// The issuer's right answer.
    pub(crate) fn answer_of_issuer(&self, asked: Asked) -> ExternalAuthenticate {
        let keys = test_card::card_keys(self.algorithm);
        let key = BlockKey::new(self.algorithm, keys.cryptogram);
        let arc = *b"00";
        ExternalAuthenticate {
            cryptogram: cryptogram::response_cryptogram(&key, asked.atc, &asked.request, arc),
            arc,
        }
    }

    /// The whole online dialogue up to the point where scripts run.
    pub(crate) fn go_online(&mut self) -> Asked {
        let (asked, _, terminal) = self.ask_issuer();
        let answer = self.answer_of_issuer(asked);
        self.ask(&answer).expect("the issuer is authentic");
        let ac = self.second_ac(CryptogramKind::Approved, &terminal);
        assert_eq!(ac.expect("a TC").cid.kind(), Some(CryptogramKind::Approved));
        asked
    }

    /// A script command with the issuer's MAC.
    pub(crate) fn scripted(&self, asked: Asked, command: &impl CardCommand) -> Command {
        let keys = test_card::card_keys(self.algorithm);
        let key = BlockKey::new(self.algorithm, keys.mac);
        sign(command.to_command(), |header, data| {
            cryptogram::script_mac(&key, asked.atc, &asked.request, header, data)
        })
    }

    pub(crate) fn script(&mut self, asked: Asked, command: &impl CardCommand) -> StatusWord {
        let command = self.scripted(asked, command);
        self.send(&command).sw
    }

    /// READ CAPP DATA, which makes the record current.
    pub(crate) fn read_capp(&mut self, sfi: u8, id: [u8; 2]) -> Result<Vec<u8>, StatusWord> {
        self.ask(&ReadCappData {
            sfi,
            id,
            random: None,
        })
    }

    /// SELECT, READ CAPP DATA, GET PROCESSING OPTIONS with DF60.
    pub(crate) fn begin_composite(
        &mut self,
        kind: u8,
        fen: i64,
        (sfi, id): (u8, [u8; 2]),
    ) -> Result<(GpoAnswer, Values), StatusWord> {
        self.select();
        self.read_capp(sfi, id)?;
        let mut terminal = self.terminal(TRANSIT, fen);
        terminal.insert(tag::COMPOSITE, vec![kind]);
        let answer = self.options(&terminal)?;
        Ok((answer, terminal))
    }

    /// UPDATE CAPP DATA CACHE with the MAC of a record's key.
    pub(crate) fn update(
        &mut self,
        key: [u8; 16],
        sfi: u8,
        record: &[u8],
    ) -> Result<(), StatusWord> {
        let atc = self.atc();
        let update = UpdateCappCache {
            sfi,
            record: record.to_vec(),
            mac: [0; 4],
        };
        let key = BlockKey::new(self.algorithm, key);
        let command = sign(update.to_command(), |header, data| {
            cryptogram::composite_mac(&key, atc, header, data)
        });
        match self.send(&command).sw {
            sw if sw.is_ok() => Ok(()),
            sw => Err(sw),
        }
    }

    /// APPEND RECORD with a new key, by the file's opening key.
    pub(crate) fn append(
        &mut self,
        sfi: u8,
        key: [u8; 16],
        record: &[u8],
    ) -> Result<(), StatusWord> {
        let atc = self.atc();
        let opening = BlockKey::new(self.algorithm, test_card::file_key(sfi));
        let mut enciphered_key = key;
        opening
            .encrypt_blocks(&mut enciphered_key)
            .expect("whole blocks");
        let append = AppendRecord {
            sfi,
            enciphered_key,
            record: record.to_vec(),
            mac: [0; 4],
        };
        let command = sign(append.to_command(), |header, data| {
            cryptogram::composite_mac(&opening, atc, header, data)
        });
        match self.send(&command).sw {
            sw if sw.is_ok() => Ok(()),
            sw => Err(sw),
        }
    }
}
