//! The record of a ride by face.

use alloc::boxed::Box;

use tongtu_apdu::StatusWord;
use tongtu_codec::hex_decode;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction as BusDirection, Industry, Institution,
    Kind, Limit, Serial, Terminal, Terminal8,
};
use tongtu_ride_code::record::Direction;
use tongtu_tap_record::{
    FaceProof, Mac2State, Magic, RecordKind, Recovery, Stage, TapRecord, Version,
};
use tongtu_types::Timestamp;

use super::flow::Recognised;
use super::{Candidate, EngineId, Enrolled, Ranking};
use crate::fares::Charge;
use crate::{Notice, OpenEntry, OutOfService, Profile};

/// What a record is made from.
pub(super) struct Made<'a> {
    pub(super) rider: &'a Enrolled,
    pub(super) gallery: u64,
    pub(super) engine: EngineId,
    pub(super) recognised: Recognised,
    pub(super) charge: Charge,
    pub(super) entry: Option<OpenEntry>,
    pub(super) now: Timestamp,
    pub(super) seq: u64,
}

impl Made<'_> {
    pub(super) fn record(&self, profile: &Profile) -> Result<TapRecord, OutOfService> {
        let stage = match profile.post.direction() {
            Direction::Single => Stage::Single,
            Direction::Entry => Stage::Entry,
            Direction::Exit => Stage::Exit,
        };
        let score = |c: Option<Candidate>| c.map_or(0, |c| c.score.get());
        let Ranking { best, second } = self.recognised.ranking;
        // Confirmed by the second factor it may be the next one that rides.
        let (own, other) = match second {
            Some(second) if second.index == self.recognised.rider => (Some(second), best),
            _ => (best, second),
        };
        let proof = FaceProof {
            handle: self.rider.handle.0,
            gallery: self.gallery,
            engine: self.engine.0,
            score: score(own),
            second: score(other),
            live: true.into(),
            digits: self.recognised.digits.into(),
            consent: self.rider.consent.terms,
            reserved: [0; 38],
        };
        let mut own = [0; FaceProof::LEN];
        proof
            .encode_into(&mut own)
            .map_err(|error| OutOfService::Face(Box::new(error)))?;
        let at = DateTime::of(self.now);
        let amount = self.charge.amount.get();
        let amount = u32::try_from(amount).map(Amount::new).unwrap_or_default();
        let entry = self
            .entry
            .filter(|_| stage == Stage::Exit && self.charge.notice != Some(Notice::NoEntry));
        let acceptor = Institution::of(profile.acquirer);
        let terminal = hex_decode(profile.terminal.as_str()).ok();
        let terminal = terminal.and_then(|bytes| bytes.try_into().ok());
        let terminal = Terminal(terminal.expect("twelve digits are six bytes"));
        Ok(TapRecord {
            magic: Magic,
            version: Version::One,
            kind: RecordKind::Face,
            stage,
            mac2: Mac2State::None,
            recovery: Recovery::Plain,
            status: StatusWord::OK,
            acceptor,
            city: acceptor.city(),
            psam: PsamSerial([0; 10]),
            terminal,
            // The store's own number, as a module's would be.
            terminal_sequence: u32::try_from(self.seq & 0xFFFF_FFFF).expect("32 bits"),
            at,
            recorder: terminal,
            recorded_at: at,
            serial: Serial::of(&self.rider.account),
            issuer: Institution::of(self.rider.issuer),
            card_city: Institution::of(self.rider.issuer).city(),
            interop: 0,
            card_kind: CardKind::ORDINARY,
            sequence: 0,
            transaction: Kind(0),
            key_index: 0,
            key_version: 0,
            algorithm: 0,
            random: [0; 4],
            amount,
            before: Balance::from_bytes([0; 4]),
            after: Balance::from_bytes([0; 4]),
            overdraft: Limit::ZERO,
            tac: [0; 4],
            mac2_code: [0; 4],
            base: amount,
            discount: Amount::ZERO,
            transfer: Amount::ZERO,
            penalty: Amount::ZERO,
            arrears: Amount::ZERO,
            marked: Amount::ZERO,
            industry: match profile.post.category() {
                tongtu_ride_code::record::CATEGORY_METRO => Industry::RAIL,
                _ => Industry::BUS,
            },
            operator: [0; 2],
            line: profile.post.line(),
            station: text(profile.post.station().as_ref().map_or("", |s| s.as_str())),
            direction: BusDirection(0),
            vehicle: text(profile.post.vehicle().as_ref().map_or("", |v| v.as_str())),
            origin_institution: Institution([0; 8]),
            origin_city: City([0; 2]),
            origin_line: [0; 2],
            origin_station: text(entry.as_ref().map_or("", |e| e.station.as_str())),
            origin_terminal: Terminal8([0; 8]),
            origin_at: entry.map_or(DateTime([0; 7]), |e| DateTime::of(e.at)),
            software: profile.software,
            fares: self.charge.fare_version,
            parameters: 0,
            white_list: 0,
            blacklist: 0,
            own,
        })
    }
}

/// Characters from the left, zeros behind them.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let len = text.len().min(N);
    out[..len].copy_from_slice(&text.as_bytes()[..len]);
    out
}
