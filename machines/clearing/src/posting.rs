//! What each body posts in its own book, as balanced ledger entries.
//!
//! Ids are made of what an entry is about, so that a repeated run posts once. An institution
//! keeps one book, under its [`tongtu_types::InstitutionCode::home`], whatever its role in a ride. Where nothing
//! moves there is no entry.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_ledger::{
    AccountKind, AccountName, Draft, Entry, EntryId, Memo, Posting, Refusal, SumE7,
};
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, LineCode, MoneyError, RecordId,
};

use crate::{DayResult, Fees, PairTotal, Side, UpperNet};

/// Why there is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostingError {
    /// A total does not fit one posting.
    #[error("a posting is out of range")]
    Money(#[from] MoneyError),
    /// The amounts given do not belong together.
    #[error("the amounts given make no entry")]
    Refused(#[from] Refusal),
}

/// A book, a day and a reason: what every entry of one function shares.
struct Page {
    book: InstitutionCode,
    day: BusinessDay,
    memo: Memo,
}

impl Page {
    /// Makes an entry; accounts named twice are added up, and zeros are left out.
    fn entry(
        &self,
        id: &str,
        moves: &[(AccountKind, SumE7)],
    ) -> Result<Option<Entry>, PostingError> {
        let mut sums: BTreeMap<AccountName, i128> = BTreeMap::new();
        for (kind, amount) in moves {
            let account = AccountName::new(self.book, *kind);
            *sums.entry(account).or_default() += amount.get();
        }
        let postings = sums
            .into_iter()
            .filter(|(_, sum)| *sum != 0)
            .map(|(account, sum)| {
                let amount = SumE7::new(sum).to_amount()?;
                Ok(Posting { account, amount })
            })
            .collect::<Result<Vec<_>, MoneyError>>()?;
        if postings.is_empty() {
            return Ok(None);
        }
        let draft = Draft {
            id: EntryId::parse(id).expect("ids here are short and of codes, digits and slashes"),
            day: self.day,
            memo: self.memo,
            corrects: None,
            postings,
        };
        Ok(Some(Entry::balanced(draft)?))
    }
}

fn minus(sum: SumE7) -> SumE7 {
    SumE7::new(-sum.get())
}

/// What a hub posts for a cleared day.
///
/// After them each member's settlement account has moved by its net position in whole fen;
/// fee income, rounding and, in a relay, what is due from the upper hub hold the rest.
///
/// # Errors
/// [`PostingError::Money`] when a total of the day does not fit one posting.
pub fn to_entries(result: &DayResult) -> Result<Vec<Entry>, PostingError> {
    let mut entries = own_entries(result)?;
    if let Some(upper) = result.upper() {
        entries.extend(relay_entries(result, &upper)?);
    }
    let page = Page {
        book: result.hub(),
        day: result.day(),
        memo: Memo::Rounding,
    };
    let rests = result.positions().iter().map(|(member, position)| {
        let rest = position.rest();
        [
            (AccountKind::Settlement(*member), minus(rest)),
            (AccountKind::Rounding, rest),
        ]
    });
    let rests: Vec<_> = rests.flatten().collect();
    entries.extend(page.entry(&name(result, "rounding", ""), &rests)?);
    Ok(entries)
}

/// One entry per acquirer, issuer and service.
fn own_entries(result: &DayResult) -> Result<Vec<Entry>, PostingError> {
    let page = Page {
        book: result.hub(),
        day: result.day(),
        memo: Memo::Clearing,
    };
    let mut entries = Vec::new();
    for (key, total) in result.totals() {
        let (acquirer, issuer) = (key.acquirer, key.issuer);
        let service = key.service.as_str();
        let about = format!("/{}/{}/{service}", acquirer.institution, issuer.institution);
        let moves = [
            (AccountKind::Settlement(issuer.member), minus(total.outgo())),
            (AccountKind::Settlement(acquirer.member), total.income()),
            (AccountKind::FeeIncome, total.hub_share),
        ];
        entries.extend(page.entry(&name(result, "clearing", &about), &moves)?);
    }
    Ok(entries)
}

/// One entry per kind of line handed on, then one that closes the transit account against
/// what the upper hub will settle.
fn relay_entries(result: &DayResult, upper: &UpperNet) -> Result<Vec<Entry>, PostingError> {
    let page = Page {
        book: result.hub(),
        day: result.day(),
        memo: Memo::Relay,
    };
    let transit = AccountKind::Transit(upper.hub);
    let mut entries = Vec::new();
    for (key, total) in result.relayed() {
        let change = relayed_change(key.side, total);
        let (side, service) = (key.side.as_str(), key.service.as_str());
        let about = format!("/{side}/{}/{}/{service}", key.acquirer, key.issuer);
        let moves = [
            (AccountKind::Settlement(key.member), change),
            (transit, minus(change)),
        ];
        entries.extend(page.entry(&name(result, "relay", &about), &moves)?);
    }
    let net = SumE7::from_fen(upper.net);
    let closing = [
        (transit, upper.exact),
        (AccountKind::Settlement(upper.hub), minus(net)),
        (
            AccountKind::Rounding,
            SumE7::new(net.get() - upper.exact.get()),
        ),
    ];
    entries.extend(page.entry(&name(result, "relay", ""), &closing)?);
    Ok(entries)
}

fn relayed_change(side: Side, total: &PairTotal) -> SumE7 {
    match side {
        Side::Acquired => total.income(),
        Side::Issued => minus(total.outgo()),
    }
}

/// At most 8 + 1 + 8 + 1 + 8 + 1 + 8 + 1 + 8 + 1 + 8 + 1 + 11 characters.
fn name(result: &DayResult, kind: &str, about: &str) -> String {
    format!("{kind}/{}/{}{about}", result.hub(), result.day().compact())
}

/// Where the money of a ride comes from, in the issuer's book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pocket {
    /// The rider's account: a ride by code or by face.
    Account,
    /// The card. So much left it; what is above the ride's amount may be claimed by nobody and is
    /// the rider's.
    Card {
        /// Which money of the card.
        money: CardMoney,
        /// What left the card.
        debited: Fen,
    },
}

