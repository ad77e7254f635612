//! Privileges of applications and security domains (GP 2.3.1 tables 11-7 to 11-9).

use core::fmt;

macro_rules! privileges {
    ($($name:ident = $bit:literal, $en:literal, $zh:literal;)*) => {
        /// One privilege.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Privilege {
            $(#[doc = concat!($en, " (", $zh, ").")] $name,)*
        }

        impl Privilege {
            /// Every privilege, first byte first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            const fn mask(self) -> u32 {
                match self { $(Self::$name => $bit,)* }
            }

            /// Its name in English and Chinese.
            #[must_use]
            pub const fn names(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($en, $zh),)* }
            }
        }
    };
}

privileges! {
    SecurityDomain = 0x80_0000, "security domain", "安全域";
    DapVerification = 0x40_0000, "DAP verification", "DAP 验证";
    DelegatedManagement = 0x20_0000, "delegated management", "委托管理";
    CardLock = 0x10_0000, "card lock", "卡锁定";
    CardTerminate = 0x08_0000, "card terminate", "卡终止";
    CardReset = 0x04_0000, "card reset", "卡复位";
    CvmManagement = 0x02_0000, "CVM management", "CVM 管理";
    MandatedDap = 0x01_0000, "mandated DAP verification", "强制 DAP 验证";
    TrustedPath = 0x00_8000, "trusted path", "可信路径";
    AuthorizedManagement = 0x00_4000, "authorised management", "授权管理";
    TokenVerification = 0x00_2000, "token verification", "令牌验证";
    GlobalDelete = 0x00_1000, "global delete", "全局删除";
    GlobalLock = 0x00_0800, "global lock", "全局锁定";
    GlobalRegistry = 0x00_0400, "global registry", "全局注册表";
    FinalApplication = 0x00_0200, "final application", "最终应用";
    GlobalService = 0x00_0100, "global service", "全局服务";
    ReceiptGeneration = 0x00_0080, "receipt generation", "收条生成";
    CipheredLoad = 0x00_0040, "ciphered load file data block", "密文加载";
    ContactlessActivation = 0x00_0020, "contactless activation", "非接激活";
    ContactlessSelfActivation = 0x00_0010, "contactless self-activation", "非接自激活";
}

/// A set of privileges, three bytes as they travel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Privileges(u32);

/// Privileges that do not go together (GP 2.3.1 §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// Two that exclude each other.
    #[error("{0:?} and {1:?} exclude each other")]
    Excluded(Privilege, Privilege),
    /// One that needs another.
    #[error("{0:?} needs {1:?}")]
    Needs(Privilege, Privilege),
    /// A bit that stands for nothing.
    #[error("a reserved privilege bit is set")]
    Reserved,
    /// Neither one nor three bytes.
    #[error("privileges have {found} bytes, expected 1 or 3")]
    Length {
        /// Bytes found.
        found: usize,
    },
}

impl Privileges {
    /// No privileges.
    pub const NONE: Self = Self(0);

    /// What the issuer domain has when a card leaves the factory (`9E FE 80`).
    pub const ISSUER_DOMAIN: Self = Self(0x9E_FE80);

    /// The set of these.
    #[must_use]
    pub fn of(list: &[Privilege]) -> Self {
        Self(list.iter().fold(0, |set, one| set | one.mask()))
    }

