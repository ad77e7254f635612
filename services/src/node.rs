//! A node: its configuration, its store, and what it keeps in memory.

use std::sync::Arc;

use tongtu_sql::Store;

use crate::{NodeConfig, ServiceError};

/// One institution's node. Cheap to clone; all clones are the same node.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: NodeConfig,
    #[expect(dead_code, reason = "read by every call once they have bodies")]
    store: Store,
}

impl Node {
    /// Opens a node on its store.
    ///
    /// # Errors
    /// [`ServiceError`] when the configuration contradicts itself or the store fails.
    pub async fn open(config: NodeConfig, store: Store) -> Result<Self, ServiceError> {
        let inner = Arc::new(Inner { config, store });
        Ok(Self { inner })
    }

    /// What the node was told.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.inner.config
    }
}
