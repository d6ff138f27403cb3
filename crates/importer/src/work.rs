//! The changes that are made to many objects in one call: groups, hosts and macros.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::slice;

use serde_json::{Map, Value, json};

use crate::batch::{BatchRunner, BatchWork};
use crate::config::MacroValue;
use crate::console::Console;
use crate::kind::Kind;
use crate::plan::{GroupRef, HostUpdate, NewGroup, NewHost, OrphanHost, SetMacro, quoted};
use crate::zabbix::api::ApiError;
use crate::zabbix::state::{IdName, Tag};

/// Reports on a batch. An object that is tried again is logged once.
pub(crate) struct Progress<'a> {
    console: &'a Console,
    prefix: &'a str,
    logged: RefCell<HashSet<String>>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(console: &'a Console, prefix: &'a str) -> Self {
        Self { console, prefix, logged: RefCell::default() }
    }

    fn info(&self, text: String) {
        if self.logged.borrow_mut().insert(text.clone()) {
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

/// Ids of groups that this run has created, by name.
type CreatedGroups = HashMap<String, String>;

pub(crate) struct CreateGroups<'a> {
    progress: &'a Progress<'a>,
    created: &'a mut CreatedGroups,
}

impl<'a> CreateGroups<'a> {
    /// Adds the ids of new groups to `created`.
    pub(crate) fn new(progress: &'a Progress<'a>, created: &'a mut CreatedGroups) -> Self {
        Self { progress, created }
    }
}

impl BatchWork<NewGroup> for CreateGroups<'_> {
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, groups: &[NewGroup]) -> Result<(), ApiError> {
        for group in groups {
            let creating = format!("Creating Zabbix host group {}", quoted(&group.name));
            if group.cluster {
                self.progress.info(creating);
            } else if self.progress.logged.borrow_mut().insert(creating.clone()) {
                self.progress.console.warning(format_args!("Unable to find Zabbix host group {}", quoted(&group.name)));
                self.progress.console.info(creating);
            }
        }
        let params: Value = groups.iter().map(|group| json!({"name": group.name})).collect();
        let answer = runner.call("hostgroup.create", params)?;
        let ids = answer["groupids"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.created.extend(groups.iter().zip(ids).map(|(group, id)| (group.name.clone(), id.to_owned())));
        self.progress.done(groups.len());
        Ok(())
    }

    /// Also records the ids of those that exist: the new hosts need them.
    fn remaining(&mut self, runner: &mut BatchRunner<'_>, groups: &[NewGroup]) -> Vec<NewGroup> {
        let names: Vec<&String> = groups.iter().map(|group| &group.name).collect();
        let wanted = json!({"filter": {"name": names}, "output": ["groupid", "name"]});
        let there = existing(runner, "hostgroup.get", wanted, ["name", "groupid"]);
        let left: Vec<NewGroup> =
            groups.iter().filter(|group| there.iter().all(|[name, _]| *name != group.name)).cloned().collect();
        self.created.extend(there.into_iter().map(|[name, id]| (name, id)));
        self.progress.done(groups.len() - left.len());
        left
    }

    fn failed(&mut self, group: &NewGroup, error: &ApiError) {
        self.progress.failed("create host group", &group.name, error);
    }
}

pub(crate) struct CreateHosts<'a> {
    progress: &'a Progress<'a>,
    groups: &'a CreatedGroups,
}

impl<'a> CreateHosts<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>, groups: &'a CreatedGroups) -> Self {
        Self { progress, groups }
    }
}

impl BatchWork<NewHost> for CreateHosts<'_> {
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, hosts: &[NewHost]) -> Result<(), ApiError> {
        let dialect = runner.dialect();
        let mut params = Vec::with_capacity(hosts.len());
        for host in hosts {
            let word = if host.kind == Kind::Datastore { "host" } else { "Zabbix host" };
            self.progress.info(format!("Creating {word} {}", quoted(&host.visible)));
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
        runner.call("host.create", Value::Array(params))?;
        self.progress.done(hosts.len());
        Ok(())
    }

    fn remaining(&mut self, runner: &mut BatchRunner<'_>, hosts: &[NewHost]) -> Vec<NewHost> {
        let names: Vec<&String> = hosts.iter().map(|host| &host.technical).collect();
        let there = existing(runner, "host.get", json!({"filter": {"host": names}, "output": ["host"]}), ["host"]);
        let left: Vec<NewHost> = hosts.iter().filter(|host| !there.contains(slice::from_ref(&host.technical))).cloned().collect();
        self.progress.done(hosts.len() - left.len());
        left
    }

    fn failed(&mut self, host: &NewHost, error: &ApiError) {
        self.progress.failed("create host", &host.visible, error);
    }
}

/// Changes hosts, except for their macros.
pub(crate) struct UpdateHosts<'a> {
    progress: &'a Progress<'a>,
    groups: &'a CreatedGroups,
    /// Ids of hosts that could not be changed.
    pub failed: HashSet<String>,
}

impl<'a> UpdateHosts<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>, groups: &'a CreatedGroups) -> Self {
        Self { progress, groups, failed: HashSet::new() }
    }
}

impl BatchWork<HostUpdate> for UpdateHosts<'_> {
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, hosts: &[HostUpdate]) -> Result<(), ApiError> {
        let dialect = runner.dialect();
        let mut params = Vec::new();
        for host in hosts {
            self.progress.info(format!("Updating Zabbix host {}{}", quoted(&host.host), host.changes()));
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
            runner.call("host.update", Value::Array(params))?;
        }
        self.progress.done(hosts.len());
        Ok(())
    }

    fn failed(&mut self, host: &HostUpdate, error: &ApiError) {
        self.failed.insert(host.id.clone());
        self.progress.failed("update host", &host.host, error);
    }
}

