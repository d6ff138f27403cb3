//! What is done to many objects in one call: groups, hosts and macros.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::slice;

use serde_json::{Map, Value, json};

use crate::batch::{Caller, Work};
use crate::config::MacroValue;
use crate::console::Console;
use crate::kind::Kind;
use crate::plan::{Create, Extra, GroupRef, NewGroup, SetMacro, Update, quoted};
use crate::zabbix::api::ApiError;
use crate::zabbix::state::{Named, Tag};

/// Tells about each object once, however often it is tried.
pub struct Teller<'a> {
    console: &'a Console,
    prefix: &'a str,
    told: RefCell<HashSet<String>>,
}

impl<'a> Teller<'a> {
    /// Lines begin with the prefix.
    pub fn new(console: &'a Console, prefix: &'a str) -> Self {
        Self { console, prefix, told: RefCell::default() }
    }

    fn info(&self, text: String) {
        if self.told.borrow_mut().insert(text.clone()) {
            self.console.info(format_args!("{} {text}", self.prefix));
        }
    }

    fn failed(&self, what: &str, name: &str, error: &dyn fmt::Display) {
        self.console.failed(format_args!("{} Cannot {what} in Zabbix: {}: {error}", self.prefix, quoted(name)));
        self.console.advance(1);
    }

    fn done(&self, count: usize) {
        self.console.advance(count);
    }
}

/// Ids of groups that were created on the way, by name.
type Created = HashMap<String, String>;

/// Creates host groups.
pub struct CreateGroups<'a> {
    teller: &'a Teller<'a>,
    created: &'a mut Created,
}

impl<'a> CreateGroups<'a> {
    /// Adds what it creates to `created`.
    pub fn new(teller: &'a Teller<'a>, created: &'a mut Created) -> Self {
        Self { teller, created }
    }
}

impl Work<NewGroup> for CreateGroups<'_> {
    fn attempt(&mut self, caller: &mut Caller<'_>, groups: &[NewGroup]) -> Result<(), ApiError> {
        for group in groups {
            let creating = format!("Creating Zabbix host group {}", quoted(&group.name));
            if group.cluster {
                self.teller.info(creating);
            } else if self.teller.told.borrow_mut().insert(creating.clone()) {
                self.teller.console.warning(format_args!("Unable to find Zabbix host group {}", quoted(&group.name)));
                self.teller.console.info(creating);
            }
        }
        let params: Value = groups.iter().map(|group| json!({"name": group.name})).collect();
        let answer = caller.call("hostgroup.create", params)?;
        let ids = answer["groupids"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.created.extend(groups.iter().zip(ids).map(|(group, id)| (group.name.clone(), id.to_owned())));
        self.teller.done(groups.len());
        Ok(())
    }

    /// The hosts to come want the ids of those that are there.
    fn left(&mut self, caller: &mut Caller<'_>, groups: &[NewGroup]) -> Vec<NewGroup> {
        let names: Vec<&String> = groups.iter().map(|group| &group.name).collect();
        let wanted = json!({"filter": {"name": names}, "output": ["groupid", "name"]});
        let there = existing(caller, "hostgroup.get", wanted, ["name", "groupid"]);
        let left: Vec<NewGroup> =
            groups.iter().filter(|group| there.iter().all(|[name, _]| *name != group.name)).cloned().collect();
        self.created.extend(there.into_iter().map(|[name, id]| (name, id)));
        self.teller.done(groups.len() - left.len());
        left
    }

    fn failed(&mut self, group: &NewGroup, error: &ApiError) {
        self.teller.failed("create host group", &group.name, error);
    }
}

/// Creates hosts.
pub struct CreateHosts<'a> {
    teller: &'a Teller<'a>,
    groups: &'a Created,
}

impl<'a> CreateHosts<'a> {
    /// Puts them into groups that are there, or were created on the way.
    pub fn new(teller: &'a Teller<'a>, groups: &'a Created) -> Self {
        Self { teller, groups }
    }
}

