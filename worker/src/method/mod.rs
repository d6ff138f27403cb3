//! What a row of the table of methods says, and the task that a request becomes by it.
//!
//! The table and the actions both stand on this: a row names the function that does the work, which gets a task with the row.

mod task;

use vpoller_inventory::Kind;
use vpoller_wire::Field;

pub use self::task::{Answer, Perform, Task};
use crate::failure::Failure;

/// The field with the disk in answers about one.
pub(crate) const DISK: &str = "disk";
/// The field of an object with the paths that could not be read, each with the fault and the privilege that is missing.
pub(crate) const REFUSED: &str = "refused";
/// The success text of every method that lists objects.
pub(crate) const DISCOVERED: &str = "Successfully discovered objects";

/// One method.
pub struct Method {
    /// Its place in the table, for what is counted by method.
    pub(crate) index: usize,
    /// The name on the wire.
    pub name: &'static str,
    /// Older names of the same thing.
    pub aliases: &'static [&'static str],
    /// Fields that must be in the message beyond `method` and `hostname`; `null` counts as there.
    pub required: &'static [Field],
    /// What the method is about.
    pub object: Object,
    /// What is always read, before what the request names: property paths, or members of the structs that the method lists.
    pub reads: &'static [&'static str],
    /// Whether the request selects among `reads`, which are answered when it names none of them; else they are always answered.
    pub selectable: bool,
    /// What is done at a vSphere host; nothing where the worker answers about itself.
    pub action: Option<Action>,
    /// What is said when there is no such object.
    pub not_found: fn(Option<String>) -> Failure,
    /// How the text of a failure begins that only says that there is nothing: an empty list to the Zabbix helpers.
    pub empty_if: Option<&'static str>,
    /// How the Zabbix helpers print the reply.
    pub zabbix_format: ZabbixFormat,
    /// Whether the proxy may send the request to a second worker when the first one dies over it.
    pub retry_safe: bool,
    /// The text of `msg` on success; part of the contract.
    pub success: &'static str,
    /// What is retrieved, for the log, where the method is about the vSphere host as a whole.
    pub intent: &'static str,
    /// One sentence for the documentation.
    pub doc: &'static str,
    /// Client options of a working example, after `-m` and `-V`.
    pub example: &'static str,
}

/// What a method is about, and so what is looked up before its action runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Object {
    /// The vSphere host as a whole.
    Service,
    /// Every managed object of a type.
    Every(Kind),
    /// The one managed object that `name` names.
    One(Kind),
    /// The one managed object that `name` names, of the type in `key`.
    Any,
    /// The worker itself; needs no vSphere host.
    Worker,
}

impl Object {
    /// The managed object type, where there is one.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Service | Self::Any | Self::Worker => None,
            Self::Every(kind) | Self::One(kind) => Some(kind),
        }
    }
}

/// What is done for a request at a vSphere host.
#[derive(Clone, Copy)]
pub enum Action {
    /// Members of the service's About information.
    About,
    /// The paths of every object of the type.
    Discover,
    /// The paths of the one object.
    Get,
    /// The objects that a property of the one object refers to.
    Related(Relation),
    /// Anything else.
    Custom(Perform),
}

/// How objects are reached from another one, and how the answer is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Property of the first object: a reference, a list of them, or a list of structs whose `key` is one.
    pub via: &'static str,
    /// The type that is reached.
    pub to: Kind,
    /// Property paths read from what is reached.
    pub reads: &'static [&'static str],
    /// The layout.
    pub shape: Shape,
}

/// Layouts of a relation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// `[{"name": …}, …]`.
    List,
    /// `{"name": <first object>, "<field>": [{"name": …}, …]}`.
    Inside(&'static str),
    /// `[{"name": <first object>, "<field>": <name of the one reached>}]`.
    NameOf(&'static str),
}

/// How the Zabbix helpers print a successful reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ZabbixFormat {
    /// One value: the first requested property, else `default_field`, else the first field that is not `name`.
    Value {
        /// The field that is meant when no property was asked for.
        default_field: Option<&'static str>,
    },
    /// A low-level discovery object.
    Lld {
        /// What stands after `VSPHERE.` in its macros.
        prefix: Prefix,
        /// Where its rows are.
        rows: Rows,
    },
    /// One value of the disk inside the first row.
    Disk,
    /// The number of rows whose command line contains the request's key.
    Count,
}

/// The part of the method's name that goes into discovery macros.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prefix {
    /// All but the last part.
    Whole,
    /// The first part only.
    First,
}

/// Where the rows of a discovery object are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rows {
    /// The result itself is the list.
    Result,
    /// The same, but members that are objects are taken apart.
    Flat,
    /// In this field of the result, or of its first row.
    Inside(&'static str),
}

impl ZabbixFormat {
    /// The field that holds the rows of this form, when the result itself does not.
    #[must_use]
    pub const fn inner(self) -> Option<&'static str> {
        match self {
            Self::Lld { rows: Rows::Inside(field), .. } => Some(field),
            Self::Disk => Some(DISK),
            _ => None,
        }
    }
}
