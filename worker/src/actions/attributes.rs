//! What can be asked for where property paths go and is none: custom attributes by name (`customValue.Owner`, or
//! `customValue["Owner"]` for names with a comma; vSphere itself knows them by numbers only), `moid`, the managed object id, and
//! `hostname`, the vSphere host that, together with the id, names an object among those of all hosts.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};
use vpoller_inventory::{ReadError, Refusal, Row, Rows};
use vpoller_vsphere::Value;

use super::{Task, refused};
use crate::failure::Failure;
use crate::response::ObjectList;

/// What is asked of objects: property paths, custom attributes, the managed object id, the vSphere host.
pub(super) struct Columns<'a> {
    host: Cow<'a, str>,
    asked: Vec<Column<'a>>,
    /// The paths to read for them.
    pub reads: Vec<&'a str>,
}

struct Column<'a> {
    /// As it was asked for.
    name: Cow<'a, str>,
    source: Source,
}

/// Where a column's values are.
enum Source {
    /// In the property of the column's name.
    Property,
    /// In the custom attribute with one of these keys.
    Attribute(Vec<i64>),
    /// In a custom attribute that is not defined, or of which nothing may be known.
    Unknown(Refusal),
    /// In the reference itself.
    Reference,
    /// In the request.
    Host,
}

const VALUES: &str = "customValue";
const MOID: &str = "moid";
const HOSTNAME: &str = "hostname";

impl<'a> Columns<'a> {
    /// Looks the attributes up. One that is not there, or may not be seen, fails those only that ask for nothing else.
    pub(super) async fn of(task: &'a Task<'_>, asked: Vec<&'a str>) -> Result<Self, Failure> {
        let mut first: Option<Failure> = None;
        let mut columns = Self {
            host: Cow::Borrowed(&task.request.hostname),
            asked: Vec::with_capacity(asked.len()),
            reads: Vec::with_capacity(asked.len()),
        };
        for name in asked {
            let (source, read) = match attribute(name) {
                Some(attribute) => match keys(task, attribute).await {
                    Ok(keys) => (Source::Attribute(keys), Some(VALUES)),
                    Err(error) => {
                        let Some(refusal) = error.refusal().cloned() else { return Err(error.into()) };
                        first.get_or_insert(error.into());
                        (Source::Unknown(refusal), None)
                    }
                },
                None if name == MOID => (Source::Reference, None),
                None if name == HOSTNAME => (Source::Host, None),
                None => (Source::Property, Some(name)),
            };
            columns.reads.extend(read.filter(|read| !columns.reads.contains(read)));
            columns.asked.push(Column { name: Cow::Borrowed(name), source });
        }
        let is_requested = |column: &&Column<'_>| task.requested().any(|path| path == column.name);
        let is_unknown = |column: &Column<'_>| matches!(column.source, Source::Unknown(_));
        match first {
            Some(failure) if columns.asked.iter().filter(is_requested).all(is_unknown) => Err(failure),
            _ => Ok(columns),
        }
    }

    /// What is set of it, in the order in which it was asked for.
    pub(super) fn fields(&self, row: &Row) -> Map<String, Json> {
        self.fields_with(row, |_, value| value.to_json())
    }

