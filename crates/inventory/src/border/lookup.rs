//! What a request's `name` can mean, and which object it means.
//!
//! A name is compared exactly, as vSphere stores it, and then in the other spellings of `/`, `\` and `%`, which vSphere stores as
//! `%2f`, `%5c`, `%25` ([`super::spelling`]). Beyond names: `moid:vm-12` for every type, a UUID (instance UUID before BIOS UUID;
//! also written `uuid:…`) for virtual machines and ESXi hosts, a URL for datastores (`ds:///vmfs/volumes/…/` of a vCenter,
//! `/vmfs/volumes/…` of an ESXi host), a reference as replies print it (`vim.VirtualMachine:vm-12`), and an inventory path
//! (`/datacenter01/vm/vm01`). An object of that very name goes before one of that UUID. Of several matches the primary of a
//! fault-tolerant pair is preferred, whose secondary has its name and UUIDs; else the lowest managed object id, because it does
//! not change from one request to the next. Where it may not be read which one is the primary, that is an error and no guess.
//!
//! The way of a name: [`find_by_name`] tells an inventory path, which is gone up object by object, from a name that is looked up
//! at once. [`ObjectName`] says in which order which properties are compared, and asks an [`Index`] for each. There are two: one
//! over rows that were just read from vSphere, and one over a version of the snapshot (`snapshot/name_index.rs`), where it costs
//! a hash.

use std::borrow::Cow;
use std::sync::Arc;

use vpoller_vsphere::MoRef;

use super::inventory_path::{self, InventoryPath};
use super::property::{FAULT_TOLERANCE_ROLE, NAME};
use super::spelling::spellings;
use super::{Inventory, Kind, Property, ReadError, Refusal, Row};

/// The objects that a request's `name` means, the preferred one first.
///
/// # Errors
/// When the inventory cannot be read.
pub async fn find_by_name(inventory: &dyn Inventory, kind: Kind, name: &str) -> Result<Vec<MoRef>, ReadError> {
    let wanted = ObjectName::parse(kind, name);
    let Some(path) = InventoryPath::parse(name) else { return inventory.find(kind, &wanted).await };
    // The URL of a datastore of an ESXi host looks like a path.
    let is_url = matches!(wanted, ObjectName::Url(_));
    if is_url {
        let found = inventory.find(kind, &wanted).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let found = inventory_path::find(inventory, kind, &path).await;
    // A name may begin with a slash, as people type it.
    if !is_url && !found.as_ref().is_ok_and(|found| !found.is_empty()) {
        let named = inventory.find(kind, &wanted).await?;
        if !named.is_empty() {
            return Ok(named);
        }
    }
    found
}

/// A name, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ObjectName {
    /// The object's name, and its UUID if the text is one.
    Name(String),
    /// A UUID and nothing else.
    Uuid(String),
    /// A managed object id.
    Moid(String),
    /// A datastore's URL, or its name where it is no URL after all.
    Url(String),
}

/// What a vCenter puts in front of a datastore's URL, before `://`.
const DATASTORE_SCHEME: &str = "ds";
/// Where ESXi mounts datastores: the beginning of their URLs.
const VOLUMES: &str = "/vmfs/volumes/";
/// In URLs that old servers write, `netfs://…` and `sanfs://…`.
const SCHEME_END: &str = "://";

impl ObjectName {
    /// Reads a request's `name`.
    #[must_use]
    pub fn parse(kind: Kind, text: &str) -> Self {
        if let Some(id) = text.strip_prefix("moid:") {
            return Self::Moid(id.trim().to_owned());
        }
        if let Some(printed) = MoRef::parse(text).filter(|printed| printed.to_string() == text && of_kind(printed, kind)) {
            return Self::Moid((*printed.id).to_owned());
        }
        match text.strip_prefix("uuid:") {
            Some(uuid) if !kind.uuids().is_empty() => Self::Uuid(uuid.trim().to_owned()),
            _ if kind == Kind::Datastore && is_url(text) => Self::Url(text.to_owned()),
            _ => Self::Name(text.to_owned()),
        }
    }

