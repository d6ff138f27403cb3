use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::apply;
use super::*;
use crate::identity::is_vcenter;
use crate::inventory::Row;
use crate::labels::{ADOPTED_TAG, CLUSTER_TAG, DISABLED_TAG, NAME_MACRO, NAME_TAG, OBJECT_TAG, VCENTER_TAG};
use crate::plan::Disposition;
use crate::zabbix::state::{CurrentPoller, IdName, Macro, Tag, Template};

const VCENTER: &str = "vc01.example.org";

/// Configuration with these lines in the entry for virtual machines and below `zabbix`.
fn config(machines: &str, zabbix: &str) -> Config {
    let text = format!(
        "vsphere: {{hostname: {VCENTER}}}\nzabbix:\n  hostname: http://zabbix\n  api_token: x\n{zabbix}  vsphere_object_vm:\n    \
         templates: [VM]\n    groups: [Virtual Machines]\n{machines}"
    );
    Config::parse(&text).unwrap()
}

fn plain() -> Config {
    config("", "")
}

/// Virtual machines by id, name and host; `esxi01` (host-1) is in `cluster01`, `esxi02` in `cluster02`.
fn vsphere(machines: &[(&str, &str, &str)]) -> BTreeMap<Kind, Vec<Row>> {
    let rows = |value: Value| value.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect();
    let machine = |(moid, name, host): &(&str, &str, &str)| json!({"moid": moid, "name": name, "runtime.host": format!("vim.HostSystem:{host}"), "runtime.powerState": "poweredOn"});
    BTreeMap::from([
        (Kind::Cluster, rows(json!([{"moid": "domain-c1", "name": "cluster01"}, {"moid": "domain-c2", "name": "cluster02"}]))),
        (
            Kind::Host,
            rows(json!([
                {"moid": "host-1", "name": "esxi01", "parent": "vim.ClusterComputeResource:domain-c1"},
                {"moid": "host-2", "name": "esxi02", "parent": "vim.ClusterComputeResource:domain-c2"},
            ])),
        ),
        (Kind::Vm, machines.iter().map(|one| machine(one).as_object().unwrap().clone()).collect()),
    ])
}

fn zabbix() -> ZabbixState {
    let template =
        |id: &str, name: &str| Template { id: id.to_owned(), technical: format!("T {name}"), visible: name.to_owned() };
    ZabbixState {
        templates: vec![template("1", "VM"), template("2", "More")],
        groups: vec![IdName { id: "5".to_owned(), name: "virtual machines".to_owned() }],
        proxies: vec![IdName { id: "7".to_owned(), name: "proxy01".to_owned() }],
        ..ZabbixState::default()
    }
}

/// A host without this program's tags.
fn host(id: &str, name: &str, vcenter: Option<&str>) -> Host {
    let one = |value: &str| Macro { id: format!("m{id}"), name: HOST_MACRO.to_owned(), value: Some(value.to_owned()) };
    Host {
        id: id.to_owned(),
        technical: name.to_owned(),
        visible: name.to_owned(),
        disabled: false,
        discovered: false,
        polled_by: CurrentPoller::Server,
        groups: vec![IdName { id: "5".to_owned(), name: "virtual machines".to_owned() }],
        templates: vec![IdName { id: "1".to_owned(), name: "VM".to_owned() }],
        tags: Vec::new(),
        macros: vcenter.map(one).into_iter().collect(),
    }
}

fn make(config: &Config, machines: &[(&str, &str, &str)], state: &ZabbixState, options: DeletionOptions) -> Plan {
    plan(config, &Inventory::new(config, &vsphere(machines)), state, options)
}

/// Plans, executes, and checks that a second run has nothing to do.
#[track_caller]
fn apply_until_stable(
    config: &Config,
    machines: &[(&str, &str, &str)],
    state: &ZabbixState,
    options: DeletionOptions,
) -> ZabbixState {
    let after = apply(state, &make(config, machines, state, options));
    let again = make(config, machines, &after, options);
    assert!(again.is_empty(), "the second run would do:\n{again}");
    after
}

fn names(state: &ZabbixState) -> Vec<&str> {
    state.hosts.iter().map(|host| host.visible.as_str()).collect()
}

fn groups_of<'s>(state: &'s ZabbixState, name: &str) -> Vec<&'s str> {
    let host = state.hosts.iter().find(|host| host.visible == name).unwrap_or_else(|| panic!("no {name} in {:?}", names(state)));
    host.groups.iter().map(|group| group.name.as_str()).collect()
}

