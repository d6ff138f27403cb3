//! A low-level discovery object over the rows of a result: written straight from them, because they may be ten thousand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value as Json};

use super::{is_nameless, shown};

/// `{"data": [{"{#VSPHERE.…}": …}, …]}`.
pub(super) struct Discovery<'r> {
    prefix: String,
    rows: &'r [Json],
    /// Whether the members of objects in a row are macros of their own.
    flat: bool,
    /// The macro of each field: written out once, not for each row.
    macros: RefCell<HashMap<&'r str, Rc<str>>>,
}

impl<'r> Discovery<'r> {
    pub(super) fn new(prefix: String, rows: &'r [Json], flat: bool) -> Self {
        Self { prefix, rows, flat, macros: RefCell::default() }
    }

    fn name(&self, field: &'r str) -> Rc<str> {
        let mut macros = self.macros.borrow_mut();
        Rc::clone(macros.entry(field).or_insert_with(|| self.spelt(field).into()))
    }

    fn spelt(&self, field: &str) -> String {
        format!("{{#VSPHERE.{}.{}}}", self.prefix, field.to_uppercase())
    }

    /// The macros of a row with their values. Of two fields with the same macro the last one counts.
    fn macros(&self, fields: &'r Map<String, Json>) -> Vec<(Rc<str>, &'r Json)> {
        let mut macros: Vec<(Rc<str>, &Json)> = Vec::with_capacity(fields.len());
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
        for fields in self.0.rows.iter().filter_map(Json::as_object).filter(|fields| !is_nameless(fields)) {
            list.serialize_element(&Macros(self.0.macros(fields)))?;
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
