//! The inventory as a whole, for readers that go through many objects.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use vpoller_vsphere::{MoRef, Value};

use super::{Kind, PropertyStates, Refusal, part_below};

/// One version of the inventory. It never changes, reading it takes no lock and copies nothing, and it lives as long as a reader
/// holds it: a reader that goes through everything sees one moment.
///
/// ```
/// # use vpoller_inventory::{CacheSettings, Cached, Inventory, Kind, Property};
/// # use vpoller_vsphere::{Client, Config, SecretString};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = Config::new("vc01.example.org", "root", SecretString::from("p4ssw0rd"));
/// # let inventory = Cached::new(Client::new(config)?, &CacheSettings::default());
/// // None before vSphere has reported everything for the first time.
/// let Some(view) = inventory.view() else { return Ok(()) };
/// let power = view.column(Kind::VirtualMachine, "runtime.powerState");
/// for vm in view.objects(Kind::VirtualMachine) {
///     if let Some(Property::Set(state)) = power.map(|power| vm.get(power)) {
///         println!("{} {state:?}", vm.reference());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct View {
    version: Arc<dyn Version>,
    confirmed: Instant,
}

/// What is published for readers.
pub(crate) trait Version: Send + Sync {
    /// The objects of a type, subtypes included.
    fn objects(&self, kind: Kind) -> Box<dyn Iterator<Item = ObjectView<'_>> + '_>;

    /// The number of the column that has a path's value, and the path that the column is for: this one or one that contains it.
    fn column<'p>(&self, kind: Kind, path: &'p str) -> Option<(usize, &'p str)>;
}

/// Where the values of one path stand among the values of each object; holds for the [`View`] and the type it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Column<'v> {
    number: usize,
    path: &'v str,
    /// What is kept: the path, or what contains it.
    whole: &'v str,
    view: PhantomData<&'v View>,
}

/// One object of a [`View`].
#[derive(Clone, Copy, Debug)]
pub struct ObjectView<'v> {
    reference: &'v MoRef,
    states: &'v PropertyStates,
}

/// What is known of one property of one object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Property<'v> {
    /// Its value.
    Set(&'v Value),
    /// vSphere says that it has none.
    Unset,
    /// vSphere does not give it out, mostly because the account may not read it.
    Refused(&'v Refusal),
    /// Nothing: vSphere has not sent it, or not sent it again.
    Unknown,
}

/// What is known of one property of one object, as it is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum PropertyState {
    /// Nothing: vSphere has not sent it, or not sent it again.
    #[default]
    Unknown,
    /// It is unset.
    Unset,
    /// vSphere does not give it out, mostly because the account may not read it.
    Refused(Arc<Refusal>),
    /// Its value.
    Set(Value),
}

impl View {
    pub(crate) fn new(version: Arc<dyn Version>, confirmed: Instant) -> Self {
        Self { version, confirmed }
    }

    /// At this moment, or later, vSphere confirmed that this version is its state.
    #[must_use]
    pub const fn confirmed(&self) -> Instant {
        self.confirmed
    }

    /// The objects of a type, subtypes included, in the order in which vSphere reported them.
    pub fn objects(&self, kind: Kind) -> impl Iterator<Item = ObjectView<'_>> {
        self.version.objects(kind)
    }

    /// Where the values of a path stand; nothing when the path is not watched. To be looked up once, not for each object.
    #[must_use]
    pub fn column<'v>(&'v self, kind: Kind, path: &'v str) -> Option<Column<'v>> {
        let (number, whole) = self.version.column(kind, path)?;
        Some(Column { number, path, whole, view: PhantomData })
    }
}

impl fmt::Debug for View {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("View").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl<'v> ObjectView<'v> {
    pub(crate) const fn new(reference: &'v MoRef, states: &'v PropertyStates) -> Self {
        Self { reference, states }
    }

    /// The object.
    #[must_use]
    pub const fn reference(&self) -> &'v MoRef {
        self.reference
    }

    /// What is known of the column's path.
    #[must_use]
    pub fn get(&self, column: Column<'v>) -> Property<'v> {
        match self.states.get(column.number) {
            PropertyState::Set(value) => part_below(value, column.path, column.whole).map_or(Property::Unset, Property::Set),
            PropertyState::Unset => Property::Unset,
            PropertyState::Refused(refusal) => Property::Refused(refusal),
            PropertyState::Unknown => Property::Unknown,
        }
    }
}
