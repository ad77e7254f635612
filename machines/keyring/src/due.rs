//! What is to be done now: by the book itself, or by people.

use alloc::vec::Vec;

use tongtu_types::Timestamp;

use crate::KeyBook;
use crate::book::Deed;
use crate::code::Stage;
use crate::event::{Event, What};
use crate::life::KeyLife;
use crate::name::KeyNumber;
use crate::record::Signers;

/// One thing to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// For which key.
    pub key: KeyNumber,
    /// What.
    pub task: Task,
    /// Since when.
    pub since: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Tell holder and province that the term ends in so many days or fewer; once each.
    Notice {
        /// So many days.
        days: u16,
    },
    /// Record that its term or its overlap is over.
    Retire,
    /// Mark it as unused for twelve months.
    FlagUnused,
    /// The province withdraws a key that is marked as unused, or it is used again.
    Withdraw,
    /// The authority looks at refused uses outside city or purpose: it suspends the key, or says
    /// that nothing follows.
    Review {
        /// How many.
        uses: u32,
    },
}

impl Task {
    /// The step by which the book itself does it; `None` where people are needed.
    #[must_use]
    pub const fn own_step(self) -> Option<What> {
        match self {
            Self::Notice { days } => Some(What::Noticed { days }),
            Self::Retire => Some(What::Retired),
            Self::FlagUnused => Some(What::FlaggedUnused),
            Self::Withdraw | Self::Review { .. } => None,
        }
    }
}

impl KeyBook {
    /// Everything that is to be done at `now`, key by key. What the book does itself is not due
    /// again once it was recorded; what people do stays until they did it.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        self.keys().flat_map(|life| due_of(life, now)).collect()
    }

    /// The events of everything that the book does itself at `now`. Applied, nothing of it is due
    /// again.
    #[must_use]
    pub fn settle(&self, now: Timestamp) -> Vec<Event> {
        let now = now.max(self.last_at());
        let steps = self
            .due(now)
            .into_iter()
            .filter_map(|due| Some((due.key, due.task.own_step()?)));
        let mut number = self.last_number();
        steps
            .map(|(key, what)| {
                number += 1;
                let deed = Deed {
                    at: now,
                    key: Some(key),
                    signers: Signers::System,
                    what,
                };
                deed.into_event(number)
            })
            .collect()
    }
}

fn due_of(life: &KeyLife, now: Timestamp) -> impl Iterator<Item = Due> {
    let due = |task, since| Due {
        key: life.number(),
        task,
        since,
    };
    let open = !life.stage().is_final();
    let over = open && now >= life.over_at();
    let retire = over.then(|| due(Task::Retire, life.over_at()));
    let live = open && !over;
    let notice = (life.notice_due(now).filter(|_| live))
        .map(|(days, since)| due(Task::Notice { days }, since));
    let flag = life
        .unused_at()
        .filter(|at| live && life.stage() != Stage::Suspended && now >= *at)
        .map(|at| due(Task::FlagUnused, at));
    let withdraw = (life.flagged_at)
        .filter(|_| live && life.stage() == Stage::Unused)
        .map(|at| due(Task::Withdraw, at));
    let review =
        (life.misused.filter(|_| open)).map(|(uses, since)| due(Task::Review { uses }, since));
    [retire, notice, flag, withdraw, review]
        .into_iter()
        .flatten()
}