const NOTHING: DeletionOptions = DeletionOptions { delete: false, allow_empty: false, max_delete: None };
const DELETE: DeletionOptions = DeletionOptions { delete: true, ..NOTHING };

#[test]
fn a_new_machine_gets_all_it_needs() {
    let config = config("    proxy: proxy01\n    macros: {MORE: x}\n", "");
    let plan = make(&config, &[("vm-1", "vm 01", "host-1")], &zabbix(), NOTHING);
    let [create] = plan.kind_plans[Kind::Vm as usize].new_hosts.as_slice() else { panic!("{plan}") };
    assert_eq!((create.technical.as_str(), create.visible.as_str()), ("vm_01", "vm 01"));
    let text = plan.to_string();
    let is_expected = "\
+ host group 'cluster01'
+ host group 'cluster02'
+ VirtualMachine 'vm 01' as 'vm_01'; groups 'virtual machines', 'cluster01'; templates 'VM'; \
macros '{$MORE}', '{$VSPHERE.HOST}=vc01.example.org', '{$VSPHERE.NAME}=vm 01'; \
tags 'vsphere.vcenter=vc01.example.org', 'vsphere.object=VirtualMachine:vm-1', 'vsphere.cluster=cluster01'; proxy 'proxy01'
2 host group(s) and 1 host(s) to create, 0 to change, 0 to delete
";
    assert_eq!(text, is_expected);
    let after = apply_until_stable(&config, &[("vm-1", "vm 01", "host-1")], &zabbix(), NOTHING);
    assert_eq!(after.hosts[0].polled_by, CurrentPoller::Proxy("7".to_owned()));
}

#[test]
fn a_renamed_machine_keeps_its_host() {
    let before = apply_until_stable(&plain(), &[("vm-1", "old name", "host-1")], &zabbix(), NOTHING);
    let after = apply_until_stable(&plain(), &[("vm-1", "new name", "host-1")], &before, NOTHING);
    let [host] = after.hosts.as_slice() else { panic!("{:?}", names(&after)) };
    assert_eq!(
        (host.id.as_str(), host.visible.as_str(), host.technical.as_str()),
        (before.hosts[0].id.as_str(), "new name", "new_name")
    );
    assert_eq!(host.macro_value(NAME_MACRO), Some("new name"));
}

#[test]
fn names_that_people_chose_stay() {
    let mut before = apply_until_stable(&plain(), &[("vm-1", "old", "host-1")], &zabbix(), NOTHING);
    before.hosts[0].visible = "Our mail server".to_owned();
    let after = apply_until_stable(&plain(), &[("vm-1", "new", "host-1")], &before, NOTHING);
    assert_eq!((after.hosts[0].visible.as_str(), after.hosts[0].technical.as_str()), ("Our mail server", "new"));
    assert_eq!(after.hosts[0].macro_value(NAME_MACRO), Some("new"));
}

#[test]
fn a_moved_machine_changes_its_clusters_group_and_no_other() {
    let mut before = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &zabbix(), NOTHING);
    before.hosts[0].groups.push(IdName { id: "9".to_owned(), name: "Our own".to_owned() });
    let moved = [("vm-1", "vm01", "host-2")];
    let after = apply_until_stable(&plain(), &moved, &before, NOTHING);
    assert_eq!(groups_of(&after, "vm01"), ["virtual machines", "Our own", "cluster02"]);
    assert_eq!(after.hosts[0].tag(CLUSTER_TAG), Some("cluster02"));
    // An administrator who removes it from the group is not overruled.
    before.hosts[0].groups.retain(|group| group.name != "cluster01");
    assert!(make(&plain(), &[("vm-1", "vm01", "host-1")], &before, NOTHING).is_empty());
    let still = config("", "  sync: []\n");
    assert!(make(&still, &moved, &before, NOTHING).is_empty());
}

#[test]
fn a_machine_that_is_gone_is_deleted_when_asked() {
    let before = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1"), ("vm-2", "vm02", "host-1")], &zabbix(), NOTHING);
    let left = [("vm-2", "vm02", "host-1")];
    let logged = make(&plain(), &left, &before, NOTHING);
    assert!(logged.is_empty() && logged.orphans[0].disposition == Disposition::Stay && logged.orphans[0].host == "vm01");
    assert_eq!(names(&apply_until_stable(&plain(), &left, &before, DELETE)), ["vm02"]);
}

