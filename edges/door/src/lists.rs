//! The list bundle behind the door: fetched, kept, taken, reported.

use tongtu_http::client::Offer;
use tongtu_terminal::ListBundle;
use tongtu_types::Timestamp;

use crate::download::{Download, PartKeeper};
use crate::server::{Door, DoorError, Inside};

impl Door {
    /// Keeps the beginnings of files on their way where a restart finds them: of list bundles,
    /// and of card blacklists.
    #[must_use]
    pub fn with_parts(mut self, lists: Box<dyn PartKeeper>, cards: Box<dyn PartKeeper>) -> Self {
        self.lists_download = tokio::sync::Mutex::new(Download::new(lists));
        self.cards_download = tokio::sync::Mutex::new(Download::new(cards));
        self
    }

    /// Fetches the acquirer's lists if there are newer ones, and keeps them for the next start.
    ///
    /// # Errors
    /// [`DoorError`] when the acquirer does not answer or its lists do not hold; those held
    /// stay.
    pub async fn refresh_lists(&self, now: Timestamp) -> Result<u64, DoorError> {
        let _one_at_a_time = self.uplink.lock().await;
        let held = self.inside().terminal.lists_status(now).version;
        let bundle = self.fetch_lists(held.unwrap_or(0), now).await?;
        if let (Some(bundle), Some(keeper)) = (&bundle, &self.lists) {
            // Kept before it is taken: what a terminal took once it can take again.
            keeper.keep(bundle).map_err(DoorError::Lists)?;
        }
        if bundle.is_some() {
            self.lists_download.lock().await.forget()?;
        }
        let version = {
            let inside = &mut *self.inside();
            let Inside {
                terminal, store, ..
            } = inside;
            match bundle {
                Some(bundle) => terminal.apply_lists(&bundle, now, &mut **store)?,
                None => terminal.confirm_lists(now),
            }
            terminal.lists_status(now).version.unwrap_or(0)
        };
        // The lists are taken, whether the acquirer hears of it now or next time.
        let _ = self.report_coverage(now).await;
        Ok(version)
    }

    /// A bundle above the version held, genuine and for this terminal to judge.
    async fn fetch_lists(&self, held: u64, now: Timestamp) -> Result<Option<Vec<u8>>, DoorError> {
        let download = &mut *self.lists_download.lock().await;
        let mut beginning = download.beginning().filter(|b| b.after == held);
        loop {
            let begun = beginning.as_ref().filter(|b| !b.is_whole);
            let begun = begun.map(|b| &b.begun);
            let bundle = if beginning.as_ref().is_some_and(|b| b.is_whole) {
                download.whole()?
            } else {
                let asking = self.asking(now);
                let offer = asking.acquirer.lists_offer(held, begun).await;
                self.hear(&asking);
                match offer? {
                    Offer::File(transfer) => download.receive(held, transfer).await?,
                    Offer::Nothing { newest } if newest < held => {
                        let list = "list bundle";
                        return Err(DoorError::SetBack { list, newest, held });
                    }
                    Offer::Nothing { .. } => return Ok(None),
                }
            };
            let opened = ListBundle::open(&bundle, &self.list_key);
            if opened.is_err() {
                download.forget()?;
            }
            match opened {
                Ok(_) => return Ok(Some(bundle)),
                // The beginning that lay here may have been spoilt: once more, from the first byte.
                Err(_) if beginning.is_some() => beginning = None,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Tells the acquirer which lists this terminal has.
    pub(crate) async fn report_coverage(&self, now: Timestamp) -> Result<(), DoorError> {
        let (number, report) = {
            let terminal = &self.inside().terminal;
            (terminal.profile().terminal, terminal.coverage_report(now)?)
        };
        let acquirer = self.acquirer.at(now);
        Ok(acquirer.coverage_report(number, &report).await?)
    }
}