    /// The paths that decide whether an object of the type is meant.
    #[must_use]
    pub fn paths(&self, kind: Kind) -> Vec<&'static str> {
        match self {
            Self::Moid(_) => vec![NAME],
            Self::Url(_) => [&URLS[..], &[NAME]].concat(),
            Self::Uuid(_) => [kind.uuids(), roles(kind)].concat(),
            Self::Name(text) if is_uuid(text) => [&[NAME], kind.uuids(), roles(kind)].concat(),
            Self::Name(_) => [&[NAME], roles(kind)].concat(),
        }
    }

    /// The objects that are meant, the preferred one first. `rows` must hold [`ObjectName::paths`].
    ///
    /// # Errors
    /// When there is none, and one of the rows does not tell what decides: it may be the one that is meant.
    pub fn choose(&self, kind: Kind, rows: &[Row]) -> Result<Vec<MoRef>, ReadError> {
        let found = self.resolve(kind, &RowIndex(rows))?;
        let refused =
            rows.iter().flat_map(|row| row.refused().iter().map(move |(path, refusal)| (&row.object, path, &**refusal)));
        self.unless_hidden(kind, found, refused)
    }

    /// What was found. An error when that is nothing, and an object does not tell what decides about it: object, path, reason.
    pub(crate) fn unless_hidden<'r>(
        &self,
        kind: Kind,
        found: Vec<MoRef>,
        mut refused: impl Iterator<Item = (&'r MoRef, &'r Arc<str>, &'r Refusal)>,
    ) -> Result<Vec<MoRef>, ReadError> {
        // A managed object id is known of every object. A path that does not exist decides about none.
        if !found.is_empty() || matches!(self, Self::Moid(_)) {
            return Ok(found);
        }
        let deciding = self.deciding(kind);
        let hides = |object: &MoRef, path: &str, refusal: &Refusal| {
            of_kind(object, kind) && deciding.contains(&path) && !refusal.is_invalid()
        };
        match refused.find(|(object, path, refusal)| hides(object, path, refusal)) {
            Some((object, path, refusal)) => Err(refusal.error(path, object)),
            None => Ok(found),
        }
    }

    /// The paths that an object is found by.
    fn deciding(&self, kind: Kind) -> Vec<&'static str> {
        let mut paths = self.paths(kind);
        paths.retain(|path| *path != FAULT_TOLERANCE_ROLE);
        paths
    }

    /// The objects that are meant, the preferred one first, of those of the type that the index knows.
    ///
    /// # Errors
    /// When there are several, and what would prefer one of them may not be read.
    pub(crate) fn resolve(&self, kind: Kind, index: &impl Index) -> Result<Vec<MoRef>, ReadError> {
        let mut found = self.matches(kind, index);
        if found.len() > 1 {
            prefer_primary(&mut found, index)?;
        }
        Ok(found)
    }

    /// The objects of a name, the lowest managed object id first.
    fn matches(&self, kind: Kind, index: &impl Index) -> Vec<MoRef> {
        let by = |paths: &[&str], text: &str| -> Vec<MoRef> {
            let classes = paths.iter().map(|path| index.by_text(path, &comparable(path, text)));
            let mut found = classes.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
            sort(&mut found);
            found
        };
        let by_name = |typed: &str| {
            let found = by(&[NAME], typed);
            let otherwise = || spellings(typed).map(|name| by(&[NAME], &name)).find(|found| !found.is_empty());
            if found.is_empty() { otherwise().unwrap_or_default() } else { found }
        };
        match self {
            Self::Moid(id) => index.by_id(id),
            Self::Url(url) => match by(&URLS, url) {
                found if found.is_empty() => by_name(url),
                found => found,
            },
            Self::Uuid(uuid) => by(kind.uuids(), uuid),
            Self::Name(name) => match by_name(name) {
                found if found.is_empty() && is_uuid(name) => by(kind.uuids(), name),
                found => found,
            },
        }
    }
}

