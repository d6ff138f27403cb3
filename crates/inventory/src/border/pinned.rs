//! Paths that a reader wants watched.

use std::fmt;

/// Has paths watched while it lives, see [`Inventory::pin`](super::Inventory::pin).
///
/// Whoever answers from no memory has nothing to watch and gives the default one.
#[derive(Default)]
pub struct Pinned {
    guard: Option<Box<dyn Send + Sync>>,
}

impl Pinned {
    /// Holds what ends the watching when it is dropped.
    pub(crate) fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { guard: Some(Box::new(guard)) }
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pinned").field("watched", &self.guard.is_some()).finish()
    }
}
