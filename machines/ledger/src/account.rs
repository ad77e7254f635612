//! Names of accounts: whose book, and what the account is for.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use tongtu_types::{CardNumber, InstitutionCode, LineCode, ValueError};

/// What an account is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AccountKind {
    /// Settlement with another body (结算): at a hub the member, at a member its hub.
    Settlement(InstitutionCode),
    /// Fees earned (手续费收入): a hub's remainder, an issuer's share.
    FeeIncome,
    /// Fees borne (手续费支出): an acquirer's, less its own share.
    FeeExpense,
    /// What rounding to whole fen left over (舍入差).
    Rounding,
    /// Results of an upper hub on their way to the members (在途), per upper hub.
    Transit(InstitutionCode),
    /// A rider's prepaid money (预存资金): what the issuer owes the rider.
    Rider(CardNumber),
    /// What a rider owes the issuer beyond the prepaid money (欠费).
    Arrears(CardNumber),
    /// Money that is on a card (卡内资金): what the issuer owes for its purse. A mirror; the card
    /// itself is the truth.
    Purse(CardNumber),
    /// Money that is on an e-cash (电子现金): a mirror like that of a purse, beside it where one
    /// number has both.
    Cash(CardNumber),
    /// Money that left a card and nobody may claim (待退款): the issuer owes it to the rider.
    Refund(CardNumber),
    /// Money riders paid in (充值), until the bank reports it.
    RechargeClearing,
    /// What an acquirer owes the operator of a line (应付运输企业).
    OperatorPayable(LineCode),
    /// Money at the bank.
    Bank,
}

/// An account: the institution in whose book it stands, and its kind.
///
/// Form: the storage key is `BOOK/KIND` or `BOOK/KIND/DETAIL`, e.g.
/// `00000000/settlement/30005800`, `01345810/rider/3104581000000000017`; at most 41 characters.
/// `Display` and `Debug` mask a card number; [`AccountName::key`] shows it: for storage, not
/// for logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// The institution whose book this account belongs to.
    pub book: InstitutionCode,
    /// What the account is for.
    pub kind: AccountKind,
}

/// Why a text is not an account's storage key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountNameError {
    /// There is no `/`, or the kind is not one we know.
    #[error("account key: {found:?} is no kind of account, expected BOOK/KIND or BOOK/KIND/DETAIL")]
    Kind {
        /// The second part of the text, empty when there is none.
        found: String,
    },
    /// The kind needs a detail, or has one too many.
    #[error("account key: kind {kind:?} {fault}")]
    Detail {
        /// The kind named.
        kind: String,
        /// What is wrong, in words.
        fault: &'static str,
    },
    /// The book or the detail is not the value that stands there.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl AccountKind {
    /// The stable word for the kind, and whether a detail follows it.
    fn word(&self) -> (&'static str, bool) {
        match self {
            Self::Settlement(_) => ("settlement", true),
            Self::FeeIncome => ("fee-income", false),
            Self::FeeExpense => ("fee-expense", false),
            Self::Rounding => ("rounding", false),
            Self::Transit(_) => ("transit", true),
            Self::Rider(_) => ("rider", true),
            Self::Arrears(_) => ("arrears", true),
            Self::Purse(_) => ("purse", true),
            Self::Cash(_) => ("e-cash", true),
            Self::Refund(_) => ("refund", true),
            Self::RechargeClearing => ("recharge-clearing", false),
            Self::OperatorPayable(_) => ("operator-payable", true),
            Self::Bank => ("bank", false),
        }
    }

    fn parse(word: &str, detail: Option<&str>) -> Result<Self, AccountNameError> {
        let needed = || {
            detail.ok_or_else(|| AccountNameError::Detail {
                kind: word.to_owned(),
                fault: "needs a detail",
            })
        };
        let kind = match word {
            "settlement" => Self::Settlement(InstitutionCode::parse(needed()?)?),
            "fee-income" => Self::FeeIncome,
            "fee-expense" => Self::FeeExpense,
            "rounding" => Self::Rounding,
            "transit" => Self::Transit(InstitutionCode::parse(needed()?)?),
            "rider" => Self::Rider(card(needed()?)?),
            "arrears" => Self::Arrears(card(needed()?)?),
            "purse" => Self::Purse(card(needed()?)?),
            "e-cash" => Self::Cash(card(needed()?)?),
            "refund" => Self::Refund(card(needed()?)?),
            "recharge-clearing" => Self::RechargeClearing,
            "operator-payable" => Self::OperatorPayable(LineCode::parse(needed()?)?),
            "bank" => Self::Bank,
            other => {
                return Err(AccountNameError::Kind {
                    found: other.to_owned(),
                });
            }
        };
        if detail.is_some() && !kind.word().1 {
            return Err(AccountNameError::Detail {
                kind: word.to_owned(),
                fault: "has no detail",
            });
        }
        Ok(kind)
    }
}