/// Where objects of one type are looked up.
pub(crate) trait Index {
    /// The object of this managed object id.
    fn by_id(&self, id: &str) -> Vec<MoRef>;

    /// The objects whose text at this path, made [`comparable`], is this one.
    fn by_text(&self, path: &str, text: &str) -> Vec<MoRef>;

    /// What is known of the object's [`FAULT_TOLERANCE_ROLE`].
    fn role(&self, object: &MoRef) -> Property<'_>;
}

/// What says which of a pair an object is.
fn roles(kind: Kind) -> &'static [&'static str] {
    if kind == Kind::VirtualMachine { &[FAULT_TOLERANCE_ROLE] } else { &[] }
}

/// Puts the secondaries of fault-tolerant pairs last, and before them those that may be such: an object is preferred to others when it
/// is known to be none.
fn prefer_primary(found: &mut [MoRef], index: &impl Index) -> Result<(), ReadError> {
    found.sort_by_cached_key(|object| match index.role(object) {
        Property::Set(role) if role.as_i64().is_some_and(|role| role > 1) => 2,
        Property::Refused(refusal) if !refusal.is_invalid() => 1,
        _ => 0,
    });
    let Some(first) = found.first() else { return Ok(()) };
    match index.role(first) {
        Property::Refused(refusal) if !refusal.is_invalid() => {
            let all = found.iter().map(|object| format!("moid:{}", object.id)).collect::<Vec<_>>().join(", ");
            let remark = format!("{} objects have this name, so name one by its id: {all}", found.len());
            Err(refusal.error(FAULT_TOLERANCE_ROLE, first).remarked(&remark))
        }
        _ => Ok(()),
    }
}

/// Rows, looked through one by one.
struct RowIndex<'r>(&'r [Row]);

impl Index for RowIndex<'_> {
    fn by_id(&self, id: &str) -> Vec<MoRef> {
        self.0.iter().filter(|row| *row.object.id == *id).map(|row| row.object.clone()).collect()
    }

    fn by_text(&self, path: &str, text: &str) -> Vec<MoRef> {
        let is_meant = |row: &&Row| row.text(path).is_some_and(|own| comparable(path, own) == text);
        self.0.iter().filter(is_meant).map(|row| row.object.clone()).collect()
    }

    fn role(&self, object: &MoRef) -> Property<'_> {
        let row = self.0.iter().find(|row| row.object == *object);
        row.map_or(Property::Unknown, |row| row.property(FAULT_TOLERANCE_ROLE))
    }
}

/// An inaccessible datastore may have only the second one.
const URLS: [&str; 2] = ["info.url", "summary.url"];

/// The paths by which objects of a type are looked up.
pub(crate) fn indexed(kind: Kind) -> Vec<&'static str> {
    let urls = if kind == Kind::Datastore { &URLS[..] } else { &[] };
    [&[NAME], kind.uuids(), urls].concat()
}

/// A text as it is compared: names as they are, UUIDs in any case, URLs without `ds://` in front and slashes at their end, the
/// scheme in any case.
pub(crate) fn comparable<'t>(path: &str, text: &'t str) -> Cow<'t, str> {
    match path {
        NAME => Cow::Borrowed(text),
        _ if URLS.contains(&path) => {
            let url = text.trim_end_matches('/');
            match url.split_once(SCHEME_END) {
                Some((scheme, path)) if scheme.eq_ignore_ascii_case(DATASTORE_SCHEME) => Cow::Borrowed(path),
                Some((scheme, path)) if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                    Cow::Owned([&scheme.to_ascii_lowercase(), SCHEME_END, path].concat())
                }
                _ => Cow::Borrowed(url),
            }
        }
        _ if text.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Owned(text.to_ascii_lowercase()),
        _ => Cow::Borrowed(text),
    }
}

