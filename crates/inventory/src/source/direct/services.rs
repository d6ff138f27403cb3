//! The managers of a vSphere host, asked each time.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use vpoller_vsphere::{Class, DateTime, MoRef, ObjectContent, Performance, ServerClock, Struct, Value};

use super::Direct;
use crate::border::{EventFilter, EventList, GuestAccount, ReadError, Refusal, Services};
use crate::lock::lock;

/// What changes so rarely that it is not asked for each time.
#[derive(Default)]
pub(super) struct ServiceCache {
    /// Custom attributes, by name.
    attributes: Expiring<Vec<(String, i64)>>,
    clock: Expiring<ServerClock>,
}

/// A value and when it was read.
struct Expiring<T>(Mutex<Option<(Instant, T)>>);

/// A custom attribute that is renamed is known by its old name for this time at most.
const ATTRIBUTES: Duration = Duration::from_secs(60);
/// Clocks drift less than a second meanwhile.
const CLOCK: Duration = Duration::from_secs(3600);

impl Services for Direct {
    fn root(&self) -> BoxFuture<'_, Result<MoRef, ReadError>> {
        Box::pin(async { Ok(self.session().await?.content.root_folder.clone()) })
    }

    fn manager<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Option<MoRef>, ReadError>> {
        Box::pin(async move {
            let session = self.session().await?;
            let mut references = session.content.all.fields.iter().filter_map(|(_, value)| value.as_moref());
            Ok(references.find(|reference| &*reference.kind == kind).cloned())
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime, ReadError>> {
        Box::pin(async {
            let clock = match self.cache.clock.fresh(CLOCK, |clock| *clock) {
                Some(clock) => clock,
                None => self.cache.clock.keep(self.read_clock().await?, |clock| *clock),
            };
            Ok(clock.at(tokio::time::Instant::now()))
        })
    }

    fn latest_event(&self) -> BoxFuture<'_, Result<Option<Struct>, ReadError>> {
        Box::pin(async {
            let Some(manager) = self.session().await?.content.event_manager.clone() else { return Ok(None) };
            let read = told(self.read_one(&manager, "latestEvent").await?, "latestEvent")?;
            if let Some(event) = read.get("latestEvent").and_then(Value::as_struct) {
                return Ok(Some(event.clone()));
            }
            // None yet, or the newest one is of an object that the account does not see: then the newest one that it sees.
            let newest = EventFilter { after: None, kinds: Vec::new(), severities: Vec::new(), limit: 1 };
            Ok(self.read_events(&newest).await?.events.pop().map(|event| event.body))
        })
    }

    fn events<'a>(&'a self, filter: &'a EventFilter) -> BoxFuture<'a, Result<EventList, ReadError>> {
        Box::pin(self.read_events(filter))
    }

    fn sessions(&self) -> BoxFuture<'_, Result<Option<Vec<Struct>>, ReadError>> {
        Box::pin(async {
            let manager = self.session().await?.content.session_manager.clone();
            let read = match self.read_one(&manager, "sessionList").await {
                Ok(read) => read,
                Err(error) if error.class() == Some(Class::Permission) => return Ok(None),
                Err(error) => return Err(error),
            };
            // The server says what may not be read in a list of what is missing.
            let refused = read.missing.iter().any(|(path, _)| path == "sessionList");
            let list = read.get("sessionList").and_then(Value::as_list).unwrap_or_default();
            Ok((!refused).then(|| list.iter().filter_map(Value::as_struct).cloned().collect()))
        })
    }

    fn vsan_status<'a>(&'a self, system: &'a MoRef) -> BoxFuture<'a, Result<Struct, ReadError>> {
        Box::pin(async move {
            let called = self.client.call(system, "QueryHostStatus", &[]).await;
            let values = called.map_err(|error| ReadError::of(&system.to_string(), &error))?;
            let status = values.into_iter().next().and_then(Value::into_struct);
            status.ok_or_else(|| ReadError::new(&format!("{system} tells no status")))
        })
    }

    fn attribute_keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<i64>, ReadError>> {
        Box::pin(async move {
            let keys = |all: &Vec<(String, i64)>| -> Vec<i64> {
                all.iter().filter(|(known, _)| known == name).map(|(_, key)| *key).collect()
            };
            // An unknown one may just have been defined.
            match self.cache.attributes.fresh(ATTRIBUTES, keys).filter(|keys| !keys.is_empty()) {
                Some(keys) => Ok(keys),
                None => Ok(self.cache.attributes.keep(self.ask_attributes().await?, keys)),
            }
        })
    }

    fn processes<'a>(&'a self, vm: &'a MoRef, account: GuestAccount<'a>) -> BoxFuture<'a, Result<Vec<Value>, ReadError>> {
        Box::pin(async move {
            // The client lets few through at a time, because each takes seconds.
            let listed = self.client.list_processes(vm, account.user, account.password).await;
            listed.map_err(|error| ReadError::of(&vm.to_string(), &error))
        })
    }
}

impl Direct {
    /// One property of a manager; what is unset or refused is missing in the content.
    pub(super) async fn read_one(&self, manager: &MoRef, path: &str) -> Result<ObjectContent, ReadError> {
        let read = self.client.retrieve_objects(std::slice::from_ref(manager), &[path]).await;
        let found = read.map_err(|error| ReadError::of(&manager.to_string(), &error))?.into_iter().next();
        Ok(found.unwrap_or_else(|| ObjectContent { obj: manager.clone(), props: Vec::new(), missing: Vec::new() }))
    }

    async fn read_clock(&self) -> Result<ServerClock, ReadError> {
        let asked = tokio::time::Instant::now();
        let reading = Performance::new(self.client.clone()).current_time().await.map_err(|error| self.error(&error))?;
        Ok(ServerClock::read(asked, reading, tokio::time::Instant::now()))
    }

    async fn ask_attributes(&self) -> Result<Vec<(String, i64)>, ReadError> {
        let manager = self.session().await?.content.custom_fields_manager.clone();
        let unsupported = "NotSupported: a host without vCenter has no custom attributes";
        let manager = manager.ok_or_else(|| ReadError::refused(unsupported, Refusal::new("NotSupported", None)))?;
        let read = told(self.read_one(&manager, "field").await?, "field")?;
        let definitions = read.get("field").and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_struct);
        let attribute = |definition: &Struct| {
            Some((definition.get("name")?.as_str()?.to_owned(), definition.get("key").and_then(Value::as_i64)?))
        };
        Ok(definitions.filter_map(attribute).collect())
    }
}

/// What was read of a manager, unless the path is refused: that is another answer than to have nothing.
fn told(read: ObjectContent, path: &str) -> Result<ObjectContent, ReadError> {
    let refusal = read.missing.iter().find(|(missing, _)| missing == path).and_then(|(_, fault)| Refusal::of(fault));
    refusal.map_or(Ok(()), |refusal| Err(refusal.error(path, &read.obj)))?;
    Ok(read)
}

impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Expiring<T> {
    /// What `of` makes of the value, while that is not older than `age`.
    fn fresh<R>(&self, age: Duration, of: impl FnOnce(&T) -> R) -> Option<R> {
        self.lock().as_ref().filter(|(at, _)| at.elapsed() < age).map(|(_, value)| of(value))
    }

    /// Keeps a value just read, and gives what `of` makes of it.
    fn keep<R>(&self, value: T, of: impl FnOnce(&T) -> R) -> R {
        let result = of(&value);
        *self.lock() = Some((Instant::now(), value));
        result
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, T)>> {
        lock(&self.0)
    }
}
