//! Life cycles of the card, of load files, domains and applications (GP 2.3.1 §5, §11.1.1).

/// The card's life cycle (卡生命周期), reported for the issuer domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CardState {
    /// OP_READY: ready for content.
    OpReady,
    /// INITIALIZED: some content is there, not ready for its holder.
    Initialized,
    /// SECURED: in the holder's hands.
    Secured,
    /// CARD_LOCKED: nothing but the final application can be selected; reversible.
    Locked,
    /// TERMINATED: the end.
    Terminated,
}

impl CardState {
    /// Reads the coding byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::OpReady,
            0x07 => Self::Initialized,
            0x0F => Self::Secured,
            0x7F => Self::Locked,
            0xFF => Self::Terminated,
            _ => return None,
        })
    }

    /// The coding byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::OpReady => 0x01,
            Self::Initialized => 0x07,
            Self::Secured => 0x0F,
            Self::Locked => 0x7F,
            Self::Terminated => 0xFF,
        }
    }

    /// Whether the specification has a step from here to there; who may take it is another
    /// question.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Terminated, _) => false,
            (_, Self::Terminated)
            | (Self::OpReady, Self::Initialized)
            | (Self::Initialized, Self::Secured)
            | (Self::Secured, Self::Locked)
            | (Self::Locked, Self::Secured) => true,
            _ => false,
        }
    }

    /// Its name in English and Chinese.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::OpReady => ("OP_READY", "可操作"),
            Self::Initialized => ("INITIALIZED", "已初始化"),
            Self::Secured => ("SECURED", "安全"),
            Self::Locked => ("CARD_LOCKED", "卡锁定"),
            Self::Terminated => ("TERMINATED", "已终止"),
        }
    }
}

/// The life cycle byte of an application, a security domain or a load file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State(pub u8);

impl State {
    /// A load file that is there.
    pub const LOADED: Self = Self(0x01);
    /// Installed, not selectable.
    pub const INSTALLED: Self = Self(0x03);
    /// Selectable.
    pub const SELECTABLE: Self = Self(0x07);
    /// A security domain with its keys.
    pub const PERSONALIZED: Self = Self(0x0F);

    /// Whether it is locked: bit 8 beside the two low bits of INSTALLED.
    #[must_use]
    pub const fn is_locked(self) -> bool {
        self.0 & 0x83 == 0x83
    }

    /// Whether SELECT may find it: the three low bits of SELECTABLE, and not locked.
    #[must_use]
    pub const fn is_selectable(self) -> bool {
        self.0 & 0x87 == 0x07
    }

    /// The same, locked.
    #[must_use]
    pub const fn locked(self) -> Self {
        Self(self.0 | 0x80)
    }

    /// The state before it was locked.
    #[must_use]
    pub const fn unlocked(self) -> Self {
        Self(self.0 & 0x7F)
    }

    /// Whether an application may give itself this state: SELECTABLE with bits 4 to 7 free.
    #[must_use]
    pub const fn is_application_specific(self) -> bool {
        self.0 & 0x87 == 0x07
    }

    /// Its name in English and Chinese; `domain` says that it is a security domain's.
    #[must_use]
    pub const fn names(self, domain: bool) -> (&'static str, &'static str) {
        match self.0 {
            0x01 => ("LOADED", "已加载"),
            0x03 => ("INSTALLED", "已安装"),
            0x07 => ("SELECTABLE", "可选择"),
            0x0F if domain => ("PERSONALIZED", "已个人化"),
            _ if self.is_locked() => ("LOCKED", "已锁定"),
            _ if self.is_application_specific() => ("application specific", "应用自定义"),
            _ => ("not a state", "无此状态"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_remembers_what_was_before() {
        for state in [State::INSTALLED, State::SELECTABLE, State(0x3F)] {
            assert!(!state.is_locked());
            assert!(state.locked().is_locked() && !state.locked().is_selectable());
            assert_eq!(state.locked().unlocked(), state);
        }
        assert!(!State::INSTALLED.is_selectable());
        assert!(State(0x7F).is_selectable());
    }

    #[test]
    fn the_card_goes_forward_and_only_a_lock_comes_back() {
        use CardState as C;
        let all = [
            C::OpReady,
            C::Initialized,
            C::Secured,
            C::Locked,
            C::Terminated,
        ];
        let steps: Vec<_> = all
            .iter()
            .flat_map(|from| all.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(steps.len(), 8);
        assert!(steps.contains(&(C::Locked, C::Secured)));
        assert!(!steps.iter().any(|(from, to)| from == to));
        for state in all {
            assert_eq!(C::from_byte(state.byte()), Some(state));
        }
    }
}
