//! The e-cash (电子现金) on the card.
//!
//! ```text
//!  SELECT ─▶ [READ CAPP DATA] ─▶ GPO ─▶ [UPDATE CAPP DATA CACHE]* ─▶ READ RECORD … last
//!                                 │ counter + 1, its own commit            │ balance, offset, set aside,
//!                                 │ never rolled back                      │ records, log, proof: one commit
//!                                 └▶ long dialogue: GENERATE AC ─▶ EXTERNAL AUTHENTICATE ─▶ scripts
//! ```
//!
//! Here: dispatch and selection. [`tap`] decides and completes a payment, [`online`] is the
//! long dialogue, [`script`] what an issuer may change, [`composite`] the extension files,
//! [`perso`] personalisation, [`state`] and [`ring`] how objects lie in the journal.

mod composite;
mod online;
mod perso;
mod ring;
mod script;
mod state;
mod tap;

use tongtu_apdu::{CardCommand, Command, Response, StatusWord, tlv};
use tongtu_ecash::command::{
    AppendRecord, ApplicationBlock, ApplicationUnblock, ExternalAuthenticate, GenerateAc,
    GetChallenge, GetData, GetProcessingOptions, GetTransProve, InternalAuthenticate, PinChange,
    PutData, ReadCappData, ReadRecord, UpdateCappCache, UpdateRecord, Verify,
};
use tongtu_ecash::{Amount, perso::dgi, tag};

use crate::context::{Context, DataGroup, Halt, fit};
use crate::factory::Group;
use composite::Current;
use online::Long;
use state::{Counters, Flag, Proof};
use tap::Tap;

impl From<tongtu_ecash::perso::Group> for Group {
    /// A personalised e-cash is on the card from the start.
    fn from(group: tongtu_ecash::perso::Group) -> Self {
        let tongtu_ecash::perso::Group { id, value } = group;
        Self { id, value }
    }
}

/// Where a selected instance stands.
enum Phase {
    /// Nothing has begun.
    Idle,
    /// GET PROCESSING OPTIONS made a tap of it.
    Tap(Tap),
    /// GET PROCESSING OPTIONS began the long dialogue.
    Long(Long),
    /// A payment was broken off; only a new selection helps.
    Over,
}

/// The volatile state of a selected instance.
pub(crate) struct Session {
    phase: Phase,
    /// The extension file, and record, read last.
    current: Option<Current>,
}

/// Stages the first objects of a new instance.
pub(crate) fn install(ctx: &mut Context<'_>, _parameters: &[u8]) -> Result<(), Halt> {
    Counters::default().stage(ctx);
    Ok(())
}

/// Stages what personalisation data say.
pub(crate) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    perso::personalise(ctx, groups)
}

/// Begins a session.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let proprietary = ctx.get(dgi::FCI).ok_or(StatusWord::CONDITIONS)?;
    let name = ctx.registry.entry(ctx.owner).map(|entry| entry.aid);
    let name = name.ok_or(StatusWord::NOT_FOUND)?;
    let mut body = tlv::object(tag::DF_NAME, name.as_bytes());
    tlv::write(tag::FCI_PROPRIETARY, proprietary, &mut body);
    let response = Response {
        data: tlv::object(tag::FCI, &body),
        sw: if Counters::read(ctx).has(Flag::Blocked) {
            StatusWord::BLOCKED_FILE
        } else {
            StatusWord::OK
        },
    };
    let session = Session {
        phase: Phase::Idle,
        current: None,
    };
    Ok((session, response))
}

