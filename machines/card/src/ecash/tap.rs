//! One tap: what GET PROCESSING OPTIONS decides, and the debit at the last record.
//!
//! Order of decision: form and length; state (blocked, a second time, counter at its end); a
//! common way to pay; what a composite payment needs; then currency, the terminal's wish to go
//! online, amount zero, limit, balance. Only after the decision the counter is raised, in a
//! commit of its own that nothing takes back.

use alloc::vec::Vec;

use tongtu_apdu::{Response, StatusWord, tlv};
use tongtu_ecash::command::GetProcessingOptions;
use tongtu_ecash::cryptogram::{self, CryptogramInput};
use tongtu_ecash::perso::dgi;
use tongtu_ecash::{
    Afl, Aip, Amount, CompositeKind, CryptogramKind, Ctq, Cvr, CvrFlag, Dol, Fci, GpoAnswer, Iad,
    IssuerBalance, IssuerData, Tap as TapAnswer, Ttq, Values, oda, tag,
};

use super::composite::{self, Cached, Current};
use super::online::Long;
use super::state::{self, Counters, Flag, KeyRole, Proof};
use super::{Phase, Session, not_blocked};
use crate::context::{Context, Halt};

/// What a completed payment leaves.
struct Pending {
    balance: Amount,
    offset_used: Amount,
    /// What is set aside for the current record from now on; `None` leaves it.
    aside: Option<Amount>,
    cached: Vec<Cached>,
}

/// A tap under way.
pub(super) struct Tap {
    pub(super) atc: u16,
    pub(super) terminal: Values,
    pub(super) kind: CryptogramKind,
    pub(super) cryptogram: [u8; 8],
    /// Whether the issuer's answer was right, once it was heard.
    pub(super) issuer: Option<bool>,
    composite: Option<CompositeKind>,
    current: Option<Current>,
    last: Option<(u8, u8)>,
    pending: Option<Pending>,
    /// The card's part of an fDDA of version 01, in the place of 9F69.
    authentication: Option<[u8; 8]>,
    /// The signature, when it did not fit into the answer.
    signature: Option<Vec<u8>>,
}

/// A decision, before the counter is raised.
struct Decision {
    kind: CryptogramKind,
    limit_exceeded: bool,
    pending: Option<Pending>,
}

/// What a tap is about, read from the PDOL's values.
struct Request {
    terminal: Values,
    ttq: Ttq,
    amount: Amount,
    composite: Option<CompositeKind>,
    current: Option<Current>,
}

impl Session {
    /// GET PROCESSING OPTIONS.
    pub(super) fn options(
        &mut self,
        ctx: &mut Context<'_>,
        command: &GetProcessingOptions,
    ) -> Result<Response, Halt> {
        let fci = ctx.get(dgi::FCI).ok_or(StatusWord::CONDITIONS)?;
        let fci = Fci::parse_proprietary(&[], fci).map_err(|_| StatusWord::CONDITIONS)?;
        let pdol = fci.pdol.ok_or(StatusWord::CONDITIONS)?;
        let terminal = pdol
            .split(&command.values)
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        let mut counters = Counters::read(ctx);
        if !matches!(self.phase, Phase::Idle) {
            return Err(StatusWord::CONDITIONS.into());
        }
        not_blocked(&counters)?;
        if counters.atc == u16::MAX {
            counters.set(Flag::Blocked, true);
            counters.stage(ctx);
            ctx.commit()?;
            return Err(StatusWord::CONDITIONS.into());
        }
        let ttq = terminal.get(&tag::TTQ).and_then(|ttq| Ttq::read(ttq));
        match ttq {
            Some(ttq) if ttq.qpboc() => self.tap(ctx, counters, terminal, ttq),
            Some(ttq) if !ttq.contact() && !ttq.contactless() => Err(StatusWord::CONDITIONS.into()),
            _ => {
                let (long, response) = Long::begin(ctx, counters, terminal)?;
                self.phase = Phase::Long(long);
                Ok(response)
            }
        }
    }

