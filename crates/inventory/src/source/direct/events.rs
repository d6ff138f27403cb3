//! Events, through collectors that are kept: a vSphere host has millions of events, and a collector knows the newest ones.
//!
//! There is one collector for each filter, so that a check which comes every minute costs one call. Collectors live as long as
//! their session; the server allows few.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use vpoller_vsphere::{Arg, Class, Client, Error, FilterSpec, MoRef, ObjectContent, Session, Struct, Value};

use super::Direct;
use crate::border::{Event, EventFilter, EventList, ReadError, Refusal, Severity, event_age};

/// The collectors of one session.
#[derive(Default)]
pub(super) struct EventCollectors {
    generation: u64,
    /// The one used last is last.
    open: Vec<OpenCollector>,
    severities: Option<Arc<Severities>>,
}

/// A collector at the server.
struct OpenCollector {
    key: CollectorKey,
    collector: MoRef,
    looked: Option<LookBack>,
}

/// A search beyond a collector's latest page that brought nothing more than the page.
#[derive(Clone, Copy)]
struct LookBack {
    /// After which event the search looked.
    after: Option<i64>,
    /// The newest event at that time.
    newest: i64,
    /// Events in the page at that time.
    in_page: usize,
    /// Whether the search ended at its limit.
    is_cut: bool,
}

