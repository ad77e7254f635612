//! Fee rules: which rate and split apply to a ride on a day.

use alloc::vec::Vec;

use tongtu_types::{BusinessDay, Fen, FenE7, InstitutionCode, MoneyError};

use crate::parse::{ParseError, Statement, statements};
use crate::{Business, FeeError, Fees, Service};

/// One, as shares count: 10^-4.
const SHARE_WHOLE: u32 = 10_000;
/// One, as rates count: 10^-7.
const RATE_WHOLE: u32 = 10_000_000;

/// What a rule applies to in one respect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope<T> {
    /// Everything (`-1` in the field's rule tables).
    Any,
    /// One thing only.
    Only(T),
}

impl<T: Copy + PartialEq> Scope<T> {
    fn covers(self, value: T) -> bool {
        match self {
            Self::Any => true,
            Self::Only(own) => own == value,
        }
    }

    /// What both cover, if there is such a thing.
    fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, narrow) | (narrow, Self::Any) => Some(narrow),
            (Self::Only(a), Self::Only(b)) => (a == b).then_some(self),
        }
    }

    /// Whether everything that `narrow` covers is covered.
    fn contains(self, narrow: Self) -> bool {
        self == Self::Any || self == narrow
    }

    fn weight(self) -> u8 {
        u8::from(matches!(self, Self::Only(_)))
    }
}

/// One fee rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeeRule {
    /// The kind of business.
    pub business: Scope<Business>,
    /// The kind of service.
    pub service: Scope<Service>,
    /// The acquirer, in whatever role form.
    pub acquirer: Scope<InstitutionCode>,
    /// The issuer, in whatever role form.
    pub issuer: Scope<InstitutionCode>,
    /// The first settlement day on which it applies.
    pub valid_from: BusinessDay,
    /// The last settlement day on which it applies.
    pub valid_to: BusinessDay,
    /// The rate in 10^-7: 35 000 is 0.35 %. At most 10^7.
    pub rate_e7: u32,
    /// The acquirer's share of the fee in 10^-4: 5 000 is 50 %.
    pub acquirer_share_e4: u32,
    /// The issuer's share of the fee in 10^-4. Both together at most 10^4.
    pub issuer_share_e4: u32,
}

/// What a rule is looked up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeeKey {
    /// The settlement day.
    pub day: BusinessDay,
    /// The kind of business.
    pub business: Business,
    /// The kind of service.
    pub service: Service,
    /// The acquirer, in whatever role form.
    pub acquirer: InstitutionCode,
    /// The issuer, in whatever role form.
    pub issuer: InstitutionCode,
}

/// The version of a set of rules; with the frozen inputs it determines a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleVersion(u32);

impl RuleVersion {
    /// Takes a number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A set of rules in which at most one is the most specific for any ride.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeRules {
    version: RuleVersion,
    rules: Vec<FeeRule>,
}

/// Why rules are no set of rules. Rules are counted from 1 in the order given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeeRulesError {
    /// The text was not understood.
    #[error("fee rules not understood")]
    Parse(#[from] ParseError),
    /// A rate above one, or shares that are together above one.
    #[error("fee rule {number}: a rate or the shares together exceed 100 %")]
    TooMuch {
        /// The rule.
        number: usize,
    },
    /// A rule that ends before it begins.
    #[error("fee rule {number} ends before it begins")]
    NeverValid {
        /// The rule.
        number: usize,
    },
    /// Two rules that are equally specific for the same ride, and no better one for it.
    #[error("fee rules {first} and {second} are equally specific for the same rides")]
    Tie {
        /// One rule.
        first: usize,
        /// The other one.
        second: usize,
    },
}

impl FeeRule {
    /// How many of the four respects are named. The most specific rule has the most.
    #[must_use]
    pub fn specificity(&self) -> u8 {
        self.business.weight()
            + self.service.weight()
            + self.acquirer.weight()
            + self.issuer.weight()
    }

