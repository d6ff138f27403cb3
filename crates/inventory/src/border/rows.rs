//! The rows of many objects.

use std::borrow::Cow;
use std::fmt;

use super::Row;

/// The rows of every object of a type. Those that memory knows are made when they are looked at, each anew: a reader that writes them
/// out one by one never has all of them at once.
pub struct Rows(RowStore);

enum RowStore {
    Whole(Vec<Row>),
    Made(Box<dyn RowSource>),
}

/// What makes rows, one after the other.
pub(crate) trait RowSource: Send + Sync {
    /// The rows; every time the same.
    fn rows(&self) -> Box<dyn Iterator<Item = Row> + '_>;

    /// How many there are at most.
    fn count(&self) -> usize;

    /// Whether anything in them is refused.
    fn has_refused(&self) -> bool;
}

impl Rows {
    pub(crate) fn made(source: impl RowSource + 'static) -> Self {
        Self(RowStore::Made(Box::new(source)))
    }

    /// The rows, in the server's order.
    #[must_use]
    pub fn iter(&self) -> Box<dyn Iterator<Item = Cow<'_, Row>> + '_> {
        match &self.0 {
            RowStore::Whole(rows) => Box::new(rows.iter().map(Cow::Borrowed)),
            RowStore::Made(source) => Box::new(source.rows().map(Cow::Owned)),
        }
    }

    /// How many there are at most; costs no rows.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.0 {
            RowStore::Whole(rows) => rows.len(),
            RowStore::Made(source) => source.count(),
        }
    }

    /// Whether anything in them is refused; costs no rows.
    #[must_use]
    pub fn has_refused(&self) -> bool {
        match &self.0 {
            RowStore::Whole(rows) => rows.iter().any(|row| !row.refused().is_empty()),
            RowStore::Made(source) => source.has_refused(),
        }
    }

    /// All of them at once.
    #[must_use]
    pub fn into_vec(self) -> Vec<Row> {
        match self.0 {
            RowStore::Whole(rows) => rows,
            RowStore::Made(source) => source.rows().collect(),
        }
    }
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Self(RowStore::Whole(rows))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}
