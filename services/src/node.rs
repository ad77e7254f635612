//! A node: its configuration, its store, its place in the country, and what it keeps in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;
use tongtu_clearing::{Entitlements, JudgeContext, Mcc};
use tongtu_fare::{FareBook, Tariff};
use tongtu_keyring::KeyNumber;
use tongtu_sql::{AlarmRow, Store, Tx};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::keys::{NodeKeys, Uses};
use crate::listing::ListFile;
use crate::papers::Keepers;
use crate::verifying::Verifying;
use crate::{
    AcquirerConfig, FaceConfig, FaceError, FaceKeys, IssuerConfig, NodeConfig, ServiceError,
};

/// One institution's node. Cheap to clone; all clones are the same node.
///
/// One store has one node: what must not happen twice is a constraint of the store, but that
/// two runs of one day wait for each other is kept in memory.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: NodeConfig,
    store: Store,
    parent: Option<InstitutionCode>,
    children: BTreeSet<InstitutionCode>,
    judging: JudgeContext,
    /// Held while a day is closed or settled.
    days: Mutex<()>,
    /// Held while money is read and then posted by what was read.
    books: Mutex<()>,
    /// Held while faces are compared and then enrolled, and while a gallery is led on.
    faces: Mutex<()>,
    /// The full file of the card blacklist that was made last: terminals come for the same one,
    /// and come again where a line broke.
    card_file: Mutex<Option<ListFile>>,
    /// The keys of faces, made when they are asked for first.
    face_keys: std::sync::Mutex<Option<(KeyNumber, Arc<FaceKeys>)>>,
    /// Whoever keeps the papers that it goes by.
    keepers: Keepers,
    verifying: Verifying,
    /// What its keys are used for, and which are open.
    uses: Uses,
}

impl Node {
    /// Opens a node on its store.
    ///
    /// # Errors
    /// [`ServiceError`] when the configuration contradicts itself.
    pub async fn open(config: NodeConfig, store: Store) -> Result<Self, ServiceError> {
        let fault = |fault: &str| ServiceError::Configuration {
            node: config.code,
            fault: fault.to_owned(),
        };
        let body = config.topology.body(config.code);
        let body = body.ok_or_else(|| fault("its code is no exchange body of the topology"))?;
        let parent = body.parent;
        let children: BTreeSet<InstitutionCode> = config
            .topology
            .bodies()
            .filter(|body| body.parent == Some(config.code))
            .map(|body| body.code)
            .collect();
        let member = config.topology.member(config.code);
        let is_member = member.is_some_and(|m| m.body == config.code);
        if (config.issuer.is_some() || config.acquirer.is_some()) && !is_member {
            return Err(fault(
                "an issuer or acquirer must be a member of its own body",
            ));
        }
        if let Some(issuer) = &config.issuer {
            check_issuer(&config, issuer).map_err(fault)?;
        }
        if let Some(acquirer) = &config.acquirer {
            let mut tariff = Tariff::default();
            for book in &acquirer.fare_books {
                let book = FareBook::parse(book.as_bytes())
                    .map_err(|error| fault(&format!("fare book: {error}")))?;
                tariff
                    .adopt(book)
                    .map_err(|error| fault(&format!("fare books: {error}")))?;
            }
        }
        if let Some(faces) = &config.faces {
            if config.issuer.is_none() || config.acquirer.is_none() {
                return Err(fault(
                    "rides by face need an issuer that is an acquirer too",
                ));
            }
            faces.check().map_err(fault)?;
        }
        let judging = JudgeContext {
            entitlements: entitlements(&config),
            ..JudgeContext::default()
        };
        let inner = Inner {
            config,
            store,
            parent,
            children,
            judging,
            days: Mutex::new(()),
            books: Mutex::new(()),
            faces: Mutex::new(()),
            card_file: Mutex::new(None),
            face_keys: std::sync::Mutex::new(None),
            keepers: Keepers::default(),
            verifying: Verifying::default(),
            uses: Uses::default(),
        };
        let node = Self {
            inner: Arc::new(inner),
        };
        if node.config().acquirer.is_some() {
            // What no terminal would take is noticed now, not when the first one asks.
            let code = node.code();
            node.list_digest()
                .map_err(|error| ServiceError::Configuration {
                    node: code,
                    fault: match error {
                        ServiceError::Lists(error) => format!("lists for terminals: {error}"),
                        other => other.to_string(),
                    },
                })?;
        }
        Ok(node)
    }

