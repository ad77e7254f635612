//! The versions of a city's fare book over time.

use alloc::vec::Vec;

use tongtu_types::{BusinessDay, CityCode};

use crate::FareBook;

/// A city's fare books (票价参数), each with its version and its first day.
///
/// On a given day the highest version that has begun counts. Versions only rise, so an old file
/// that arrives late cannot bring an old fare back.
#[derive(Clone, Debug, Default)]
pub struct Tariff {
    /// By rising version.
    books: Vec<FareBook>,
}

/// Why a book was not taken into a [`Tariff`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TariffError {
    /// The book is another city's.
    #[error("fare book of city {found}, expected city {expected}")]
    OtherCity {
        /// The book's city.
        found: CityCode,
        /// The city of the books held.
        expected: CityCode,
    },
    /// The book's version is not above the highest held.
    #[error("fare book version {found}, expected more than {held}")]
    NotNewer {
        /// The book's version.
        found: u32,
        /// The highest version held.
        held: u32,
    },
}

impl Tariff {
    /// Takes a newer book; it supersedes the others from its first day on.
    ///
    /// # Errors
    /// [`TariffError`] when it is another city's or its version is not the highest so far.
    pub fn adopt(&mut self, book: FareBook) -> Result<(), TariffError> {
        if let Some(newest) = self.books.last() {
            if book.city().code != newest.city().code {
                return Err(TariffError::OtherCity {
                    found: book.city().code,
                    expected: newest.city().code,
                });
            }
            if book.version() <= newest.version() {
                return Err(TariffError::NotNewer {
                    found: book.version(),
                    held: newest.version(),
                });
            }
        }
        self.books.push(book);
        Ok(())
    }

    /// The book that counts on that day, if any has begun.
    #[must_use]
    pub fn on(&self, day: BusinessDay) -> Option<&FareBook> {
        self.books.iter().rev().find(|book| book.effective() <= day)
    }

    /// All books held, by rising version.
    #[must_use]
    pub fn books(&self) -> &[FareBook] {
        &self.books
    }
}