    fn tap(
        &mut self,
        ctx: &mut Context<'_>,
        counters: Counters,
        terminal: Values,
        ttq: Ttq,
    ) -> Result<Response, Halt> {
        let amount = match terminal.get(&tag::AMOUNT) {
            Some(amount) => super::amount(amount)?,
            None => Amount::ZERO,
        };
        let request = Request {
            composite: composite_kind(ctx, &terminal),
            current: self.current,
            terminal,
            ttq,
            amount,
        };
        let decision = decide(ctx, &request)?;
        let (tap, response) = answer(ctx, counters, request, decision)?;
        self.phase = Phase::Tap(tap);
        Ok(response)
    }
}

/// What DF60 means on a card with this DF61; anything else is a plain payment.
fn composite_kind(ctx: &Context<'_>, terminal: &Values) -> Option<CompositeKind> {
    let support = composite::support(ctx)?;
    let kind = CompositeKind::from_byte(*terminal.get(&tag::COMPOSITE)?.first()?)?;
    let pre_authorises = support.pre_authorisation();
    let supported = match kind {
        CompositeKind::Segmented => support.segmented() || pre_authorises,
        CompositeKind::PreAuthorisation | CompositeKind::Completion => pre_authorises,
    };
    supported.then_some(kind)
}

fn decide(ctx: &Context<'_>, request: &Request) -> Result<Decision, Halt> {
    let aside = check_record(ctx, request)?;
    let refuse = |limit_exceeded| Decision {
        kind: if request.ttq.offline_only() {
            CryptogramKind::Declined
        } else {
            CryptogramKind::Online
        },
        limit_exceeded,
        pending: None,
    };
    let own = ctx.get(state::element(tag::APP_CURRENCY));
    let currency = request.terminal.get(&tag::CURRENCY);
    if currency.is_some_and(|currency| Some(currency.as_slice()) != own) {
        return Ok(refuse(false));
    }
    // UNSPECIFIED: a zero amount that is no composite payment asks the issuer; the card
    // debits nothing and says its balance either way.
    let nothing = request.amount.is_zero() && request.composite.is_none();
    if request.ttq.online_required() || nothing {
        return Ok(refuse(false));
    }
    // UNSPECIFIED: the reset threshold (9F6D) belongs to the contact dialogue; a tap that the
    // balance pays does not look at it.
    if request.amount > state::limit(ctx, tag::SINGLE_LIMIT) {
        return Ok(refuse(true));
    }
    Ok(match settle(ctx, request, aside) {
        Some(pending) => Decision {
            kind: CryptogramKind::Approved,
            limit_exceeded: false,
            pending: Some(pending),
        },
        None => refuse(true),
    })
}

/// What a composite payment needs of the record it is about; returns what is set aside for it.
fn check_record(ctx: &Context<'_>, request: &Request) -> Result<Amount, Halt> {
    let Some(kind) = request.composite else {
        return Ok(Amount::ZERO);
    };
    let current = request.current.ok_or(StatusWord::CONDITIONS)?;
    let file = composite::file(ctx, current.sfi).ok_or(StatusWord::CONDITIONS)?;
    match (kind, file.set_aside(ctx, current.id)) {
        // 6972 as seen in public implementations.
        (CompositeKind::PreAuthorisation, Some(_)) => Err(StatusWord::new(0x6972).into()),
        (CompositeKind::Completion, None) => Err(StatusWord::CONDITIONS.into()),
        (_, aside) => Ok(aside.unwrap_or(Amount::ZERO)),
    }
}

