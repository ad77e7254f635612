//! The long dialogue: cryptograms, the issuer's answer, signatures and the PIN.

use alloc::vec::Vec;

use tongtu_apdu::{Response, StatusWord, tlv};
use tongtu_ecash::command::{
    ExternalAuthenticate, GenerateAc, GenerateAcAnswer, InternalAuthenticate, Verify,
};
use tongtu_ecash::perso::dgi;
use tongtu_ecash::{
    Aip, Cid, CryptogramKind, Cvr, CvrFlag, Dol, GpoAnswer, Values, cryptogram, tag,
};
use zeroize::Zeroizing;

use super::state::{self, Counters, Flag, KeyRole};
use super::tap::{self, element};
use super::{Phase, Session, not_blocked};
use crate::context::{Context, Halt};

/// How far the cryptograms went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// None yet.
    Begun,
    /// The first was an ARQC.
    Asked,
    /// The last one is out.
    Finished,
}

/// A long dialogue under way.
pub(super) struct Long {
    pub(super) atc: u16,
    /// What the terminal said so far, by all lists.
    pub(super) terminal: Values,
    /// The request cryptogram.
    pub(super) request: Option<[u8; 8]>,
    /// Whether the issuer's answer was right, once it was heard.
    pub(super) issuer: Option<bool>,
    step: Step,
}

impl Long {
    /// GET PROCESSING OPTIONS of the long dialogue.
    pub(super) fn begin(
        ctx: &mut Context<'_>,
        mut counters: Counters,
        terminal: Values,
    ) -> Result<(Self, Response), Halt> {
        let template = ctx.get(dgi::LONG).ok_or(StatusWord::CONDITIONS)?;
        let answer = GpoAnswer::parse(&tlv::object(tag::ANSWER, template))
            .map_err(|_| StatusWord::CONDITIONS)?;
        counters.atc += 1;
        counters.stage(ctx);
        ctx.commit()?;
        let long = Self {
            atc: counters.atc,
            terminal,
            request: None,
            issuer: None,
            step: Step::Begun,
        };
        Ok((long, Response::ok(answer.encode())))
    }
}

/// What an online transaction has for its issuer's commands.
pub(super) struct Asked<'a> {
    pub(super) atc: u16,
    pub(super) request: [u8; 8],
    pub(super) terminal: &'a Values,
    pub(super) issuer: &'a mut Option<bool>,
}

