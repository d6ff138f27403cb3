//! Events, through collectors that are kept: a vSphere host has millions of events, and a collector knows the newest ones.
//!
//! There is one collector for each filter, so that a check which comes every minute costs one call. Collectors live as long as
//! their session; the server allows few.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use vpoller_vsphere::{Arg, Class, Client, Error, FilterSpec, MoRef, Session, Struct, Value};

use super::Direct;
use crate::border::{Event, EventFilter, ReadError, Severity};

/// The collectors of one session.
#[derive(Default)]
pub(super) struct EventCollectors {
    generation: u64,
    /// The one used last is last.
    open: Vec<(CollectorKey, MoRef)>,
    severities: Option<Arc<Severities>>,
}

/// What a collector collects: event types and severities.
type CollectorKey = (Vec<String>, Vec<Severity>);

/// Severity by event type.
type Severities = HashMap<String, Severity>;

/// Collectors at the same time; the server allows a session 32.
const COLLECTORS: usize = 8;
const LATEST_PAGE: &str = "latestPage";
const LATEST_KEY: &str = "latestEvent.key";
/// Events in a collector's latest page.
const LATEST: usize = 100;
/// Events that are asked for at once when looking further back, the most that servers give, and how often that is done.
const PAGE: i32 = 1000;
const PAGES: usize = 10;
/// Types of events that carry an identifier of their own.
const EXTENDED: [&str; 2] = ["EventEx", "ExtendedEvent"];

impl Direct {
    /// The events that are wanted, oldest first.
    pub(super) async fn read_events(&self, filter: &EventFilter) -> Result<Vec<Event>, ReadError> {
        let failed = |error: Error| self.error(&error);
        // A second time when a collector went away with its session.
        let mut again = true;
        loop {
            let session = self.session().await?;
            let Some(manager) = session.content.event_manager.clone() else { return Ok(Vec::new()) };
            let collectors = Arc::clone(&self.collectors).lock_owned().await;
            let collector_key = (filter.kinds.clone(), filter.severities.clone());
            let opened = self.collector(collectors, &session, &manager, collector_key).await;
            if again && opened.as_ref().is_err_and(|error| error.class() == Some(Class::Session)) {
                again = false;
                continue;
            }
            let (mut collectors, collector) = opened?;
            match self.collect(&session, &manager, &collector, filter).await {
                Err(error) if again && is_gone(&error, &collector) => {
                    collectors.open.retain(|(_, open)| *open != collector);
                    again = false;
                }
                Err(error) => return Err(failed(error)),
                Ok((bodies, newest)) => {
                    check(filter.after, newest)?;
                    let severities = self.severities(&mut collectors, &manager, &bodies).await?;
                    let events = bodies.into_iter().filter_map(|body| event(body, &severities)).collect();
                    return Ok(filter.choose(events));
                }
            }
        }
    }

    /// The collector for a collector_key, made when there is none.
    async fn collector(
        &self,
        mut collectors: OwnedMutexGuard<EventCollectors>,
        session: &Arc<Session>,
        manager: &MoRef,
        collector_key: CollectorKey,
    ) -> Result<(OwnedMutexGuard<EventCollectors>, MoRef), ReadError> {
        if collectors.generation != session.generation {
            *collectors = EventCollectors { generation: session.generation, ..EventCollectors::default() };
        }
        if let Some(at) = collectors.open.iter().position(|(open, _)| *open == collector_key) {
            let used = collectors.open.remove(at);
            let collector = used.1.clone();
            collectors.open.push(used);
            return Ok((collectors, collector));
        }
        // On its own: a requester that gives up meanwhile must not leave a collector behind that no task ends.
        let making = open(self.client.clone(), Arc::clone(session), manager.clone(), collector_key, collectors);
        let made = tokio::spawn(making).await.map_err(|error| ReadError::new(&error.to_string()))?;
        made.map_err(|error| self.error(&error))
    }