/// The sums after a payment; `None` when the card cannot pay it.
fn settle(ctx: &Context<'_>, request: &Request, aside: Amount) -> Option<Pending> {
    let (balance, used) = (state::balance(ctx), state::offset_used(ctx));
    let amount = request.amount;
    let pending = |balance, offset_used, aside| Pending {
        balance,
        offset_used,
        aside,
        cached: Vec::new(),
    };
    match request.composite {
        None => Some(pending(balance.minus(amount)?, used, None)),
        Some(CompositeKind::Segmented) => {
            let (balance, used) = pay_with_offset(ctx, balance, used, amount)?;
            Some(pending(balance, used, None))
        }
        Some(CompositeKind::PreAuthorisation) => {
            Some(pending(balance.minus(amount)?, used, Some(amount)))
        }
        Some(CompositeKind::Completion) => {
            // What is left of the amount set aside first pays back the offset.
            let left = aside.minus(amount).unwrap_or(Amount::ZERO);
            let back = left.min(used);
            let pot = balance.plus(aside)?.minus(back)?;
            let (balance, used) = pay_with_offset(ctx, pot, used.minus(back)?, amount)?;
            Some(pending(balance, used, Some(Amount::ZERO)))
        }
    }
}

/// Pays from the balance, and what is missing from the offset (抵扣) up to its limit.
fn pay_with_offset(
    ctx: &Context<'_>,
    balance: Amount,
    used: Amount,
    amount: Amount,
) -> Option<(Amount, Amount)> {
    match balance.minus(amount) {
        Some(balance) => Some((balance, used)),
        None => {
            let used = used.plus(amount.minus(balance)?)?;
            (used <= state::limit(ctx, tag::OFFSET_LIMIT)).then_some((Amount::ZERO, used))
        }
    }
}

/// Raises the counter, makes cryptogram and signature, and writes the answer.
fn answer(
    ctx: &mut Context<'_>,
    mut counters: Counters,
    request: Request,
    decision: Decision,
) -> Result<(Tap, Response), Halt> {
    let Decision {
        kind,
        limit_exceeded,
        pending,
    } = decision;
    let template = ctx.get(dgi::TAP).ok_or(StatusWord::CONDITIONS)?.to_vec();
    let aip = element(&template, tag::AIP)
        .and_then(Aip::read)
        .ok_or(StatusWord::CONDITIONS)?;
    let afl = element(&template, tag::AFL)
        .and_then(|afl| Afl::parse(afl).ok())
        .ok_or(StatusWord::CONDITIONS)?;
    let algorithm = state::algorithm(ctx);
    let signing = state::signing_key(ctx, algorithm);
    let approved = kind == CryptogramKind::Approved;
    let mut cvr = remembered(Cvr::tap(kind), ctx, &counters);
    if limit_exceeded {
        cvr = cvr.with(CvrFlag::LimitExceeded);
    }
    if approved && signing.is_some() {
        cvr = cvr.with(CvrFlag::DdaPerformed);
    }
    let balance = pending.as_ref().map_or(state::balance(ctx), |p| p.balance);
    counters.atc += 1;
    if kind == CryptogramKind::Online {
        counters.set(Flag::OnlineUnfinished, true);
    }
    let atc = counters.atc;
    let (iad, cryptogram) = sealed(ctx, &request.terminal, &template, aip, atc, cvr, balance)?;
    // A pre-authorisation is no payment: nothing that could be settled leaves the card.
    let cryptogram = match request.composite {
        Some(CompositeKind::PreAuthorisation) if approved => [0; 8],
        _ => cryptogram,
    };
    counters.stage(ctx);
    ctx.commit()?;

    let ctq = ctq(ctx, &template, &request);
    let mut tap = Tap {
        atc,
        kind,
        cryptogram,
        issuer: None,
        composite: request.composite.filter(|_| approved),
        current: request.current,
        last: afl.last_record().filter(|_| approved),
        pending,
        authentication: None,
        signature: None,
        terminal: request.terminal,
    };
    let mut answer = GpoAnswer {
        aip,
        afl: approved.then_some(afl),
        tap: Some(TapAnswer {
            atc,
            track2: element(&template, tag::TRACK2).map(<[u8]>::to_vec),
            iad: iad.encode(),
            cryptogram,
            pan_sequence: element(&template, tag::PAN_SEQUENCE).and_then(|n| n.first().copied()),
            cid: None,
            ctq: Some(ctq),
            available: Some(balance),
            signed_dynamic: None,
            other: Vec::new(),
        }),
    };
    if let Some(key) = signing.filter(|_| approved) {
        tap.authentication = authentication(ctx, &answer, ctq);
        let data = oda::tap_data(&tap.terminal, tap.authentication.as_ref().map(|a| &a[..]));
        let signature = key.sign_dynamic(atc, &data, ctx.entropy);
        place(&mut answer, &mut tap, signature);
    }
    Ok((tap, Response::ok(answer.encode())))
}