/// A macro to set on an existing host.
#[derive(Clone)]
pub(crate) struct HostMacro {
    host_id: String,
    host: String,
    /// Zabbix's id of the macro, if the host has it already.
    pub id: Option<String>,
    name: String,
    value: MacroValue,
}

impl HostMacro {
    pub(crate) fn new(update: &HostUpdate, set: &SetMacro) -> Self {
        let SetMacro { id, name, value } = set.clone();
        Self { host_id: update.id.clone(), host: update.host.clone(), id, name, value }
    }
}

/// Sets macros; a call has either new or existing ones.
pub(crate) struct SetMacros<'a> {
    progress: &'a Progress<'a>,
}

impl<'a> SetMacros<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>) -> Self {
        Self { progress }
    }
}

impl BatchWork<HostMacro> for SetMacros<'_> {
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, macros: &[HostMacro]) -> Result<(), ApiError> {
        let param = |one: &HostMacro| match &one.id {
            Some(id) => with_value(json!({"hostmacroid": id}), &one.value),
            None => with_value(json!({"hostid": one.host_id, "macro": one.name}), &one.value),
        };
        let old = macros.iter().all(|one| one.id.is_some());
        let method = if old { "usermacro.update" } else { "usermacro.create" };
        runner.call(method, macros.iter().map(param).collect()).map(drop)
    }

    /// Setting an existing macro twice does no harm; creating one that exists would be refused.
    fn remaining(&mut self, runner: &mut BatchRunner<'_>, macros: &[HostMacro]) -> Vec<HostMacro> {
        if macros.iter().all(|one| one.id.is_some()) {
            return macros.to_vec();
        }
        let ids: HashSet<&String> = macros.iter().map(|one| &one.host_id).collect();
        let wanted = json!({"hostids": ids, "output": ["hostid", "macro"]});
        let there = existing(runner, "usermacro.get", wanted, ["hostid", "macro"]);
        macros.iter().filter(|one| !there.contains(&[one.host_id.clone(), one.name.clone()])).cloned().collect()
    }

    fn failed(&mut self, one: &HostMacro, error: &ApiError) {
        self.progress.failed(&format!("set macro {} of host", one.name), &one.host, error);
    }
}

pub(crate) struct DeleteHosts<'a> {
    progress: &'a Progress<'a>,
}

impl<'a> DeleteHosts<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>) -> Self {
        Self { progress }
    }
}

impl BatchWork<OrphanHost> for DeleteHosts<'_> {
    fn attempt(&mut self, runner: &mut BatchRunner<'_>, hosts: &[OrphanHost]) -> Result<(), ApiError> {
        for host in hosts {
            let text = format!("Deleting host {} with hostid '{}'", quoted(&host.host), host.id);
            if self.progress.logged.borrow_mut().insert(text.clone()) {
                self.progress.console.warning(text);
            }
        }
        runner.call("host.delete", hosts.iter().map(|host| json!(host.id)).collect())?;
        self.progress.done(hosts.len());
        Ok(())
    }

    fn remaining(&mut self, runner: &mut BatchRunner<'_>, hosts: &[OrphanHost]) -> Vec<OrphanHost> {
        let ids: Vec<&String> = hosts.iter().map(|host| &host.id).collect();
        let there = existing(runner, "host.get", json!({"hostids": ids, "output": ["hostid"]}), ["hostid"]);
        hosts.iter().filter(|host| there.contains(slice::from_ref(&host.id))).cloned().collect()
    }

    fn failed(&mut self, host: &OrphanHost, error: &ApiError) {
        self.progress.failed("delete host", &host.host, error);
    }
}

/// These members of the existing objects. When the call fails, none exists: trying again shows.
fn existing<const N: usize>(
    runner: &mut BatchRunner<'_>,
    method: &str,
    wanted: Value,
    members: [&str; N],
) -> HashSet<[String; N]> {
    let found = runner.call(method, wanted).unwrap_or_default();
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    found.as_array().into_iter().flatten().map(|row| members.map(|member| text(row, member))).collect()
}

/// The ids of groups. A group that could not be created gives the error of a refusal by Zabbix.
fn group_ids(groups: &[GroupRef], created: &CreatedGroups) -> Result<Value, ApiError> {
    let id = |group: &GroupRef| match group.id.as_ref().or_else(|| created.get(&group.name)) {
        Some(id) => Ok(json!({"groupid": id})),
        None => Err(ApiError::Refused { reason: format!("host group {} could not be created", quoted(&group.name)) }),
    };
    groups.iter().map(id).collect()
}

fn template_ids(templates: &[IdName]) -> Value {
    templates.iter().map(|template| json!({"templateid": template.id})).collect()
}

fn tags(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| json!({"tag": tag.tag, "value": tag.value})).collect()
}

/// Adds value and type to a macro; a plain value needs no type.
fn with_value(mut one: Value, value: &MacroValue) -> Value {
    let members = match value {
        MacroValue::Plain(value) => json!({"value": value}),
        MacroValue::Secret(value) => json!({"value": value.expose(), "type": SECRET}),
    };
    extend(&mut one, Some(members));
    one
}

/// Type of a macro whose value Zabbix does not show.
const SECRET: u8 = 1;

/// Adds members to an object.
fn extend(object: &mut Value, members: Option<Value>) {
    if let (Value::Object(object), Some(Value::Object(members))) = (object, members) {
        object.extend(members);
    }
}