    /// Events from the newest one back to those that are wanted, and the newest key there is of any collector_key.
    async fn collect(
        &self,
        session: &Session,
        manager: &MoRef,
        collector: &MoRef,
        filter: &EventFilter,
    ) -> Result<(Vec<Struct>, Option<i64>), Error> {
        let specs = [(collector, LATEST_PAGE), (manager, LATEST_KEY)]
            .map(|(object, path)| FilterSpec::objects(std::slice::from_ref(object), &[path]));
        let read = self.client.retrieve(&specs).await?;
        let property = |path: &str| read.iter().find_map(|content| content.get(path));
        let newest = property(LATEST_KEY).and_then(Value::as_i64);
        let page = property(LATEST_PAGE).and_then(Value::as_list).unwrap_or_default();
        let more = page.len() >= LATEST;
        let mut events: Vec<Struct> = page.iter().filter_map(Value::as_struct).cloned().collect();
        if !more || is_enough(&events, filter) {
            return Ok((events, newest));
        }
        let limit = self.client.config().request_timeout;
        self.client.call_in(session, collector, "ResetCollector", &[], limit).await?;
        for _ in 0..PAGES {
            let args = [Arg::new("maxCount", PAGE)];
            let page = self.client.call_in(session, collector, "ReadPreviousEvents", &args, limit).await?;
            let last = page.is_empty();
            events.extend(page.into_iter().filter_map(Value::into_struct));
            if last || is_enough(&events, filter) {
                return Ok((events, newest));
            }
        }
        let host = &self.client.config().host;
        tracing::warn!("[{host}] More than {} events since the one asked for, the oldest of them are left out", events.len());
        Ok((events, newest))
    }

    /// What the host says about its event types; asked only when an event does not say itself how grave it is.
    async fn severities(
        &self,
        collectors: &mut EventCollectors,
        manager: &MoRef,
        events: &[Struct],
    ) -> Result<Arc<Severities>, ReadError> {
        if let Some(known) = &collectors.severities {
            return Ok(Arc::clone(known));
        }
        if events.iter().all(|event| event.get("severity").is_some()) {
            return Ok(Arc::default());
        }
        let read = self.read_one(manager, "description.eventInfo").await?;
        let details = read.get("description.eventInfo").and_then(Value::as_list).unwrap_or_default();
        let severities: Severities = details.iter().filter_map(Value::as_struct).filter_map(detail).collect();
        let severities = Arc::new(severities);
        collectors.severities = Some(Arc::clone(&severities));
        Ok(severities)
    }
}

/// Opens a collector and puts it on the collectors; the one unused for longest makes room.
async fn open(
    client: Client,
    session: Arc<Session>,
    manager: MoRef,
    collector_key: CollectorKey,
    mut collectors: OwnedMutexGuard<EventCollectors>,
) -> Result<(OwnedMutexGuard<EventCollectors>, MoRef), Error> {
    let limit = client.config().request_timeout;
    let destroy = async |collector: &MoRef| {
        // It ends with the session anyway.
        let _ = client.call_in(&session, collector, "DestroyCollector", &[], limit).await;
    };
    if collectors.open.len() >= COLLECTORS {
        let (_, unused) = collectors.open.remove(0);
        destroy(&unused).await;
    }
    let made = client.call_in(&session, &manager, "CreateCollectorForEvents", &[filter(&collector_key)], limit).await?;
    let collector = made.first().and_then(Value::as_moref).cloned().ok_or_else(|| Error::Answer {
        host: client.config().host.clone(),
        what: "CreateCollectorForEvents".to_owned(),
        cause: "it names no collector".to_owned(),
    })?;
    let size = [Arg::new("maxCount", LATEST.to_string())];
    if let Err(error) = client.call_in(&session, &collector, "SetCollectorPageSize", &size, limit).await {
        destroy(&collector).await;
        return Err(error);
    }
    collectors.open.push((collector_key, collector.clone()));
    Ok((collectors, collector))
}

