//! What happened: the newest event, and events since one that is known.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json, json};
use vpoller_inventory::{Event, EventFilter, Severity};
use vpoller_vsphere::{Struct, Value};

use super::{Answer, Task, one};
use crate::failure::Failure;

/// The text of the newest event.
pub(crate) fn latest<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let event = task.inventory.services().latest_event().await?;
        let text = event.as_ref().map_or(Json::Null, |event| Json::from(message(event)));
        task.answer(one(Map::from_iter([("event".to_owned(), text)])))
    })
}

/// The events that the request's key asks for, with further members that it names.
pub(crate) fn events<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let filter = parse(task.request.key.as_deref().unwrap_or_default())?;
        let list = task.inventory.services().events(&filter).await?;
        let answer = task.answer(list.events.iter().map(|event| Json::Object(row(task, event))).collect())?;
        Ok(if list.is_cut { Answer { msg: CUT.into(), ..answer } } else { answer })
    })
}

fn row(task: &Task<'_>, event: &Event) -> Map<String, Json> {
    let member = |path: &str| event.body.get(path).map_or(Json::Null, Value::to_json);
    let mut fields = Map::from_iter([
        ("key".to_owned(), json!(event.key)),
        ("time".to_owned(), member("createdTime")),
        ("type".to_owned(), json!(event.kind)),
        ("severity".to_owned(), json!(event.severity.map(Severity::name))),
        ("user".to_owned(), member("userName")),
        ("entity".to_owned(), json!(entity(&event.body))),
        ("message".to_owned(), json!(message(&event.body))),
    ]);
    for path in task.requested() {
        if !fields.contains_key(path) {
            fields.insert(path.to_owned(), further(task, &event.body, path));
        }
    }
    fields
}

/// A member, or a member of a member (`vm.name`): `(null)` where there is none, as everywhere.
fn further(task: &Task<'_>, event: &Struct, path: &str) -> Json {
    let mut parts = path.split('.');
    let mut object = event;
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        match object.get(part).and_then(Value::as_struct) {
            Some(inner) => object = inner,
            None if object.declares(part) => return Json::Null,
            None => return Json::from("(null)"),
        }
    }
    match object.get(last) {
        Some(value) => task.policy.value(last, value),
        None if object.declares(last) => Json::Null,
        None => Json::from("(null)"),
    }
}

/// What an event is about, the closest first.
const ARGUMENTS: [&str; 7] = ["vm", "host", "ds", "net", "dvs", "computeResource", "datacenter"];

fn entity(event: &Struct) -> Option<&str> {
    let own = event.get("objectName").and_then(Value::as_str);
    let named = |argument: &&str| event.get(argument)?.as_struct()?.get("name")?.as_str();
    own.or_else(|| ARGUMENTS.iter().find_map(named))
}

/// The text of an event. An ESXi host has none for some: then its type and what it is about.
fn message(event: &Struct) -> String {
    let text = |member: &str| event.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(message) = text("fullFormattedMessage").or_else(|| text("message")) {
        return message.to_owned();
    }
    let kind = text("eventTypeId").unwrap_or(&event.kind);
    let named = |name: &str, value: &Value| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {}", other.to_json()),
    };
    let objects = ARGUMENTS.iter().filter_map(|name| Some(named(name, event.get(name)?.as_struct()?.get("name")?)));
    let arguments = event.get("arguments").and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_struct);
    let arguments = arguments.filter_map(|pair| Some(named(pair.get("key")?.as_str()?, pair.get("value")?)));
    let about: Vec<String> = objects.chain(arguments).collect();
    if about.is_empty() { kind.to_owned() } else { format!("{kind} ({})", about.join(", ")) }
}

/// Said when the search for events ended at its limit.
const CUT: &str = "Successfully retrieved events; the search ended at its limit, so older ones may be missing";
/// Events of an answer, unless the request wants fewer or more.
const USUAL: usize = 100;
const MOST: usize = 1000;
const NOT_A_FILTER: &str = "in key, write the number of the last event that is known, severity=info,user,warning,error, type=TYPE,… and \
    limit=1 to 1000, each or none, separated by blanks";

