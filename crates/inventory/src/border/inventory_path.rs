//! The way from an object up to the root folder, and inventory paths: that way written down, `/datacenter01/vm/vm01`.

use std::borrow::Cow;
use std::collections::HashMap;

use vpoller_vsphere::{MoRef, Value};

use super::lookup::sort;
use super::property::{NAME, PARENT, PARENT_VAPP};
use super::spelling::decoded_name;
use super::{Inventory, Kind, ReadError, Row};

/// The names from below the root folder to an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InventoryPath {
    /// As it was written, without slashes at its ends.
    text: String,
}

/// No inventory is nested deeper; a circle, which a changing inventory may show, ends here.
const DEPTH: usize = 64;

impl InventoryPath {
    /// Reads a path. vSphere writes a slash within a name as `%2f`, so no stored name starts with one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self { text: text.strip_prefix('/')?.trim_end_matches('/').to_owned() })
    }

    /// The name at its end, if the names in it are written as vSphere stores them.
    fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

/// The objects of the type at the path; names are unique in a folder, so usually one.
///
/// Names are compared as vSphere stores them. Where that finds nothing they are compared as people see them, so that a slash
/// within a name may be typed as it is.
pub(super) async fn find(inventory: &dyn Inventory, kind: Kind, path: &InventoryPath) -> Result<Vec<MoRef>, ReadError> {
    let rows = inventory.list(kind, upward(kind)).await?;
    let exact: Vec<Row> = rows.iter().filter(|row| row.text(NAME) == Some(path.name())).cloned().collect();
    let found = at(inventory, &exact, &path.text, |name| Cow::Borrowed(name)).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let seen = decoded_name(&path.text);
    let at_the_end =
        |name: &str| seen.strip_suffix(&*decoded_name(name)).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let near: Vec<Row> = rows.iter().filter(|row| row.text(NAME).is_some_and(at_the_end)).cloned().collect();
    let found = at(inventory, &near, &seen, decoded_name).await?;
    let nameless = || rows.iter().find_map(|row| row.required(NAME).err());
    match found.is_empty().then(nameless).flatten() {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

/// Those of the rows whose way from below the root folder is this one. An error when there is none, and one of them does not tell its
/// place.
async fn at(
    inventory: &dyn Inventory,
    rows: &[Row],
    path: &str,
    spelt: for<'n> fn(&'n str) -> Cow<'n, str>,
) -> Result<Vec<MoRef>, ReadError> {
    let ancestors = Ancestors::of(inventory, rows).await?;
    let is_here = |row: &&Row| {
        // The last one is the root folder, which no path names.
        let mut names: Vec<_> = ancestors.above(row).map(|ancestor| ancestor.text(NAME)).collect();
        names.pop();
        let way: Option<Vec<_>> = names.into_iter().rev().chain([row.text(NAME)]).map(|name| name.map(spelt)).collect();
        way.is_some_and(|way| way.join("/") == path)
    };
    let mut found: Vec<MoRef> = rows.iter().filter(is_here).map(|row| row.object.clone()).collect();
    let hidden = || rows.iter().find_map(|row| ancestors.hidden(row));
    if let Some(error) = found.is_empty().then(hidden).flatten() {
        return Err(error);
    }
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

    /// Why it is not known what else is above an object: the place of the highest one that is known is refused.
    #[must_use]
    pub fn refusal(&self, row: &Row) -> Option<ReadError> {
        let last = self.above(row).last().unwrap_or(row);
        [PARENT, PARENT_VAPP].iter().find_map(|path| last.required(path).err()).filter(|_| parent(last).is_none())
    }

    /// Why the way from below the root folder to an object is not known: a name on it, or where it goes on, is refused.
    fn hidden(&self, row: &Row) -> Option<ReadError> {
        // The last one is the root folder, whose name is part of no path.
        let above: Vec<&Row> = self.above(row).collect();
        let named = above.iter().take(above.len().saturating_sub(1));
        named.into_iter().find_map(|ancestor| ancestor.required(NAME).err()).or_else(|| self.refusal(row))
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
        assert_eq!((path.text.as_str(), path.name()), ("datacenter01/vm/vm%2fslash", "vm%2fslash"));
        assert_eq!(InventoryPath::parse("/").map(|path| path.text).as_deref(), Some(""));
        assert_eq!(InventoryPath::parse("datacenter01/vm"), None);
        assert_eq!(InventoryPath::parse(""), None);
    }

    fn row(id: &str, parent: &str) -> Row {
        let folder = |id: &str| MoRef::new("Folder", id);
        let values = vec![(NAME.into(), Value::string(id)), (PARENT.into(), Value::from(folder(parent)))];
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