/// The filter specification of a collector_key. A type goes by its plain name and by its identifier.
fn filter((kinds, severities): &CollectorKey) -> Arg {
    let mut fields: Vec<Arg> = severities.iter().map(|severity| Arg::new("category", severity.name())).collect();
    for kind in kinds {
        fields.push(Arg::new("eventTypeId", kind.as_str()));
        if !kind.contains('.') {
            fields.push(Arg::new("eventTypeId", format!("vim.event.{kind}")));
        }
    }
    Arg::object("filter", fields)
}

/// Keys ascend for ever, unless the database is replaced: then a requester would wait for a key that may never come.
fn check(after: Option<i64>, newest: Option<i64>) -> Result<(), ReadError> {
    match (after, newest) {
        (Some(after), Some(newest)) if after > newest => Err(ReadError::new(&format!(
            "the newest event is {newest}, so {after} is of another event database; ask once without a number"
        ))),
        _ => Ok(()),
    }
}

/// Whether nothing further back is wanted.
fn is_enough(events: &[Struct], filter: &EventFilter) -> bool {
    match filter.after {
        Some(after) => events.iter().filter_map(key).min().is_none_or(|oldest| oldest <= after),
        None => events.len() >= filter.limit,
    }
}

fn key(event: &Struct) -> Option<i64> {
    event.get("key").and_then(Value::as_i64)
}

fn event(body: Struct, severities: &Severities) -> Option<Event> {
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let kind = text("eventTypeId").filter(|_| EXTENDED.contains(&&*body.kind)).unwrap_or(&body.kind).to_owned();
    let severity = text("severity").and_then(Severity::parse).or_else(|| severities.get(&kind).copied());
    Some(Event { key: key(&body)?, kind, severity, body })
}

/// A type and its severity. All extended events share two types; their formats begin with their identifiers.
fn detail(detail: &Struct) -> Option<(String, Severity)> {
    let text = |member: &str| detail.get(member).and_then(Value::as_str);
    let kind = match text("key")? {
        extended if EXTENDED.contains(&extended) => text("fullFormat")?.split('|').next()?,
        kind => kind,
    };
    Some((kind.to_owned(), Severity::parse(text("category")?)?))
}

/// Whether the collector no longer exists, or the session that it belongs to.
fn is_gone(error: &Error, collector: &MoRef) -> bool {
    let fault = error.fault().filter(|fault| fault.is_a("ManagedObjectNotFound"));
    matches!(error, Error::SessionLost { .. }) || fault.and_then(|fault| fault.object()) == Some(collector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(kind: &str, members: &[(&str, Value)]) -> Struct {
        let fields = members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Struct { kind: kind.into(), fields }
    }

    #[test]
    fn types_and_severities_come_from_the_event_or_the_catalogue() {
        let info = |key: &str, category: &str, format: &str| {
            let text = |text: &str| Value::string(text);
            let members = [("key", text(key)), ("category", text(category)), ("fullFormat", text(format))];
            detail(&structure("EventDescriptionEventDetail", &members))
        };
        let catalogue = [
            info("VmPoweredOnEvent", "info", "on"),
            info("EventEx", "error", "esx.problem.disk|Disk {1}"),
            info("NewerEvent", "catastrophe", ""),
        ];
        let severities: Severities = catalogue.into_iter().flatten().collect();
        let id = || ("eventTypeId", Value::string("esx.problem.disk"));
        let seen = |kind, members: &[(&str, Value)]| {
            let members = [&[("key", Value::Int(7))], members].concat();
            event(structure(kind, &members), &severities).map(|event| (event.kind, event.severity))
        };
        assert_eq!(seen("VmPoweredOnEvent", &[]), Some(("VmPoweredOnEvent".to_owned(), Some(Severity::Info))));
        assert_eq!(seen("EventEx", &[id()]), Some(("esx.problem.disk".to_owned(), Some(Severity::Error))));
        let own = [id(), ("severity", Value::string("warning"))];
        assert_eq!(seen("EventEx", &own), Some(("esx.problem.disk".to_owned(), Some(Severity::Warning))));
        assert_eq!(seen("NewerEvent", &[id()]), Some(("NewerEvent".to_owned(), None)));
        assert_eq!(event(structure("NoEvent", &[]), &severities), None);
    }
}