/// The money that a card can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CardMoney {
    /// An e-purse (电子钱包).
    Purse,
    /// An e-cash (电子现金).
    Cash,
}

impl CardMoney {
    /// The issuer's mirror of it.
    #[must_use]
    pub const fn account(self, card: CardNumber) -> AccountKind {
        match self {
            Self::Purse => AccountKind::Purse(card),
            Self::Cash => AccountKind::Cash(card),
        }
    }
}

/// A ride that an issuer was charged for and debits to its rider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssuerRide {
    /// The issuer.
    pub issuer: InstitutionCode,
    /// The hub that the issuer settles with.
    pub hub: InstitutionCode,
    /// The settlement day.
    pub day: BusinessDay,
    /// The record's id.
    pub record: RecordId,
    /// The rider's account number, or the card's.
    pub card: CardNumber,
    /// Where the money comes from.
    pub pocket: Pocket,
    /// The amount.
    pub amount: Fen,
    /// How much of what is taken the pocket does not cover; it goes to arrears.
    pub short: Fen,
    /// The issuer's share of the fee.
    pub issuer_share: FenE7,
}

/// What an issuer posts for a settled ride; `None` when it cost nothing.
///
/// # Errors
/// [`PostingError::Money`] when an amount does not fit.
pub fn issuer_ride(ride: &IssuerRide) -> Result<Option<Entry>, PostingError> {
    let page = Page {
        book: ride.issuer.home(),
        day: ride.day,
        memo: Memo::Ride,
    };
    let (amount, short) = (SumE7::from_fen(ride.amount), SumE7::from_fen(ride.short));
    let share = SumE7::from(ride.issuer_share);
    let (from, taken) = match ride.pocket {
        Pocket::Account => (AccountKind::Rider(ride.card), amount),
        Pocket::Card { money, debited } => (money.account(ride.card), SumE7::from_fen(debited)),
    };
    let moves = [
        (from, SumE7::new(short.get() - taken.get())),
        (AccountKind::Arrears(ride.card), minus(short)),
        (
            AccountKind::Refund(ride.card),
            SumE7::new(taken.get() - amount.get()),
        ),
        (
            AccountKind::Settlement(ride.hub),
            SumE7::new(amount.get() - share.get()),
        ),
        (AccountKind::FeeIncome, share),
    ];
    page.entry(&format!("ride/issuer/{}", ride.record), &moves)
}