impl Work<Create> for CreateHosts<'_> {
    fn attempt(&mut self, caller: &mut Caller<'_>, hosts: &[Create]) -> Result<(), ApiError> {
        let dialect = caller.dialect();
        let mut params = Vec::with_capacity(hosts.len());
        for host in hosts {
            let word = if host.kind == Kind::Datastore { "host" } else { "Zabbix host" };
            self.teller.info(format!("Creating {word} {}", quoted(&host.visible)));
            let macros: Value = host.macros.iter().map(|(name, value)| with_value(json!({"macro": name}), value)).collect();
            let mut param = json!({
                "host": host.technical,
                "name": host.visible,
                "interfaces": [{"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "10050"}],
                "groups": group_ids(&host.groups, self.groups)?,
                "templates": template_ids(&host.templates),
                "macros": macros,
                "tags": tags(&host.tags),
                "status": u8::from(host.disabled),
            });
            extend(&mut param, host.poll_by.as_ref().map(|by| dialect.poll_by(by)));
            params.push(param);
        }
        caller.call("host.create", Value::Array(params))?;
        self.teller.done(hosts.len());
        Ok(())
    }

    fn left(&mut self, caller: &mut Caller<'_>, hosts: &[Create]) -> Vec<Create> {
        let names: Vec<&String> = hosts.iter().map(|host| &host.technical).collect();
        let there = existing(caller, "host.get", json!({"filter": {"host": names}, "output": ["host"]}), ["host"]);
        let left: Vec<Create> = hosts.iter().filter(|host| !there.contains(slice::from_ref(&host.technical))).cloned().collect();
        self.teller.done(hosts.len() - left.len());
        left
    }

    fn failed(&mut self, host: &Create, error: &ApiError) {
        self.teller.failed("create host", &host.visible, error);
    }
}

/// Changes hosts, their macros apart.
pub struct UpdateHosts<'a> {
    teller: &'a Teller<'a>,
    groups: &'a Created,
    /// Ids of hosts that could not be changed.
    pub failed: HashSet<String>,
}

impl<'a> UpdateHosts<'a> {
    /// Puts them into groups that are there, or were created on the way.
    pub fn new(teller: &'a Teller<'a>, groups: &'a Created) -> Self {
        Self { teller, groups, failed: HashSet::new() }
    }
}

impl Work<Update> for UpdateHosts<'_> {
    fn attempt(&mut self, caller: &mut Caller<'_>, hosts: &[Update]) -> Result<(), ApiError> {
        let dialect = caller.dialect();
        let mut params = Vec::new();
        for host in hosts {
            self.teller.info(format!("Updating Zabbix host {}{}", quoted(&host.host), host.changes()));
            let mut param = Map::new();
            let mut set = |name: &str, value: Option<Value>| param.extend(value.map(|value| (name.to_owned(), value)));
            set("host", host.technical.as_ref().map(|change| json!(change.to)));
            set("name", host.visible.as_ref().map(|change| json!(change.to)));
            set("groups", host.groups.as_ref().map(|change| group_ids(&change.to, self.groups)).transpose()?);
            set("templates", host.templates.as_ref().map(|change| template_ids(&change.to)));
            set("tags", host.tags.as_ref().map(|change| tags(&change.to)));
            set("status", host.disabled.map(|disabled| json!(u8::from(disabled))));
            let mut param = Value::Object(param);
            extend(&mut param, host.poll_by.as_ref().map(|by| dialect.poll_by(by)));
            if param.as_object().is_some_and(|members| !members.is_empty()) {
                extend(&mut param, Some(json!({"hostid": host.id})));
                params.push(param);
            }
        }
        if !params.is_empty() {
            caller.call("host.update", Value::Array(params))?;
        }
        self.teller.done(hosts.len());
        Ok(())
    }

    fn failed(&mut self, host: &Update, error: &ApiError) {
        self.failed.insert(host.id.clone());
        self.teller.failed("update host", &host.host, error);
    }
}

/// A macro of a host that exists.
#[derive(Clone)]
pub struct HostMacro {
    host_id: String,
    host: String,
    /// Zabbix's id of the macro, if the host has it already.
    pub id: Option<String>,
    name: String,
    value: MacroValue,
}

impl HostMacro {
    /// The macro of a host that is changed.
    pub fn new(update: &Update, set: &SetMacro) -> Self {
        let SetMacro { id, name, value } = set.clone();
        Self { host_id: update.id.clone(), host: update.host.clone(), id, name, value }
    }
}

/// Sets macros: in one call either new or old ones.
pub struct SetMacros<'a> {
    teller: &'a Teller<'a>,
}

impl<'a> SetMacros<'a> {
    /// Tells what fails.
    pub fn new(teller: &'a Teller<'a>) -> Self {
        Self { teller }
    }
}

