//! An inventory in memory, for tests that need no vSphere: the objects of `tests/inventory.json`.
//!
//! The file describes the simulator's objects, so one set of expectations holds for both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json};
use vpoller_inventory::perf::{Clock, Scheduler};
use vpoller_inventory::{
    Event, EventFilter, EventList, GuestAccount, Inventory, Kind, MissingPrivilege, ObjectName, Performance, ReadError, Refusal,
    Row, Services, Severity,
};
use vpoller_vsphere::{DateTime, Fault, MoRef, Struct, Value};

use crate::support::counters::{Statistics, TIME};

/// Objects with their values, in the order of the file.
pub(crate) struct MemoryInventory {
    rows: Vec<Row>,
    /// Paths that exist for a type, set or not.
    declared: BTreeMap<String, BTreeSet<String>>,
    about: Struct,
    events: Vec<Event>,
    /// Nothing when the account may not know.
    sessions: Option<Vec<Struct>>,
    processes: Vec<Value>,
    /// The rest of the file.
    file: Json,
    performance: Scheduler,
    statistics: Arc<Statistics>,
}

impl MemoryInventory {
    /// The objects of the documents.
    pub(crate) fn documents() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory.json");
        let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let list = |name: &str| file[name].as_array().unwrap().iter();
        let rows: Vec<Row> = list("objects").map(row).collect();
        let statistics = Arc::new(statistics(&rows));
        let mut memory = Self {
            performance: Scheduler::new("vc01.example.org", statistics.clone(), Clock::default()),
            statistics,
            rows,
            declared: BTreeMap::new(),
            about: structure("AboutInfo", file["about"].as_object().unwrap()),
            events: list("events").map(|json| event(json, &file["severities"])).collect(),
            sessions: Some(list("sessions").map(typed).collect()),
            processes: list("processes").map(process).collect(),
            file: file.clone(),
        };
        for row in &memory.rows {
            let paths = memory.declared.entry(base(&row.object.kind).to_owned()).or_default();
            paths.extend(row.values().iter().map(|(path, _)| path.to_string()));
        }
        for (kind, paths) in file["unset"].as_object().unwrap() {
            let paths = paths.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned());
            memory.declared.get_mut(kind).unwrap().extend(paths);
        }
        memory
    }

    /// Removes a property from every object that has it.
    pub(crate) fn without(mut self, path: &str) -> Self {
        for row in &mut self.rows {
            *row = changed(row, path, None);
        }
        self
    }

    /// Does what a case says about the state of the vSphere host, in the words of the simulator's pages.
    pub(crate) fn change(&mut self, page: &str, body: &Json) {
        match page {
            "/set" => {
                let (kind, name, path) = (&body["type"], body["name"].as_str(), body["path"].as_str().unwrap());
                let is_meant = |row: &&mut Row| *kind == *row.object.kind && text(row, "name") == name;
                let mut found = 0;
                for row in self.rows.iter_mut().filter(is_meant) {
                    *row = changed(row, path, Some(&body["value"]).filter(|value| !value.is_null()).map(value));
                    found += 1;
                }
                assert!(found > 0, "there is no {kind} {name:?}");
                self.statistics.set_down(down(&self.rows));
            }
            "/clock" => assert_eq!(body["time"], TIME, "the statistics in memory know no other time"),
            "/perf" => self.statistics.spoil(body),
            "/deny" if body["type"] == "PerformanceManager" => self.statistics.deny(),
            "/deny" if body["type"] == "SessionManager" => {
                assert_eq!(body["path"], "sessionList");
                self.sessions = None;
            }
            "/deny" => {
                let (kind, path) = (body["type"].as_str().unwrap(), body["path"].as_str().unwrap());
                let privilege = (Arc::from("privilegeId"), value(&body["privilege"]));
                let fault = Fault::new(Struct { kind: "NoPermission".into(), fields: vec![privilege] }, String::new());
                let refusal = Arc::new(Refusal::of(&fault).unwrap());
                for row in self.rows.iter_mut().filter(|row| *row.object.kind == *kind) {
                    let without = changed(row, path, None);
                    if without.values().len() < row.values().len() {
                        let refused = [row.refused(), &[(path.into(), Arc::clone(&refusal))]].concat();
                        *row = without.with_refused(refused);
                    }
                }
            }
            _ => panic!("memory knows no page {page}"),
        }
    }

    fn select(&self, object: &Row, paths: &[&str]) -> Row {
        let declared = &self.declared[base(&object.object.kind)];
        let values = object.values().iter().filter(|(path, _)| paths.contains(&&**path)).cloned().collect();
        let refused = object.refused().iter().filter(|(path, _)| paths.contains(&&**path)).cloned();
        let invalid = paths.iter().filter(|path| !declared.contains(**path));
        let invalid = invalid.map(|path| (Arc::from(*path), Arc::new(Refusal::invalid())));
        Row::new(object.object.clone(), values).with_refused(refused.chain(invalid).collect())
    }

    fn all(&self, kind: Kind, paths: &[&str]) -> Vec<Row> {
        let of_kind = |row: &&Row| Kind::parse(&row.object.kind).is_some_and(|own| own.is_a(kind)) && row.object != root();
        let rows = self.rows.iter().filter(of_kind);
        rows.map(|row| self.select(row, paths)).collect()
    }
}

