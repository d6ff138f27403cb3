//! The Zabbix helpers: one value, a discovery object or a count, as the method's row says.
//!
//! `vpoller.helpers.zabbix` prints values as JSON, strings with their quotes: users' triggers expect them. The `raw` form drops
//! the quotes of a string and prints nothing for a value that is not there; the `json` form prints the whole `result` as JSON,
//! for master items. `vpoller.helpers.czabbix` is the first one ended by a NUL, for clients written in C. A failed request
//! prints its bare `msg` in all of them, unless it only says that there is nothing, which is an empty list to Zabbix.

use std::borrow::Cow;

use serde_json::Value as Json;
use vpoller_wire::json::{self, Style};
use vpoller_wire::{Reply, Request};

use super::discovery::Discovery;
use super::{Helper, Rendered, misleading, refusal, rows, shown};
use crate::method::{Method, Prefix, Rows, ZabbixFormat};
use crate::response::{ObjectRows, Response};

pub(super) enum Mode {
    Quoted,
    Raw,
    Json,
}

pub(super) struct Zabbix(pub(super) Mode);

pub(super) struct CZabbix;

const QUOTED: Zabbix = Zabbix(Mode::Quoted);

impl Helper for Zabbix {
    fn name(&self) -> &'static str {
        match self.0 {
            Mode::Quoted => "vpoller.helpers.zabbix",
            Mode::Raw => "vpoller.helpers.zabbix.raw",
            Mode::Json => "vpoller.helpers.zabbix.json",
        }
    }

    fn render(&self, method: Option<&Method>, request: &Request, response: &Response) -> Rendered {
        if let (Some(method), Response::List(_, list)) = (method, response)
            && let Some(rendered) = self.render_list(method, request, ObjectRows::Made(&**list))
        {
            return rendered;
        }
        let none = Json::Array(Vec::new());
        let reply = response.to_reply();
        let result = match &*reply {
            Reply::Success { result, .. } => result,
            Reply::Failure { msg, .. } if is_nothing(method, msg) => &none,
            Reply::Failure { msg, .. } => return Rendered::failure(msg),
        };
        let (Some(method), Mode::Quoted | Mode::Raw) = (method, &self.0) else { return Rendered::value(json::line(result)) };
        match shape(method, request, result) {
            Ok(shown) => Rendered::value(self.print(&shown)),
            Err(text) => Rendered::failure(&text),
        }
    }
}

impl Helper for CZabbix {
    fn name(&self) -> &'static str {
        "vpoller.helpers.czabbix"
    }

    fn render(&self, method: Option<&Method>, request: &Request, response: &Response) -> Rendered {
        let mut rendered = QUOTED.render(method, request, response);
        rendered.bytes.push(0);
        rendered
    }
}

impl Zabbix {
    /// A list as it comes, where the form needs no more than one of its objects at a time.
    fn render_list(&self, method: &Method, request: &Request, rows: ObjectRows<'_>) -> Option<Rendered> {
        let ZabbixFormat::Lld { prefix, rows: place @ (Rows::Result | Rows::Flat) } = method.zabbix_format else { return None };
        if let Mode::Json = self.0 {
            // Texts and JSON values always serialize.
            return Some(Rendered::value(json::to_vec_of(&rows, Style::Line, rows.bytes()).unwrap_or_default()));
        }
        Some(match discovery(method, request, prefix, rows, place == Rows::Flat) {
            Ok(shown) => Rendered::value(self.print(&shown)),
            Err(text) => Rendered::failure(&text),
        })
    }

    fn print(&self, shown: &Shown<'_>) -> Vec<u8> {
        match (&self.0, shown) {
            (Mode::Raw, Shown::Value(value)) => json::bare(value),
            (_, Shown::Value(value)) => json::line(value),
            (_, Shown::Count(number)) => number.to_string().into_bytes(),
            // Texts and JSON values always serialize.
            (_, Shown::Discovery(discovery)) => json::to_vec_of(discovery, Style::Line, discovery.bytes()).unwrap_or_default(),
        }
    }
}

