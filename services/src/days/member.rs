//! The books of a city's institution: what it earned as acquirer, what it debits as issuer.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_clearing::posting::{
    AcquirerRide, CardMoney, IssuerRide, Pocket, acquirer_ride, issuer_ride, member_rounding,
};
use tongtu_clearing::{DayResult, Fees};
use tongtu_crypto::Algorithm;
use tongtu_exchange_file::{
    AlgorithmFlag, BalanceKind, ClCardTail, ClCashTail, ClRecord, ClTail, FbRecord, TailTag,
    TradeState,
};
use tongtu_hsm::MacScheme;
use tongtu_keyring::code::Purpose;
use tongtu_ledger::{AccountKind, AccountName, Entry};
use tongtu_purse::field::{Amount, DateTime, Institution, Kind, Serial, Terminal};
use tongtu_purse::proof::Deal;
use tongtu_ride_code::record::Direction;
use tongtu_sql::{ChargedRow, JudgedRow, SerialRow, SettlementRow, Tx};
use tongtu_tap_record::TapRecord;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, LineCode, RecordId, Timestamp,
};

use super::upper::{Upper, fees, is_settled};
use crate::cards::table;
use crate::cash::{CashClaim, card_sequence};
use crate::issuing::whole_fen;
use crate::keys::{CardKeys, Claim, Moments, card_slot};
use crate::node::alarm;
use crate::proof::ProofNumber;
use crate::verifying::{Lent, Measured};
use crate::{Node, ServiceError, parallel, stored};

/// A ride that this institution is paid for.
struct Earned {
    hub: InstitutionCode,
    record: RecordId,
    line: LineCode,
    amount: Fen,
    fees: Fees,
}

/// A ride that this institution pays for and debits.
struct Owed {
    hub: InstitutionCode,
    record: RecordId,
    card: CardNumber,
    proof: ProofNumber,
    pocket: Pocket,
    amount: Fen,
    direction: Direction,
    issuer_share: FenE7,
    result: u32,
}

/// What an institution posts for a day.
#[derive(Default)]
pub(super) struct MemberDay {
    pub(super) entries: Vec<Entry>,
    pub(super) charged: Vec<ChargedRow>,
    /// How the rides ended that were passed on.
    pub(super) ended: Vec<SettlementRow>,
}

impl Node {
    /// Everything that a city's institution posts for a day.
    pub(super) async fn member_day(
        &self,
        tx: &mut Tx,
        judged: &[JudgedRow],
        result: &DayResult,
        upper: Option<&Upper>,
    ) -> Result<MemberDay, ServiceError> {
        let (day, own) = (result.day(), self.code());
        let debited = self.debited(tx, judged, result).await?;
        let (mut earned, mut owed) = self.local_rides(judged, result, &debited)?;
        let mut made = MemberDay::default();
        if let Some(upper) = upper {
            let answered = self.answered(tx, day, upper).await?;
            for (line, row) in upper.feedback.iter().zip(&answered) {
                made.ended.push(ended(day, line, row));
            }
            earned.extend(self.earned_above(upper, &answered)?);
            owed.extend(self.owed_above(upper)?);
            if let Some(net) = result.upper() {
                let rounding = member_rounding(own, net.hub, day, net.exact, net.net)?;
                made.entries.extend(rounding);
            }
        }
        for ride in earned {
            let Earned {
                hub,
                record,
                line,
                amount,
                fees,
            } = ride;
            made.entries.extend(acquirer_ride(&AcquirerRide {
                acquirer: own,
                hub,
                day,
                record,
                line,
                amount,
                fees,
            })?);
        }
        // In the order of the records: which ride meets the end of the money is then the same
        // in every run.
        owed.sort_by_key(|ride| ride.record);
        self.debit(tx, day, &owed, &mut made).await?;
        Ok(made)
    }