/// Events that were read, and the newest key there is in any collector.
struct FoundEvents {
    events: Vec<Struct>,
    newest: i64,
    is_cut: bool,
    /// Whether the key that is known was given out by no server with these events.
    is_foreign: bool,
    looked: Option<LookBack>,
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
pub(super) const LATEST: i32 = 100;
/// The same, as a distance of keys.
const LATEST_PLACES: i64 = 100;
/// No more events than this happen while a page is read.
const JUST_NOW: i64 = 10_000;
/// Events that are asked for at once when looking further back, the most that servers give, and how often that is done.
pub(super) const PAGE: i32 = 1000;
const PAGES: usize = 10;
/// After this many pages without an event, one after the other, it is asked whether the events begin there.
const EMPTY_PAGES: usize = 2;
/// Types of events that carry an identifier of their own.
const EXTENDED: [&str; 2] = ["EventEx", "ExtendedEvent"];

impl Direct {
    /// The events that are wanted, oldest first.
    pub(super) async fn read_events(&self, filter: &EventFilter) -> Result<EventList, ReadError> {
        let failed = |error: Error| self.error(&error);
        // A second time when a collector went away with its session.
        let mut again = true;
        loop {
            let session = self.session().await?;
            let Some(manager) = session.content.event_manager.clone() else { return Ok(EventList::default()) };
            let collectors = Arc::clone(&self.collectors).lock_owned().await;
            let collector_key = (filter.kinds.clone(), filter.severities.clone());
            let opened = self.collector(collectors, &session, &manager, collector_key).await;
            if again && opened.as_ref().is_err_and(|error| error.class() == Some(Class::Session)) {
                again = false;
                continue;
            }
            let (mut collectors, collector) = opened?;
            let looked = collectors.open.last().and_then(|open| open.looked);
            match self.collect(&session, &manager, &collector, filter, looked).await {
                Err(error) if again && is_gone(&error, &collector) => {
                    collectors.open.retain(|open| open.collector != collector);
                    again = false;
                }
                Err(error) => return Err(failed(error)),
                Ok(Err(refused)) => return Err(refused),
                Ok(Ok(found)) => {
                    if let Some(open) = collectors.open.last_mut() {
                        open.looked = found.looked;
                    }
                    if let Some(after) = filter.after.filter(|_| found.is_foreign) {
                        return Err(foreign(after, found.newest));
                    }
                    let severities = self.severities(&mut collectors, &manager, &found.events).await?;
                    let events = found.events.into_iter().filter_map(|body| event(body, &severities)).collect();
                    return Ok(EventList { events: filter.choose_before(found.newest, events), is_cut: found.is_cut });
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
        if let Some(at) = collectors.open.iter().position(|open| open.key == collector_key) {
            let used = collectors.open.remove(at);
            let collector = used.collector.clone();
            collectors.open.push(used);
            return Ok((collectors, collector));
        }
        // On its own: a requester that gives up meanwhile must not leave a collector behind that no task ends.
        let making = open(self.client.clone(), Arc::clone(session), manager.clone(), collector_key, collectors);
        let made = tokio::spawn(making).await.map_err(|error| ReadError::new(&error.to_string()))?;
        made.map_err(|error| self.error(&error))
    }

    /// Events from the newest one back to those that are wanted; an error of its own where they are refused.
    ///
    /// What the account may not see is left out of a page after the page was taken, so that a short page, or an empty one, does
    /// not mean that there is nothing before it. How many keys were given out since the known one says how far to look.
    async fn collect(
        &self,
        session: &Session,
        manager: &MoRef,
        collector: &MoRef,
        filter: &EventFilter,
        looked: Option<LookBack>,
    ) -> Result<Result<FoundEvents, ReadError>, Error> {
        let specs = [(collector, LATEST_PAGE), (manager, LATEST_KEY)]
            .map(|(object, path)| FilterSpec::objects(std::slice::from_ref(object), &[path]));
        let read = self.client.retrieve(&specs).await?;
        if let Some(refused) = read.iter().find_map(refused) {
            return Ok(Err(refused));
        }
        let property = |path: &str| read.iter().find_map(|content| content.get(path));
        let page = property(LATEST_PAGE).and_then(Value::as_list).unwrap_or_default();
        let events: Vec<Struct> = page.iter().filter_map(Value::as_struct).cloned().collect();
        let newest = newest(property(LATEST_KEY).and_then(Value::as_i64), &events).or(filter.after).unwrap_or_default();
        let in_page = events.len();
        let same = looked.filter(|looked| looked.after == filter.after);
        let was_cut = same.is_some_and(|looked| looked.is_cut);
        let mut found = FoundEvents { events, newest, is_cut: was_cut, is_foreign: false, looked };
        let is_ahead = filter.after.is_some_and(|after| event_age(newest, after) > 1 << 31);
        // Events since the one that is known, or since it was found that there are none after that one.
        let known = same.map(|looked| looked.newest).or(filter.after);
        let since = filter.after.and(known).map(|known| event_age(newest, known));
        let reaches = |events: &[Struct]| {
            let age = filter.after.map(|after| event_age(newest, after));
            age.is_some_and(|age| events.iter().filter_map(key).any(|key| event_age(newest, key) >= age))
        };
        let is_enough = |events: &[Struct], places: i64| match filter.after {
            Some(_) => since.is_some_and(|since| since <= places) || reaches(events),
            None => events.len() >= filter.limit,
        };
        let is_as_before = same.is_some_and(|looked| {
            is_ahead || (filter.after.is_none() && in_page >= looked.in_page && event_age(newest, looked.newest) < LATEST_PLACES)
        });
        if !is_as_before && !is_enough(&found.events, LATEST_PLACES) {
            // Where keys started again since, the server's order by number is not the one of age.
            if let Some(after) = filter.after.filter(|after| (0..newest).contains(after))
                && let Some(events) = self.events_after(session, manager, filter, after).await?
            {
                return Ok(Ok(FoundEvents { events, is_cut: false, ..found }));
            }
            let mut places = LATEST_PLACES;
            let mut empty_pages = 0;
            let mut is_start = false;
            let limit = self.client.config().request_timeout;
            self.client.call_in(session, collector, "ResetCollector", &[], limit).await?;
            for _ in 0..PAGES {
                let args = [Arg::new("maxCount", PAGE)];
                let page = self.client.call_in(session, collector, "ReadPreviousEvents", &args, limit).await?;
                empty_pages = if page.is_empty() { empty_pages + 1 } else { 0 };
                found.events.extend(page.into_iter().filter_map(Value::into_struct));
                places += i64::from(PAGE);
                if is_enough(&found.events, places) {
                    break;
                }
                if empty_pages == EMPTY_PAGES {
                    is_start = self.is_at_start(session, manager, collector, filter, newest).await?;
                    if is_start {
                        break;
                    }
                    // It went forward by the page that comes again now.
                    places -= i64::from(PAGE);
                }
            }
            // No more keys than that were ever given out.
            is_start |= filter.after.unwrap_or_default() <= newest && (0..=places).contains(&newest);
            found.is_cut = match is_enough(&found.events, places) {
                // What the search before left out stays left out.
                true => was_cut && filter.after.is_some() && !reaches(&found.events),
                false => !is_start && !is_ahead,
            };
            let after = filter.after.map(|after| event_age(newest, after));
            let new = found.events.iter().filter_map(key).filter(|key| after.is_none_or(|after| event_age(newest, *key) < after));
            let bare = if filter.after.is_some() { 0 } else { in_page };
            let is_bare = new.count() <= bare;
            found.looked = is_bare.then_some(LookBack { after: filter.after, newest, in_page, is_cut: found.is_cut });
            if found.is_cut {
                let (host, read) = (&self.client.config().host, found.events.len());
                tracing::warn!("[{host}] More than {read} events since the one asked for, the oldest of them are left out");
            }
        }
        // Keys that were given out before they started again are greater than the newest one.
        found.is_foreign = is_ahead && !found.events.iter().filter_map(key).any(|key| key > newest);
        if found.is_foreign {
            found.looked = Some(LookBack { after: filter.after, newest, in_page, is_cut: false });
        }
        Ok(Ok(found))
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
        let unused = collectors.open.remove(0);
        destroy(&unused.collector).await;
    }
    let made = client
        .call_in(&session, &manager, "CreateCollectorForEvents", &[event_filter(&collector_key.0, &collector_key.1, None)], limit)
        .await?;
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
    collectors.open.push(OpenCollector { key: collector_key, collector: collector.clone(), looked: None });
    Ok((collectors, collector))
}

/// The filter specification for these types and severities, of no more events than `most`. A type goes by its plain name and by its
/// identifier.
pub(super) fn event_filter(kinds: &[String], severities: &[Severity], most: Option<i32>) -> Arg {
    let mut fields: Vec<Arg> = severities.iter().map(|severity| Arg::new("category", severity.name())).collect();
    for kind in kinds {
        fields.push(Arg::new("eventTypeId", kind.as_str()));
        if !kind.contains('.') {
            fields.push(Arg::new("eventTypeId", format!("vim.event.{kind}")));
        }
    }
    fields.extend(most.map(|most| Arg::new("maxCount", most)));
    Arg::object("filter", fields)
}

/// A requester that waits for events after a key of another database would wait for what may never come.
fn foreign(after: i64, newest: i64) -> ReadError {
    ReadError::new(&format!("the newest event is {newest}, so {after} is of another event database; ask once without a number"))
}

/// Why events cannot be read, where the account may not.
fn refused(content: &ObjectContent) -> Option<ReadError> {
    let (path, fault) = content.missing.first()?;
    Some(Refusal::of(fault)?.error(path, &content.obj))
}

/// The newest key: an event may have happened after the server said which one is the newest.
pub(super) fn newest(latest: Option<i64>, events: &[Struct]) -> Option<i64> {
    let mut keys = latest.into_iter().chain(events.iter().filter_map(key));
    let first = keys.next()?;
    Some(keys.fold(first, |newest, key| if event_age(key, newest) < JUST_NOW { key } else { newest }))
}

pub(super) fn key(event: &Struct) -> Option<i64> {
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
