//! Rates: a bucket of requests for each caller, refilled by time.

use crate::Role;

/// How often a caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_s: u32,
    /// Requests at once, after a rest.
    pub burst: u32,
}

/// The rates of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Persons.
    pub person: Rate,
    /// Operators, whose programs work through days.
    pub operator: Rate,
    /// Nodes and partners' systems.
    pub system: Rate,
    /// Terminals.
    pub terminal: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let rate = |per_s, burst| Rate { per_s, burst };
        Self {
            person: rate(10, 100),
            operator: rate(200, 2000),
            system: rate(200, 2000),
            terminal: rate(10, 100),
        }
    }
}

impl Rates {
    /// For a demonstration that lives days in seconds: as good as none.
    pub const UNLIMITED: Self = {
        const MOST: Rate = Rate {
            per_s: u32::MAX,
            burst: u32::MAX,
        };
        Self {
            person: MOST,
            operator: MOST,
            system: MOST,
            terminal: MOST,
        }
    };

    /// A role's rate.
    #[must_use]
    pub const fn of(&self, role: Role) -> Rate {
        match role {
            Role::Operator => self.operator,
            Role::Clerk | Role::Auditor | Role::Authority | Role::Officer => self.person,
            Role::Node | Role::Partner => self.system,
            Role::Terminal => self.terminal,
        }
    }
}

/// Thousandths of requests.
const WHOLE: u64 = 1000;

/// What a caller may still ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    left: u64,
    at_ms: u64,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, at_ms: u64) -> Self {
        let left = u64::from(rate.burst) * WHOLE;
        Self { left, at_ms }
    }

    /// Takes one request out; otherwise the milliseconds until there is one.
    pub(crate) fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), u64> {
        // One request a second is one thousandth a millisecond.
        let per_ms = u64::from(rate.per_s);
        let gone_ms = now_ms.saturating_sub(self.at_ms);
        let most = u64::from(rate.burst) * WHOLE;
        self.left = gone_ms.saturating_mul(per_ms).saturating_add(self.left);
        self.left = self.left.min(most);
        self.at_ms = self.at_ms.max(now_ms);
        match self.left.checked_sub(WHOLE) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((WHOLE - self.left).div_ceil(per_ms.max(1))),
        }
    }
}