#[test]
fn nothing_is_deleted_because_vsphere_shows_nothing() {
    let before = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &zabbix(), NOTHING);
    let plan = make(&plain(), &[], &before, DELETE);
    assert!(plan.is_empty());
    assert!(
        matches!(&plan.orphans[0].disposition, Disposition::Protected(message) if message.fails && message.text.contains("--allow-empty")),
        "{:?}",
        plan.orphans
    );
    let sure = DeletionOptions { allow_empty: true, ..DELETE };
    assert!(names(&apply_until_stable(&plain(), &[], &before, sure)).is_empty());
}

/// Machines of these numbers.
fn machines(numbers: std::ops::Range<u32>) -> Vec<(String, String)> {
    numbers.map(|number| (format!("vm-{number}"), format!("vm{number:03}"))).collect()
}

fn on_one_host(machines: &[(String, String)]) -> Vec<(&str, &str, &str)> {
    machines.iter().map(|(moid, name)| (moid.as_str(), name.as_str(), "host-1")).collect()
}

#[test]
fn ignoring_all_machines_deletes_their_hosts() {
    let machines = machines(0..40);
    let before = apply_until_stable(&plain(), &on_one_host(&machines), &zabbix(), NOTHING);
    assert!(names(&apply_until_stable(&config("    ignore_vm: .*\n", ""), &on_one_host(&machines), &before, DELETE)).is_empty());
}

#[test]
fn a_large_part_of_a_type_is_not_deleted_without_a_word() {
    let with = |limit: &str| DeletionOptions { max_delete: Some(limit.parse().unwrap()), ..DELETE };
    let all = machines(0..100);
    let before = apply_until_stable(&plain(), &on_one_host(&all), &zabbix(), NOTHING);
    let deleted = |left: std::ops::Range<u32>, state: &ZabbixState, options: DeletionOptions| {
        let plan = make(&plain(), &on_one_host(&machines(left)), state, options);
        let count = plan.deletions().count();
        assert!(plan.refusals.is_empty() || count == 0, "{plan}");
        (count, plan.refusals.iter().map(|(_, message)| message.clone()).next())
    };
    assert_eq!(deleted(20..100, &before, DELETE), (20, None));
    let (count, message) = deleted(0..79, &before, DELETE);
    let message = message.unwrap();
    assert!(count == 0 && message.fails, "{message:?}");
    assert!(message.text.starts_with("21 of 100 hosts") && message.text.contains("--max-delete 21"), "{message:?}");
    assert_eq!(deleted(0..81, &before, with("18")).0, 0);
    for (left, limit, is_expected) in [(0..80, "20", 20), (0..79, "21%", 21), (1..2, "100%", 99), (200..201, "100", 100)] {
        assert_eq!(deleted(left, &before, with(limit)), (is_expected, None), "{limit}");
    }
    // What the configuration does not want any more goes beside that, and hosts of others are not counted at all.
    let ignoring = config("    ignore_vm: vm0[0-3]\n", "");
    let mut some_theirs = before.clone();
    let theirs = Tag { tag: ADOPTED_TAG.to_owned(), value: "yes".to_owned() };
    some_theirs.hosts[50..].iter_mut().for_each(|host| host.tags.push(theirs.clone()));
    let plan = make(&ignoring, &on_one_host(&machines(0..45)), &some_theirs, DELETE);
    assert_eq!((plan.deletions().count(), plan.refusals.len()), (40 + 5, 0), "{plan}");
    // Ten are never too many, and --allow-empty needs no limit beside it.
    let few = apply_until_stable(&plain(), &on_one_host(&machines(0..11)), &zabbix(), NOTHING);
    assert_eq!(deleted(10..11, &few, DELETE), (10, None));
    let plan = make(&plain(), &[], &before, DeletionOptions { allow_empty: true, ..DELETE });
    assert_eq!((plan.deletions().count(), plan.refusals.len()), (100, 0));
}

#[test]
fn a_type_that_is_not_configured_is_left_alone() {
    let before = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &zabbix(), NOTHING);
    let text = format!("vsphere: {{hostname: {VCENTER}}}\nzabbix: {{hostname: 'http://zabbix', api_token: x}}\n");
    let plan = make(&Config::parse(&text).unwrap(), &[], &before, DELETE);
    assert!(plan.is_empty() && plan.orphans.is_empty());
    let messages: Vec<_> =
        plan.kind_plans.iter().flat_map(|kind_plan| &kind_plan.messages).map(|message| message.text.as_str()).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[1], "There is no 'vsphere_object_vm' entry in the config file");
}