    /// The fees of an amount under this rule: the fee is exact, shares are cut to 10^-7 fen and
    /// the hub takes the rest.
    ///
    /// # Errors
    /// [`FeeError`] for a negative amount or one whose fee leaves 64 bits.
    pub fn fees(&self, amount: Fen) -> Result<Fees, FeeError> {
        let amount_fen = amount.get();
        if amount_fen < 0 {
            return Err(FeeError::NegativeAmount { amount_fen });
        }
        // Fen times 10^-7 is 10^-7 fen: nothing to round.
        let fee = amount_fen.checked_mul(i64::from(self.rate_e7));
        let fee = fee.ok_or(MoneyError {
            operation: "fee",
            left: amount_fen,
            right: i64::from(self.rate_e7),
        })?;
        let share = |share_e4: u32| {
            let cut = i128::from(fee) * i128::from(share_e4) / i128::from(SHARE_WHOLE);
            FenE7::new(i64::try_from(cut).expect("a share is at most the fee"))
        };
        let (acquirer, issuer) = (self.acquirer_share_e4, self.issuer_share_e4);
        Fees::new(FenE7::new(fee), share(acquirer), share(issuer))
    }

    fn covers(&self, key: &FeeKey) -> bool {
        (self.valid_from..=self.valid_to).contains(&key.day)
            && self.business.covers(key.business)
            && self.service.covers(key.service)
            && self.acquirer.covers(key.acquirer.home())
            && self.issuer.covers(key.issuer.home())
    }

    /// A rule (its rate is of no matter) for just what both cover, if there is such a thing.
    fn common(&self, other: &Self) -> Option<Self> {
        let valid_from = self.valid_from.max(other.valid_from);
        let valid_to = self.valid_to.min(other.valid_to);
        (valid_from <= valid_to).then_some(())?;
        Some(Self {
            business: self.business.common(other.business)?,
            service: self.service.common(other.service)?,
            acquirer: self.acquirer.common(other.acquirer)?,
            issuer: self.issuer.common(other.issuer)?,
            valid_from,
            valid_to,
            ..*self
        })
    }

    /// Whether everything that `narrow` covers is covered.
    fn contains(&self, narrow: &Self) -> bool {
        self.valid_from <= narrow.valid_from
            && self.valid_to >= narrow.valid_to
            && self.business.contains(narrow.business)
            && self.service.contains(narrow.service)
            && self.acquirer.contains(narrow.acquirer)
            && self.issuer.contains(narrow.issuer)
    }
}

impl FeeRules {
    /// Checks a set of rules.
    ///
    /// # Errors
    /// [`FeeRulesError`] naming the rule, or the two that tie. A tie is let pass where one
    /// third, more specific rule decides all of it.
    pub fn new(version: RuleVersion, rules: Vec<FeeRule>) -> Result<Self, FeeRulesError> {
        let home = |scope: Scope<InstitutionCode>| match scope {
            Scope::Only(code) => Scope::Only(code.home()),
            Scope::Any => Scope::Any,
        };
        let rules: Vec<FeeRule> = rules
            .into_iter()
            .map(|rule| FeeRule {
                acquirer: home(rule.acquirer),
                issuer: home(rule.issuer),
                ..rule
            })
            .collect();
        for (rule, number) in rules.iter().zip(1..) {
            let shares = rule.acquirer_share_e4.checked_add(rule.issuer_share_e4);
            if rule.rate_e7 > RATE_WHOLE || shares.is_none_or(|both| both > SHARE_WHOLE) {
                return Err(FeeRulesError::TooMuch { number });
            }
            if rule.valid_to < rule.valid_from {
                return Err(FeeRulesError::NeverValid { number });
            }
            for (other, second) in rules.iter().zip(1..).skip(number) {
                if rule.specificity() == other.specificity() && ties(&rules, rule, other) {
                    let first = number;
                    return Err(FeeRulesError::Tie { first, second });
                }
            }
        }
        Ok(Self { version, rules })
    }