/// The signature goes into the answer when it fits, else into the last record.
fn place(answer: &mut GpoAnswer, tap: &mut Tap, signature: Vec<u8>) {
    let room = 256usize.saturating_sub(answer.encode().len() + 8);
    match &mut answer.tap {
        Some(parts) if signature.len() <= room => parts.signed_dynamic = Some(signature),
        _ => tap.signature = Some(signature),
    }
}

/// The card's part of an fDDA: `01 | random 4 | CTQ | 00`, when a record has a 9F69 for it.
fn authentication(ctx: &mut Context<'_>, answer: &GpoAnswer, ctq: Ctq) -> Option<[u8; 8]> {
    let records = answer.afl.as_ref()?.records();
    let found = records.into_iter().any(|(sfi, number, _)| {
        ctx.get(u16::from_be_bytes([sfi, number]))
            .and_then(|record| tlv::find_deep(record, tag::CARD_AUTHENTICATION))
            .is_some_and(|value| value.len() == 8 && value.first() == Some(&1))
    });
    if !found {
        return None;
    }
    let [a, b, c, d]: [u8; 4] = ctx.random();
    let Ctq([high, low]) = ctq;
    Some([1, a, b, c, d, high, low, 0])
}

/// What the card asks of the cardholder; above the CVM limit a signature or online PIN.
fn ctq(ctx: &Context<'_>, template: &[u8], request: &Request) -> Ctq {
    let mut ctq = element(template, tag::CTQ)
        .and_then(Ctq::read)
        .unwrap_or_default();
    if request.amount > state::limit(ctx, tag::CVM_LIMIT) {
        if request.ttq.online_pin() && !request.ttq.offline_only() {
            ctq.0[0] |= 0x80;
        } else if request.ttq.signature() {
            ctq.0[0] |= 0x40;
        }
    }
    ctq
}

/// What the card verification results say of earlier transactions.
pub(super) fn remembered(cvr: Cvr, ctx: &Context<'_>, counters: &Counters) -> Cvr {
    let mut cvr = cvr.with_scripts(counters.scripts);
    for (flag, said) in [
        (Flag::OnlineUnfinished, CvrFlag::LastOnlineUnfinished),
        (
            Flag::AuthenticationFailed,
            CvrFlag::LastAuthenticationFailed,
        ),
        (
            Flag::AuthenticationMissing,
            CvrFlag::LastAuthenticationMissing,
        ),
        (Flag::ScriptFailed, CvrFlag::ScriptFailed),
    ] {
        if counters.has(flag) {
            cvr = cvr.with(said);
        }
    }
    if counters.last_online == 0 {
        cvr = cvr.with(CvrFlag::NewCard);
    }
    if matches!(ctx.get(state::PIN_TRIES), Some([0, ..])) {
        cvr = cvr.with(CvrFlag::PinBlocked);
    }
    cvr
}