#[test]
fn an_entry_that_makes_no_sense_costs_no_host() {
    let before = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &zabbix(), NOTHING);
    let check = |entry: &str, is_expected: &[&str]| {
        let text = format!(
            "vsphere: {{hostname: {VCENTER}}}\nzabbix:\n  hostname: http://zabbix\n  api_token: x\n  vsphere_object_vm: {entry}\n"
        );
        let plan = make(&Config::parse(&text).unwrap(), &[("vm-2", "vm02", "host-1")], &before, DELETE);
        assert!(plan.is_empty() && plan.orphans.is_empty(), "{plan}");
        let messages = &plan.kind_plans[Kind::Vm as usize].messages;
        assert_eq!(messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), is_expected);
        assert!(messages.iter().any(|message| message.fails));
    };
    check("{groups: g}", &["No templates are defined for 'vsphere_object_vm' config entry"]);
    check("{templates: VM}", &["No groups defined for 'vsphere_object_vm' config entry"]);
    check(
        "{templates: [x], groups: g}",
        &["Unable to find 'x' template", "No valid templates found for 'vsphere_object_vm' config entry"],
    );
    check("{templates: VM, groups: g, proxy: p}", &["Unable to find Zabbix proxy 'p'"]);
    check("{templates: VM, groups: g, proxy_group: p}", &["Unable to find Zabbix proxy group 'p'"]);
    // One that exists is enough.
    let plan = make(&config("", ""), &[("vm-2", "vm02", "host-1")], &before, NOTHING);
    assert_eq!(plan.kind_plans[Kind::Vm as usize].new_hosts.len(), 1);
}

#[test]
fn hosts_of_the_original_importer_are_taken_over_for_good_where_the_configuration_says_so() {
    let mut state = zabbix();
    state.groups.push(IdName { id: "6".to_owned(), name: "cluster01".to_owned() });
    let mut old = host("100", "vm 01", Some(VCENTER));
    old.groups.push(IdName { id: "6".to_owned(), name: "cluster01".to_owned() });
    state.hosts.push(old);
    let own = config("", "  adopt: own\n");
    let plan = make(&own, &[("vm-1", "vm 01", "host-2")], &state, NOTHING).to_string();
    assert!(plan.contains("'vm 01' (hostid 100); is taken over and may be deleted later;"), "{plan}");
    // It was in cluster01 when the original made its host, which stayed in that group.
    let after = apply_until_stable(&own, &[("vm-1", "vm 01", "host-2")], &state, NOTHING);
    let [host] = after.hosts.as_slice() else { panic!("{:?}", names(&after)) };
    assert_eq!((host.id.as_str(), host.technical.as_str()), ("100", "vm 01"));
    assert_eq!((host.tag(VCENTER_TAG), host.tag(OBJECT_TAG)), (Some(VCENTER), Some("VirtualMachine:vm-1")));
    assert_eq!(groups_of(&after, "vm 01"), ["virtual machines", "cluster02"]);
    assert_eq!(host.tag(ADOPTED_TAG), None);
    // Renamed later, both of its names follow, and when its machine is gone it may be deleted. `adopt` mattered in that one run only.
    let renamed = apply_until_stable(&plain(), &[("vm-1", "vm 02", "host-2")], &after, NOTHING);
    assert_eq!((renamed.hosts[0].technical.as_str(), renamed.hosts[0].visible.as_str()), ("vm_02", "vm 02"));
    assert!(names(&apply_until_stable(&plain(), &[("vm-9", "other", "host-1")], &renamed, DELETE)) == ["other"]);
}

