//! Where the value of a property path stands among the values of an object: paths are written down once for a whole family.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::border::{is_picked, is_within};

/// One path that is watched of a family. Versions of the snapshot share it, so its counters go on.
#[derive(Debug)]
pub(crate) struct PathColumn {
    /// The property path.
    pub path: Arc<str>,
    /// Whether it is always watched; else it was asked for.
    pub base: bool,
    /// Answers that it was part of.
    hits: AtomicU64,
    /// When it was last part of an answer, in seconds of the snapshot's clock.
    asked: AtomicU32,
}

impl PathColumn {
    /// Notes that it is part of an answer.
    pub(crate) fn hit(&self, now: u32) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        // Written only when it changes: every check on every thread comes by here.
        if self.asked.load(Ordering::Relaxed) != now {
            self.asked.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The columns of a family. A column keeps its number for life; the number of one that was dropped is given out again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    columns: Vec<Option<Arc<PathColumn>>>,
    by_path: HashMap<Arc<str>, usize>,
}

impl Layout {
    /// The number of a path's column.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// The number of the column that has the value of a path of a type, and the path of that column: this one, or one that
    /// contains it and that it is picked from.
    pub(crate) fn containing<'p>(&self, kind: &str, path: &'p str) -> Option<(usize, &'p str)> {
        if let Some(number) = self.find(path) {
            return Some((number, path));
        }
        let wholes = path.rmatch_indices('.').filter_map(|(dot, _)| path.get(..dot));
        let mut known = wholes.filter_map(|whole| Some((self.find(whole)?, whole)));
        known.find(|(_, whole)| is_picked(kind, path, whole))
    }

    pub(crate) fn column(&self, number: usize) -> Option<&Arc<PathColumn>> {
        self.columns.get(number)?.as_ref()
    }

    /// Every column with its number.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (usize, &Arc<PathColumn>)> {
        self.columns.iter().enumerate().filter_map(|(number, column)| Some((number, column.as_ref()?)))
    }

    /// Columns whose path is a part of this one, or contains it.
    pub(crate) fn touched_by<'s>(&'s self, path: &'s str) -> impl Iterator<Item = (usize, &'s Arc<PathColumn>)> {
        self.columns().filter(move |(_, column)| is_within(path, &column.path) || is_within(&column.path, path))
    }

    /// The number of a path's column, which is made if there is none.
    pub(crate) fn add(&mut self, path: &str, base: bool, now: u32) -> usize {
        if let Some(number) = self.find(path) {
            return number;
        }
        let path: Arc<str> = path.into();
        let column = PathColumn { path: Arc::clone(&path), base, hits: AtomicU64::new(0), asked: AtomicU32::new(now) };
        let number = self.columns.iter().position(Option::is_none).unwrap_or(self.columns.len());
        if number == self.columns.len() {
            self.columns.push(None);
        }
        if let Some(place) = self.columns.get_mut(number) {
            *place = Some(Arc::new(column));
        }
        self.by_path.insert(path, number);
        number
    }

    /// Forgets a column.
    pub(crate) fn remove(&mut self, number: usize) {
        if let Some(column) = self.columns.get_mut(number).and_then(Option::take) {
            self.by_path.remove(&column.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_numbers_and_dropped_ones_are_used_again() {
        let mut layout = Layout::default();
        let numbers = ["name", "parent", "guest.net"].map(|path| layout.add(path, false, 7));
        assert_eq!((numbers, layout.add("parent", true, 9)), ([0, 1, 2], 1));
        layout.remove(1);
        layout.remove(1);
        assert_eq!((layout.find("parent"), layout.find("guest.net")), (None, Some(2)));
        assert_eq!((layout.add("guest.disk", false, 8), layout.columns().count()), (1, 3));
        assert_eq!(layout.column(1).map(|column| (column.asked(), column.hits())), Some((8, 0)));
    }

    #[test]
    fn a_change_touches_what_contains_it_and_what_it_contains() {
        let mut layout = Layout::default();
        for path in ["guest.net", "guest.netX", "guest.net[\"4000\"].connected", "name"] {
            layout.add(path, false, 0);
        }
        let touched = |path: &str| layout.touched_by(path).map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(touched("guest.net[\"4000\"]"), [0, 2]);
        assert_eq!(touched("guest"), [0, 1, 2]);
        assert_eq!(touched("nam"), [0; 0]);
    }
}