    /// What left the cards of rides for which nothing is claimed; for others it is the amount.
    async fn debited(
        &self,
        tx: &mut Tx,
        judged: &[JudgedRow],
        result: &DayResult,
    ) -> Result<BTreeMap<String, Fen>, ServiceError> {
        let settled: BTreeSet<&str> = result
            .lines()
            .iter()
            .map(|l| l.ride.record.as_str())
            .collect();
        let unclaimed: Vec<String> = judged
            .iter()
            .filter(|row| row.amount == 0 && ProofNumber::of(row.generated_at).money().is_some())
            .map(|row| row.judgement.record.clone())
            .filter(|record| settled.contains(record.as_str()))
            .collect();
        let mut debited = BTreeMap::new();
        for (record, body) in tx.ride_bodies(&unclaimed).await? {
            let read = body.as_deref().map(TapRecord::decode_signed);
            let Some(Ok(read)) = read else {
                return Err(ServiceError::Stored { what: "ride" });
            };
            debited.insert(record, read.amount.fen());
        }
        Ok(debited)
    }

    /// Rides that this city cleared for itself, in both roles.
    fn local_rides(
        &self,
        judged: &[JudgedRow],
        result: &DayResult,
        debited: &BTreeMap<String, Fen>,
    ) -> Result<(Vec<Earned>, Vec<Owed>), ServiceError> {
        let rows: BTreeMap<&str, &JudgedRow> = judged
            .iter()
            .map(|row| (row.judgement.record.as_str(), row))
            .collect();
        let (mut earned, mut owed) = (Vec::new(), Vec::new());
        for line in result.lines() {
            let ride = line.ride;
            let row = rows.get(ride.record.as_str());
            let row = row.ok_or(ServiceError::Stored { what: "ride" })?;
            let hub = self.code();
            earned.push(Earned {
                hub,
                record: ride.record,
                line: line_of(&row.line)?,
                amount: ride.amount,
                fees: ride.fees,
            });
            let proof = ProofNumber::of(row.generated_at);
            let left = debited.get(ride.record.as_str()).copied();
            owed.push(Owed {
                hub,
                record: ride.record,
                card: stored::card(&row.account)?,
                proof,
                pocket: pocket(proof, left.unwrap_or(ride.amount)),
                amount: ride.amount,
                direction: stored::direction(row.direction)?,
                issuer_share: ride.fees.issuer_share(),
                result: stored::result(row.judgement.result)?,
            });
        }
        Ok((earned, owed))
    }

    /// The rides that the parent's feedback answers, one for each line.
    async fn answered(
        &self,
        tx: &mut Tx,
        day: BusinessDay,
        upper: &Upper,
    ) -> Result<Vec<SerialRow>, ServiceError> {
        let asked: Vec<(String, i64, i64)> = upper
            .feedback
            .iter()
            .map(|line| {
                let serial = i64::try_from(line.acquirer_serial).unwrap_or(i64::MAX);
                let day = line.acceptance_day.days();
                (line.acquirer.as_str().to_owned(), day, serial)
            })
            .collect();
        let found: BTreeMap<(i64, i64), SerialRow> = tx
            .rides_by_serial(&asked)
            .await?
            .into_iter()
            .map(|row| ((row.day, row.serial), row))
            .collect();
        let mut rows = Vec::with_capacity(asked.len());
        for (line, (_, day_of_line, serial)) in upper.feedback.iter().zip(&asked) {
            let row = found
                .get(&(*day_of_line, *serial))
                .filter(|row| row.amount == line.amount.get() && row.account == line.card.reveal());
            let row = row.ok_or(ServiceError::UpperLine {
                parent: upper.hub,
                day,
                serial: line.acquirer_serial,
            })?;
            rows.push(row.clone());
        }
        Ok(rows)
    }

    fn earned_above(
        &self,
        upper: &Upper,
        answered: &[SerialRow],
    ) -> Result<Vec<Earned>, ServiceError> {
        let mut earned = Vec::new();
        for (line, row) in upper.feedback.iter().zip(answered) {
            if is_settled(line) {
                earned.push(Earned {
                    hub: upper.hub,
                    record: stored::record(&row.record)?,
                    line: line_of(&row.line)?,
                    amount: line.amount,
                    fees: fees(line.fee, line.acquirer_share, line.issuer_share)?,
                });
            }
        }
        Ok(earned)
    }