/// Whether a reference can be one to an object of the type.
fn of_kind(reference: &MoRef, kind: Kind) -> bool {
    Kind::parse(&reference.kind).is_some_and(|named| named.is_a(kind))
}

/// Puts the preferred object first.
pub(super) fn sort(found: &mut [MoRef]) {
    found.sort_by(|a, b| numbered(&a.id).cmp(&numbered(&b.id)));
}

/// `vm-9` goes before `vm-10`.
fn numbered(id: &str) -> (&str, Option<u64>, &str) {
    let digits = id.len() - id.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, number) = id.split_at(digits);
    (prefix, number.parse().ok(), number)
}

/// Whether a text can be a datastore's URL.
fn is_url(text: &str) -> bool {
    text.starts_with(VOLUMES) || text.contains(SCHEME_END)
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vpoller_vsphere::Value;

    const UUID: &str = "50123456-789a-bcde-f012-3456789abcde";

    fn row(id: &str, values: &[(&str, &str)]) -> Row {
        let values = values.iter().map(|(path, text)| ((*path).into(), Value::string(*text))).collect();
        Row::new(MoRef::new("VirtualMachine", id), values)
    }

    fn rows() -> Vec<Row> {
        vec![
            row("vm-10", &[("name", "twin")]),
            row("vm-9", &[("name", "twin"), ("config.uuid", UUID)]),
            row("vm-11", &[("name", "moid:vm-9"), ("config.instanceUuid", UUID)]),
            row("vm-12", &[]),
            row("ds-1", &[("name", "datastore1"), ("info.url", "ds:///vmfs/volumes/1/")]),
            row("ds-2", &[("summary.url", "ds:///vmfs/volumes/2/")]),
        ]
    }

    fn check(kind: Kind, text: &str, expected: &[&str]) {
        let found = ObjectName::parse(kind, text).choose(kind, &rows()).expect("nothing is hidden");
        assert_eq!(found.iter().map(|object| &*object.id).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn names_are_exact_and_the_lowest_id_goes_first() {
        check(Kind::VirtualMachine, "twin", &["vm-9", "vm-10"]);
        check(Kind::VirtualMachine, "Twin", &[]);
        check(Kind::VirtualMachine, "", &[]);
    }

    #[test]
    fn ids_and_uuids_are_names_too() {
        check(Kind::VirtualMachine, "moid:vm-12", &["vm-12"]);
        check(Kind::VirtualMachine, "moid:vm-13", &[]);
        check(Kind::VirtualMachine, "vim.VirtualMachine:vm-12", &["vm-12"]);
        check(Kind::VirtualMachine, "VirtualMachine:vm-12", &[]);
        check(Kind::VirtualMachine, "vim.HostSystem:vm-12", &[]);
        check(Kind::VirtualMachine, UUID, &["vm-11"]);
        check(Kind::VirtualMachine, &format!("uuid:{}", UUID.to_uppercase()), &["vm-11"]);
        check(Kind::Network, UUID, &[]);
    }

    #[test]
    fn an_object_that_does_not_tell_may_be_the_one_that_is_meant() {
        let refusal = Arc::new(Refusal::new("NoPermission", Some("System.Read")));
        let hidden = |path: &str| row("vm-2", &[]).with_refused(vec![(path.into(), Arc::clone(&refusal))]);
        let choose = |text: &str, hidden: Row| {
            let rows = [rows(), vec![hidden]].concat();
            ObjectName::parse(Kind::VirtualMachine, text).choose(Kind::VirtualMachine, &rows)
        };
        let other = "50123456-789a-bcde-f012-000000000000";
        for (text, path) in [("vm99", "name"), (other, "config.uuid"), (&format!("uuid:{other}"), "config.instanceUuid")] {
            let error = choose(text, hidden(path)).expect_err(text).to_string();
            let expected = format!("NoPermission (property {path}) (object vim.VirtualMachine:vm-2) (privilege System.Read)");
            assert!(error.starts_with(&expected), "{error}");
        }
        assert_eq!(choose("twin", hidden("name")).map(|found| found.len()), Ok(2));
        assert_eq!(choose("moid:vm-99", hidden("name")), Ok(Vec::new()));
        // Neither of these decides about a name.
        assert_eq!(choose("vm99", hidden("config.uuid")), Ok(Vec::new()));
        assert_eq!(choose("vm99", hidden(FAULT_TOLERANCE_ROLE)), Ok(Vec::new()));
        let invalid = row("vm-2", &[]).with_refused(vec![("name".into(), Arc::new(Refusal::invalid()))]);
        assert_eq!(choose("vm99", invalid), Ok(Vec::new()));
    }

    #[test]
    fn of_several_objects_none_is_preferred_of_which_it_is_not_known_whether_it_is_the_secondary() {
        let refusal = Arc::new(Refusal::new("NoPermission", Some("System.Read")));
        let twin = |id: &str| row(id, &[("name", "twin")]);
        let hidden = |id: &str| twin(id).with_refused(vec![(FAULT_TOLERANCE_ROLE.into(), Arc::clone(&refusal))]);
        let with_role = |id: &str, role| Row {
            values: vec![("name".into(), Value::string("twin")), (FAULT_TOLERANCE_ROLE.into(), Value::Int(role))],
            ..twin(id)
        };
        let choose = |rows: &[Row]| {
            let found = ObjectName::parse(Kind::VirtualMachine, "twin").choose(Kind::VirtualMachine, rows);
            found.map(|found| found.iter().map(|object| object.id.to_string()).collect::<Vec<_>>())
        };
        for rows in [&[hidden("vm-1"), hidden("vm-2")][..], &[with_role("vm-1", 2), hidden("vm-2")]] {
            let error = choose(rows).expect_err("it is no guess").to_string();
            assert!(error.starts_with("NoPermission (property config.ftInfo.role) (object vim.VirtualMachine:vm-"), "{error}");
            assert!(error.contains("(privilege System.Read)") && error.contains("2 objects have this name"), "{error}");
        }
        assert_eq!(choose(&[hidden("vm-1")]), Ok(vec!["vm-1".to_owned()]), "there is no other one");
        let known = Ok(vec!["vm-2".to_owned(), "vm-1".to_owned()]);
        assert_eq!(choose(&[hidden("vm-1"), with_role("vm-2", 1)]), known);
        assert_eq!(choose(&[hidden("vm-1"), twin("vm-2")]), known, "one that is in no pair");
        let old = twin("vm-1").with_refused(vec![(FAULT_TOLERANCE_ROLE.into(), Arc::new(Refusal::invalid()))]);
        assert_eq!(
            choose(&[old.clone(), Row { object: MoRef::new("VirtualMachine", "vm-2"), ..old }]).map(|found| found.len()),
            Ok(2)
        );
    }

    #[test]
    fn an_object_of_that_very_name_goes_before_a_uuid() {
        let rows = [rows(), vec![row("vm-99", &[("name", UUID)])]].concat();
        let found = ObjectName::parse(Kind::VirtualMachine, UUID).choose(Kind::VirtualMachine, &rows);
        assert_eq!(found, Ok(vec![MoRef::new("VirtualMachine", "vm-99")]));
    }

    #[test]
    fn datastores_go_by_url_or_name() {
        check(Kind::Datastore, "ds:///vmfs/volumes/1/", &["ds-1"]);
        check(Kind::Datastore, "ds:///vmfs/volumes/1", &["ds-1"]);
        check(Kind::Datastore, "ds:///vmfs/volumes/2/", &["ds-2"]);
        check(Kind::Datastore, "datastore1", &["ds-1"]);
    }

    #[test]
    fn a_url_is_found_in_every_spelling() {
        let own = [
            row("ds-1", &[("info.url", "/vmfs/volumes/5190e2a7-d2b7c58e")]),
            row("ds-2", &[("info.url", "ds:///vmfs/volumes/vsan:52e1-01/")]),
            row("ds-3", &[("summary.url", "/vmfs/volumes/192.168.0.1:_export")]),
            row("ds-4", &[("info.url", "netfs://192.168.0.1//export/")]),
            row("ds-5", &[("name", "nfs:%2f%2fserver"), ("info.url", "ds:///vmfs/volumes/nfs/")]),
            row("ds-6", &[("info.url", "sanfs://vmfs_uuid:5190e2a7/")]),
        ];
        let check = |text: &str, id: &str| {
            let found = ObjectName::parse(Kind::Datastore, text).choose(Kind::Datastore, &own).expect("nothing is hidden");
            assert_eq!(found.iter().map(|object| &*object.id).collect::<Vec<_>>(), [id], "{text}");
        };
        for (volume, id) in [("5190e2a7-d2b7c58e", "ds-1"), ("vsan:52e1-01", "ds-2"), ("192.168.0.1:_export", "ds-3")] {
            for form in [
                "ds:///vmfs/volumes/{}/",
                "ds:///vmfs/volumes/{}",
                "/vmfs/volumes/{}/",
                "/vmfs/volumes/{}",
                "DS:///vmfs/volumes/{}/",
                "Ds:///vmfs/volumes/{}",
            ] {
                check(&form.replace("{}", volume), id);
            }
        }
        check("netfs://192.168.0.1//export", "ds-4");
        check("NETFS://192.168.0.1//export", "ds-4");
        check("SanFS://vmfs_uuid:5190e2a7/", "ds-6");
        check("nfs://server", "ds-5");
    }

    #[test]
    fn a_name_is_found_by_either_spelling_and_the_exact_one_goes_first() {
        let own = [
            row("vm-1", &[("name", "a%2fb")]),
            row("vm-2", &[("name", "c%5cd")]),
            row("vm-3", &[("name", "100%25 sure")]),
            row("vm-4", &[("name", "a%252fb")]),
            row("vm-5", &[("name", "x%2fy%25")]),
        ];
        let check = |text: &str, ids: &[&str]| {
            let found =
                ObjectName::parse(Kind::VirtualMachine, text).choose(Kind::VirtualMachine, &own).expect("nothing is hidden");
            assert_eq!(found.iter().map(|object| &*object.id).collect::<Vec<_>>(), ids, "{text}");
        };
        for (text, id) in [
            ("a/b", "vm-1"),
            ("a%2fb", "vm-1"),
            ("a%2Fb", "vm-1"),
            ("c\\d", "vm-2"),
            ("c%5Cd", "vm-2"),
            ("100% sure", "vm-3"),
            ("100%25 sure", "vm-3"),
            ("a%252fb", "vm-4"),
            ("x/y%", "vm-5"),
            ("x%2fy%", "vm-5"),
        ] {
            check(text, &[id]);
        }
        check("a%b", &[]);
    }

    #[test]
    fn the_paths_read_are_those_that_decide() {
        let paths = |kind, text| ObjectName::parse(kind, text).paths(kind);
        assert_eq!(paths(Kind::VirtualMachine, "vm01"), ["name", "config.ftInfo.role"]);
        assert_eq!(paths(Kind::VirtualMachine, UUID), ["name", "config.instanceUuid", "config.uuid", "config.ftInfo.role"]);
        assert_eq!(paths(Kind::Datacenter, UUID), ["name"]);
        assert_eq!(paths(Kind::Datastore, "ds:///x/"), ["info.url", "summary.url", "name"]);
        assert_eq!(paths(Kind::VirtualMachine, "ds:///x/"), ["name", "config.ftInfo.role"]);
    }

    proptest! {
        #[test]
        fn any_text_means_something_or_nothing(text in ".*") {
            for kind in [Kind::VirtualMachine, Kind::Datastore, Kind::Network] {
                let wanted = ObjectName::parse(kind, &text);
                prop_assert!(!wanted.paths(kind).is_empty());
                let _ = wanted.choose(kind, &rows());
            }
        }
    }
}