/// Reads a card number that is its own canonical text: one account has one key.
fn card(text: &str) -> Result<CardNumber, AccountNameError> {
    let card = CardNumber::parse(text)?;
    if card.reveal() == text {
        Ok(card)
    } else {
        Err(AccountNameError::Detail {
            kind: "rider".to_owned(),
            fault: "names a card number that is not in its short form",
        })
    }
}

impl AccountName {
    /// Names an account.
    #[must_use]
    pub const fn new(book: InstitutionCode, kind: AccountKind) -> Self {
        Self { book, kind }
    }

    /// The storage key; shows card numbers in full, so not for logs.
    #[must_use]
    pub fn key(&self) -> String {
        let (word, book) = (self.kind.word().0, self.book);
        match &self.kind {
            AccountKind::Settlement(other) | AccountKind::Transit(other) => {
                format!("{book}/{word}/{other}")
            }
            AccountKind::Rider(card)
            | AccountKind::Arrears(card)
            | AccountKind::Purse(card)
            | AccountKind::Cash(card)
            | AccountKind::Refund(card) => {
                format!("{book}/{word}/{}", card.reveal())
            }
            AccountKind::OperatorPayable(line) => format!("{book}/{word}/{line}"),
            AccountKind::FeeIncome
            | AccountKind::FeeExpense
            | AccountKind::Rounding
            | AccountKind::RechargeClearing
            | AccountKind::Bank => format!("{book}/{word}"),
        }
    }

    /// A storage key cut before its card number, where its kind has one: a store that seals
    /// numbers must know which part is one.
    #[must_use]
    pub fn split_number(key: &str) -> Option<(&str, &str)> {
        let (book, rest) = key.split_once('/')?;
        let (word, _) = rest.split_once('/')?;
        let is_number = matches!(word, "rider" | "arrears" | "purse" | "e-cash" | "refund");
        is_number.then(|| key.split_at(book.len() + 1 + word.len() + 1))
    }

    /// Reads a storage key.
    ///
    /// # Errors
    /// [`AccountNameError`] naming the part that is not what stands there.
    pub fn parse(key: &str) -> Result<Self, AccountNameError> {
        // A line code may itself hold a slash: the detail is all that is left.
        let mut parts = key.splitn(3, '/');
        let book = InstitutionCode::parse(parts.next().unwrap_or(""))?;
        let word = parts.next().unwrap_or("");
        let kind = AccountKind::parse(word, parts.next())?;
        Ok(Self { book, kind })
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            AccountKind::Rider(card)
            | AccountKind::Arrears(card)
            | AccountKind::Purse(card)
            | AccountKind::Cash(card)
            | AccountKind::Refund(card) => {
                write!(f, "{}/{}/{card}", self.book, self.kind.word().0)
            }
            _ => f.write_str(&self.key()),
        }
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        for key in [
            "00000000/settlement/30005800",
            "00000000/fee-income",
            "11345810/fee-expense",
            "00000000/rounding",
            "30005800/transit/00000000",
            "01345810/rider/3104581000000000017",
            "01345810/arrears/3104581000000000017",
            "01345810/purse/3104581000000000017",
            "01345810/e-cash/6217000000000000012",
            "01345810/refund/3104581000000000017",
            "01345810/recharge-clearing",
            "11345810/operator-payable/B1",
            "11345810/operator-payable/B/1/2",
            "01345810/bank",
        ] {
            let name = AccountName::parse(key).unwrap();
            assert_eq!(name.key(), key);
            assert!(key.len() <= 41, "{key}");
            // What is masked where it prints is what a store seals.
            let parts = AccountName::split_number(key);
            assert_eq!(parts.is_some(), name.to_string().contains("****"), "{key}");
            let number = parts.map(|(_, number)| number);
            assert!(number.is_none_or(|number| card(number).is_ok()), "{key}");
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for key in [
            "",
            "00000000",
            "00000000/",
            "00000000/purse",
            "0000000/rounding",
            "00000000/rounding/",
            "00000000/rounding/x",
            "00000000/settlement",
            "00000000/settlement/",
            "00000000/settlement/3000580",
            "00000000/settlement/30005800/1",
            "01345810/rider/03104581000000000017",
            "11345810/operator-payable/1234567",
        ] {
            assert!(AccountName::parse(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn masks_the_rider_when_printed() {
        let name = AccountName::parse("01345810/rider/3104581000000000017").unwrap();
        assert_eq!(format!("{name}"), "01345810/rider/310458****0017");
        assert!(!format!("{name:?}").contains("3104581000000000017"));
        assert!(!format!("{:?}", name.kind).contains("3104581000000000017"));
    }
}