    fn owed_above(&self, upper: &Upper) -> Result<Vec<Owed>, ServiceError> {
        let owed = |line: &ClRecord| {
            let two = line.tail.get(TailTag::CONSUMPTION) == Some("1");
            let counter = u16::try_from(line.fixed.counter).unwrap_or(u16::MAX);
            let (record, proof, debited) = match line.fixed.balance_kind {
                BalanceKind::PURSE => {
                    let tail = line.card_ride()?;
                    (tail.record_id, ProofNumber::Purse(counter), tail.debited)
                }
                BalanceKind::ECASH => {
                    let tail = line.cash_ride()?;
                    let sequence = card_sequence(tail.cash.pan_sequence);
                    let proof = ProofNumber::Cash { sequence, counter };
                    (tail.record_id, proof, tail.cash.amount)
                }
                _ => {
                    let tail = line.ride()?;
                    let proof = if TapRecord::is_one(&tail.ride_code) {
                        ProofNumber::Face(tail.scanned_at)
                    } else {
                        ProofNumber::Code(tail.generated_at)
                    };
                    (tail.record_id, proof, line.fixed.amount)
                }
            };
            Ok(Owed {
                hub: upper.hub,
                record,
                card: line.fixed.card,
                proof,
                pocket: pocket(proof, debited),
                amount: line.fixed.amount,
                direction: if two {
                    Direction::Exit
                } else {
                    Direction::Single
                },
                issuer_share: line.fixed.issuer_share,
                result: line.fixed.result.get(),
            })
        };
        upper.charges.iter().map(owed).collect()
    }

    /// Debits the riders: what the prepaid money does not cover goes to arrears.
    async fn debit(
        &self,
        tx: &mut Tx,
        day: BusinessDay,
        owed: &[Owed],
        made: &mut MemberDay,
    ) -> Result<(), ServiceError> {
        let name = |ride: &Owed| {
            let kind = match ride.pocket {
                Pocket::Account => AccountKind::Rider(ride.card),
                Pocket::Card { money, .. } => money.account(ride.card),
            };
            AccountName::new(self.code(), kind)
        };
        let names: BTreeSet<AccountName> = owed.iter().map(name).collect();
        let names: Vec<AccountName> = names.into_iter().collect();
        let mut prepaid: BTreeMap<AccountName, i64> = BTreeMap::new();
        for (name, sum) in tx.balances_of(&names).await? {
            prepaid.insert(name, whole_fen(sum)?.get().max(0));
        }
        for ride in owed {
            let taken = match ride.pocket {
                Pocket::Account => ride.amount.get(),
                Pocket::Card { debited, .. } => debited.get(),
            };
            let left = prepaid.entry(name(ride)).or_default();
            let short = (taken - *left).max(0);
            *left -= taken - short;
            made.entries.extend(issuer_ride(&IssuerRide {
                issuer: self.code(),
                hub: ride.hub,
                day,
                record: ride.record,
                card: ride.card,
                pocket: ride.pocket,
                amount: ride.amount,
                short: Fen::new(short),
                issuer_share: ride.issuer_share,
            })?);
            made.charged.push(ChargedRow {
                record: ride.record.as_str().to_owned(),
                account: ride.card.reveal().to_owned(),
                generated_at: ride.proof.number(),
                amount: ride.amount.get(),
                direction: stored::direction_number(ride.direction),
                hub: ride.hub.as_str().to_owned(),
                result: i64::from(ride.result),
                day: day.days(),
            });
        }
        Ok(())
    }