impl Session {
    /// The transaction that the issuer was asked about, in either dialogue; none when another
    /// channel began a newer one.
    pub(super) fn asked(&mut self, ctx: &Context<'_>) -> Option<Asked<'_>> {
        let now = Counters::read(ctx).atc;
        let asked = match &mut self.phase {
            Phase::Tap(tap) if tap.kind == CryptogramKind::Online => Some(Asked {
                atc: tap.atc,
                request: tap.cryptogram,
                terminal: &tap.terminal,
                issuer: &mut tap.issuer,
            }),
            Phase::Long(long) => Some(Asked {
                atc: long.atc,
                request: long.request?,
                terminal: &long.terminal,
                issuer: &mut long.issuer,
            }),
            _ => None,
        };
        asked.filter(|asked| asked.atc == now)
    }

    /// GENERATE AC, the first and the second.
    pub(super) fn generate_ac(
        &mut self,
        ctx: &mut Context<'_>,
        command: &GenerateAc,
    ) -> Result<Response, Halt> {
        let Phase::Long(long) = &mut self.phase else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let list = match long.step {
            Step::Begun => tag::CDOL1,
            Step::Asked => tag::CDOL2,
            Step::Finished => return Err(StatusWord::CONDITIONS.into()),
        };
        let list = list_of(ctx, list).unwrap_or_default();
        let values = list
            .split(&command.values)
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        long.terminal.extend(values);
        let counters = Counters::read(ctx);
        if counters.atc != long.atc {
            return Err(StatusWord::CONDITIONS.into());
        }
        let answer = match long.step {
            Step::Begun => long.first(ctx, counters, command.kind)?,
            _ => long.second(ctx, counters, command.kind)?,
        };
        Ok(Response::ok(answer.encode()))
    }

    /// EXTERNAL AUTHENTICATE: the issuer's answer, heard once.
    pub(super) fn external_authenticate(
        &mut self,
        ctx: &mut Context<'_>,
        command: ExternalAuthenticate,
    ) -> Result<Response, Halt> {
        let asked = self.asked(ctx).ok_or(StatusWord::CONDITIONS)?;
        if asked.issuer.is_some() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let algorithm = state::algorithm(ctx);
        let key = state::key(ctx, algorithm, KeyRole::Cryptogram);
        let key = key.ok_or(StatusWord::CONDITIONS)?;
        let expected =
            cryptogram::response_cryptogram(&key, asked.atc, &asked.request, command.arc);
        let holds = tongtu_crypto::equal(&expected, &command.cryptogram);
        let mut counters = Counters::read(ctx);
        counters.set(Flag::AuthenticationFailed, !holds);
        counters.set(Flag::AuthenticationMissing, false);
        if matches!(self.phase, Phase::Tap(_)) && holds {
            // A tap has no second cryptogram: the right answer finishes it.
            counters.set(Flag::OnlineUnfinished, false);
            counters.set(Flag::ScriptFailed, false);
            counters.last_online = counters.atc;
            counters.scripts = 0;
        }
        counters.stage(ctx);
        ctx.commit()?;
        if let Some(asked) = self.asked(ctx) {
            *asked.issuer = Some(holds);
        }
        if holds {
            Ok(Response::ok([]))
        } else {
            Err(StatusWord::AUTH_FAILED.into())
        }
    }

    /// INTERNAL AUTHENTICATE: a signature over what the terminal sends.
    pub(super) fn internal_authenticate(
        &mut self,
        ctx: &mut Context<'_>,
        command: &InternalAuthenticate,
    ) -> Result<Response, Halt> {
        let atc = match &self.phase {
            Phase::Long(long) => long.atc,
            Phase::Tap(tap) => tap.atc,
            Phase::Idle | Phase::Over => return Err(StatusWord::CONDITIONS.into()),
        };
        let list = list_of(ctx, tag::DDOL).unwrap_or_else(|| Dol::new([(tag::UNPREDICTABLE, 4)]));
        if command.values.len() != list.data_len() {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        let algorithm = state::algorithm(ctx);
        let key = state::signing_key(ctx, algorithm).ok_or(StatusWord::CONDITIONS)?;
        let signed = key.sign_dynamic(atc, &command.values, ctx.entropy);
        Ok(Response::ok(tlv::object(tag::ANSWER_PLAIN, &signed)))
    }
}

impl Long {
    /// UNSPECIFIED: this profile pays by tap only, so a first TC is always asked of the
    /// issuer first.
    fn first(
        &mut self,
        ctx: &mut Context<'_>,
        mut counters: Counters,
        asked: CryptogramKind,
    ) -> Result<GenerateAcAnswer, Halt> {
        let kind = match asked {
            CryptogramKind::Declined => CryptogramKind::Declined,
            CryptogramKind::Approved | CryptogramKind::Online => CryptogramKind::Online,
        };
        let cvr = tap::remembered(Cvr::first_ac(kind), ctx, &counters);
        let answer = self.cryptogram(ctx, kind, cvr)?;
        if kind == CryptogramKind::Online {
            counters.set(Flag::OnlineUnfinished, true);
            counters.stage(ctx);
            ctx.commit()?;
            self.request = Some(answer.cryptogram);
            self.step = Step::Asked;
        } else {
            self.step = Step::Finished;
        }
        Ok(answer)
    }

    fn second(
        &mut self,
        ctx: &mut Context<'_>,
        mut counters: Counters,
        asked: CryptogramKind,
    ) -> Result<GenerateAcAnswer, Halt> {
        let approved = asked == CryptogramKind::Approved && self.issuer == Some(true);
        let kind = if approved {
            CryptogramKind::Approved
        } else {
            CryptogramKind::Declined
        };
        let mut cvr = tap::remembered(Cvr::second_ac(kind), ctx, &counters);
        if self.issuer == Some(false) {
            cvr = cvr.with(CvrFlag::IssuerAuthenticationFailed);
        }
        let answer = self.cryptogram(ctx, kind, cvr)?;
        counters.set(Flag::OnlineUnfinished, false);
        counters.set(Flag::AuthenticationMissing, self.issuer.is_none());
        if self.issuer == Some(true) {
            counters.set(Flag::ScriptFailed, false);
            counters.last_online = counters.atc;
            counters.scripts = 0;
        }
        counters.stage(ctx);
        ctx.commit()?;
        self.step = Step::Finished;
        Ok(answer)
    }

    fn cryptogram(
        &self,
        ctx: &Context<'_>,
        kind: CryptogramKind,
        cvr: Cvr,
    ) -> Result<GenerateAcAnswer, Halt> {
        let template = ctx.get(dgi::TAP).ok_or(StatusWord::CONDITIONS)?;
        let aip = ctx.get(dgi::LONG).and_then(|long| element(long, tag::AIP));
        let aip = aip.and_then(Aip::read).ok_or(StatusWord::CONDITIONS)?;
        let balance = state::balance(ctx);
        let (iad, cryptogram) =
            tap::sealed(ctx, &self.terminal, template, aip, self.atc, cvr, balance)?;
        Ok(GenerateAcAnswer {
            cid: Cid::new(kind),
            atc: self.atc,
            cryptogram,
            iad: iad.encode(),
        })
    }
}

/// A list that stands in one of the application's records.
fn list_of(ctx: &Context<'_>, tag: tlv::Tag) -> Option<Dol> {
    let ids = ctx.ids_of(ctx.owner);
    let records = ids.iter().filter(|id| {
        let [sfi, number] = id.number.to_be_bytes();
        (1..=state::LAST_RECORD_FILE).contains(&sfi) && number != 0
    });
    let list = records
        .filter_map(|id| tlv::find_deep(ctx.get(id.number)?, tag))
        .next()?;
    Dol::parse(list).ok()
}

/// VERIFY: the PIN in clear. The try is spent before the comparison: pulling the card out never
/// saves one.
pub(super) fn verify(ctx: &mut Context<'_>, command: &Verify) -> Result<Response, Halt> {
    not_blocked(&Counters::read(ctx))?;
    let pin = ctx.get(state::PIN).ok_or(StatusWord::REFERENCE_INVALID)?;
    let Some([left, limit]) = ctx.get(state::PIN_TRIES) else {
        return Err(StatusWord::REFERENCE_INVALID.into());
    };
    let (left, limit) = (*left, *limit);
    if left == 0 {
        return Err(StatusWord::AUTH_BLOCKED.into());
    }
    let pin = Zeroizing::new(pin.to_vec());
    ctx.put(state::PIN_TRIES, Vec::from([left - 1, limit]));
    ctx.commit()?;
    if !tongtu_crypto::equal(&pin, &command.block) {
        return Err(StatusWord::tries_left(left - 1).into());
    }
    ctx.put(state::PIN_TRIES, Vec::from([limit, limit]));
    ctx.commit()?;
    Ok(Response::ok([]))
}
