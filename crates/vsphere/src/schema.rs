//! Which members the data types of vSphere have, of which kind.
//!
//! Inside a data object the wire shows neither numbers from strings nor a list of one from a plain member; this table does.
//! It is generated (`schema/generate.sh`) and embedded as text:
//!
//! ```text
//! !8.0.2.0                                     version of the API that the table describes
//! Type<Base name name:kind name:*kind          a data type: its base and its own members; the base's members come first
//! @Method:kind                                 the result of a method
//! ```
//!
//! Kinds: nothing = string or enumeration, `b` boolean, `i` whole number, `f` floating, `t` date, `x` base64, `r` managed
//! object reference, `a` anything, else the name of a data type; `*` before it = array.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::intern::Interner;

/// What an element holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Text, enumerations included.
    Text,
    Bool,
    Int,
    Float,
    Date,
    Binary,
    Ref,
    /// Whatever the element says of itself.
    Any,
    /// A data object whose type is in the table, at this place.
    Object(TypeId),
}

/// Place of a data type in the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TypeId(usize);

/// A data type.
#[derive(Debug)]
struct DataType {
    name: Arc<str>,
    base: Option<TypeId>,
    members: Vec<Member>,
}

/// A member of a data type, or the result of a method.
#[derive(Debug)]
pub(crate) struct Member {
    pub name: Arc<str>,
    pub kind: Kind,
    pub array: bool,
}

#[derive(Debug, Default)]
struct Table {
    version: &'static str,
    types: Vec<DataType>,
    by_name: HashMap<&'static str, TypeId>,
    results: HashMap<&'static str, Member>,
    managed: HashMap<&'static str, ManagedType>,
}

/// A type of managed object.
#[derive(Debug)]
struct ManagedType {
    base: Option<&'static str>,
    properties: Vec<Member>,
}

/// What an element says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    One(Kind),
    /// `ArrayOf…`: children are the elements, of this kind.
    Array(Kind),
    /// A type that is not in the table: an enumeration, or something new.
    Named(Arc<str>),
}

/// Where the name of a type belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// To the primitive types of XML Schema.
    XmlSchema,
    /// To vSphere.
    Other,
    /// Its prefix is not declared.
    Unknown,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("schema_table.txt")));

/// For each type those that extend it directly.
static BELOW: LazyLock<Vec<Vec<TypeId>>> = LazyLock::new(|| {
    let mut below = vec![Vec::new(); TABLE.types.len()];
    for (at, data) in TABLE.types.iter().enumerate() {
        if let Some(extended) = data.base.and_then(|base| below.get_mut(base.0)) {
            extended.push(TypeId(at));
        }
    }
    below
});

/// Version of the API that the table describes: the newest one we speak.
pub(crate) fn version() -> &'static str {
    TABLE.version
}

/// The type of this name.
pub(crate) fn find(name: &str) -> Option<TypeId> {
    TABLE.by_name.get(name).copied()
}

/// The result of a method; nothing for text, for no result, and for unknown methods.
pub(crate) fn result(method: &str) -> Option<&'static Member> {
    TABLE.results.get(method)
}

/// A member of a type, inherited ones included.
pub(crate) fn member(kind: &str, name: &str) -> Option<&'static Member> {
    find(kind).and_then(|id| id.member(name))
}

/// A property of a managed object type, inherited ones included.
pub(crate) fn property(kind: &str, name: &str) -> Option<&'static Member> {
    let lineage = std::iter::successors(TABLE.managed.get(kind), |managed| TABLE.managed.get(managed.base?));
    lineage.flat_map(|managed| &managed.properties).find(|property| &*property.name == name)
}

/// Whether a type is, or extends, another.
pub(crate) fn is_a(kind: &str, base: &str) -> bool {
    kind == base || find(kind).is_some_and(|id| id.lineage().any(|data| &*data.name == base))
}

impl TypeId {
    /// The type's name, shared.
    pub(crate) fn name(self) -> Option<Arc<str>> {
        TABLE.types.get(self.0).map(|data| data.name.clone())
    }