    /// Reads the text form: `fee-rules 1`, `version N`, then lines `rule BUSINESS SERVICE
    /// ACQUIRER ISSUER FROM TO RATE ACQUIRER-SHARE ISSUER-SHARE` with `any` for no limit and
    /// percentages such as `0.35%`.
    ///
    /// # Errors
    /// [`FeeRulesError`] naming the line or the rule.
    pub fn parse(text: &str) -> Result<Self, FeeRulesError> {
        let (mut version, mut rules) = (None, Vec::new());
        for statement in statements(text, "fee-rules 1")? {
            match (&statement.words[..], version) {
                (["version", number], None) => {
                    let fault = |_| statement.word_error(number, "a number");
                    version = Some(RuleVersion::new(number.parse().map_err(fault)?));
                }
                (["rule", words @ ..], Some(_)) => rules.push(rule(&statement, words)?),
                (_, Some(_)) => return Err(statement.statement_error(RULE).into()),
                (_, None) => return Err(statement.statement_error(VERSION).into()),
            }
        }
        let expected = VERSION;
        let line = text.lines().count() + 1;
        let version = version.ok_or(ParseError::Statement { line, expected })?;
        Self::new(version, rules)
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> RuleVersion {
        self.version
    }

    /// The rules in the order given, institutions as [`InstitutionCode::home`] gives them.
    #[must_use]
    pub fn rules(&self) -> &[FeeRule] {
        &self.rules
    }

    /// The most specific rule that covers a ride.
    #[must_use]
    pub fn rule_for(&self, key: &FeeKey) -> Option<&FeeRule> {
        let covering = self.rules.iter().filter(|rule| rule.covers(key));
        covering.max_by_key(|rule| rule.specificity())
    }

    /// The fees of a ride.
    ///
    /// # Errors
    /// [`FeeError`] when no rule covers it, or the amount is negative or too large.
    pub fn fees(&self, amount: Fen, key: &FeeKey) -> Result<Fees, FeeError> {
        self.rule_for(key).ok_or(FeeError::NoRule)?.fees(amount)
    }
}

/// Whether two equally specific rules meet where no third one is better.
fn ties(rules: &[FeeRule], one: &FeeRule, other: &FeeRule) -> bool {
    one.common(other).is_some_and(|both| {
        !rules
            .iter()
            .any(|third| third.specificity() > one.specificity() && third.contains(&both))
    })
}

const VERSION: &str = "version N";
const RULE: &str = "rule BUSINESS SERVICE ACQUIRER ISSUER FROM TO RATE ACQUIRER-SHARE ISSUER-SHARE";

fn rule(statement: &Statement<'_>, words: &[&str]) -> Result<FeeRule, ParseError> {
    let &[
        business,
        service,
        acquirer,
        issuer,
        from,
        to,
        rate,
        to_acquirer,
        to_issuer,
    ] = words
    else {
        return Err(statement.statement_error(RULE));
    };
    let named = |word: &str, known: Option<_>, expected| {
        known.ok_or_else(|| statement.word_error(word, expected))
    };
    let party = |word: &str| match word {
        "any" => Ok(Scope::Any),
        code => statement
            .value(InstitutionCode::parse(code))
            .map(Scope::Only),
    };
    let day = |word: &str| statement.value(word.parse::<BusinessDay>());
    let business = match business {
        "any" => Scope::Any,
        word => Scope::Only(named(
            word,
            Business::parse(word),
            "any, transport or other",
        )?),
    };
    let service = match service {
        "any" => Scope::Any,
        word => {
            let known = Service::parse(word);
            let expected = "any, bus, metro, bike-rental, taxi or other";
            Scope::Only(known.ok_or_else(|| statement.word_error(word, expected))?)
        }
    };
    Ok(FeeRule {
        business,
        service,
        acquirer: party(acquirer)?,
        issuer: party(issuer)?,
        valid_from: day(from)?,
        valid_to: day(to)?,
        rate_e7: percent(statement, rate, RATE_WHOLE)?,
        acquirer_share_e4: percent(statement, to_acquirer, SHARE_WHOLE)?,
        issuer_share_e4: percent(statement, to_issuer, SHARE_WHOLE)?,
    })
}

/// Reads a percentage such as `0.35%` in parts of which `whole` are one; nothing is rounded.
fn percent(statement: &Statement<'_>, word: &str, whole: u32) -> Result<u32, ParseError> {
    const EXPECTED: &str = "a percentage with no more decimals than are counted";
    let fault = || statement.word_error(word, EXPECTED);
    let number = word.strip_suffix('%').ok_or_else(fault)?;
    // Read in 10^-7 percent, the finest that the amount parser has, then scaled down.
    let fine = number.parse::<FenE7>().map_err(|_| fault())?.get();
    let scaled = i128::from(fine) * i128::from(whole);
    let unit = 1_000_000_000;
    if scaled % unit != 0 {
        return Err(fault());
    }
    u32::try_from(scaled / unit).map_err(|_| fault())
}

#[cfg(test)]
mod tests;