    /// What the node was told.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.inner.config
    }

    pub(crate) fn keepers(&self) -> &Keepers {
        &self.inner.keepers
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.inner.uses
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn code(&self) -> InstitutionCode {
        self.inner.config.code
    }

    pub(crate) fn parent(&self) -> Option<InstitutionCode> {
        self.inner.parent
    }

    pub(crate) fn children(&self) -> &BTreeSet<InstitutionCode> {
        &self.inner.children
    }

    pub(crate) fn judging(&self) -> &JudgeContext {
        &self.inner.judging
    }

    pub(crate) fn days(&self) -> &Mutex<()> {
        &self.inner.days
    }

    pub(crate) fn books(&self) -> &Mutex<()> {
        &self.inner.books
    }

    pub(crate) fn faces_lock(&self) -> &Mutex<()> {
        &self.inner.faces
    }

    pub(crate) fn faces(&self) -> Result<&FaceConfig, ServiceError> {
        let faces = self.config().faces.as_ref();
        Ok(faces.ok_or(FaceError::NotServed)?)
    }

    /// What the node signs and proves with.
    #[must_use]
    pub fn keys(&self) -> &NodeKeys {
        &self.config().keys
    }

    /// The keys of faces, by a permit for this use. They are made by the key in custody and held
    /// until another version makes; each time they are asked for is a use of that key.
    pub(crate) async fn face_keys(&self, now: Timestamp) -> Result<Arc<FaceKeys>, ServiceError> {
        let opened = self.key_open(self.keys().allow_faces(now)?, now).await?;
        let key = opened.key();
        let held = || self.inner.face_keys.lock();
        let made = held().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, keys)) = made.filter(|(number, _)| *number == key) {
            self.keys().face_keys_held(&opened);
            return Ok(keys);
        }
        let keys = Arc::new(self.keys().face_keys(&opened)?);
        *held().unwrap_or_else(PoisonError::into_inner) = Some((key, Arc::clone(&keys)));
        Ok(keys)
    }

    pub(crate) fn card_file(&self) -> &Mutex<Option<ListFile>> {
        &self.inner.card_file
    }

    pub(crate) fn issuer(&self) -> Result<&IssuerConfig, ServiceError> {
        let missing = ServiceError::RoleMissing {
            node: self.code(),
            role: "issuer",
        };
        self.config().issuer.as_ref().ok_or(missing)
    }

    pub(crate) fn acquirer(&self) -> Result<&AcquirerConfig, ServiceError> {
        let missing = ServiceError::RoleMissing {
            node: self.code(),
            role: "acquirer",
        };
        self.config().acquirer.as_ref().ok_or(missing)
    }

    /// What it verifies codes by.
    pub(crate) fn verifying(&self) -> &Verifying {
        &self.inner.verifying
    }

    /// Whether a city's institution is behind this node, with books of its own.
    pub(crate) fn is_member(&self) -> bool {
        let member = self.config().topology.member(self.code());
        member.is_some_and(|m| m.body == self.code())
    }

    /// Does a computation elsewhere, so that other calls go on meanwhile.
    pub(crate) async fn compute<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> Result<R, ServiceError> {
        let node = self.clone();
        match tokio::task::spawn_blocking(move || work(&node)).await {
            Ok(result) => Ok(result),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(ServiceError::Stopping),
            },
        }
    }
}

/// Raises an alarm in a transaction.
pub(crate) async fn alarm(
    tx: &mut Tx,
    code: &str,
    subject: impl ToString,
    message: String,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let row = AlarmRow {
        code: code.to_owned(),
        subject: subject.to_string(),
        message,
        raised_at: now.get(),
    };
    Ok(tx.alarm_insert(&row).await?)
}

fn check_issuer(config: &NodeConfig, issuer: &IssuerConfig) -> Result<(), &'static str> {
    if issuer.certificate.issuer.home() != config.code {
        return Err("the issuer certificate is another institution's");
    }
    if !config.keys.holds(&issuer.certificate.public_key) {
        return Err("the key in the issuer certificate is not in the node's custody");
    }
    Ok(())
}

// UNSPECIFIED: accepted card segments come with BN files, which are not here yet; until then
// an accepted issuer is accepted with all its accounts, and every member may send rides of the
// three kinds of service that code rides are known for.
fn entitlements(config: &NodeConfig) -> Entitlements {
    let mut entitlements = Entitlements::new();
    for issuer in &config.accepted_issuers {
        entitlements.accept_issuer(*issuer, "");
    }
    for member in config.topology.members() {
        for category in [Mcc::BUS, Mcc::METRO, Mcc::TAXI] {
            entitlements.entitle_acquirer(member.code, category);
        }
    }
    entitlements
}
