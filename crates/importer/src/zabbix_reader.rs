//! Reading what Zabbix has, by names and tags: never everything.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::config::{Config, Polling};
use crate::identity::tagged;
use crate::inventory::{Inventory, Object};
use crate::labels::{HOST_MACRO, VCENTER_TAG};
use crate::names;
use crate::zabbix::api::{ApiError, Call};
use crate::zabbix::state::{Host, Macro, Named, State, Tag, Template};

/// Hosts read in one call, and names asked for in one call.
const CHUNK: usize = 1000;

/// What Zabbix has that may concern the objects of the inventory.
///
/// # Errors
/// When a call fails: a plan made from half of it would be wrong.
pub fn state(api: &mut dyn Call, config: &Config, inventory: &Inventory) -> Result<State, ApiError> {
    let blocks = || config.blocks.values();
    let mut state = State {
        groups: groups(api, config, inventory)?,
        templates: templates(api, &unique(blocks().flat_map(|block| block.templates.iter().cloned())))?,
        ..State::default()
    };
    let polled =
        |wanted: fn(&Polling) -> Option<&String>| unique(blocks().filter_map(|block| wanted(block.polling.as_ref()?).cloned()));
    let proxy_name = api.dialect().proxy_name();
    let proxies = polled(|polling| if let Polling::Proxy(name) = polling { Some(name) } else { None });
    state.proxies = named(api, "proxy.get", "proxyid", proxy_name, &proxies)?;
    let proxy_groups = polled(|polling| if let Polling::Group(name) = polling { Some(name) } else { None });
    if api.dialect().has_proxy_groups() {
        state.proxy_groups = named(api, "proxygroup.get", "proxy_groupid", "name", &proxy_groups)?;
    }
    let ours = json!({"tags": [{"tag": VCENTER_TAG, "value": config.vcenter, "operator": EQUALS}]});
    let carriers = json!({"filter": {"macro": [HOST_MACRO], "value": [config.vcenter]}, "output": ["hostid"], "hostids": null});
    let mut ids = host_ids(api, &ours)?;
    ids.extend(strings(&api.call("usermacro.get", carriers)?, "hostid"));
    state.hosts = hosts(api, &ids)?;
    names_of_others(api, config, inventory, &mut state, &ids)?;
    Ok(state)
}

/// A comparison of tags.
const EQUALS: u8 = 1;
/// Values of `flags`: made by people, and by a discovery rule.
const DISCOVERED: &str = "4";
/// Status of a host that is not monitored.
const DISABLED: &str = "1";
/// Type of a macro whose value can be read. Of the others one is kept secret, and one in a vault.
const PLAIN: &str = "0";

/// Who holds the names that new objects would get: hosts are read, of templates the names are enough.
fn names_of_others(
    api: &mut dyn Call,
    config: &Config,
    inventory: &Inventory,
    state: &mut State,
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
        let (visible, technical): (Vec<_>, Vec<_>) = chunk.iter().map(|object| names::of(object, &config.vcenter)).unzip();
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

/// Groups whose names resemble the wanted ones: Zabbix compares exactly or by parts, we need them whatever their case.
fn groups(api: &mut dyn Call, config: &Config, inventory: &Inventory) -> Result<Vec<Named>, ApiError> {
    let configured = config.blocks.values().flat_map(|block| &block.groups);
    let of_objects = inventory.objects.iter().filter_map(|object| object.cluster.as_ref());
    let names = unique(configured.chain(&inventory.clusters).chain(of_objects).cloned());
    let mut found = Vec::new();
    for names in names.chunks(CHUNK) {
        let wanted = json!({"search": {"name": names}, "searchByAny": true, "startSearch": true, "output": ["groupid", "name"]});
        found.extend(list(&api.call("hostgroup.get", wanted)?).iter().map(|group| named_by(group, "groupid", "name")));
    }
    Ok(found)
}

/// Templates by visible or technical name.
fn templates(api: &mut dyn Call, names: &[String]) -> Result<Vec<Template>, ApiError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = json!({"filter": {"name": names, "host": names}, "searchByAny": true, "output": ["templateid", "host", "name"]});
    let found = api.call("template.get", wanted)?;
    let template =
        |value: &Value| Template { id: text(value, "templateid"), technical: text(value, "host"), visible: text(value, "name") };
    Ok(list(&found).iter().map(template).collect())
}

/// Objects of a kind by their names; nothing is asked for no names.
fn named(api: &mut dyn Call, method: &str, id: &str, name: &str, names: &[String]) -> Result<Vec<Named>, ApiError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = api.call(method, json!({"filter": {name: names}, "output": [id, name]}))?;
    Ok(list(&found).iter().map(|value| named_by(value, id, name)).collect())
}

fn host_ids(api: &mut dyn Call, wanted: &Value) -> Result<BTreeSet<String>, ApiError> {
    let mut params = wanted.clone();
    params["output"] = json!(["hostid"]);
    Ok(strings(&api.call("host.get", params)?, "hostid").collect())
}

/// Everything about these hosts.
fn hosts(api: &mut dyn Call, ids: &BTreeSet<String>) -> Result<Vec<Host>, ApiError> {
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
                groups: list(&value[groups]).iter().map(|group| named_by(group, "groupid", "name")).collect(),
                templates: list(&value["parentTemplates"]).iter().map(|one| named_by(one, "templateid", "name")).collect(),
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

fn named_by(value: &Value, id: &str, name: &str) -> Named {
    Named { id: text(value, id), name: text(value, name) }
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

    /// Answers whatever it has, in turn.
    struct Anything {
        answers: Vec<Value>,
        calls: usize,
    }

    impl Call for Anything {
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
            let state = state(&mut Anything { answers, calls: 0 }, &config, &inventory).unwrap();
            planner::plan(&config, &inventory, &state, DeletionOptions { delete: true, allow_empty: true, max_delete: None }).to_string();
        }
    }
}