/// Issuer application data with the balance, and the cryptogram.
pub(super) fn sealed(
    ctx: &Context<'_>,
    terminal: &Values,
    template: &[u8],
    aip: Aip,
    atc: u16,
    cvr: Cvr,
    balance: Amount,
) -> Result<(Iad, [u8; 8]), Halt> {
    let algorithm = state::algorithm(ctx);
    let key = |role| state::key(ctx, algorithm, role).ok_or(StatusWord::CONDITIONS);
    let input = CryptogramInput {
        terminal,
        aip: aip.0,
        atc,
        cvr,
    };
    let given = element(template, tag::IAD).and_then(|iad| Iad::parse(iad).ok());
    let iad = Iad {
        key_index: given.map_or(1, |iad| iad.key_index),
        cvn: cryptogram::CVN,
        cvr,
        algorithm: Iad::algorithm_byte(algorithm),
        issuer: IssuerData::Balance(IssuerBalance {
            balance,
            mac: cryptogram::balance_mac(&key(KeyRole::Mac)?, atc, balance),
        }),
    };
    Ok((iad, input.cryptogram(&key(KeyRole::Cryptogram)?)))
}

/// An element of a personalised answer template.
pub(super) fn element(template: &[u8], tag: tlv::Tag) -> Option<&[u8]> {
    tlv::find(template, tag).ok()
}

impl Tap {
    /// Whether the debit waits for the last record.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Counter and waiting records of a composite payment that was approved.
    pub(super) fn composite_cache(&mut self) -> Option<(u16, &mut Vec<Cached>)> {
        self.composite?;
        Some((self.atc, &mut self.pending.as_mut()?.cached))
    }

    /// The debit, when this is the last record; everything in one commit.
    pub(super) fn complete_at(
        &mut self,
        ctx: &mut Context<'_>,
        sfi: u8,
        number: u8,
    ) -> Result<(), Halt> {
        if self.last != Some((sfi, number)) {
            return Ok(());
        }
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        if self.composite.is_some() && pending.cached.is_empty() {
            // 6974 as seen in public implementations: debit and record go together.
            return Err(StatusWord::new(0x6974).into());
        }
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        if Counters::read(ctx).atc != self.atc {
            // Another channel began a transaction since: these sums are of the past.
            return Err(StatusWord::CONDITIONS.into());
        }
        state::set_balance(ctx, pending.balance);
        state::set_offset_used(ctx, pending.offset_used);
        composite::write_cached(ctx, pending.cached);
        if let (Some(aside), Some(current)) = (pending.aside, self.current)
            && let Some(file) = composite::file(ctx, current.sfi)
        {
            file.put_aside(ctx, current.id, aside);
        }
        if self.composite != Some(CompositeKind::PreAuthorisation) {
            let format = ctx.get(state::element(tag::LOG_FORMAT)).unwrap_or_default();
            let format = Dol::parse(format).unwrap_or_default();
            let mut values = self.terminal.clone();
            values.insert(tag::ATC, self.atc.to_be_bytes().to_vec());
            state::LOG.push(ctx, format.fill(&values));
        }
        let proof = Proof {
            atc: self.atc,
            cryptogram: self.cryptogram,
        };
        proof.stage(ctx);
        ctx.commit()
    }

    /// A record with this tap's own values in the place of the personalised ones.
    pub(super) fn personal(&self, record: Vec<u8>, sfi: u8, number: u8) -> Vec<u8> {
        let signature = self
            .signature
            .as_ref()
            .filter(|_| self.last == Some((sfi, number)));
        let has_own = tlv::find_deep(&record, tag::CARD_AUTHENTICATION).is_some();
        if signature.is_none() && !(has_own && self.authentication.is_some()) {
            return record;
        }
        let Ok(inner) = tlv::find(&record, tag::RECORD) else {
            return record;
        };
        let mut body = Vec::new();
        for object in tlv::objects(inner).map_while(Result::ok) {
            match (&self.authentication, object.tag) {
                (Some(own), tag::CARD_AUTHENTICATION) => tlv::write(object.tag, own, &mut body),
                _ => tlv::write(object.tag, object.value, &mut body),
            }
        }
        if let Some(signature) = signature {
            tlv::write(tag::SIGNED_DYNAMIC, signature, &mut body);
        }
        tlv::object(tag::RECORD, &body)
    }
}
