//! Paths that a reader of whole versions has pinned.

use std::sync::Arc;
use std::time::Instant;

use super::SnapshotStore;
use super::watch_list::PathKey;
use crate::border::Kind;

/// Pins paths while it lives.
pub(crate) struct PathPin {
    store: Arc<SnapshotStore>,
    keys: Vec<PathKey>,
}

impl PathPin {
    /// Pins these paths of a type.
    pub(crate) fn new(store: Arc<SnapshotStore>, kind: Kind, paths: &[&str]) -> Self {
        let keys: Vec<PathKey> = paths.iter().map(|path| PathKey::new(kind.wire(), path)).collect();
        store.watch_list.pin(&keys, Instant::now());
        Self { store, keys }
    }
}

impl Drop for PathPin {
    fn drop(&mut self) {
        self.store.watch_list.unpin(&self.keys, Instant::now());
    }
}
