//! The objects of one family, with their values and the ways to find them.
//!
//! Everything here is cheap to copy: versions of the snapshot share what did not change between them.

use std::borrow::Cow;
use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use vpoller_vsphere::{MoRef, Value};

use super::base;
use super::layout::Layout;
use crate::border::Kind;
use crate::border::property::NAME;
use crate::border::{ObjectView, PropertyState, PropertyStates, Refusal, comparable, indexed};

/// One managed object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub reference: MoRef,
    /// Whether it is in the view and more than its name is known: what is listed and found is.
    pub viewed: bool,
    /// Whether vSphere has reported that it is in the view, with values or without.
    pub entered: bool,
    /// Whether it is watched for itself, in the view or not.
    pub individual: bool,
    states: PropertyStates,
}

/// Names an object within its family; grows in the order in which vSphere reported them.
pub(crate) type ObjectNumber = u32;

/// The objects of one family.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub layout: Arc<Layout>,
    objects: OrdMap<ObjectNumber, Arc<Object>>,
    by_id: HashMap<Arc<str>, ObjectNumber>,
    texts: Vec<TextIndex>,
    next: ObjectNumber,
}

/// An object that was put into a table.
pub(crate) struct Replaced {
    pub number: ObjectNumber,
    /// Its former state, if it was known.
    pub before: Option<Arc<Object>>,
    pub after: Arc<Object>,
}

/// Objects by the text of one of their properties.
#[derive(Clone, Debug)]
struct TextIndex {
    path: &'static str,
    column: usize,
    numbers: HashMap<Arc<str>, ObjectNumbers>,
}

/// The objects of one text: nearly always a single one.
#[derive(Clone, Debug)]
enum ObjectNumbers {
    One(ObjectNumber),
    Several(Arc<[ObjectNumber]>),
}

impl Object {
    pub(crate) fn new(reference: MoRef) -> Self {
        Self { reference, viewed: false, entered: false, individual: false, states: PropertyStates::default() }
    }

    /// Whether vSphere has reported that it is there. Values alone do not say so: filters report one after the other.
    pub(crate) fn exists(&self) -> bool {
        self.viewed || self.individual
    }

    /// Whether it is in the view without the values that every object has: one that is being made, or is gone already.
    pub(crate) fn is_half_made(&self) -> bool {
        self.entered && !self.viewed
    }

    /// Shows an object that entered, once it has a value beside its name that every object has.
    pub(crate) fn show(&mut self, layout: &Layout) {
        let mut base = layout.columns().filter(|(_, column)| column.base && &*column.path != NAME);
        let has_any = |state: &PropertyState| matches!(state, PropertyState::Set(_) | PropertyState::Refused(_));
        self.viewed = self.entered && (self.viewed || base.any(|(number, _)| has_any(self.state(number))));
    }

    pub(crate) fn state(&self, column: usize) -> &PropertyState {
        self.states.get(column)
    }

    /// The object for readers of a whole version.
    pub(crate) fn view(&self) -> ObjectView<'_> {
        ObjectView::new(&self.reference, &self.states)
    }

    pub(crate) fn set(&mut self, column: usize, state: PropertyState) {
        self.states.set(column, state);
    }

    pub(crate) fn value(&self, column: usize) -> Option<&Value> {
        match self.state(column) {
            PropertyState::Set(value) => Some(value),
            PropertyState::Unknown | PropertyState::Unset | PropertyState::Refused(_) => None,
        }
    }
}

impl Table {
    /// An empty table for a family; what is always watched has its columns.
    pub(crate) fn new(family: &str) -> Self {
        let mut layout = Layout::default();
        for path in base::paths(family).into_iter().filter(|_| base::is_viewed(family)) {
            layout.add(path, true, 0);
        }
        Self::with(family, Arc::new(layout))
    }

    /// An empty table with the columns of another one of the family.
    pub(crate) fn with(family: &str, layout: Arc<Layout>) -> Self {
        let kind = Kind::ALL.iter().copied().find(|kind| kind.wire() == family);
        let texts = kind.map(indexed).unwrap_or_default().into_iter();
        let texts = texts.filter_map(|path| Some(TextIndex { path, column: layout.find(path)?, numbers: HashMap::new() }));
        Self { texts: texts.collect(), layout, objects: OrdMap::new(), by_id: HashMap::new(), next: 0 }
    }

