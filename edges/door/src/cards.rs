//! The card blacklist behind the door: fetched, kept, taken.
//!
//! Scans and taps never wait for it: a file is checked and worked into the list beside them, and
//! only the exchange of the list, and each step that compacts it, is under the terminal's lock.

use tongtu_blacklist::{Blacklist, BlacklistError, Kind, Loader};
use tongtu_crypto::PublicKey;
use tongtu_http::client::Offer;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::download::{Beginning, Download};
use crate::server::{Door, DoorError};

/// Keeps the signed files of the card blacklist, for a start without the acquirer.
pub trait CardBlacklistKeeper: Send {
    /// The list of what is kept, every signature checked; version 0 where there is none that
    /// holds.
    ///
    /// # Errors
    /// The device's.
    fn restore(
        &mut self,
        list_key: &PublicKey,
        acquirer: InstitutionCode,
    ) -> std::io::Result<Blacklist>;

    /// Keeps a full file in place of all that is there, whole or not at all.
    ///
    /// # Errors
    /// The device's.
    fn keep_full(&mut self, file: &[u8]) -> std::io::Result<()>;

    /// Keeps a delta behind what is there; durable when it returns.
    ///
    /// # Errors
    /// The device's.
    fn keep_delta(&mut self, file: &[u8]) -> std::io::Result<()>;
}

/// Steps that compact a list at one time; scans and taps go on between them.
const CHUNKS_AT_ONCE: usize = 4;
/// Files of the acquirer's in one refresh: one that was begun, and what came after it.
const FILES_AT_ONCE: usize = 3;

impl Door {
    /// Takes the card blacklist that was kept, and keeps what is fetched from now on.
    ///
    /// # Errors
    /// [`DoorError::Lists`] when it cannot be read.
    pub fn with_card_blacklist(
        mut self,
        mut keeper: Box<dyn CardBlacklistKeeper>,
    ) -> Result<Self, DoorError> {
        let acquirer = self.inside().terminal.profile().acquirer;
        let list = keeper
            .restore(&self.list_key, acquirer)
            .map_err(DoorError::Lists)?;
        if list.version() > 0 {
            let issued_at = list.issued_at();
            self.take_card_blacklist(list, issued_at)?;
        }
        self.cards = tokio::sync::Mutex::new(Some(keeper));
        self.compact_card_blacklist();
        Ok(self)
    }

    /// Fetches what leads to the acquirer's newest card blacklist, keeps it, takes it, and tells
    /// the acquirer; the version that is held then. A file that was begun is fetched to its end
    /// first. Where a delta does not go on from the list held, the full list is fetched.
    ///
    /// # Errors
    /// [`DoorError`] when the acquirer does not answer, its file does not hold, or it cannot be
    /// kept; the list held stays as it is.
    pub async fn refresh_card_blacklist(&self, now: Timestamp) -> Result<u64, DoorError> {
        let keeper = &mut *self.cards.lock().await;
        let download = &mut *self.cards_download.lock().await;
        let before = self.card_blacklist_version(now);
        let mut refreshed = Ok(());
        for _ in 0..FILES_AT_ONCE {
            match self.next_card_blacklist(keeper, download, now).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    refreshed = Err(error);
                    break;
                }
            }
        }
        let held = self.card_blacklist_version(now);
        if held != before {
            // The list is taken, whether the acquirer hears of it now or next time.
            let _ = self.report_coverage(now).await;
        }
        refreshed.map(|()| held)
    }

    /// Takes one file in, if there is one.
    async fn next_card_blacklist(
        &self,
        keeper: &mut Option<Box<dyn CardBlacklistKeeper>>,
        download: &mut Download,
        now: Timestamp,
    ) -> Result<bool, DoorError> {
        let held = self.card_blacklist_version(now);
        // A full file leads on from every version.
        let leads_on = |b: &Beginning| b.version > held && (b.after == held || b.after == 0);
        let mut beginning = download.beginning().filter(leads_on);
        let mut after = beginning.as_ref().map_or(held, |b| b.after);
        let (file, kind, list) = loop {
            let fetched = self.fetch_cards(after, beginning.as_ref(), download, now);
            let Some(file) = fetched.await? else {
                return Ok(false);
            };
            let error = match self.load(file).await {
                Ok(loaded) => break loaded,
                Err(error) => error,
            };
            download.forget()?;
            match error {
                DoorError::CardBlacklist(
                    BlacklistError::OutOfOrder { .. } | BlacklistError::Diverged { .. },
                ) if after > 0 => (after, beginning) = (0, None),
                // The beginning that lay here may have been spoilt: once more, from the first byte.
                DoorError::CardBlacklist(_) if beginning.take().is_some() => after = held,
                error => return Err(error),
            }
        };
        if let Some(keeper) = keeper.as_mut() {
            // Kept before it is taken: what a terminal took once it can take again.
            let kept = match kind {
                Kind::Full => keeper.keep_full(&file),
                Kind::Delta { .. } => keeper.keep_delta(&file),
            };
            kept.map_err(DoorError::Lists)?;
        }
        download.forget()?;
        self.take_card_blacklist(list, now)?;
        self.compact_card_blacklist();
        Ok(true)
    }

    /// A whole file, which nobody has checked yet.
    async fn fetch_cards(
        &self,
        after: u64,
        beginning: Option<&Beginning>,
        download: &mut Download,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, DoorError> {
        let file = if beginning.is_some_and(|b| b.is_whole) {
            download.whole()?
        } else {
            let asking = self.asking(now);
            let (to, begun) = (beginning.map(|b| b.version), beginning.map(|b| &b.begun));
            let acquirer = &asking.acquirer;
            let offer = acquirer.card_blacklist_offer(after, to, begun).await;
            self.hear(&asking);
            match offer? {
                Offer::File(transfer) => download.receive(after, transfer).await?,
                Offer::Nothing { newest } if newest < after => {
                    return Err(DoorError::SetBack {
                        list: "card blacklist",
                        newest,
                        held: after,
                    });
                }
                Offer::Nothing { .. } => return Ok(None),
            }
        };
        Ok(Some(file))
    }

    fn take_card_blacklist(&self, list: Blacklist, now: Timestamp) -> Result<(), DoorError> {
        let terminal = &mut self.inside().terminal;
        Ok(terminal.apply_card_blacklist(list, now)?)
    }

    fn card_blacklist_version(&self, now: Timestamp) -> u64 {
        self.inside().terminal.lists_status(now).card_blacklist
    }

    /// Checks a file and works it into the list held, on a thread of its own.
    async fn load(&self, file: Vec<u8>) -> Result<(Vec<u8>, Kind, Blacklist), DoorError> {
        let mut loader = self.inside().terminal.card_blacklist_loader();
        let work = move || {
            let fed: Result<(), BlacklistError> = loader.feed(&file);
            fed?;
            let kind = loader.head().map(|head| head.kind);
            let list = Loader::finish(loader)?;
            // A file without a head does not finish.
            Ok((file, kind.unwrap_or(Kind::Full), list))
        };
        let joined = tokio::task::spawn_blocking(work).await;
        let loaded: Result<_, BlacklistError> =
            joined.map_err(|error| DoorError::Lists(std::io::Error::other(error)))?;
        Ok(loaded?)
    }

    fn compact_card_blacklist(&self) {
        let mut waiting = usize::MAX;
        loop {
            let left = self
                .inside()
                .terminal
                .compact_card_blacklist(CHUNKS_AT_ONCE);
            // What cannot become less is left to the next list.
            if left == 0 || left >= waiting {
                return;
            }
            waiting = left;
        }
    }
}