#[test]
fn what_others_made_is_never_deleted() {
    let mut state = zabbix();
    state.hosts.push(host("100", "notes about vc01", Some(VCENTER)));
    state.hosts.push(host("101", VCENTER, Some(VCENTER)));
    state.hosts.push(host("102", "vm02", Some(VCENTER)));
    let mut discovered = host("103", "vm03", Some(VCENTER));
    discovered.discovered = true;
    state.hosts.push(discovered);
    let all = [("vm-1", "vm01", "host-1"), ("vm-2", "vm02", "host-1"), ("vm-3", "vm03", "host-1"), ("vm-4", VCENTER, "host-1")];
    let before = apply_until_stable(&plain(), &all, &state, DELETE);
    assert_eq!(names(&before), ["notes about vc01", VCENTER, "vm02", "vm03", "vm01", "vc01.example.org (vm-4)"]);
    assert_eq!(before.hosts[2].tag(ADOPTED_TAG), Some("yes"));
    let plan = make(&plain(), &all, &state, DELETE).to_string();
    assert!(plan.contains("'vm02' (hostid 102); is taken over and never deleted;"), "{plan}");
    assert!(before.hosts[3].tags.is_empty() && before.hosts[1].tags.is_empty());
    let after = apply_until_stable(&plain(), &[("vm-9", "new", "host-1")], &before, DELETE);
    assert_eq!(names(&after), ["notes about vc01", VCENTER, "vm02", "vm03", "new"]);
    // The tag of the first take-over stays in force until it is removed.
    let own = config("", "  adopt: own\n");
    assert_eq!(apply_until_stable(&own, &[("vm-9", "new", "host-1")], &after, DELETE).hosts, after.hosts);
    let mut unmarked = after.clone();
    unmarked.hosts[2].tags.retain(|tag| tag.tag != ADOPTED_TAG);
    let less = apply_until_stable(&plain(), &[("vm-9", "new", "host-1")], &unmarked, DELETE);
    assert_eq!(names(&less), ["notes about vc01", VCENTER, "vm03", "new"]);
    let plan = make(&plain(), &[("vm-9", "new", "host-1")], &after, DELETE);
    assert!(plan.strangers.iter().any(|message| message.text.contains("notes about vc01")));
}

/// A host with this program's tags that stands for another vCenter's object.
fn of_another_vcenter(id: &str, name: &str, moid: &str) -> Host {
    let mut other = host(id, name, Some("vc02.example.org"));
    let tag = |tag: &str, value: String| Tag { tag: tag.to_owned(), value };
    other.tags = vec![tag(VCENTER_TAG, "vc02.example.org".to_owned()), tag(OBJECT_TAG, format!("VirtualMachine:{moid}"))];
    other
}

#[test]
fn another_vcenters_hosts_are_left_alone() {
    let mut state = zabbix();
    state.hosts.push(of_another_vcenter("100", "vm01", "vm-1"));
    state.hosts.push(of_another_vcenter("101", "vm02", "vm-2"));
    let after = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &state, DELETE);
    assert_eq!(names(&after), ["vm01", "vm02", "vm01 (vm-1)"]);
    assert_eq!(after.hosts[..2], state.hosts[..]);
}

#[test]
fn our_host_is_not_deleted_when_it_bears_the_vcenters_name() {
    let before = apply_until_stable(&plain(), &[("vm-1", VCENTER, "host-1"), ("vm-2", "vm02", "host-1")], &zabbix(), NOTHING);
    assert_eq!(before.hosts[0].visible, VCENTER);
    let plan = make(&plain(), &[("vm-2", "vm02", "host-1")], &before, DELETE);
    assert!(plan.is_empty() && matches!(plan.orphans[0].disposition, Disposition::Protected(_)));
}

#[test]
fn a_name_of_somebody_else_is_not_taken() {
    let mut state = zabbix();
    state.hosts.push(host("100", "vm01", None));
    state.hosts.push(host("101", "vm02", Some("vc02.example.org")));
    state.template_names.insert("vm03".to_owned());
    let machines = [("vm-1", "vm01", "host-1"), ("vm-2", "vm02", "host-1"), ("vm-3", "vm03", "host-1")];
    let after = apply_until_stable(&plain(), &machines, &state, NOTHING);
    assert_eq!(names(&after), ["vm01", "vm02", "vm02 (vm-2)", "vm03 (vm-3)"]);
    let messages = &make(&plain(), &machines, &after, NOTHING).kind_plans[Kind::Vm as usize].messages;
    assert!(messages[0].text.contains("'vm01'") && messages[0].text.contains(HOST_MACRO) && !messages[0].fails, "{messages:?}");
}

