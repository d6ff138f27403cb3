//! From an item's parameters to a request, and from the reply to the item's value or error.

use serde_json::Value;
use vpoller_wire::{Outcome, Request, Secret, split_outcome, text};

use crate::call::ItemCall;
use crate::config::{FailureHandling, Settings};
use crate::proxy_pool::{self, RequestError};
use crate::state::ModuleState;

/// Item keys of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ItemKey {
    /// `vpoller`: the value as JSON, text in quotes.
    Value,
    /// `vpoller.raw`: the same, text without quotes.
    Raw,
    /// `vpoller.json`: the whole result.
    Json,
    /// `vpoller.status`: the status of vPoller itself.
    Status,
    /// `vpoller.echo`: its own first parameter.
    Echo,
}

/// The result of an item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ItemAnswer {
    /// The item's value.
    Value(String),
    /// The reason why there is no value; the item becomes not supported.
    Failure(String),
}

impl ItemAnswer {
    /// The answer for an item whose code panicked. The log says where.
    pub(crate) fn after_a_panic() -> Self {
        Self::Failure("internal error in the vPoller module, see the log of this Zabbix daemon".to_owned())
    }
}

/// Why an item fails in the module itself.
#[derive(Debug, thiserror::Error)]
enum ItemError {
    #[error("the vPoller module is not configured: {0}")]
    Configuration(String),
    #[error("Invalid number of arguments")]
    Arguments,
    #[error("Invalid number of key parameters")]
    EchoArguments,
    #[error(transparent)]
    ProxyPool(#[from] RequestError),
    #[error("vPoller sent an empty reply")]
    EmptyReply,
}

/// Answers one item.
pub(crate) fn answer(state: &ModuleState, key: ItemKey, call: &ItemCall) -> ItemAnswer {
    attempt(state, key, call).unwrap_or_else(|error| ItemAnswer::Failure(error.to_string()))
}

fn attempt(state: &ModuleState, key: ItemKey, call: &ItemCall) -> Result<ItemAnswer, ItemError> {
    let settings = state.settings().map_err(ItemError::Configuration)?;
    let request = match key {
        ItemKey::Echo => return call.parameters.first().cloned().map(ItemAnswer::Value).ok_or(ItemError::EchoArguments),
        // The helper that ends the text with NUL: workers of all releases have it.
        ItemKey::Value => request(&call.parameters, "vpoller.helpers.czabbix"),
        ItemKey::Raw => request(&call.parameters, RAW),
        ItemKey::Json => request(&call.parameters, JSON),
        ItemKey::Status => status_request(&call.parameters),
    };
    let request = request.ok_or(ItemError::Arguments)?;
    let Settings { proxies, retries, errors, .. } = settings;
    let reply = proxy_pool::ask(proxies, *retries, request, state.time_for(call))?;
    read(&reply, *errors)
}

const RAW: &str = "vpoller.helpers.zabbix.raw";
const JSON: &str = "vpoller.helpers.zabbix.json";

/// The request for a member of a status document. Parameters: the path of the member, without it the whole document; and the
/// owner of the document, without it the proxy.
fn status_request(parameters: &[String]) -> Option<Request> {
    if !(1..=2).contains(&parameters.len()) {
        return None;
    }
    let given = |index: usize| parameters.get(index).map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut request = Request::new(text::STATUS, given(1).unwrap_or(text::PROXY_ITSELF));
    request.properties = given(0).map(str::to_owned).into_iter().collect();
    request.helper = Some(if request.properties.is_empty() { JSON } else { RAW }.to_owned());
    request.outcome = true;
    Some(request)
}

/// The request that the parameters of a key stand for; `None` when they are too few or too many.
fn request(parameters: &[String], helper: &str) -> Option<Request> {
    if !(4..=10).contains(&parameters.len()) {
        return None;
    }
    let given = |index: usize| parameters.get(index).filter(|text| !text.is_empty()).cloned();
    let trimmed = |index: usize| given(index).unwrap_or_default().trim().to_owned();
    let mut request = Request::new(trimmed(0), trimmed(1));
    request.name = given(2);
    // One element: the worker splits it at commas, and knows which commas belong to a property.
    request.properties = given(3).into_iter().collect();
    request.key = given(4);
    request.username = given(5);
    request.password = given(6).map(Secret::new);
    request.counter_name = given(7);
    request.instance = given(8);
    request.perf_interval = given(9);
    request.max_sample = Some("1".to_owned());
    request.helper = Some(helper.to_owned());
    request.outcome = true;
    Some(request)
}

fn read(reply: &[u8], errors: FailureHandling) -> Result<ItemAnswer, ItemError> {
    if reply.is_empty() {
        return Err(ItemError::EmptyReply);
    }
    let (text, outcome) = split_outcome(reply);
    let failure = match outcome {
        Outcome::Failure => Some(String::from_utf8_lossy(text).into_owned()),
        Outcome::Value => bare_failure(reply),
    };
    Ok(match (failure, errors) {
        (None, _) => ItemAnswer::Value(String::from_utf8_lossy(text).into_owned()),
        (Some(reason), FailureHandling::Value) => ItemAnswer::Value(reason),
        (Some(reason), FailureHandling::NotSupported) if reason.is_empty() => {
            ItemAnswer::Failure("vPoller gave no reason".to_owned())
        }
        (Some(reason), FailureHandling::NotSupported) => ItemAnswer::Failure(reason),
    })
}

/// The reason in a failure that no helper has printed, which has no NUL: a worker of the original sends one when its helper fails.
fn bare_failure(reply: &[u8]) -> Option<String> {
    if reply.contains(&0) || reply.first() != Some(&b'{') {
        return None;
    }
    let reply: Value = serde_json::from_slice(reply).ok()?;
    let success = reply.get("success")?.as_i64()?;
    let reason = reply.get("msg")?.as_str()?;
    (success != 0).then(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn sent(texts: &[&str]) -> Value {
        serde_json::from_slice(&request(&parameters(texts), "h").unwrap().to_bytes()).unwrap()
    }

    #[test]
    fn parameters_become_members_and_empty_ones_are_absent() {
        let all = ["vm.get ", " vc01", " vm \"01\" ", "a,b[x,y]", "C:\\dir", "root", "pa\"ss", "cpu.usage", "vmnic0", "Past day"];
        assert_eq!(
            sent(&all),
            json!({
                "method": "vm.get", "hostname": "vc01", "name": " vm \"01\" ", "username": "root", "password": "pa\"ss",
                "key": "C:\\dir", "properties": ["a,b[x,y]"], "counter-name": "cpu.usage", "instance": "vmnic0",
                "max-sample": "1", "perf-interval": "Past day", "helper": "h", "outcome": true,
            })
        );
        assert_eq!(
            sent(&["about", "vc01", "", ""]),
            json!({
                "method": "about", "hostname": "vc01", "name": null, "username": null, "password": null, "key": null,
                "properties": null, "counter-name": null, "instance": null, "max-sample": "1", "perf-interval": null,
                "helper": "h", "outcome": true,
            })
        );
        assert_eq!(sent(&["about", "vc01", "", "", "", "", ""])["password"], Value::Null, "seven were once the most");
    }

    #[test]
    fn a_status_is_asked_of_the_proxy_unless_somebody_else_is_named() {
        let asked = |texts: &[&str]| {
            let request = status_request(&parameters(texts))?;
            Some((request.hostname, request.properties, request.helper.unwrap()))
        };
        let wanted = |host: &str, path: &[&str], helper: &str| Some((host.to_owned(), parameters(path), helper.to_owned()));
        assert_eq!(asked(&["pending"]), wanted("@proxy", &["pending"], RAW));
        assert_eq!(asked(&["agents.vc01.state", " vc01 "]), wanted("vc01", &["agents.vc01.state"], RAW));
        assert_eq!(asked(&[""]), wanted("@proxy", &[], JSON));
        // `zabbix_agentd -p` asks without parameters, and must not lead to a request.
        assert_eq!((asked(&[]), asked(&["a", "b", "c"])), (None, None));
    }

    #[test]
    fn four_to_ten_parameters_are_accepted() {
        for count in 0..13 {
            assert_eq!(request(&parameters(&vec!["x"; count]), "h").is_some(), (4..=10).contains(&count), "{count}");
        }
    }

    #[test]
    fn replies_become_values_or_failures() {
        let value = |text: &str| Ok(ItemAnswer::Value(text.to_owned()));
        let failure = |text: &str| Ok(ItemAnswer::Failure(text.to_owned()));
        let cases: [(&[u8], Result<ItemAnswer, ()>); 11] = [
            (b"\"poweredOn\"\0\0", value("\"poweredOn\"")),
            (b"Cannot find object vm01\0\x01", failure("Cannot find object vm01")),
            (b"\0\x01", failure("vPoller gave no reason")),
            (b"\0\0", value("")),
            // Workers of the original: NUL and nothing, or no NUL at all.
            (b"5\0", value("5")),
            (b"5", value("5")),
            (br#"{"success": 1, "msg": "Invalid message received"}"#, failure("Invalid message received")),
            (br#"{"success": 0, "msg": "fine", "result": []}"#, value(r#"{"success": 0, "msg": "fine", "result": []}"#)),
            // A value that only looks like a reply.
            (b"{\"success\": 1, \"msg\": \"x\"}\0\0", value(r#"{"success": 1, "msg": "x"}"#)),
            (b"caf\xc3\xa9 \xff\0\0", value("café \u{fffd}")),
            (b"", Err(())),
        ];
        for (reply, wanted) in cases {
            let answer = read(reply, FailureHandling::NotSupported).map_err(|_| ());
            assert_eq!(answer, wanted, "{}", String::from_utf8_lossy(reply));
        }
    }

    #[test]
    fn a_failure_may_be_a_value() {
        let answer = read(b"Cannot find object vm01\0\x01", FailureHandling::Value).unwrap();
        assert_eq!(answer, ItemAnswer::Value("Cannot find object vm01".to_owned()));
    }
}