    /// Reads one or three bytes. One byte stands for itself and what that kind of holder has
    /// besides: a domain the trusted path, an application nothing.
    ///
    /// # Errors
    /// [`PrivilegeError::Length`] for another number of bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PrivilegeError> {
        match *bytes {
            [a] => {
                let set = Self(u32::from(a) << 16);
                Ok(if set.has(Privilege::SecurityDomain) {
                    set.with(Privilege::TrustedPath)
                } else {
                    set
                })
            }
            [a, b, c] => Ok(Self(u32::from_be_bytes([0, a, b, c]))),
            _ => Err(PrivilegeError::Length { found: bytes.len() }),
        }
    }

    /// The three bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, privilege: Privilege) -> bool {
        self.0 & privilege.mask() != 0
    }

    /// The set with it.
    #[must_use]
    pub const fn with(self, privilege: Privilege) -> Self {
        Self(self.0 | privilege.mask())
    }

    /// The set without it.
    #[must_use]
    pub const fn without(self, privilege: Privilege) -> Self {
        Self(self.0 & !privilege.mask())
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Privilege> {
        Privilege::ALL.iter().copied().filter(move |p| self.has(*p))
    }

    /// Says whether these go together, and that no bit without a meaning is set.
    ///
    /// # Errors
    /// [`PrivilegeError`] naming the first two that do not.
    pub fn check(self) -> Result<(), PrivilegeError> {
        use Privilege as P;
        let known = Privilege::ALL.iter().fold(0, |set, p| set | p.mask());
        if self.0 & !known != 0 {
            return Err(PrivilegeError::Reserved);
        }
        for (one, other) in [
            (P::AuthorizedManagement, P::DelegatedManagement),
            (P::TokenVerification, P::DelegatedManagement),
            (P::ReceiptGeneration, P::DelegatedManagement),
        ] {
            if self.has(one) && self.has(other) {
                return Err(PrivilegeError::Excluded(one, other));
            }
        }
        for (one, needed) in [
            (P::DapVerification, P::SecurityDomain),
            (P::MandatedDap, P::SecurityDomain),
            (P::MandatedDap, P::DapVerification),
            (P::DelegatedManagement, P::SecurityDomain),
            (P::AuthorizedManagement, P::SecurityDomain),
            (P::TokenVerification, P::SecurityDomain),
            (P::ReceiptGeneration, P::SecurityDomain),
        ] {
            if self.has(one) && !self.has(needed) {
                return Err(PrivilegeError::Needs(one, needed));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factory_domain_has_what_the_specification_lists() {
        use Privilege as P;
        let listed = Privileges::of(&[
            P::SecurityDomain,
            P::AuthorizedManagement,
            P::GlobalRegistry,
            P::GlobalLock,
            P::GlobalDelete,
            P::TokenVerification,
            P::CardLock,
            P::CardTerminate,
            P::TrustedPath,
            P::CvmManagement,
            P::CardReset,
            P::FinalApplication,
            P::ReceiptGeneration,
        ]);
        assert_eq!(listed, Privileges::ISSUER_DOMAIN);
        assert_eq!(listed.bytes(), [0x9E, 0xFE, 0x80]);
        assert_eq!(listed.check(), Ok(()));
    }

    #[test]
    fn one_byte_stands_for_three() {
        assert_eq!(Privileges::parse(&[0x80]).unwrap().bytes(), [0x80, 0x80, 0]);
        assert_eq!(Privileges::parse(&[0x04]).unwrap().bytes(), [0x04, 0, 0]);
        assert_eq!(
            Privileges::parse(&[0, 0]),
            Err(PrivilegeError::Length { found: 2 })
        );
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        use Privilege as P;
        let check = |bytes: [u8; 3]| Privileges::parse(&bytes).unwrap().check();
        assert_eq!(
            check([0xA0, 0x40, 0]),
            Err(PrivilegeError::Excluded(
                P::AuthorizedManagement,
                P::DelegatedManagement
            ))
        );
        assert_eq!(
            check([0x81, 0, 0]),
            Err(PrivilegeError::Needs(P::MandatedDap, P::DapVerification))
        );
        assert_eq!(
            check([0x20, 0, 0]),
            Err(PrivilegeError::Needs(
                P::DelegatedManagement,
                P::SecurityDomain
            ))
        );
        assert_eq!(check([0xC1, 0, 0]), Ok(()));
        assert_eq!(check([0x80, 0, 0x01]), Err(PrivilegeError::Reserved));
    }
}
