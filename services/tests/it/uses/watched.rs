//! A custody that is looked over: what it is asked to do, and whether a line is open for it then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tongtu_audit::KeyUse;
use tongtu_hsm::{Custody, CustodyError, Deed, Label, Use, Watched, Watcher};
use tongtu_keyring::code::Purpose;
use tongtu_sql::{KeyUseRow, Sealing, Store};

use crate::country::morning;
use crate::keys::Desk;

/// An operation that a custody was asked for.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) deed: Deed,
    pub(super) label: Label,
    pub(super) purpose: Purpose,
    pub(super) message: Vec<u8>,
    /// Whether the store had a line that opened the key and none that closed it.
    pub(super) was_open: bool,
}

/// Everything that was seen, and whether the power goes at the next operation.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) cut: AtomicBool,
}

/// Looks into a node's store at each operation of its custody.
pub(super) struct Looking {
    url: String,
    watch: Arc<Watch>,
}

/// Puts that around a custody.
pub(super) const fn looked_over(
    custody: Desk,
    url: String,
    watch: Arc<Watch>,
) -> Watched<Desk, Looking> {
    Watched::new(custody, Looking { url, watch })
}

impl Watcher for Looking {
    fn before<C: Custody + ?Sized>(&self, custody: &C, used: &Use<'_>) -> Result<(), CustodyError> {
        let url = self.url.clone();
        // The node holds its own connections meanwhile; what others can read is durable.
        let open = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(open_labels(&url))
        });
        let open = open.join().unwrap();
        self.watch.seen.lock().unwrap().push(Seen {
            deed: used.deed,
            label: used.label,
            purpose: used.name(custody)?.slot.purpose,
            message: used.about.to_vec(),
            was_open: open.iter().any(|open| open == used.label.as_str()),
        });
        assert!(!self.watch.cut.load(Ordering::Relaxed), "the power is gone");
        Ok(())
    }
}

fn sealing() -> Sealing {
    Sealing::new(&[7; 32])
}

async fn open_labels(url: &str) -> Vec<String> {
    let store = Store::open(url, &sealing()).await.unwrap();
    let rows = store.read().await.unwrap().keys_open().await.unwrap();
    store.close().await;
    let details = rows.iter().map(|row| KeyUse::decode(&row.detail).unwrap());
    details.map(|detail| detail.label.to_string()).collect()
}

/// Puts a line at the end of the chain in a store that does not hold.
pub(super) async fn spoil(url: &str) {
    let store = Store::open(url, &sealing()).await.unwrap();
    let mut tx = store.write().await.unwrap();
    let uses = tx.key_uses(0, 100).await.unwrap();
    let last = uses.last().unwrap();
    let mut line = last.line.clone();
    line[40] ^= 1;
    let row = KeyUseRow {
        number: last.number + 1,
        day: morning().china().day.days(),
        line,
        detail: last.detail.clone(),
    };
    tx.key_use_insert(&row).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
}