    /// Looks at the rides that we are charged for, and raises an alarm for each that a dispute
    /// should follow.
    // UNSPECIFIED: an issuer that does not accept a charge sends an error request (ED), which is
    // not here yet. Until then it pays, debits its rider and is told about it.
    pub(super) async fn check_charges(
        &self,
        tx: &mut Tx,
        upper: Option<(&Upper, &CardKeys)>,
        charged: &[ChargedRow],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let codes: Vec<(String, i64)> = charged
            .iter()
            .map(|row| (row.account.clone(), row.generated_at))
            .collect();
        let mut first: BTreeMap<(String, i64), String> = tx
            .codes_charged(&codes)
            .await?
            .into_iter()
            .map(|(account, generated_at, record)| ((account, generated_at), record))
            .collect();
        for (row, code) in charged.iter().zip(codes) {
            if let Some(other) = first.get(&code).filter(|other| **other != row.record) {
                let message = format!("one code was charged for {other} and {}", row.record);
                let about = row.record.as_str();
                alarm(tx, "issuing.code_charged_twice", about, message, now).await?;
            } else {
                first.insert(code, row.record.clone());
            }
        }
        let paid_by = |row: &&ChargedRow| ProofNumber::of(row.generated_at).money();
        let named = |money: Option<CardMoney>| -> Vec<String> {
            let rows = charged.iter().filter(|row| paid_by(row) == money);
            let numbers: BTreeSet<String> = rows.map(|row| row.account.clone()).collect();
            numbers.into_iter().collect()
        };
        let accounts = tx.accounts_known(&named(None)).await?;
        let mut cards = BTreeMap::new();
        for money in [CardMoney::Purse, CardMoney::Cash] {
            let known = tx.cards_known(table(money), &named(Some(money))).await?;
            cards.insert(money, known);
        }
        let is_known = |row: &&ChargedRow| {
            let known = paid_by(row).map_or(&accounts, |money| &cards[&money]);
            known.contains(&row.account)
        };
        for row in charged.iter().filter(|row| !is_known(row)) {
            let message = format!("{} was charged for an account that is not here", row.record);
            let about = row.record.as_str();
            alarm(tx, "issuing.account_unknown", about, message, now).await?;
        }
        let Some((upper, keys)) = upper else {
            return Ok(());
        };
        for record in self.unsound_charges(upper, keys) {
            let message = format!("what paid for {record} does not verify, or is another's");
            alarm(tx, "issuing.charge_unsound", record, message, now).await?;
        }
        Ok(())
    }

    /// The charged rides whose code is not the rider's, or does not verify.
    fn unsound_charges(&self, upper: &Upper, keys: &CardKeys) -> Vec<RecordId> {
        let issuer = self.code();
        let state = || (self.verifier(), self.keys().moments());
        // Codes and proofs of cards are collected first and asked about together.
        let unsound = |(verifier, moments): &mut (Lent<'_>, Moments), lines: &[ClRecord]| {
            let (mut codes, mut claims) = (Vec::new(), Vec::new());
            let begin = |line: &ClRecord| {
                let asked = match line.fixed.balance_kind {
                    BalanceKind::PURSE => line
                        .card_ride()
                        .map(|tail| (tail.record_id, card_claim(line, &tail))),
                    BalanceKind::ECASH => line
                        .cash_ride()
                        .map(|tail| (tail.record_id, cash_claim((line, issuer), &tail))),
                    _ => line
                        .ride()
                        .map(|tail| (tail.record_id, code_asked(line, tail))),
                };
                // What cannot be read names no ride.
                let (record, asked) = asked.ok()?;
                let awaited = match asked {
                    Asked::Sound => return None,
                    Asked::Unsound => Awaited::Nothing,
                    Asked::Claim(claim) => {
                        claims.push(claim);
                        Awaited::Proof
                    }
                    Asked::Code(code) => {
                        codes.push(code);
                        Awaited::Code
                    }
                };
                Some((record, awaited))
            };
            let begun: Vec<Option<(RecordId, Awaited)>> = lines.iter().map(begin).collect();
            let scanned: Vec<(&[u8], Timestamp)> = codes
                .iter()
                .map(|code| (&code.tail.ride_code[..], code.tail.scanned_at))
                .collect();
            let verified = self.measured(Measured::Codes, scanned.len(), || {
                verifier.verify_ride_codes_again(&scanned)
            });
            let mut sound = codes.iter().zip(verified).map(|(code, accepted)| {
                accepted.is_ok_and(|accepted| {
                    accepted.user.account == code.card
                        && accepted.code.generated_at() == code.tail.generated_at
                        && accepted.certificate.issuer.home() == issuer
                })
            });
            let mut held = self.hold_each(keys, moments, &claims).into_iter();
            let unsound = begun.into_iter().map(|begun| {
                let (record, awaited) = begun?;
                let holds = match awaited {
                    Awaited::Nothing => false,
                    Awaited::Proof => matches!(held.next(), Some(Ok(Some(_)))),
                    Awaited::Code => sound.next().unwrap_or(false),
                };
                (!holds).then_some(record)
            });
            unsound.collect()
        };
        let found = parallel::map_together(&upper.charges, state, unsound);
        found.into_iter().flatten().collect()
    }
}