impl Work<HostMacro> for SetMacros<'_> {
    fn attempt(&mut self, caller: &mut Caller<'_>, macros: &[HostMacro]) -> Result<(), ApiError> {
        let param = |one: &HostMacro| match &one.id {
            Some(id) => with_value(json!({"hostmacroid": id}), &one.value),
            None => with_value(json!({"hostid": one.host_id, "macro": one.name}), &one.value),
        };
        let old = macros.iter().all(|one| one.id.is_some());
        let method = if old { "usermacro.update" } else { "usermacro.create" };
        caller.call(method, macros.iter().map(param).collect()).map(drop)
    }

    /// Setting an old one twice does no harm; a new one that is there already would be refused.
    fn left(&mut self, caller: &mut Caller<'_>, macros: &[HostMacro]) -> Vec<HostMacro> {
        if macros.iter().all(|one| one.id.is_some()) {
            return macros.to_vec();
        }
        let ids: HashSet<&String> = macros.iter().map(|one| &one.host_id).collect();
        let wanted = json!({"hostids": ids, "output": ["hostid", "macro"]});
        let there = existing(caller, "usermacro.get", wanted, ["hostid", "macro"]);
        macros.iter().filter(|one| !there.contains(&[one.host_id.clone(), one.name.clone()])).cloned().collect()
    }

    fn failed(&mut self, one: &HostMacro, error: &ApiError) {
        self.teller.failed(&format!("set macro {} of host", one.name), &one.host, error);
    }
}

/// Deletes hosts.
pub struct DeleteHosts<'a> {
    teller: &'a Teller<'a>,
}

impl<'a> DeleteHosts<'a> {
    /// Tells what it deletes.
    pub fn new(teller: &'a Teller<'a>) -> Self {
        Self { teller }
    }
}

impl Work<Extra> for DeleteHosts<'_> {
    fn attempt(&mut self, caller: &mut Caller<'_>, hosts: &[Extra]) -> Result<(), ApiError> {
        for host in hosts {
            let text = format!("Deleting host {} with hostid '{}'", quoted(&host.host), host.id);
            if self.teller.told.borrow_mut().insert(text.clone()) {
                self.teller.console.warning(text);
            }
        }
        caller.call("host.delete", hosts.iter().map(|host| json!(host.id)).collect())?;
        self.teller.done(hosts.len());
        Ok(())
    }

    fn left(&mut self, caller: &mut Caller<'_>, hosts: &[Extra]) -> Vec<Extra> {
        let ids: Vec<&String> = hosts.iter().map(|host| &host.id).collect();
        let there = existing(caller, "host.get", json!({"hostids": ids, "output": ["hostid"]}), ["hostid"]);
        hosts.iter().filter(|host| there.contains(slice::from_ref(&host.id))).cloned().collect()
    }

    fn failed(&mut self, host: &Extra, error: &ApiError) {
        self.teller.failed("delete host", &host.host, error);
    }
}

/// Some members of what there is. When that cannot be found out, nothing is there: trying again tells.
fn existing<const N: usize>(caller: &mut Caller<'_>, method: &str, wanted: Value, members: [&str; N]) -> HashSet<[String; N]> {
    let found = caller.call(method, wanted).unwrap_or_default();
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    found.as_array().into_iter().flatten().map(|row| members.map(|member| text(row, member))).collect()
}

/// The ids of groups. One that was to be created on the way and could not be is told as Zabbix would tell it.
fn group_ids(groups: &[GroupRef], created: &Created) -> Result<Value, ApiError> {
    let id = |group: &GroupRef| match group.id.as_ref().or_else(|| created.get(&group.name)) {
        Some(id) => Ok(json!({"groupid": id})),
        None => Err(ApiError::Refused { reason: format!("host group {} could not be created", quoted(&group.name)) }),
    };
    groups.iter().map(id).collect()
}

fn template_ids(templates: &[Named]) -> Value {
    templates.iter().map(|template| json!({"templateid": template.id})).collect()
}

fn tags(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| json!({"tag": tag.tag, "value": tag.value})).collect()
}

/// A macro with its value, and with its type where that is not the usual one.
fn with_value(mut one: Value, value: &MacroValue) -> Value {
    let members = match value {
        MacroValue::Plain(value) => json!({"value": value}),
        MacroValue::Secret(value) => json!({"value": value.expose(), "type": SECRET}),
    };
    extend(&mut one, Some(members));
    one
}

/// Type of a macro whose value Zabbix shows to nobody.
const SECRET: u8 = 1;

/// Adds members to an object.
fn extend(object: &mut Value, members: Option<Value>) {
    if let (Value::Object(object), Some(Value::Object(members))) = (object, members) {
        object.extend(members);
    }
}
