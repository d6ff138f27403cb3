//! The JSON-RPC API of a Zabbix frontend.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Series;
use crate::http;

/// The account that a fresh Zabbix comes with.
pub const ADMINISTRATOR: (&str, &str) = ("Admin", "zabbix");

/// A logged-in client of the API.
#[derive(Clone, Debug)]
pub struct Api {
    series: Series,
    address: SocketAddr,
    session: Option<String>,
}

impl Api {
    /// A client that has not logged in.
    #[must_use]
    pub fn new(series: Series, address: SocketAddr) -> Self {
        Self { series, address, session: None }
    }

    /// Logs in as the administrator.
    ///
    /// # Panics
    /// When the API refuses.
    #[must_use]
    #[track_caller]
    pub fn log_in(mut self) -> Self {
        let (username, password) = ADMINISTRATOR;
        let session = self.call("user.login", &json!({"username": username, "password": password}));
        self.session = session.as_str().map(str::to_owned);
        self
    }

    /// The session's key, which the server's own port wants as well.
    #[must_use]
    pub fn session(&self) -> &str {
        self.session.as_deref().unwrap_or_default()
    }

    /// Where the API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api_jsonrpc.php", self.address)
    }

    /// Calls a method and returns its result.
    ///
    /// # Panics
    /// When the API answers with an error.
    #[track_caller]
    pub fn call(&self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("Zabbix {}: {method}: {error}", self.series.name()))
    }

    /// Calls a method and returns its result, or the text of its error.
    ///
    /// # Errors
    /// When the API answers with an error.
    ///
    /// # Panics
    /// When there is no answer in JSON.
    #[track_caller]
    pub fn try_call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let mut headers = vec![("Content-Type", "application/json-rpc")];
        let bearer = format!("Bearer {}", self.session());
        match (self.series, &self.session) {
            (_, None) => {}
            (Series::V6_0, Some(session)) => message["auth"] = json!(session),
            (Series::V7_0, Some(_)) => headers.push(("Authorization", &bearer)),
        }
        let (status, text) = http::post(self.address, "/api_jsonrpc.php", &headers, &message.to_string())
            .unwrap_or_else(|error| panic!("{method}: {error}"));
        let mut answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method}: status {status}, no JSON ({error}): {text}"));
        match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => {
                let part = |name: &str| error[name].as_str().unwrap_or_default();
                Err(format!("{} {}", part("message"), part("data")).trim_end().to_owned())
            }
        }
    }

    /// Calls a `….get` and returns its rows.
    #[track_caller]
    pub fn get(&self, object: &str, parameters: &Value) -> Vec<Value> {
        match self.call(&format!("{object}.get"), parameters) {
            Value::Array(rows) => rows,
            other => panic!("{object}.get answered {other}"),
        }
    }

    /// Imports a file in YAML: adds, updates, deletes nothing.
    ///
    /// # Errors
    /// When Zabbix refuses it.
    #[track_caller]
    pub fn import(&self, source: &str) -> Result<(), String> {
        self.try_call("configuration.import", &self.import_parameters(source)).map(|_| ())
    }

    /// Makes a host with an interface and these templates in a group, which is made if it is missing; returns its id.
    ///
    /// # Panics
    /// When the API refuses, or there is no such template.
    #[track_caller]
    pub fn add_host(&self, name: &str, group: &str, templates: &[&str], macros: &[(&str, &str)]) -> String {
        let groups = self.get("hostgroup", &json!({"filter": {"name": [group]}, "output": ["groupid"]}));
        let group = match groups.first() {
            Some(group) => group["groupid"].clone(),
            None => self.call("hostgroup.create", &json!({"name": group}))["groupids"][0].clone(),
        };
        let templates = self.get("template", &json!({"filter": {"host": templates}, "output": ["templateid"]}));
        assert!(!templates.is_empty(), "no such template");
        let macros: Vec<Value> = macros.iter().map(|(name, value)| json!({"macro": name, "value": value})).collect();
        let interface = json!({"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "10050"});
        let host = json!({
            "host": name, "groups": [{"groupid": group}], "templates": templates, "macros": macros, "interfaces": [interface],
        });
        self.call("host.create", &host)["hostids"][0].as_str().expect("an id").to_owned()
    }

    /// What importing a file would change; empty when nothing.
    #[must_use]
    #[track_caller]
    pub fn import_changes(&self, source: &str) -> Value {
        self.call("configuration.importcompare", &self.import_parameters(source))
    }

    fn import_parameters(&self, source: &str) -> Value {
        let all = json!({"createMissing": true, "updateExisting": true, "deleteMissing": false});
        let some = json!({"createMissing": true, "updateExisting": true});
        let mut rules = json!({
            "templates": some, "valueMaps": all, "items": all, "discoveryRules": all, "triggers": all, "graphs": all,
            "templateDashboards": all, "httptests": all, "templateLinkage": {"createMissing": true, "deleteMissing": false},
        });
        let groups: &[&str] = match self.series {
            Series::V6_0 => &["groups"],
            Series::V7_0 => &["host_groups", "template_groups"],
        };
        for group in groups {
            rules[*group] = some.clone();
        }
        json!({"format": "yaml", "source": source, "rules": rules})
    }
}