#[test]
fn machines_of_one_name_get_a_host_each() {
    let twins =
        [("vm-10", "twin", "host-1"), ("vm-9", "twin", "host-1"), ("vm-1", "t/win", "host-1"), ("vm-2", "t_win", "host-1")];
    let before = apply_until_stable(&plain(), &twins, &zabbix(), NOTHING);
    assert_eq!(names(&before), ["t/win", "t_win", "twin", "twin (vm-10)"]);
    let technical: Vec<_> = before.hosts.iter().map(|host| host.technical.as_str()).collect();
    assert_eq!(technical, ["t_win", "t_win_vm-2", "twin", "twin_vm-10"]);
    assert_eq!((before.hosts[2].macro_value(NAME_MACRO), before.hosts[2].tag(NAME_TAG)), (Some("moid:vm-9"), Some("twin")));
    // One of them goes, and the other is renamed.
    let after = apply_until_stable(&plain(), &[("vm-10", "single", "host-1")], &before, DELETE);
    assert_eq!(names(&after), ["single"]);
    assert_eq!((after.hosts[0].macro_value(NAME_MACRO), after.hosts[0].tag(NAME_TAG)), (Some("single"), None));
    assert_eq!(after.hosts[0].technical, "single");
}

#[test]
fn names_change_hands() {
    let before = apply_until_stable(&plain(), &[("vm-1", "a", "host-1"), ("vm-2", "b", "host-1")], &zabbix(), NOTHING);
    // Handed on, with a new machine under the name that becomes free.
    let handed = apply_until_stable(
        &plain(),
        &[("vm-1", "b", "host-1"), ("vm-2", "c", "host-1"), ("vm-3", "a", "host-1")],
        &before,
        NOTHING,
    );
    assert_eq!(names(&handed), ["b", "c", "a"]);
    // Swapped: there is no order in which both are free.
    let swapped = apply_until_stable(&plain(), &[("vm-1", "b", "host-1"), ("vm-2", "a", "host-1")], &before, NOTHING);
    assert_eq!(names(&swapped), ["b (vm-1)", "a"]);
}