/// What is printed of a result.
enum Shown<'r> {
    Value(&'r Json),
    Count(usize),
    Discovery(Discovery<'r>),
}

/// Whether a failure only says that there is nothing, which is an answer for a discovery rule.
fn is_nothing(method: Option<&Method>, msg: &str) -> bool {
    method.and_then(|method| method.empty_if).is_some_and(|start| msg.starts_with(start))
}

const NO_DATA: &str = "No data";
const NO_KEY: &str = "No key given to choose a disk by";

/// What is printed of a result, or the text that says why nothing is.
fn shape<'r>(method: &Method, request: &Request, result: &'r Json) -> Result<Shown<'r>, Cow<'static, str>> {
    match method.zabbix_format {
        ZabbixFormat::Value { default_field } => value(request, default_field, result).map(Shown::Value),
        ZabbixFormat::Lld { prefix, rows } => {
            discovery(method, request, prefix, ObjectRows::Whole(discovered(result, rows)), rows == Rows::Flat)
        }
        ZabbixFormat::Disk => match rows(result).first().and_then(|row| row.get("disk")) {
            Some(disk @ Json::Object(_)) => value(request, None, disk).map(Shown::Value),
            _ => Err(NO_KEY.into()),
        },
        ZabbixFormat::Count => Ok(Shown::Count(count(request, result))),
    }
}

/// A discovery object, unless it would say something wrong.
fn discovery<'r>(
    method: &Method,
    request: &Request,
    prefix: Prefix,
    rows: ObjectRows<'r>,
    flat: bool,
) -> Result<Shown<'r>, Cow<'static, str>> {
    match misleading(method, request, rows) {
        Some(text) => Err(text.into()),
        None => Ok(Shown::Discovery(Discovery::new(macro_prefix(method.name, prefix), rows, flat))),
    }
}

/// The first requested property of the last row, else the field that the method is about.
fn value<'r>(request: &Request, default_field: Option<&str>, result: &'r Json) -> Result<&'r Json, Cow<'static, str>> {
    let Some(Json::Object(row)) = rows(result).last() else { return Err(NO_DATA.into()) };
    let field = request.properties.first().map(String::as_str).or(default_field);
    // A number that is not whole looks like any other one.
    let object = request.name.as_deref().unwrap_or("None");
    if let Some(text) = field.and_then(|field| refusal(row, field, object)) {
        return Err(text.into());
    }
    let value = match field {
        Some(field) => row.get(field),
        None => {
            let mut shown = shown(row);
            let named = shown.clone().find(|(name, _)| !NAMES.contains(&name.as_str()));
            named.or_else(|| shown.next()).map(|(_, value)| value)
        }
    };
    Ok(value.unwrap_or(&Json::Null))
}

/// Fields that say which row it is, and are meant only when there is nothing else.
const NAMES: [&str; 2] = ["name", "diskPath"];

fn discovered(result: &Json, place: Rows) -> &[Json] {
    match place {
        Rows::Result | Rows::Flat => rows(result),
        Rows::Inside(field) => rows(result).first().and_then(|row| row.get(field)).map_or(&[], rows),
    }
}

fn macro_prefix(method: &str, prefix: Prefix) -> String {
    let cut = match prefix {
        Prefix::Whole => method.rsplit_once('.').map(|(whole, _)| whole),
        Prefix::First => method.split_once('.').map(|(first, _)| first),
    };
    cut.unwrap_or(method).to_uppercase()
}