/// What there is to ask about what proves a charge.
enum Asked {
    /// Nothing: it needs no proof.
    Sound,
    /// Nothing: no key could prove it.
    Unsound,
    /// Whether this is the card's.
    Claim(Claim),
    /// Whether this is the rider's.
    Code(Box<AskedCode>),
}

/// A code that a charge says it was paid with, and the account that is charged.
struct AskedCode {
    tail: ClTail,
    card: CardNumber,
}

/// What the answer about a charge waits for.
enum Awaited {
    Nothing,
    Proof,
    Code,
}

/// What to ask about a ride by code or face.
fn code_asked(line: &ClRecord, tail: ClTail) -> Asked {
    let card = line.fixed.card;
    if TapRecord::is_one(&tail.ride_code) {
        // Nothing but the terminal's word proves a face; the account must be the one.
        let record = TapRecord::decode_signed(&tail.ride_code);
        let sound = record.is_ok_and(|record| record.serial.card_number() == Some(card));
        return if sound { Asked::Sound } else { Asked::Unsound };
    }
    Asked::Code(Box::new(AskedCode { tail, card }))
}

/// What to ask about a TAC. A grey record has none; the card's later records prove it. What is owed
/// to a rider who was never told has one, as any whole ride.
fn card_claim(line: &ClRecord, tail: &ClCardTail) -> Asked {
    let fixed = &line.fixed;
    if tail.state == TradeState::GREY || tail.state == TradeState::REFUND && tail.tac == 0 {
        return Asked::Sound;
    }
    let algorithm = match fixed.algorithm {
        AlgorithmFlag::SM4 => Algorithm::Sm4,
        _ => Algorithm::Tdes,
    };
    let issuer = Institution(tail.issuer_id.to_be_bytes());
    let (Some(code), Some(amount)) = (issuer.code(), Amount::from_fen(tail.debited)) else {
        return Asked::Unsound;
    };
    let [_, _, terminal @ ..] = tail.psam_terminal.to_be_bytes();
    let (Ok(kind), Ok(sequence)) = (u8::try_from(tail.kind), u32::try_from(tail.terminal_serial))
    else {
        return Asked::Unsound;
    };
    let deal = Deal {
        amount,
        kind: Kind(kind),
        terminal: Terminal(terminal),
    };
    let Ok(tac) = u32::try_from(tail.tac) else {
        return Asked::Unsound;
    };
    Asked::Claim(Claim {
        slot: card_slot(code.city(), Purpose::Tac, algorithm),
        factors: [Serial::of(&fixed.card).factor()],
        scheme: MacScheme::Tac,
        message: deal.purchase_tac_message(sequence, DateTime::of(line.ridden_at())),
        proof: tac.to_be_bytes().to_vec(),
        version: None,
        at: line.ridden_at(),
    })
}

/// What to ask about a cryptogram. A grey record has one too: the card gives it before it pays.
fn cash_claim((line, issuer): (&ClRecord, InstitutionCode), tail: &ClCashTail) -> Asked {
    let claim = CashClaim::of_block(&tail.cash, tail.told)
        .filter(|_| line.fixed.counter == tail.cash.atc)
        .and_then(|claim| claim.claim(&line.fixed.card, (issuer, line.ridden_at())));
    claim.map_or(Asked::Unsound, Asked::Claim)
}

/// Where the money of a ride comes from.
const fn pocket(proof: ProofNumber, debited: Fen) -> Pocket {
    match proof.money() {
        Some(money) => Pocket::Card { money, debited },
        None => Pocket::Account,
    }
}

fn line_of(text: &str) -> Result<LineCode, ServiceError> {
    stored::line(text)?.ok_or(ServiceError::Stored { what: "line" })
}

fn ended(day: BusinessDay, line: &FbRecord, row: &SerialRow) -> SettlementRow {
    SettlementRow {
        record: row.record.clone(),
        day: day.days(),
        settled: is_settled(line),
        result: i64::from(line.result.get()),
        serial: i64::try_from(line.clearing_serial).expect("twelve digits fit 64 bits"),
    }
}