impl Inventory for MemoryInventory {
    fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
        Box::pin(async move { wanted.choose(kind, &self.all(kind, &wanted.paths(kind))) })
    }

    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move { Ok(self.all(kind, paths)) })
    }

    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            let found = objects.iter().filter_map(|object| self.rows.iter().find(|row| row.object == *object));
            Ok(found.map(|row| self.select(row, paths)).collect())
        })
    }

    fn missing_privileges(&self) -> BoxFuture<'_, Result<Vec<MissingPrivilege>, ReadError>> {
        let refused =
            self.rows.iter().flat_map(|row| row.refused().iter().map(|(path, refusal)| (&row.object, path, &**refusal)));
        Box::pin(std::future::ready(Ok(MissingPrivilege::sum(refused))))
    }

    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
        Box::pin(async { Ok(self.about.clone()) })
    }

    fn performance(&self) -> &dyn Performance {
        &self.performance
    }

    fn services(&self) -> &dyn Services {
        self
    }
}

impl Services for MemoryInventory {
    fn root(&self) -> BoxFuture<'_, Result<MoRef, ReadError>> {
        Box::pin(async { Ok(root()) })
    }

    fn manager<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Option<MoRef>, ReadError>> {
        Box::pin(async move { Ok(self.rows.iter().map(|row| row.object.clone()).find(|object| &*object.kind == kind)) })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime, ReadError>> {
        Box::pin(async { Ok(DateTime::parse(self.file["now"].as_str().unwrap()).unwrap()) })
    }

    fn latest_event(&self) -> BoxFuture<'_, Result<Option<Struct>, ReadError>> {
        Box::pin(async { Ok(self.events.last().map(|event| event.body.clone())) })
    }

    fn events<'a>(&'a self, filter: &'a EventFilter) -> BoxFuture<'a, Result<EventList, ReadError>> {
        Box::pin(async { Ok(EventList { events: filter.choose(self.events.clone()), is_cut: false }) })
    }

    fn sessions(&self) -> BoxFuture<'_, Result<Option<Vec<Struct>>, ReadError>> {
        Box::pin(async { Ok(self.sessions.clone()) })
    }

    fn vsan_status<'a>(&'a self, system: &'a MoRef) -> BoxFuture<'a, Result<Struct, ReadError>> {
        let status = &self.file["vsan"][&*system.id];
        Box::pin(async { Ok(structure("VsanHostClusterStatus", status.as_object().unwrap())) })
    }

    fn attribute_keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<i64>, ReadError>> {
        let keys = self.file["attributes"][name].as_array().into_iter().flatten().filter_map(Json::as_i64);
        let keys = keys.collect();
        Box::pin(async { Ok(keys) })
    }

    fn processes<'a>(&'a self, _: &'a MoRef, account: GuestAccount<'a>) -> BoxFuture<'a, Result<Vec<Value>, ReadError>> {
        Box::pin(async move {
            match (account.user, account.password.expose_secret()) {
                ("root", "p4ssw0rd") => Ok(self.processes.clone()),
                _ => Err(ReadError::new(
                    "InvalidGuestLogin: Failed to authenticate with the guest operating system using the supplied credentials.",
                )),
            }
        })
    }
}

