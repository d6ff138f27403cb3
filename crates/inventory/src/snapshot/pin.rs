//! Paths that a reader of whole versions has pinned.

use std::sync::Arc;
use std::time::Instant;

use super::SnapshotStore;
use super::path_key::PathKey;
use crate::border::{Kind, declared_part};

/// Pins paths while it lives.
pub(crate) struct PathPin {
    store: Arc<SnapshotStore>,
    keys: Vec<PathKey>,
}

impl PathPin {
    /// Pins these paths of a type.
    pub(crate) fn new(store: Arc<SnapshotStore>, kind: Kind, paths: &[&str]) -> Self {
        let keys: Vec<PathKey> = paths.iter().map(|path| key(kind, path)).collect();
        store.watch_list.pin(&keys, Instant::now());
        Self { store, keys }
    }
}

/// What is watched so that a path is known.
fn key(kind: Kind, path: &str) -> PathKey {
    PathKey::new(kind.wire(), declared_part(std::iter::once(kind.wire()), path))
}

impl Drop for PathPin {
    fn drop(&mut self) {
        self.store.watch_list.unpin(&self.keys, Instant::now());
    }
}