impl Session {
    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        let result = self.dispatch(ctx, command);
        if result.is_err() {
            ctx.discard();
        }
        result
    }

    fn dispatch(&mut self, ctx: &mut Context<'_>, command: &Command) -> Result<Response, Halt> {
        match command.ins {
            GetProcessingOptions::INS => self.options(ctx, &parsed(command)?),
            ReadRecord::INS => self.read_record(ctx, command, parsed(command)?),
            GetData::INS => match GetData::from_command(command) {
                Ok(asked) => get_data(ctx, asked),
                Err(malformed) => Err(GetData::status(&malformed).into()),
            },
            GetChallenge::INS => Ok(challenge(ctx, parsed(command)?)),
            InternalAuthenticate::INS => self.internal_authenticate(ctx, &parsed(command)?),
            Verify::INS => online::verify(ctx, &parsed(command)?),
            GenerateAc::INS => self.generate_ac(ctx, &parsed(command)?),
            ExternalAuthenticate::INS => self.external_authenticate(ctx, parsed(command)?),
            PutData::INS => self.put_data(ctx, command, &parsed(command)?),
            UpdateRecord::INS => self.update_record(ctx, command, &parsed(command)?),
            ApplicationBlock::INS => self.block(ctx, command, parsed(command)?),
            ApplicationUnblock::INS => self.unblock(ctx, command, parsed(command)?),
            PinChange::INS => self.change_pin(ctx, command, &parsed(command)?),
            ReadCappData::INS => self.read_capp(ctx, parsed(command)?),
            UpdateCappCache::INS => self.update_capp(ctx, command, parsed(command)?),
            AppendRecord::INS => self.append_record(ctx, command, &parsed(command)?),
            GetTransProve::INS => prove(ctx, parsed(command)?),
            _ => Err(StatusWord::INS_NOT_SUPPORTED.into()),
        }
    }

    /// Whether a payment waits for its last record.
    fn is_paying(&self) -> bool {
        matches!(&self.phase, Phase::Tap(tap) if tap.is_pending())
    }

    /// READ RECORD: a record of the application, of a log, or of a cyclic extension file.
    fn read_record(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        read: ReadRecord,
    ) -> Result<Response, Halt> {
        let ReadRecord { sfi, number } = read;
        let answer = |record: &[u8]| {
            fit(command, record.len())?;
            Ok(Response::ok(record))
        };
        if let Some(log) = state::log_of(sfi) {
            let record = log.read(ctx, number).ok_or(StatusWord::RECORD_NOT_FOUND)?;
            return answer(record);
        }
        if let Some(file) = composite::file(ctx, sfi) {
            return answer(self.read_cyclic(ctx, &file, number)?);
        }
        let id = u16::from_be_bytes([sfi, number]);
        let is_record = number != 0 && (1..=state::LAST_RECORD_FILE).contains(&sfi);
        let Some(record) = ctx.get(id).filter(|_| is_record) else {
            return Err(if state::has_file(ctx, sfi) {
                StatusWord::RECORD_NOT_FOUND.into()
            } else {
                StatusWord::NOT_FOUND.into()
            });
        };
        let record = record.to_vec();
        match &mut self.phase {
            Phase::Tap(tap) => {
                let record = tap.personal(record, sfi, number);
                // A wrong Le is said before the debit: nobody has the record yet.
                fit(command, record.len())?;
                if let Err(halt) = tap.complete_at(ctx, sfi, number) {
                    if !tap.is_pending() {
                        self.phase = Phase::Over;
                    }
                    return Err(halt);
                }
                answer(&record)
            }
            _ => answer(&record),
        }
    }
}

/// Reads a typed command; what does not hold is its status word.
fn parsed<C: CardCommand>(command: &Command) -> Result<C, Halt> {
    Ok(C::from_command(command)?)
}

/// GET DATA: an element that may be given out.
fn get_data(ctx: &mut Context<'_>, GetData { tag }: GetData) -> Result<Response, Halt> {
    let value = match tag {
        tag::BALANCE | tag::AVAILABLE => state::balance(ctx).encode().to_vec(),
        tag::OFFSET_USED if ctx.get(state::element(tag::OFFSET_LIMIT)).is_some() => {
            state::offset_used(ctx).encode().to_vec()
        }
        tag::ATC => Counters::read(ctx).atc.to_be_bytes().to_vec(),
        tag::LAST_ONLINE_ATC => Counters::read(ctx).last_online.to_be_bytes().to_vec(),
        tag::PIN_TRIES => match ctx.get(state::PIN_TRIES) {
            Some([left, ..]) => [*left].into(),
            _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
        },
        other if state::READABLE.contains(&other) => ctx
            .get(state::element(other))
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
            .to_vec(),
        _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
    };
    Ok(Response::ok(tlv::object(tag, &value)))
}

fn challenge(ctx: &mut Context<'_>, GetChallenge { len }: GetChallenge) -> Response {
    let random: [u8; 8] = ctx.random();
    Response::ok(&random[..usize::from(len)])
}

/// GET TRANS PROVE: the cryptogram of the last completed payment.
fn prove(ctx: &mut Context<'_>, asked: GetTransProve) -> Result<Response, Halt> {
    match Proof::read(ctx) {
        Some(proof) if proof.atc == asked.atc => Ok(Response::ok(proof.cryptogram)),
        _ => Err(StatusWord::NO_PROOF.into()),
    }
}

/// Refuses everything but the unblocking of a blocked instance.
fn not_blocked(counters: &Counters) -> Result<(), Halt> {
    if counters.has(Flag::Blocked) {
        Err(StatusWord::CONDITIONS.into())
    } else {
        Ok(())
    }
}

/// An amount of six bytes, or the status word of wrong data.
fn amount(bytes: &[u8]) -> Result<Amount, Halt> {
    Amount::decode(bytes).map_err(|_| StatusWord::WRONG_DATA.into())
}
