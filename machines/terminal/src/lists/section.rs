//! The sections of a bundle: their kinds, entries and limits.

use tongtu_fare::parse::BOOK_MAX_BYTES;

use super::{cities, groups, parameters};

/// Most roots; the index in a code is one byte.
pub const ROOTS_MAX: usize = 256;
/// Most accepted issuers of ride codes.
pub const ISSUERS_MAX: usize = 10_000;
/// Most blacklisted accounts.
pub const ACCOUNTS_MAX: usize = 1_000_000;
/// Most blacklisted user certificates.
pub const USER_CERTIFICATES_MAX: usize = 100_000;
/// Most revoked issuer certificates.
pub const ISSUER_CERTIFICATES_MAX: usize = 10_000;
/// Longest text of a fare book, bytes.
pub const FARE_BOOK_LEN_MAX: usize = BOOK_MAX_BYTES;
/// Most fare books in a bundle: the one that counts and those that will.
pub const FARE_BOOKS_MAX: usize = 8;
/// Most entries of the city list.
pub const CITIES_MAX: usize = 10_000;
/// Most sets of parameters: the one that counts and those that will.
pub const PARAMETERS_MAX: usize = 16;
/// Most terminals in groups.
pub const GROUPED_MAX: usize = 100_000;

/// The sections of a bundle; the number is their kind on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Section {
    /// Root certificates (中心根证书), 144 bytes each, by CA index.
    Roots = 1,
    /// Issuers whose ride codes are accepted (互联互通城市名单), cn8 each.
    Issuers = 2,
    /// Blacklisted accounts (账户黑名单), cn20 each as in a ride code.
    Accounts = 3,
    /// Blacklisted user certificates, SM3 of bytes 3..263+N of their codes, 32 each.
    UserCertificates = 4,
    /// Revoked issuer certificates, issuer cn8 and serial, 7 each.
    IssuerCertificates = 5,
    /// The one fare book (票价参数) of format 1, text of a `.fare` file.
    FareBook = 6,
    /// The fare books of format 2, by rising version: length 4 and text of a `.fare` file each.
    FareBooks = 7,
    /// The city list (城市白名单) for cards: version 4, notice 8, then 49 bytes an entry.
    Cities = 8,
    /// Sets of parameters (参数), by their first day.
    Parameters = 9,
    /// Which terminals stand together, 11 bytes each.
    Groups = 10,
    /// The least version of the card blacklist that a terminal should have, 8 bytes.
    CardBlacklist = 11,
}

impl Section {
    /// All sections there are.
    pub const ALL: [Self; 11] = [
        Self::Roots,
        Self::Issuers,
        Self::Accounts,
        Self::UserCertificates,
        Self::IssuerCertificates,
        Self::FareBook,
        Self::FareBooks,
        Self::Cities,
        Self::Parameters,
        Self::Groups,
        Self::CardBlacklist,
    ];

    /// The sections of a bundle of that format, in their order; none where it is not known.
    #[must_use]
    pub const fn of_format(format: u8) -> &'static [Self] {
        match format {
            1 => &[
                Self::Roots,
                Self::Issuers,
                Self::Accounts,
                Self::UserCertificates,
                Self::IssuerCertificates,
                Self::FareBook,
            ],
            2 => &[
                Self::Roots,
                Self::Issuers,
                Self::Accounts,
                Self::UserCertificates,
                Self::IssuerCertificates,
                Self::FareBooks,
                Self::Cities,
                Self::Parameters,
                Self::Groups,
                Self::CardBlacklist,
            ],
            _ => &[],
        }
    }

    /// The section's name in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Issuers => "issuers",
            Self::Accounts => "accounts",
            Self::UserCertificates => "user_certificates",
            Self::IssuerCertificates => "issuer_certificates",
            Self::FareBook => "fare_book",
            Self::FareBooks => "fare_books",
            Self::Cities => "cities",
            Self::Parameters => "parameters",
            Self::Groups => "groups",
            Self::CardBlacklist => "card_blacklist",
        }
    }

    pub(super) const fn kind(self) -> u16 {
        self as u16
    }

    /// Bytes before the entries.
    pub(super) const fn front_len(self) -> usize {
        match self {
            Self::Cities => cities::FRONT_LEN,
            _ => 0,
        }
    }

    /// Bytes of one entry.
    pub(super) const fn entry_len(self) -> usize {
        match self {
            Self::Roots => 144,
            Self::Issuers => 4,
            Self::Accounts => 10,
            Self::UserCertificates => 32,
            Self::IssuerCertificates => 7,
            Self::FareBook | Self::FareBooks => 1,
            Self::Cities => cities::ENTRY_LEN,
            Self::Parameters => parameters::ENTRY_LEN,
            Self::Groups => groups::ENTRY_LEN,
            Self::CardBlacklist => 8,
        }
    }

    pub(super) const fn entries_max(self) -> usize {
        match self {
            Self::Roots => ROOTS_MAX,
            Self::Issuers => ISSUERS_MAX,
            Self::Accounts => ACCOUNTS_MAX,
            Self::UserCertificates => USER_CERTIFICATES_MAX,
            Self::IssuerCertificates => ISSUER_CERTIFICATES_MAX,
            Self::FareBook => FARE_BOOK_LEN_MAX,
            Self::FareBooks => FARE_BOOKS_MAX * (4 + FARE_BOOK_LEN_MAX),
            Self::Cities => CITIES_MAX,
            Self::Parameters => PARAMETERS_MAX,
            Self::Groups => GROUPED_MAX,
            Self::CardBlacklist => 1,
        }
    }

    /// Whether its entries rise strictly as they are. Roots are ordered by their index, parameters
    /// by their day, and text has no order.
    pub(super) const fn rises(self) -> bool {
        match self {
            Self::Issuers
            | Self::Accounts
            | Self::UserCertificates
            | Self::IssuerCertificates
            | Self::Cities
            | Self::Groups => true,
            Self::Roots
            | Self::FareBook
            | Self::FareBooks
            | Self::Parameters
            | Self::CardBlacklist => false,
        }
    }
}
