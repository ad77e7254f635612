//! A custody that is looked over: what it is asked to do, and whether a line is open for it then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tongtu_audit::KeyUse;
use tongtu_hsm::{
    Component, Custody, CustodyError, KeyInfo, KeyName, KeyPath, Label, LentKey, MacScheme,
    PublicPart, SignScheme, Signed, TestKey, Wrapped,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::Purpose;
use tongtu_sql::{KeyUseRow, Sealing, Store};

use crate::country::morning;
use crate::keys::Desk;

/// An operation that a custody was asked for.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) deed: &'static str,
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

pub(super) struct Watched {
    custody: Desk,
    url: String,
    watch: Arc<Watch>,
}

impl Watched {
    pub(super) const fn new(custody: Desk, url: String, watch: Arc<Watch>) -> Self {
        Self {
            custody,
            url,
            watch,
        }
    }

    fn see(&self, deed: &'static str, label: Label, message: &[u8]) {
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
        let info = self.custody.check(label).unwrap();
        self.watch.seen.lock().unwrap().push(Seen {
            deed,
            label,
            purpose: info.name.slot.purpose,
            message: message.to_vec(),
            was_open: open.iter().any(|open| open == label.as_str()),
        });
        assert!(!self.watch.cut.load(Ordering::Relaxed), "the power is gone");
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

impl Custody for Watched {
    fn list(&self) -> Result<Vec<KeyInfo>, CustodyError> {
        self.custody.list()
    }

    fn check(&self, label: Label) -> Result<KeyInfo, CustodyError> {
        self.custody.check(label)
    }

    fn long_check(&self, label: Label) -> Result<[u8; 4], CustodyError> {
        self.custody.long_check(label)
    }

    fn public(&self, label: Label) -> Result<PublicPart, CustodyError> {
        self.custody.public(label)
    }

    fn generate(&mut self, name: &KeyName) -> Result<Check, CustodyError> {
        self.see("generate", name.label, &[]);
        self.custody.generate(name)
    }

    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError> {
        self.see("import", name.label, &[]);
        self.custody.import(name, components, expected)
    }

    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError> {
        self.see("import", name.label, &[]);
        self.custody.import_test(name, key)
    }

    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError> {
        self.see("derive", from.label, &[]);
        self.custody.derive(from, name)
    }

    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        self.see("mac", path.label, message);
        self.custody.mac(path, scheme, message)
    }

    fn lend(&self, label: Label) -> Result<LentKey, CustodyError> {
        self.see("lend", label, &[]);
        self.custody.lend(label)
    }

    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError> {
        self.see("sign", label, message);
        self.custody.sign(label, scheme, message)
    }

    fn wrap(&self, path: KeyPath<'_>, by: Label) -> Result<Wrapped, CustodyError> {
        self.see("wrap", path.label, &[]);
        self.custody.wrap(path, by)
    }

    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError> {
        self.see("unwrap", by, &[]);
        self.custody.unwrap(name, by, wrapped)
    }

    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError> {
        self.see("export", label, &[]);
        self.custody.export(label, by)
    }

    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError> {
        self.see("take_in", by, &[]);
        self.custody.take_in(container, by)
    }

    fn destroy(&mut self, label: Label) -> Result<(), CustodyError> {
        self.see("destroy", label, &[]);
        self.custody.destroy(label)
    }
}
