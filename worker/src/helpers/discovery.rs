//! A low-level discovery object over the rows of a result: written straight from them, because they may be ten thousand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value as Json};

use super::{is_nameless, shown};
use crate::response::ObjectRows;

/// `{"data": [{"{#VSPHERE.…}": …}, …]}`.
pub(super) struct Discovery<'r> {
    prefix: String,
    rows: ObjectRows<'r>,
    /// Whether the members of objects in a row are macros of their own.
    flat: bool,
    /// The macro of each field: written out once, not for each row.
    macros: RefCell<HashMap<String, Rc<str>>>,
}

impl<'r> Discovery<'r> {
    pub(super) fn new(prefix: String, rows: ObjectRows<'r>, flat: bool) -> Self {
        Self { prefix, rows, flat, macros: RefCell::default() }
    }

    /// About how many bytes of text it makes; macros are longer than the names of fields.
    pub(super) fn bytes(&self) -> usize {
        2 * self.rows.bytes()
    }

    fn name(&self, field: &str) -> Rc<str> {
        let mut macros = self.macros.borrow_mut();
        if let Some(name) = macros.get(field) {
            return Rc::clone(name);
        }
        let name: Rc<str> = self.spelt(field).into();
        macros.insert(field.to_owned(), Rc::clone(&name));
        name
    }

    fn spelt(&self, field: &str) -> String {
        format!("{{#VSPHERE.{}.{}}}", self.prefix, field.to_uppercase())
    }

    /// The macros of a row with their values. Of two fields with the same macro the last one counts.
    fn macros<'f>(&self, fields: &'f Map<String, Json>) -> Vec<(Rc<str>, &'f Json)> {
        let mut macros: Vec<(Rc<str>, &'f Json)> = Vec::with_capacity(fields.len());
        let mut add = |name: Rc<str>, value| match macros.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => macros.push((name, value)),
        };
        for (field, value) in shown(fields) {
            match value {
                Json::Object(members) if self.flat => {
                    members.iter().for_each(|(member, value)| add(self.spelt(&format!("{field}.{member}")).into(), value));
                }
                _ => add(self.name(field), value),
            }
        }
        macros
    }
}

impl Serialize for Discovery<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outer = serializer.serialize_map(Some(1))?;
        outer.serialize_entry("data", &Data(self))?;
        outer.end()
    }
}

struct Data<'d, 'r>(&'d Discovery<'r>);

impl Serialize for Data<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        // A rule of Zabbix that meets a row without the macro that its prototypes are named by fails for it.
        for fields in self.0.rows.objects().filter(|fields| !is_nameless(fields)) {
            list.serialize_element(&Macros(self.0.macros(&fields)))?;
        }
        list.end()
    }
}

struct Macros<'r>(Vec<(Rc<str>, &'r Json)>);

impl Serialize for Macros<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}