/// Reads `4711 severity=warning,error type=VmPoweredOnEvent limit=50`.
fn parse(key: &str) -> Result<EventFilter, Failure> {
    let mut filter = EventFilter { after: None, kinds: Vec::new(), severities: Vec::new(), limit: USUAL };
    for word in key.split_whitespace() {
        let refused = || Failure::Key(format!("{word} is no filter of events; {NOT_A_FILTER}"));
        match word.split_once('=') {
            None => filter.after = Some(word.parse::<i32>().map(i64::from).map_err(|_| refused())?),
            Some(("type", names)) => filter.kinds = list(names).map(plain_type).collect(),
            Some(("severity", names)) => filter.severities = severities(names).ok_or_else(refused)?,
            Some(("limit", number)) => filter.limit = limit(number).ok_or_else(refused)?,
            Some(_) => return Err(refused()),
        }
    }
    // One order for one meaning.
    filter.kinds.sort_unstable();
    filter.kinds.dedup();
    Ok(filter)
}

fn list(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').filter(|name| !name.is_empty())
}

/// Types go by their plain names; the API has them with a prefix in some places.
fn plain_type(name: &str) -> String {
    name.strip_prefix("vim.event.").unwrap_or(name).to_owned()
}

fn severities(names: &str) -> Option<Vec<Severity>> {
    let named: Vec<Severity> = list(names).map(Severity::parse).collect::<Option<_>>()?;
    Some(Severity::ALL.iter().copied().filter(|severity| named.contains(severity)).collect())
}

fn limit(number: &str) -> Option<usize> {
    number.parse().ok().filter(|limit| (1..=MOST).contains(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn structure(kind: &str, members: &[(&str, Value)]) -> Struct {
        let fields = members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Struct { kind: kind.into(), fields }
    }

    fn named(kind: &str, name: &str) -> Value {
        Value::from(structure(kind, &[("name", Value::string(name))]))
    }

    #[test]
    fn an_event_without_text_says_what_it_knows() {
        let vm = || ("vm", named("VmEventArgument", "vm01"));
        assert_eq!(message(&structure("VmPoweredOnEvent", &[vm(), ("fullFormattedMessage", Value::string("on"))])), "on");
        assert_eq!(
            message(&structure("VmPoweredOnEvent", &[vm(), ("fullFormattedMessage", Value::string(""))])),
            "VmPoweredOnEvent (vm vm01)"
        );
        let pair =
            |key: &str, value: Value| Value::from(structure("KeyAnyValue", &[("key", Value::string(key)), ("value", value)]));
        let arguments = Value::List(vec![pair("device", Value::string("naa.1")), pair("count", Value::Int(3))]);
        let event = structure("EventEx", &[("eventTypeId", Value::string("esx.problem.disk")), ("arguments", arguments)]);
        assert_eq!(message(&event), "esx.problem.disk (device naa.1, count 3)");
        assert_eq!(message(&structure("Event", &[])), "Event");
    }

    #[test]
    fn the_closest_object_is_the_entity() {
        let host = ("host", named("HostEventArgument", "esxi01"));
        let vm = ("vm", named("VmEventArgument", "vm01"));
        assert_eq!(entity(&structure("VmEvent", &[host.clone(), vm.clone()])), Some("vm01"));
        assert_eq!(entity(&structure("HostEvent", std::slice::from_ref(&host))), Some("esxi01"));
        assert_eq!(entity(&structure("EventEx", &[host, ("objectName", Value::string("disk 1"))])), Some("disk 1"));
        assert_eq!(entity(&structure("UserLoginSessionEvent", &[])), None);
    }

    #[test]
    fn filters_read_in_any_order() {
        let filter = parse(" limit=5  severity=error,warning type=vim.event.B,A 4711 ").expect("a filter");
        let expected = EventFilter {
            after: Some(4711),
            kinds: vec!["A".to_owned(), "B".to_owned()],
            severities: vec![Severity::Warning, Severity::Error],
            limit: 5,
        };
        assert_eq!(filter, expected);
        let none = EventFilter { after: None, kinds: Vec::new(), severities: Vec::new(), limit: USUAL };
        assert_eq!(parse("").expect("no filter"), none);
    }

    #[test]
    fn what_is_no_filter_is_named() {
        for word in ["2147483648", "-2147483649", "4711x", "severity=fatal", "limit=0", "limit=1001", "limit=", "color=red", "="]
        {
            let text = parse(&format!("17 {word}")).expect_err(word).to_string();
            assert!(text.starts_with(&format!("Invalid task request: {word} is no filter of events")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_refused(key in ".{0,60}") {
            if let Ok(filter) = parse(&key) {
                prop_assert!((1..=MOST).contains(&filter.limit));
            }
        }
    }
}