#[test]
fn a_machine_that_returns_under_another_id_keeps_its_host() {
    let before = apply_until_stable(
        &plain(),
        &[("vm-1", "vm01", "host-1"), ("vm-2", "twin", "host-1"), ("vm-3", "twin", "host-1")],
        &zabbix(),
        NOTHING,
    );
    let returned = [("vm-11", "vm01", "host-1"), ("vm-12", "twin", "host-1"), ("vm-13", "twin", "host-1")];
    let after = apply_until_stable(&plain(), &returned, &before, DELETE);
    let ids = |state: &ZabbixState| state.hosts.iter().map(|host| host.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(names(&after), ["vm01", "twin", "twin (vm-13)"]);
}

#[test]
fn copies_of_our_hosts_are_left_alone() {
    let mut state = apply_until_stable(&plain(), &[("vm-1", "vm01", "host-1")], &zabbix(), NOTHING);
    let mut copy = state.hosts[0].clone();
    (copy.id, copy.visible, copy.technical) = ("99999".to_owned(), "copy".to_owned(), "copy".to_owned());
    state.hosts.push(copy);
    let plan = make(&plain(), &[("vm-1", "vm01", "host-1")], &state, DELETE);
    assert!(plan.is_empty() && plan.orphans.is_empty());
    assert!(plan.kind_plans[Kind::Vm as usize].messages[0].text.contains("'copy'"));
}

#[test]
fn the_configuration_reaches_existing_hosts_only_where_it_says_so() {
    let machines = [("vm-1", "vm01", "host-1")];
    let mut before = apply_until_stable(&plain(), &machines, &zabbix(), NOTHING);
    before.hosts[0].macros.push(Macro { id: "m".to_owned(), name: "{$LIMIT}".to_owned(), value: Some("5".to_owned()) });
    before.hosts[0].macros.push(Macro { id: "s".to_owned(), name: "{$SECRET}".to_owned(), value: None });
    let more = "    macros: {LIMIT: 10, SECRET: x, NEW: y}\n    proxy: proxy01\n";
    let more = |zabbix: &str| {
        let mut config = config(more, zabbix);
        let kind_config = config.kinds.get_mut(&Kind::Vm).unwrap();
        kind_config.templates.push("More".to_owned());
        kind_config.groups.push("New group".to_owned());
        config
    };
    assert!(make(&more(""), &machines, &before, NOTHING).is_empty());
    let all = more("  sync: [cluster, groups, templates, macros, proxy]\n");
    let after = apply_until_stable(&all, &machines, &before, NOTHING);
    let host = &after.hosts[0];
    assert_eq!(groups_of(&after, "vm01"), ["virtual machines", "cluster01", "New group"]);
    assert_eq!(host.templates.iter().map(|template| template.name.as_str()).collect::<Vec<_>>(), ["VM", "More"]);
    assert_eq!((host.macro_value("{$LIMIT}"), host.macro_value("{$NEW}")), (Some("10"), Some("y")));
    assert_eq!(host.user_macro("{$SECRET}").unwrap().value, None);
    assert_eq!(host.polled_by, CurrentPoller::Proxy("7".to_owned()));
}

#[test]
fn secrets_are_set_once_and_never_shown() {
    let machines = [("vm-1", "vm01", "host-1")];
    let with = |sync: &str| config("    secret_macros: {GUEST.PASSWORD: s3cret}\n", sync);
    let first = make(&with(""), &machines, &zabbix(), NOTHING);
    assert!(first.to_string().contains("; macros '{$GUEST.PASSWORD} (secret)', "), "{first}");
    assert!(!format!("{first}{first:?}").contains("s3cret"), "{first:?}");
    let made = apply_until_stable(&with(""), &machines, &zabbix(), NOTHING);
    assert_eq!(made.hosts[0].user_macro("{$GUEST.PASSWORD}").unwrap().value, None);
    // What Zabbix keeps secret cannot be compared and stays; what it shows becomes secret, where macros are followed.
    let sync = "  sync: [macros]\n";
    assert!(make(&with(sync), &machines, &made, NOTHING).is_empty());
    let readable = apply_until_stable(&config("    macros: {GUEST.PASSWORD: s3cret}\n", ""), &machines, &zabbix(), NOTHING);
    assert_eq!(readable.hosts[0].macro_value("{$GUEST.PASSWORD}"), Some("s3cret"));
    assert!(make(&with(""), &machines, &readable, NOTHING).is_empty());
    let plan = make(&with(sync), &machines, &readable, NOTHING).to_string();
    assert!(plan.contains("; macros '{$GUEST.PASSWORD} (secret)'\n") && !plan.contains("s3cret"), "{plan}");
    assert_eq!(apply_until_stable(&with(sync), &machines, &readable, NOTHING).hosts[0].macro_value("{$GUEST.PASSWORD}"), None);
}

#[test]
fn hosts_of_machines_in_some_states_are_disabled_while_they_last() {
    let config = config("    disable_vm_in_powerstate: poweredOff\n", "");
    let with = |power: &str| {
        let mut answers = vsphere(&[("vm-1", "vm01", "host-1"), ("vm-2", "vm02", "host-1")]);
        answers.get_mut(&Kind::Vm).unwrap()[0].insert("runtime.powerState".to_owned(), json!(power));
        Inventory::new(&config, &answers)
    };
    let step = |state: &ZabbixState, power: &str| {
        let after = apply(state, &plan(&config, &with(power), state, NOTHING));
        assert!(plan(&config, &with(power), &after, NOTHING).is_empty());
        after
    };
    let on = step(&zabbix(), "poweredOn");
    let off = step(&on, "poweredOff");
    assert_eq!((off.hosts[0].disabled, off.hosts[1].disabled), (true, false));
    assert_eq!(off.hosts[0].tag(DISABLED_TAG), Some("poweredOff"));
    let on_again = step(&off, "poweredOn");
    assert!(!on_again.hosts[0].disabled && on_again.hosts[0].tag(DISABLED_TAG).is_none());
    // What people disabled stays disabled.
    let mut by_hand = on.clone();
    by_hand.hosts[0].disabled = true;
    assert!(step(&step(&by_hand, "poweredOff"), "poweredOn").hosts[0].disabled);
    assert!(step(&zabbix(), "poweredOff").hosts[0].disabled, "a new one too");
}

#[test]
fn a_datastore_is_known_by_its_url_and_named_by_its_name() {
    let text = format!(
        "vsphere: {{hostname: {VCENTER}}}\nzabbix:\n  hostname: http://zabbix\n  api_token: x\n  \
         vsphere_object_datastore: {{templates: VM, groups: Datastores}}\n"
    );
    let config = Config::parse(&text).unwrap();
    let with = |name: &str| {
        let row = json!({"moid": "datastore-1", "name": name, "info.url": "ds:///vmfs/volumes/1/"});
        let none = || Vec::new();
        let answers = BTreeMap::from([(Kind::Cluster, none()), (Kind::Datastore, vec![row.as_object().unwrap().clone()])]);
        Inventory::new(&config, &answers)
    };
    let before = apply(&zabbix(), &plan(&config, &with("data 1"), &zabbix(), NOTHING));
    let host = &before.hosts[0];
    assert_eq!((host.technical.as_str(), host.visible.as_str()), ("data_1", "ds:///vmfs/volumes/1/"));
    assert_eq!(host.macro_value(NAME_MACRO), Some("data 1"));
    let after = apply(&before, &plan(&config, &with("data 2"), &before, NOTHING));
    assert_eq!((after.hosts[0].technical.as_str(), after.hosts[0].visible.as_str()), ("data_2", "ds:///vmfs/volumes/1/"));
    assert!(plan(&config, &with("data 2"), &after, NOTHING).is_empty());
}

/// A few names that collide, clean to the same, to nothing, or are too long.
fn any_name() -> impl Strategy<Value = String> {
    let fixed =
        ["a", "b", "a b", "a_b", "a%2fb", "日本", "мир", VCENTER, "null", "moid:vm-1", "{#X} $1 [\"]", "foreign", "discovered"];
    prop_oneof![
        8 => prop::sample::select(fixed.map(str::to_owned).to_vec()),
        1 => Just("x".repeat(200)),
        1 => ".{1,90}",
    ]
}

/// One state of vSphere: machines by number, name and host.
fn any_machines() -> impl Strategy<Value = Vec<(String, String, String)>> {
    let machine = (any_name(), prop::sample::select(vec!["host-1", "host-2", "host-gone"]));
    prop::collection::btree_map(1_u32..8, machine, 1..8).prop_map(|machines| {
        let machine = |(number, (name, host)): (u32, (String, &str))| (format!("vm-{number}"), name, host.to_owned());
        machines.into_iter().map(machine).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens in vSphere from run to run: Zabbix accepts every plan, a second run does nothing, every machine has its
    /// host and only one, hosts of others stay as they are, and a machine that stays keeps its host.
    #[test]
    fn any_history_is_followed(history in prop::collection::vec(any_machines(), 1..6), delete in any::<bool>()) {
        let config = plain();
        let options = DeletionOptions { delete, allow_empty: true, ..NOTHING };
        let mut state = zabbix();
        state.hosts.push(host("100", "foreign", Some("vc02.example.org")));
        state.hosts.push(host("101", VCENTER, Some(VCENTER)));
        state.hosts.push(host("103", "notes", Some(VCENTER)));
        let mut discovered = host("102", "discovered", Some(VCENTER));
        discovered.discovered = true;
        state.hosts.push(discovered);
        state.hosts.push(of_another_vcenter("104", "b", "vm-1"));
        let foreign: Vec<Host> = state.hosts.clone();
        for machines in &history {
            let machines: Vec<_> = machines.iter().map(|(moid, name, host)| (moid.as_str(), name.as_str(), host.as_str())).collect();
            let before = state.clone();
            state = apply(&state, &make(&config, &machines, &state, options));
            let again = make(&config, &machines, &state, options);
            prop_assert!(again.is_empty(), "the second run would do:\n{again}");
            for theirs in &foreign {
                prop_assert!(state.hosts.contains(theirs), "{} was touched", theirs.visible);
            }
            let blocked = machines.iter().any(|(_, name, _)| *name == "discovered");
            let hosts_of = |state: &ZabbixState, moid: &str| {
                let tag = Tag { tag: OBJECT_TAG.to_owned(), value: format!("VirtualMachine:{moid}") };
                let ours = state.hosts.iter().filter(|host| !foreign.contains(host));
                ours.filter(|host| host.tags.contains(&tag)).map(|host| host.id.clone()).collect::<Vec<_>>()
            };
            for (moid, name, _) in &machines {
                let hosts = hosts_of(&state, moid);
                let earlier = hosts_of(&before, moid);
                prop_assert!(hosts.len() == 1 || (hosts.is_empty() && blocked && *name == "discovered"), "{moid}: {hosts:?}");
                prop_assert!(earlier.is_empty() || earlier == hosts, "{moid} lost its host");
            }
            if delete {
                let wanted = |host: &&Host| !foreign.contains(host) && !is_vcenter(host, VCENTER);
                let ours = state.hosts.iter().filter(wanted).filter_map(|host| host.tag(OBJECT_TAG)?.strip_prefix("VirtualMachine:"));
                for moid in ours {
                    prop_assert!(machines.iter().any(|machine| machine.0 == moid), "{moid} is gone and has a host");
                }
            }
        }
    }
}
