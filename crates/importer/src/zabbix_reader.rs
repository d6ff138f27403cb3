//! Reads from Zabbix what may concern the objects of the inventory, by names and tags: never everything.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::config::{Config, PollingConfig};
use crate::identity::tagged;
use crate::inventory::{Inventory, Object};
use crate::labels::{HOST_MACRO, VCENTER_TAG};
use crate::names;
use crate::zabbix::api::{ApiClient, ApiError};
use crate::zabbix::state::{Host, IdName, Macro, Tag, Template, ZabbixState};

/// Hosts read in one call, and names asked for in one call.
const CHUNK: usize = 1000;

/// Reads the hosts, groups, templates and proxies that a plan depends on.
///
/// # Errors
/// When a call fails: a plan made from half of it would be wrong.
pub(crate) fn read_state(api: &mut dyn ApiClient, config: &Config, inventory: &Inventory) -> Result<ZabbixState, ApiError> {
    let kinds = || config.kinds.values();
    let mut state = ZabbixState {
        groups: groups(api, config, inventory)?,
        templates: templates(api, &unique(kinds().flat_map(|kind_config| kind_config.templates.iter().cloned())))?,
        ..ZabbixState::default()
    };
    let polled = |wanted: fn(&PollingConfig) -> Option<&String>| {
        unique(kinds().filter_map(|kind_config| wanted(kind_config.polling.as_ref()?).cloned()))
    };
    let proxy_name = api.dialect().proxy_name();
    let proxies = polled(|polling| if let PollingConfig::Proxy(name) = polling { Some(name) } else { None });
    state.proxies = ids_by_name(api, "proxy.get", "proxyid", proxy_name, &proxies)?;
    let proxy_groups = polled(|polling| if let PollingConfig::Group(name) = polling { Some(name) } else { None });
    if api.dialect().has_proxy_groups() {
        state.proxy_groups = ids_by_name(api, "proxygroup.get", "proxy_groupid", "name", &proxy_groups)?;
    }
    let ours = json!({"tags": [{"tag": VCENTER_TAG, "value": config.vcenter, "operator": EQUALS}]});
    let carriers = json!({"filter": {"macro": [HOST_MACRO], "value": [config.vcenter]}, "output": ["hostid"], "hostids": null});
    let mut ids = host_ids(api, &ours)?;
    ids.extend(strings(&api.call("usermacro.get", carriers)?, "hostid"));
    state.hosts = hosts(api, &ids)?;
    names_of_others(api, config, inventory, &mut state, &ids)?;
    Ok(state)
}

/// Operator of a tag filter.
const EQUALS: u8 = 1;
/// Value of `flags` of a host that a discovery rule made.
const DISCOVERED: &str = "4";
/// Status of a host that is not monitored.
const DISABLED: &str = "1";
/// Type of a macro whose value can be read. The other types are secret, or in a vault.
const PLAIN: &str = "0";

/// Reads what has the names that new hosts would get: the hosts with everything, of templates the names.
fn names_of_others(
    api: &mut dyn ApiClient,
    config: &Config,
    inventory: &Inventory,
    state: &mut ZabbixState,
    known: &BTreeSet<String>,
) -> Result<(), ApiError> {
    let tagged: HashSet<_> = state.hosts.iter().filter_map(|host| tagged(host, &config.vcenter)).collect();
    let visible_names: HashSet<&str> = state.hosts.iter().map(|host| host.visible.as_str()).collect();
    let settled = |object: &&Object| {
        tagged.contains(&(object.kind, object.moid.as_str())) && visible_names.contains(object.display.as_str())
    };
    let new: Vec<_> = inventory.objects.iter().filter(|object| !settled(object)).collect();
    let mut holders = BTreeSet::new();
    for chunk in new.chunks(CHUNK / 3) {
        let (visible, technical): (Vec<_>, Vec<_>) =
            chunk.iter().map(|object| names::candidates(object, &config.vcenter)).unzip();
        let filter = json!({"name": visible.concat(), "host": technical.concat()});
        let wanted = json!({"filter": filter, "searchByAny": true, "output": ["host", "name"]});
        for template in list(&api.call("template.get", wanted)?) {
            state.template_names.extend(["host", "name"].iter().map(|name| text(template, name)));
        }
        holders.extend(host_ids(api, &json!({"filter": filter, "searchByAny": true}))?);
    }
    let unknown: BTreeSet<String> = holders.difference(known).cloned().collect();
    state.hosts.extend(hosts(api, &unknown)?);
    Ok(())
}

/// Groups whose names resemble the wanted ones. Zabbix cannot compare whole names without regard to case, so it is asked for parts.
fn groups(api: &mut dyn ApiClient, config: &Config, inventory: &Inventory) -> Result<Vec<IdName>, ApiError> {
    let configured = config.kinds.values().flat_map(|kind_config| &kind_config.groups);
    let of_objects = inventory.objects.iter().filter_map(|object| object.cluster.as_ref());
    let names = unique(configured.chain(&inventory.clusters).chain(of_objects).cloned());
    let mut found = Vec::new();
    for names in names.chunks(CHUNK) {
        let wanted = json!({"search": {"name": names}, "searchByAny": true, "startSearch": true, "output": ["groupid", "name"]});
        found.extend(list(&api.call("hostgroup.get", wanted)?).iter().map(|group| id_and_name(group, "groupid", "name")));
    }
    Ok(found)
}