    /// A member, inherited ones included.
    pub(crate) fn member(self, name: &str) -> Option<&'static Member> {
        self.lineage().find_map(|data| data.members.iter().find(|member| &*member.name == name))
    }

    /// A member of a type that extends this one, directly or not.
    pub(crate) fn extended_member(self, name: &str) -> Option<&'static Member> {
        BELOW.get(self.0)?.iter().find_map(|id| {
            let own = TABLE.types.get(id.0)?.members.iter().find(|member| &*member.name == name);
            own.or_else(|| id.extended_member(name))
        })
    }

    /// The type itself, its base, the base's base.
    fn lineage(self) -> impl Iterator<Item = &'static DataType> {
        let find = |id: TypeId| TABLE.types.get(id.0);
        std::iter::successors(find(self), move |data| data.base.and_then(find))
    }
}

impl Shape {
    /// What the name in an `xsi:type` means, and to which namespace it belongs.
    pub(crate) fn from_type_name(name: &str, origin: Origin, interner: &mut Interner) -> Self {
        if origin == Origin::XmlSchema {
            return Self::One(primitive_kind(name).unwrap_or(Kind::Text));
        }
        if let Some(element) = name.strip_prefix("ArrayOf") {
            return Self::Array(element_kind(element));
        }
        match (find(name), primitive_kind(name)) {
            (Some(id), _) => Self::One(Kind::Object(id)),
            (None, Some(kind)) if origin == Origin::Unknown => Self::One(kind),
            _ if name == "ManagedObjectReference" => Self::One(Kind::Ref),
            _ => Self::Named(interner.share(name)),
        }
    }
}

/// The primitive types of XML Schema that vSphere uses.
fn primitive_kind(name: &str) -> Option<Kind> {
    Some(match name {
        "boolean" => Kind::Bool,
        "byte" | "short" | "int" | "long" | "integer" | "unsignedByte" | "unsignedShort" | "unsignedInt" | "unsignedLong" => {
            Kind::Int
        }
        "float" | "double" | "decimal" => Kind::Float,
        "dateTime" => Kind::Date,
        "base64Binary" => Kind::Binary,
        "anyType" => Kind::Any,
        "string" | "anyURI" | "token" | "QName" => Kind::Text,
        _ => return None,
    })
}

/// The kind of the elements of `ArrayOf…`.
fn element_kind(element: &str) -> Kind {
    match element {
        "ManagedObjectReference" => Kind::Ref,
        "AnyURI" => Kind::Text,
        _ => {
            let mut name = element.to_owned();
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            find(element).map(Kind::Object).or_else(|| primitive_kind(&name)).unwrap_or(Kind::Any)
        }
    }
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut table = Self::default();
        let lines = || text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '!', '@', '=']));
        // Members name types that come later: the names are collected first.
        for (at, line) in lines().enumerate() {
            table.by_name.insert(type_name(line), TypeId(at));
        }
        table.types = lines().map(|line| table.data_type(line)).collect();
        table.version = text.lines().find_map(|line| line.strip_prefix('!')).unwrap_or("4.1");
        let results = text.lines().filter_map(|line| line.strip_prefix('@'));
        table.results = results.map(|line| (line.split(':').next().unwrap_or(line), table.member(line))).collect();
        let managed = text.lines().filter_map(|line| line.strip_prefix('='));
        table.managed = managed.map(|line| (type_name(line), table.managed_type(line))).collect();
        table
    }

    fn managed_type(&self, line: &'static str) -> ManagedType {
        let mut words = line.split(' ');
        let base = words.next().and_then(|head| head.split_once('<')).map(|(_, base)| base);
        ManagedType { base, properties: words.map(|word| self.member(word)).collect() }
    }

    fn data_type(&self, line: &'static str) -> DataType {
        let mut words = line.split(' ');
        let base = words.next().and_then(|head| head.split_once('<')).and_then(|(_, base)| self.by_name.get(base).copied());
        DataType { name: type_name(line).into(), base, members: words.map(|word| self.member(word)).collect() }
    }

    fn member(&self, word: &'static str) -> Member {
        let (name, kind) = word.split_once(':').unwrap_or((word, ""));
        let (array, kind) = kind.strip_prefix('*').map_or((false, kind), |kind| (true, kind));
        let kind = match kind {
            "" => Kind::Text,
            "b" => Kind::Bool,
            "i" => Kind::Int,
            "f" => Kind::Float,
            "t" => Kind::Date,
            "x" => Kind::Binary,
            "r" => Kind::Ref,
            name => self.by_name.get(name).map_or(Kind::Any, |id| Kind::Object(*id)),
        };
        Member { name: name.into(), kind, array }
    }
}

