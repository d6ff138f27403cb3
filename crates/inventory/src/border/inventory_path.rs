//! The way from an object up to the root folder, and inventory paths: that way written down, `/datacenter01/vm/vm01`.

use std::collections::HashMap;

use vpoller_vsphere::{MoRef, Value};

use super::lookup::sort;
use super::property::{NAME, PARENT, PARENT_VAPP};
use super::{Inventory, Kind, ReadError, Row};

/// The names from below the root folder to an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InventoryPath {
    above: Vec<String>,
    name: String,
}

/// No inventory is nested deeper; a circle, which a changing inventory may show, ends here.
const DEPTH: usize = 64;

impl InventoryPath {
    /// Reads a path. vSphere writes a slash within a name as `%2f`, so a text that starts with one is no name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('/')?.trim_end_matches('/').split('/').map(str::to_owned);
        let name = parts.next_back()?;
        Some(Self { above: parts.collect(), name })
    }
}

/// The objects of the type at the path; names are unique in a folder, so usually one.
pub(super) async fn find(inventory: &dyn Inventory, kind: Kind, path: &InventoryPath) -> Result<Vec<MoRef>, ReadError> {
    let mut rows = inventory.list(kind, upward(kind)).await?;
    rows.retain(|row| row.text(NAME) == Some(&path.name));
    let ancestors = Ancestors::of(inventory, &rows).await?;
    let here = |row: &&Row| {
        // The last one is the root folder, which no path names.
        let mut names: Vec<_> = ancestors.above(row).map(|ancestor| ancestor.text(NAME)).collect();
        names.pop();
        names.into_iter().rev().eq(path.above.iter().map(|part| Some(part.as_str())))
    };
    let mut found: Vec<MoRef> = rows.iter().filter(here).map(|row| row.object.clone()).collect();
    sort(&mut found);
    Ok(found)
}

/// What has to be read of an object to go up from it.
#[must_use]
pub const fn upward(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::VirtualMachine => &[NAME, PARENT, PARENT_VAPP],
        _ => &[NAME, PARENT],
    }
}

/// The objects above some objects.
pub struct Ancestors(HashMap<MoRef, Row>);

impl Ancestors {
    /// Reads everything above the rows, a level at a time. The rows must hold their parents.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub async fn of(inventory: &dyn Inventory, rows: &[Row]) -> Result<Self, ReadError> {
        let mut known: HashMap<MoRef, Row> = HashMap::new();
        let mut next = parents(rows.iter(), &known);
        for _ in 0..DEPTH {
            if next.is_empty() {
                break;
            }
            let level = inventory.read(&next, &[NAME, PARENT]).await?;
            known.extend(level.iter().map(|row| (row.object.clone(), row.clone())));
            next = parents(level.iter(), &known);
        }
        Ok(Self(known))
    }

    /// The objects above this one, the nearest first.
    pub fn above<'s>(&'s self, row: &'s Row) -> impl Iterator<Item = &'s Row> {
        std::iter::successors(self.parent(row), |row| self.parent(row)).take(DEPTH)
    }

    fn parent(&self, row: &Row) -> Option<&Row> {
        self.0.get(parent(row)?)
    }
}

fn parent(row: &Row) -> Option<&MoRef> {
    [PARENT, PARENT_VAPP].iter().find_map(|path| row.get(path)).and_then(Value::as_moref)
}

/// The parents that are not known yet, each once.
fn parents<'r>(rows: impl Iterator<Item = &'r Row>, known: &HashMap<MoRef, Row>) -> Vec<MoRef> {
    let mut new: Vec<MoRef> = rows.filter_map(parent).filter(|parent| !known.contains_key(*parent)).cloned().collect();
    new.sort();
    new.dedup();
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_starts_with_a_slash() {
        let path = InventoryPath::parse("/datacenter01/vm/vm%2fslash/").expect("a path");
        assert_eq!((path.above, path.name), (vec!["datacenter01".to_owned(), "vm".to_owned()], "vm%2fslash".to_owned()));
        assert_eq!(InventoryPath::parse("/").map(|path| path.name).as_deref(), Some(""));
        assert_eq!(InventoryPath::parse("datacenter01/vm"), None);
        assert_eq!(InventoryPath::parse(""), None);
    }

    fn row(id: &str, parent: &str) -> Row {
        let folder = |id: &str| MoRef::new("Folder", id);
        let values = vec![(NAME.into(), Value::string(id)), (PARENT.into(), Value::Ref(folder(parent)))];
        Row::new(folder(id), values)
    }

    #[test]
    fn a_circle_ends() {
        let known = [row("a", "b"), row("b", "a")].map(|row| (row.object.clone(), row));
        let ancestors = Ancestors(HashMap::from(known));
        assert_eq!(ancestors.above(&row("x", "a")).count(), DEPTH);
        assert_eq!(ancestors.above(&row("x", "gone")).count(), 0);
    }

    proptest! {
        #[test]
        fn only_what_begins_with_a_slash_is_a_path(text in ".*") {
            prop_assert_eq!(InventoryPath::parse(&text).is_some(), text.starts_with('/'));
        }
    }
}