/// A ride that an acquirer is paid for and owes to the operator of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcquirerRide {
    /// The acquirer.
    pub acquirer: InstitutionCode,
    /// The hub that the acquirer settles with.
    pub hub: InstitutionCode,
    /// The settlement day.
    pub day: BusinessDay,
    /// The record's id.
    pub record: RecordId,
    /// The line ridden.
    pub line: LineCode,
    /// The amount.
    pub amount: Fen,
    /// Its fees.
    pub fees: Fees,
}

/// What an acquirer posts for a settled ride; `None` when it cost nothing.
///
/// The operator is owed the gross amount; the fee, less the acquirer's share, is the
/// acquirer's expense.
///
/// # Errors
/// [`PostingError::Money`] when an amount does not fit.
pub fn acquirer_ride(ride: &AcquirerRide) -> Result<Option<Entry>, PostingError> {
    let page = Page {
        book: ride.acquirer.home(),
        day: ride.day,
        memo: Memo::Ride,
    };
    let amount = SumE7::from_fen(ride.amount);
    let income = ride.fees.acquirer_income(ride.amount);
    let moves = [
        (AccountKind::Settlement(ride.hub), minus(income)),
        (
            AccountKind::FeeExpense,
            SumE7::new(income.get() - amount.get()),
        ),
        (AccountKind::OperatorPayable(ride.line), amount),
    ];
    page.entry(&format!("ride/acquirer/{}", ride.record), &moves)
}

/// What a member posts when its hub has published its net position: what rounding took.
///
/// `exact` is what the member's own rides of the day come to (income − outgo). Afterwards its
/// settlement account with the hub has moved by the net position in whole fen.
///
/// # Errors
/// [`PostingError::Money`] when an amount does not fit.
pub fn member_rounding(
    member: InstitutionCode,
    hub: InstitutionCode,
    day: BusinessDay,
    exact: SumE7,
    net: Fen,
) -> Result<Option<Entry>, PostingError> {
    let page = Page {
        book: member.home(),
        day,
        memo: Memo::Rounding,
    };
    let rest = SumE7::new(exact.get() - SumE7::from_fen(net).get());
    let moves = [
        (AccountKind::Settlement(hub), rest),
        (AccountKind::Rounding, minus(rest)),
    ];
    let (book, day) = (page.book, day.compact());
    page.entry(&format!("member-rounding/{book}/{hub}/{day}"), &moves)
}

/// What an issuer posts when a rider pays money in; `id` names the payment.
///
/// # Errors
/// [`PostingError::Money`] when the amount does not fit.
pub fn recharge(
    issuer: InstitutionCode,
    card: CardNumber,
    day: BusinessDay,
    amount: Fen,
    id: &EntryId,
) -> Result<Option<Entry>, PostingError> {
    paid_in(issuer, AccountKind::Rider(card), day, amount, id)
}

/// What an issuer posts when money is put on a card (充值圈存); `id` names the load.
///
/// # Errors
/// [`PostingError::Money`] when the amount does not fit.
pub fn load(
    issuer: InstitutionCode,
    money: CardMoney,
    card: CardNumber,
    day: BusinessDay,
    amount: Fen,
    id: &EntryId,
) -> Result<Option<Entry>, PostingError> {
    paid_in(issuer, money.account(card), day, amount, id)
}

fn paid_in(
    issuer: InstitutionCode,
    into: AccountKind,
    day: BusinessDay,
    amount: Fen,
    id: &EntryId,
) -> Result<Option<Entry>, PostingError> {
    let page = Page {
        book: issuer.home(),
        day,
        memo: Memo::Recharge,
    };
    let amount = SumE7::from_fen(amount);
    let moves = [
        (AccountKind::RechargeClearing, minus(amount)),
        (into, amount),
    ];
    page.entry(id.as_str(), &moves)
}

#[cfg(test)]
mod tests;