    /// As [`Columns::fields`], with one's own way from a path and its value to JSON.
    pub(super) fn fields_with(&self, row: &Row, print: impl Fn(&str, &Value) -> Json) -> Map<String, Json> {
        let value = |column: &Column<'_>| match &column.source {
            Source::Unknown(_) => None,
            Source::Property => row.readable(&column.name).map(|value| print(&column.name, value)),
            Source::Attribute(keys) => attribute_value(row, keys).map(|value| print(&column.name, value)),
            Source::Reference => Some(Json::from(&*row.object.id)),
            Source::Host => Some(Json::from(&*self.host)),
        };
        let set = self.asked.iter().filter_map(|column| Some((column.name.as_ref().to_owned(), value(column)?)));
        let mut fields: Map<String, Json> = set.collect();
        if !row.refused().is_empty() || self.has_unknown() {
            refused::note(&mut fields, self.refused(row));
        }
        fields
    }

    /// Whether of a column nothing may be known of any object.
    fn has_unknown(&self) -> bool {
        self.asked.iter().any(|column| matches!(column.source, Source::Unknown(_)))
    }

    /// What was found of many objects, each of which is printed when it is written.
    pub(super) fn list(self, rows: Rows, print: Print) -> PrintedObjects {
        let own = |column: Column<'_>| Column { name: Cow::Owned(column.name.into_owned()), source: column.source };
        let asked = self.asked.into_iter().map(own).collect();
        let columns = Columns { host: Cow::Owned(self.host.into_owned()), asked, reads: Vec::new() };
        PrintedObjects { columns, rows, print }
    }

    /// The failure of a request for many objects, none of which tells anything of what was requested.
    pub(super) fn refusal(&self, task: &Task<'_>, rows: &Rows) -> Option<ReadError> {
        let meant = || self.asked.iter().filter(|column| task.requested().any(|path| path == column.name));
        let is_refused = |row: &Row| meant().all(|column| self.reason(column, row).is_some());
        if meant().next().is_none() || !(rows.has_refused() || self.has_unknown()) || !rows.iter().all(|row| is_refused(&row)) {
            return None;
        }
        let first = rows.iter().next()?;
        if meant().all(|column| self.reason(column, &first).is_some_and(Refusal::is_invalid)) {
            let paths: Vec<&str> = meant().map(|column| &*column.name).collect();
            return Some(ReadError::invalid_properties(&paths, &first.object.printed_type()));
        }
        first.refusals(|path| meant().any(|column| column.path() == Some(path)))
    }

    /// What could not be read of it: the name as it was asked for, and why.
    fn refused<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'r str, &'r Refusal)> {
        self.asked.iter().filter_map(|column| Some((&*column.name, self.reason(column, row)?)))
    }

    /// Why a column has no value, when it is refused.
    fn reason<'r>(&'r self, column: &'r Column<'_>, row: &'r Row) -> Option<&'r Refusal> {
        match &column.source {
            Source::Unknown(refusal) => Some(refusal),
            _ => row.refusal(column.path()?),
        }
    }
}

/// How an object of a list is printed; nothing for one that is not listed.
pub(super) type Print = Box<dyn Fn(&Columns<'_>, &Row) -> Option<Map<String, Json>> + Send + Sync>;

/// Columns of many objects.
pub(super) struct PrintedObjects {
    columns: Columns<'static>,
    rows: Rows,
    print: Print,
}

impl ObjectList for PrintedObjects {
    fn objects(&self) -> Box<dyn Iterator<Item = Map<String, Json>> + '_> {
        Box::new(self.rows.iter().filter_map(|row| (self.print)(&self.columns, &row)))
    }

    fn count(&self) -> usize {
        self.rows.count()
    }

    fn has_refused(&self) -> bool {
        self.rows.has_refused() || self.columns.has_unknown()
    }
}

impl Column<'_> {
    /// The property that is read for it.
    fn path(&self) -> Option<&str> {
        match self.source {
            Source::Property => Some(&self.name),
            Source::Attribute(_) => Some(VALUES),
            Source::Unknown(_) | Source::Reference | Source::Host => None,
        }
    }
}

/// The attribute's name, when the path is one of an attribute. `customValue[101]` is vSphere's own form.
fn attribute(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(VALUES)?;
    let name = rest.strip_prefix('.').or_else(|| rest.strip_prefix("[\"")?.strip_suffix("\"]"))?;
    (!name.is_empty()).then_some(name)
}

async fn keys(task: &Task<'_>, name: &str) -> Result<Vec<i64>, ReadError> {
    let keys = task.inventory.services().attribute_keys(name).await?;
    if keys.is_empty() {
        return Err(ReadError::refused(&format!("InvalidProperty: there is no custom attribute {name}"), Refusal::invalid()));
    }
    Ok(keys)
}

fn attribute_value<'r>(row: &'r Row, keys: &[i64]) -> Option<&'r Value> {
    let values = row.readable(VALUES)?.as_list()?.iter().filter_map(Value::as_struct);
    let wanted = |key: &Value| key.as_i64().is_some_and(|key| keys.contains(&key));
    values.into_iter().find(|value| value.get("key").is_some_and(wanted))?.get("value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_told_from_paths() {
        for (path, name) in [
            ("customValue.Owner", Some("Owner")),
            ("customValue.backup.policy", Some("backup.policy")),
            ("customValue[\"Backup, daily\"]", Some("Backup, daily")),
            ("customValue.Größe", Some("Größe")),
            ("customValue", None),
            ("customValue.", None),
            ("customValue[101]", None),
            ("customValue[\"\"]", None),
            ("customValues.Owner", None),
            ("summary.customValue", None),
        ] {
            assert_eq!(attribute(path), name, "{path}");
        }
    }
}
