//! Paths with the types that they are of.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A path of a type.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct PathKey {
    pub kind: Arc<str>,
    pub path: Arc<str>,
}

impl PathKey {
    pub(crate) fn new(kind: &str, path: &str) -> Self {
        Self { kind: kind.into(), path: path.into() }
    }
}

/// Paths by type, as a filter takes them.
pub(crate) fn by_kind(keys: &[PathKey]) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let mut kinds: BTreeMap<&Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for key in keys {
        kinds.entry(&key.kind).or_default().push(Arc::clone(&key.path));
    }
    kinds.into_iter().map(|(kind, paths)| (Arc::clone(kind), paths)).collect()
}