/// The name at the start of a type's line.
fn type_name(line: &'static str) -> &'static str {
    line.split([' ', '<']).next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, name: &str, expected: Kind, array: bool) {
        let member = member(kind, name).unwrap_or_else(|| panic!("{kind} has no {name}"));
        assert_eq!((member.kind, member.array), (expected, array), "{kind}.{name}");
    }

    #[test]
    fn members_have_their_kinds() {
        check("VirtualMachineConfigSummary", "numCpu", Kind::Int, false);
        check("VirtualMachineConfigSummary", "guestId", Kind::Text, false);
        check("GuestNicInfo", "ipAddress", Kind::Text, true);
        check("GuestNicInfo", "connected", Kind::Bool, false);
        check("VirtualMachineRuntimeInfo", "host", Kind::Ref, false);
        check("VirtualMachineRuntimeInfo", "bootTime", Kind::Date, false);
        check("VirtualMachineRuntimeInfo", "powerState", Kind::Text, false);
        check("OptionValue", "value", Kind::Any, false);
        check("GuestInfo", "disk", Kind::Object(find("GuestDiskInfo").unwrap()), true);
        check("HostVirtualNicSpec", "mtu", Kind::Int, false);
    }

    #[test]
    fn members_of_the_newest_version_have_their_kinds() {
        // Both of the table's sources have the first; the others stand in one of them only.
        assert_eq!(version(), "9.1.0.0");
        check("BaseConfigInfoFileBackingInfo", "sharedFileBacking", Kind::Bool, false);
        check("GuestInfo", "guestRebootStatus", Kind::Object(find("VirtualMachineGuestRebootStatus").unwrap()), false);
        check("VirtualMachineGuestRebootStatus", "requestingComponents", Kind::Text, true);
        check("HostListSummary", "rebootRequiredReason", Kind::Object(find("LocalizableMessage").unwrap()), true);
        check("HostListSummary", "maintenanceModeRequired", Kind::Bool, false);
        check("VirtualMachineRuntimeInfo", "consolidateWorkDone", Kind::Int, false);
        check("ConfigTarget", "vMotionBandwidth", Kind::Int, true);
    }

    #[test]
    fn an_answer_of_the_newest_version_has_types_and_lists() {
        let answer = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>
            <objects><obj type="VirtualMachine">vm-1</obj><propSet><name>guest</name><val xsi:type="GuestInfo">
            <guestRebootStatus><rebootRequested>true</rebootRequested><requestingComponents>tools</requestingComponents>
            </guestRebootStatus></val></propSet></objects></returnval></RetrievePropertiesExResponse></e:Body></e:Envelope>"#;
        let read = format!("{:?}", crate::read_recorded(answer, "RetrievePropertiesEx").unwrap());
        assert!(read.contains(r#"("rebootRequested", Bool(true))"#), "{read}");
        assert!(read.contains(r#"("requestingComponents", List([String("tools")]))"#), "{read}");
    }

    #[test]
    fn bases_hand_their_members_down() {
        check("VirtualVmxnet3", "macAddress", Kind::Text, false);
        check("VirtualVmxnet3", "key", Kind::Int, false);
        assert!(is_a("VirtualVmxnet3", "VirtualDevice"));
        assert!(is_a("NotAuthenticated", "NoPermission"));
        assert!(is_a("NewerThanTheTable", "NewerThanTheTable"));
        assert!(!is_a("VirtualDevice", "VirtualVmxnet3"));
    }

    #[test]
    fn results_of_methods_are_known() {
        assert_eq!(result("Login").unwrap().kind, Kind::Object(find("UserSession").unwrap()));
        assert!(result("QueryPerf").unwrap().array);
        assert!(result("Logout").is_none());
        assert!(version().split('.').next().unwrap().parse::<u32>().unwrap() >= 8);
    }

    #[test]
    fn every_line_of_the_table_is_sound() {
        for data in &TABLE.types {
            assert!(data.name.starts_with(|first: char| first.is_ascii_uppercase()), "{data:?}");
            assert!(data.members.iter().all(|member| !member.name.is_empty()), "{data:?}");
        }
        assert!(TABLE.types.len() > 2_000, "{}", TABLE.types.len());
        // No type is its own ancestor: the walk to the root ends for each.
        assert!(TABLE.types.iter().all(|data| find(&data.name).unwrap().lineage().take(50).count() < 50));
    }
}