/// Templates by visible or technical name.
fn templates(api: &mut dyn ApiClient, names: &[String]) -> Result<Vec<Template>, ApiError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = json!({"filter": {"name": names, "host": names}, "searchByAny": true, "output": ["templateid", "host", "name"]});
    let found = api.call("template.get", wanted)?;
    let template =
        |value: &Value| Template { id: text(value, "templateid"), technical: text(value, "host"), visible: text(value, "name") };
    Ok(list(&found).iter().map(template).collect())
}

/// Ids of objects with these names. Without names there is no call.
fn ids_by_name(api: &mut dyn ApiClient, method: &str, id: &str, name: &str, names: &[String]) -> Result<Vec<IdName>, ApiError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = api.call(method, json!({"filter": {name: names}, "output": [id, name]}))?;
    Ok(list(&found).iter().map(|value| id_and_name(value, id, name)).collect())
}

fn host_ids(api: &mut dyn ApiClient, wanted: &Value) -> Result<BTreeSet<String>, ApiError> {
    let mut params = wanted.clone();
    params["output"] = json!(["hostid"]);
    Ok(strings(&api.call("host.get", params)?, "hostid").collect())
}

/// Everything about these hosts.
fn hosts(api: &mut dyn ApiClient, ids: &BTreeSet<String>) -> Result<Vec<Host>, ApiError> {
    let dialect = api.dialect();
    let (select_groups, groups) = dialect.host_groups();
    let ids: Vec<&String> = ids.iter().collect();
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let output = [&["hostid", "host", "name", "status", "flags"], dialect.polling_members()].concat();
        let params = json!({
            "hostids": ids,
            "output": output,
            select_groups: ["groupid", "name"],
            "selectParentTemplates": ["templateid", "name"],
            "selectTags": ["tag", "value"],
            "selectMacros": ["hostmacroid", "macro", "value", "type"],
        });
        for value in list(&api.call("host.get", params)?) {
            found.push(Host {
                id: text(value, "hostid"),
                technical: text(value, "host"),
                visible: text(value, "name"),
                disabled: text(value, "status") == DISABLED,
                discovered: text(value, "flags") == DISCOVERED,
                polled_by: dialect.polled_by(value),
                groups: list(&value[groups]).iter().map(|group| id_and_name(group, "groupid", "name")).collect(),
                templates: list(&value["parentTemplates"]).iter().map(|one| id_and_name(one, "templateid", "name")).collect(),
                tags: list(&value["tags"]).iter().map(|tag| Tag { tag: text(tag, "tag"), value: text(tag, "value") }).collect(),
                macros: list(&value["macros"]).iter().map(host_macro).collect(),
            });
        }
    }
    Ok(found)
}

fn host_macro(value: &Value) -> Macro {
    let plain = text(value, "type") == PLAIN;
    Macro { id: text(value, "hostmacroid"), name: text(value, "macro"), value: plain.then(|| text(value, "value")) }
}

fn id_and_name(value: &Value, id: &str, name: &str) -> IdName {
    IdName { id: text(value, id), name: text(value, name) }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn strings<'v>(values: &'v Value, name: &'v str) -> impl Iterator<Item = String> + 'v {
    list(values).iter().map(move |value| text(value, name))
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::deletion::DeletionOptions;
    use crate::inventory::Row;
    use crate::kind::Kind;
    use crate::planner;
    use crate::zabbix::dialect::Dialect;

    /// Gives these answers in turn, whatever is asked.
    struct AnyAnswers {
        answers: Vec<Value>,
        calls: usize,
    }

    impl ApiClient for AnyAnswers {
        fn call(&mut self, _method: &str, _params: Value) -> Result<Value, ApiError> {
            self.calls += 1;
            Ok(self.answers[self.calls % self.answers.len()].clone())
        }

        fn dialect(&self) -> Dialect {
            Dialect::new("7.0").unwrap()
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let names =
            ["hostid", "host", "name", "tags", "tag", "value", "macros", "macro", "groups", "vm01", VCENTER_TAG, "vc01", "1"];
        let name = move || prop::sample::select(names.map(str::to_owned).to_vec());
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            name().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Answers of any shape, of either side, make some plan and no panic.
        #[test]
        fn any_answer_is_survived(answers in prop::collection::vec(any_json(), 1..8), rows in prop::collection::vec(any_json(), 0..4)) {
            let text = "vsphere: {hostname: vc01}\nzabbix: {hostname: 'http://z', api_token: x, vsphere_object_vm: {templates: vm01, groups: vm01}}\n";
            let config = Config::parse(text).unwrap();
            let machine = json!({"moid": "vm-1", "name": "vm01"});
            let rows = rows.into_iter().chain([machine]).filter_map(|row| row.as_object().cloned()).collect::<Vec<Row>>();
            let inventory = Inventory::new(&config, &[(Kind::Vm, rows.clone()), (Kind::Cluster, rows)].into());
            let state = read_state(&mut AnyAnswers { answers, calls: 0 }, &config, &inventory).unwrap();
            planner::plan(&config, &inventory, &state, DeletionOptions { delete: true, allow_empty: true, max_delete: None }).to_string();
        }
    }
}