    /// Objects in the view, in the order in which vSphere reported them.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values().filter(|object| object.viewed)
    }

    /// What cannot be read of the objects that exist, and why.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&MoRef, &Arc<str>, &Refusal)> {
        self.objects.values().filter(|object| object.exists()).flat_map(|object| {
            object.states.iter().enumerate().filter_map(|(number, state)| match state {
                PropertyState::Refused(refusal) => Some((&object.reference, &self.layout.column(number)?.path, &**refusal)),
                PropertyState::Unknown | PropertyState::Unset | PropertyState::Set(_) => None,
            })
        })
    }

    /// How many objects entered without values.
    pub(crate) fn half_made(&self) -> usize {
        self.objects.values().filter(|object| object.is_half_made()).count()
    }

    /// How many objects are known.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<(ObjectNumber, &Arc<Object>)> {
        let number = *self.by_id.get(id)?;
        Some((number, self.objects.get(&number)?))
    }

    pub(crate) fn numbered(&self, number: ObjectNumber) -> Option<&Arc<Object>> {
        self.objects.get(&number)
    }

    /// The objects whose text at this path is this one; the text as [`comparable`] makes it.
    pub(crate) fn by_text(&self, path: &str, text: &str) -> impl Iterator<Item = &Arc<Object>> {
        let texts = self.texts.iter().find(|texts| texts.path == path);
        let numbers = texts.and_then(|texts| texts.numbers.get(text)).map_or(&[][..], ObjectNumbers::as_slice);
        numbers.iter().filter_map(|number| self.objects.get(number)).filter(|object| object.viewed)
    }

    /// Puts an object in the place of its former state.
    pub(crate) fn put(&mut self, object: Object) -> Replaced {
        let number = self.by_id.get(&object.reference.id).copied().unwrap_or(self.next);
        let after = Arc::new(object);
        let before = self.objects.insert(number, Arc::clone(&after));
        if before.is_none() {
            self.next = self.next.saturating_add(1);
            self.by_id.insert(Arc::clone(&after.reference.id), number);
        }
        for texts in &mut self.texts {
            texts.exchange(number, before.as_deref(), Some(&after));
        }
        Replaced { number, before, after }
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, id: &str) -> Option<(ObjectNumber, Arc<Object>)> {
        let number = self.by_id.remove(id)?;
        let object = self.objects.remove(&number)?;
        for texts in &mut self.texts {
            texts.exchange(number, Some(&object), None);
        }
        Some((number, object))
    }

    /// How many learned values there are, and the bytes they take.
    pub(crate) fn learned(&self) -> (usize, usize) {
        let columns: Vec<usize> = self.layout.columns().filter(|(_, column)| !column.base).map(|(number, _)| number).collect();
        let values = self.objects.values().flat_map(|object| columns.iter().filter_map(|column| object.value(*column)));
        values.fold((0, 0), |(count, bytes), value| (count + 1, bytes + weight(value)))
    }

    /// Forgets the values of a column, and the column.
    pub(crate) fn drop_column(&mut self, column: usize) {
        Arc::make_mut(&mut self.layout).remove(column);
        let holding = self.objects.iter().filter(|(_, object)| *object.state(column) != PropertyState::Unknown);
        let holding: Vec<_> = holding.map(|(number, object)| (*number, Arc::clone(object))).collect();
        for (number, mut object) in holding {
            Arc::make_mut(&mut object).set(column, PropertyState::Unknown);
            self.objects.insert(number, object);
        }
    }
}

impl TextIndex {
    fn exchange(&mut self, number: ObjectNumber, before: Option<&Object>, after: Option<&Object>) {
        let (before, after) = (self.text(before), self.text(after));
        if before == after {
            return;
        }
        if let Some(text) = before {
            self.change(&text, |numbers| numbers.retain(|other| *other != number));
        }
        if let Some(text) = after {
            self.change(&text, |numbers| numbers.push(number));
        }
    }

    fn text<'o>(&self, object: Option<&'o Object>) -> Option<Cow<'o, str>> {
        let text = object?.value(self.column)?.as_str()?;
        Some(comparable(self.path, text))
    }

    fn change(&mut self, text: &str, change: impl FnOnce(&mut Vec<ObjectNumber>)) {
        let mut numbers = self.numbers.get(text).map(|numbers| numbers.as_slice().to_vec()).unwrap_or_default();
        change(&mut numbers);
        match numbers.as_slice() {
            [] => drop(self.numbers.remove(text)),
            [one] => drop(self.numbers.insert(text.into(), ObjectNumbers::One(*one))),
            several => drop(self.numbers.insert(text.into(), ObjectNumbers::Several(several.into()))),
        }
    }
}

impl ObjectNumbers {
    fn as_slice(&self) -> &[ObjectNumber] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Several(numbers) => numbers,
        }
    }
}

/// The bytes that a value takes, about.
pub(crate) fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::DateTime(_) | Value::Ref(_) => 0,
        Value::String(text) => text.len(),
        Value::Binary(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Struct(object) => object.fields.iter().map(|(name, value)| size_of_val(name) + weight(value)).sum(),
    };
    size_of::<PropertyState>() + inside
}
