//! Classes of riders (卡种): what a card's file and an account's type say of its rider.

use tongtu_purse::field::CardKind;

/// A class of riders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing special.
    Ordinary,
    /// A student.
    Student,
    /// Above an age.
    Elder,
    /// Of the military: rides free where a city says so.
    Military,
}

impl Class {
    /// The classes that have terms of their own somewhere, in the order they are dealt.
    const DEALT: [Self; 3] = [Self::Student, Self::Elder, Self::Military];

    /// The class of the `n`-th rider who has one.
    #[must_use]
    pub const fn dealt(n: usize) -> Self {
        Self::DEALT[n % Self::DEALT.len()]
    }

    /// The kind in file 0x17 of a card.
    #[must_use]
    pub const fn card_kind(self) -> CardKind {
        match self {
            Self::Ordinary => CardKind::ORDINARY,
            Self::Student => CardKind::STUDENT,
            Self::Elder => CardKind::ELDER,
            Self::Military => CardKind::MILITARY,
        }
    }

    /// The type that an account is opened with; none is an ordinary rider's.
    #[must_use]
    pub const fn account_type(self) -> Option<u8> {
        match self {
            Self::Ordinary => None,
            Self::Student => Some(2),
            Self::Elder => Some(3),
            Self::Military => Some(5),
        }
    }

    /// What it is called, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Ordinary => ("ordinary", "普通"),
            Self::Student => ("student", "学生"),
            Self::Elder => ("elder", "老年"),
            Self::Military => ("military", "军人"),
        }
    }
}