fn count(request: &Request, result: &Json) -> usize {
    let key = request.key.as_deref().unwrap_or_default();
    let matches =
        |row: &&Json| key.is_empty() || row.get("cmdLine").and_then(Json::as_str).is_some_and(|line| line.contains(key));
    rows(result).iter().filter(matches).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers;
    use serde_json::json;
    use vpoller_wire::Outcome;

    fn request(properties: &[&str], key: Option<&str>) -> Request {
        let mut request = Request::default();
        request.properties = properties.iter().map(|path| (*path).to_owned()).collect();
        request.key = key.map(str::to_owned);
        request
    }

    fn check(method: &str, request: &Request, result: Json, helper: &str, expected: &str) {
        let rendered =
            helpers::find(helper).unwrap().render(crate::methods::find(method), request, &Reply::success("ok", result).into());
        assert_eq!(String::from_utf8_lossy(&rendered.bytes), expected, "{helper}");
        assert_eq!(rendered.outcome, Outcome::Value);
    }

    fn quoted(method: &str, request: &Request, result: Json, expected: &str) {
        check(method, request, result.clone(), "vpoller.helpers.zabbix", expected);
        check(method, request, result, "vpoller.helpers.czabbix", &format!("{expected}\0"));
    }

    #[test]
    fn values_as_documented() {
        let asked = |path, value: Json, expected| {
            quoted("vm.get", &request(&[path], None), json!([{"name": "ns01", path: value}]), expected)
        };
        asked("runtime.powerState", json!("poweredOn"), "\"poweredOn\"");
        asked("hardware.memorySize", json!(137_438_953_472_u64), "137438953472");
        asked("runtime.inMaintenanceMode", json!(false), "false");
        asked("config.annotation", json!("Größe \"x\"\n"), "\"Größe \\\"x\\\"\\n\"");
        asked("guest.ipStack", json!([{"a": 1}]), "[{\"a\": 1}]");
        quoted("datastore.get", &request(&["summary.maintenanceMode"], None), json!([{"name": "d"}]), "null");
    }

    #[test]
    fn the_last_row_counts_and_only_the_first_property() {
        quoted("vm.get", &request(&["a", "b"], None), json!([{"a": 1, "b": 9}, {"a": 2, "b": 9}]), "2");
    }

    #[test]
    fn without_a_property_the_natural_field_is_meant() {
        let none = request(&[], None);
        quoted("vm.host.get", &none, json!([{"name": "vm01", "host": "esxi01"}]), "\"esxi01\"");
        quoted("host.cluster.get", &none, json!([{"name": "esxi01", "cluster": "cluster01"}]), "\"cluster01\"");
        quoted("vm.cpu.usage.percent", &none, json!([{"name": "vm01", "vm.cpu.usage.percent": 3.0}]), "3.0");
        quoted("datastore.get", &none, json!([{"name": "d", "info.url": "ds:///x/"}]), "\"ds:///x/\"");
        quoted("about", &none, json!([{"fullName": "VMware vCenter"}]), "\"VMware vCenter\"");
        quoted("vm.get", &none, json!([{"name": "vm01"}]), "\"vm01\"");
    }

    #[test]
    fn discovery_macros_follow_the_method_name() {
        let none = request(&[], None);
        quoted(
            "datastore.discover",
            &none,
            json!([{"name": "datastore1", "info.url": "ds:///vmfs/volumes/5190/"}]),
            r##"{"data": [{"{#VSPHERE.DATASTORE.NAME}": "datastore1", "{#VSPHERE.DATASTORE.INFO.URL}": "ds:///vmfs/volumes/5190/"}]}"##,
        );
        quoted("host.vm.get", &none, json!([{"name": "vm01"}]), r##"{"data": [{"{#VSPHERE.HOST.VM.NAME}": "vm01"}]}"##);
        quoted("host.vm.get", &none, json!([]), r#"{"data": []}"#);
        quoted(
            "resource.pool.vm.get",
            &none,
            json!([{"name": "vm01", "resourcePool.name": "p"}]),
            r##"{"data": [{"{#VSPHERE.RESOURCE.POOL.VM.NAME}": "vm01", "{#VSPHERE.RESOURCE.POOL.VM.RESOURCEPOOL.NAME}": "p"}]}"##,
        );
        quoted(
            "vm.disk.discover",
            &none,
            json!([{"name": "vm01", "disk": [{"diskPath": "/"}, {"diskPath": "/var"}]}]),
            r##"{"data": [{"{#VSPHERE.VM.DISKPATH}": "/"}, {"{#VSPHERE.VM.DISKPATH}": "/var"}]}"##,
        );
        quoted(
            "vm.net.discover",
            &none,
            json!({"name": "vm01", "net": [{"network": "VM Network", "ipAddress": ["10.0.0.5"]}]}),
            r##"{"data": [{"{#VSPHERE.VM.NETWORK}": "VM Network", "{#VSPHERE.VM.IPADDRESS}": ["10.0.0.5"]}]}"##,
        );
        quoted(
            "net.host.get",
            &none,
            json!({"name": "lan", "host": [{"name": "esxi01"}]}),
            r##"{"data": [{"{#VSPHERE.NET.HOST.NAME}": "esxi01"}]}"##,
        );
    }

    #[test]
    fn a_disk_is_chosen_by_key() {
        let disk = json!([{"name": "vm01", "disk": {"diskPath": "/var", "freeSpace": 5}}]);
        quoted("vm.disk.get", &request(&["freeSpace"], Some("/var")), disk.clone(), "5");
        quoted("vm.disk.get", &request(&[], Some("/var")), disk, "5");
    }

    #[test]
    fn processes_are_counted() {
        let list = json!([{"cmdLine": "/sbin/init"}, {"cmdLine": "/usr/sbin/apache2 -k"}, {"cmdLine": null}]);
        quoted("vm.process.get", &request(&[], None), list.clone(), "3");
        quoted("vm.process.get", &request(&[], Some("apache2")), list, "1");
    }

    #[test]
    fn raw_form_drops_quotes_and_null() {
        let raw = |result, expected| check("vm.get", &request(&["x"], None), result, "vpoller.helpers.zabbix.raw", expected);
        raw(json!([{"x": "a \"b\" ß"}]), "a \"b\" ß");
        raw(json!([{"x": 1.5}]), "1.5");
        raw(json!([{"x": true}]), "true");
        raw(json!([{"x": null}]), "");
        raw(json!([{}]), "");
        raw(json!([{"x": ["a"]}]), "[\"a\"]");
    }

    #[test]
    fn json_form_is_the_result() {
        let result = json!([{"name": "vm01"}]);
        check("vm.process.get", &request(&[], None), result, "vpoller.helpers.zabbix.json", r#"[{"name": "vm01"}]"#);
    }

    #[test]
    fn nothing_is_an_empty_list() {
        for (helper, text) in [
            ("vpoller.helpers.zabbix", r#"{"data": []}"#),
            ("vpoller.helpers.czabbix", "{\"data\": []}\0"),
            ("vpoller.helpers.zabbix.raw", r#"{"data": []}"#),
            ("vpoller.helpers.zabbix.json", "[]"),
        ] {
            let render = |method| {
                let reply = Reply::failure("No snapshots found for: vm02");
                helpers::find(helper).unwrap().render(crate::methods::find(method), &request(&[], None), &reply.into())
            };
            assert_eq!(render("vm.snapshot.get"), Rendered::value(text.as_bytes().to_vec()), "{helper}");
            assert_eq!(render("vm.get").outcome, Outcome::Failure, "{helper}");
        }
    }

    #[test]
    fn failures_are_bare_text() {
        let fails = |method, result: Reply, text: &str| {
            let result = Response::from(result);
            for name in ["vpoller.helpers.zabbix", "vpoller.helpers.zabbix.raw"] {
                let rendered = helpers::find(name).unwrap().render(crate::methods::find(method), &request(&[], None), &result);
                assert_eq!(rendered, Rendered::failure(text));
            }
        };
        fails("nonsense", Reply::failure("Cannot find object ns01"), "Cannot find object ns01");
        fails("vm.get", Reply::success("ok", json!([])), "No data");
        fails("vm.disk.get", Reply::success("ok", json!([{"name": "vm01", "disk": []}])), NO_KEY);
    }
}