/// The statistics of these objects.
fn statistics(rows: &[Row]) -> Statistics {
    let names = rows.iter().map(|row| (row.object.clone(), text(row, "name").unwrap_or_default().to_owned())).collect();
    let statistics = Statistics::new(names, None);
    statistics.set_down(down(rows));
    statistics
}

/// The objects that have no statistics of their own, because they are off.
fn down(rows: &[Row]) -> Vec<MoRef> {
    let is_not = |row: &Row, path, good| text(row, path).is_some_and(|state| state != good);
    let is_down =
        |row: &&Row| is_not(row, "runtime.powerState", "poweredOn") || is_not(row, "runtime.connectionState", "connected");
    rows.iter().filter(is_down).map(|row| row.object.clone()).collect()
}

/// The row with another value of a path, or without one.
fn changed(row: &Row, path: &str, value: Option<Value>) -> Row {
    let others = row.values().iter().filter(|(known, _)| &**known != path).cloned();
    let values = others.chain(value.map(|value| (path.into(), value))).collect();
    Row::new(row.object.clone(), values).with_refused(row.refused().to_vec())
}

fn text<'r>(row: &'r Row, path: &str) -> Option<&'r str> {
    row.readable(path).and_then(Value::as_str)
}

/// The type whose paths an object has.
fn base(kind: &str) -> &str {
    match Kind::parse(kind).and_then(Kind::base) {
        Some(base) => base.wire(),
        None => kind,
    }
}

/// The root folder, which is in no list.
fn root() -> MoRef {
    MoRef::new("Folder", "group-d1")
}

fn event(json: &Json, severities: &Json) -> Event {
    let body = typed(json);
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let kind = text("eventTypeId").unwrap_or(&body.kind).to_owned();
    let severity = text("severity").or(severities[&kind].as_str()).and_then(Severity::parse);
    Event { key: body.get("key").and_then(Value::as_i64).unwrap(), kind, severity, body }
}

fn row(object: &Json) -> Row {
    let fields = object.as_object().unwrap();
    let set = fields.iter().filter(|(name, _)| *name != "object");
    Row::new(reference(&object["object"]), set.map(|(name, json)| (name.as_str().into(), value(json))).collect())
}

fn process(object: &Json) -> Value {
    Value::from(structure("GuestProcessInfo", object.as_object().unwrap()))
}

/// A data object that says its type.
fn typed(json: &Json) -> Struct {
    value(json).into_struct().unwrap()
}

fn reference(json: &Json) -> MoRef {
    let (kind, id) = json.as_str().unwrap().split_once(':').unwrap();
    MoRef::new(kind, id)
}

fn structure(kind: &str, members: &Map<String, Json>) -> Struct {
    let fields =
        members.iter().filter(|(name, _)| *name != "$struct").map(|(name, json)| (Arc::from(name.as_str()), value(json)));
    Struct { kind: kind.into(), fields: fields.collect() }
}

/// `{"$ref": …}`, `{"$date": …}` and `{"$struct": …}` are what JSON has no form for.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(members) => match (members.get("$ref"), members.get("$date"), members.get("$struct")) {
            (Some(text), _, _) => Value::from(reference(text)),
            (_, Some(text), _) => Value::DateTime(DateTime::parse(text.as_str().unwrap()).unwrap()),
            (_, _, kind) => Value::from(structure(kind.and_then(Json::as_str).unwrap(), members)),
        },
    }
}
