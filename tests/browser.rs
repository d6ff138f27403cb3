//! What an administrator sees: Zabbix's pages in a real browser, of every series. The pictures of the documentation come from here.

use std::collections::BTreeSet;

use serde_json::json;
use vpoller_testkit::browser::Browser;
use vpoller_testkit::workspace;
use vpoller_testkit::zabbix::{ADMINISTRATOR, Series};

use crate::estate::Estate;
use crate::rights;

/// The machine of the documents with everything filled in, and its id.
fn machine(estate: &Estate) -> (String, String) {
    let host = estate.discovered("vm-101");
    let found = estate.server.api.get("host", &json!({"filter": {"host": [host]}, "output": ["hostid"]}));
    let id = found.first().and_then(|host| host["hostid"].as_str()).expect("the machine's host").to_owned();
    (host, id)
}

fn log_in(browser: &Browser, estate: &Estate) {
    let (user, password) = ADMINISTRATOR;
    browser.open(&format!("{}/index.php", estate.server.pages()));
    browser.fill("#name", user);
    browser.fill("#password", password);
    browser.click("#enter");
    browser.wait_for(&["Global view"]);
}

/// Imports the file with all templates as the documentation says.
fn import(browser: &Browser, estate: &Estate) {
    let (list, button) = match estate.server.series() {
        Series::V6_0 => ("templates.php", "button[onclick*='popup.import']"),
        Series::V7_0 => ("zabbix.php?action=template.list", "#js-import"),
    };
    browser.open(&format!("{}/{list}", estate.server.pages()));
    browser.click(button);
    browser.wait_for(&["Import file", "Delete missing"]);
    let file = workspace::root().join("templates/zabbix/vpoller-all.yaml");
    browser.fill("#import_file", file.to_str().expect("a plain path"));
    if estate.server.series() == Series::V7_0 {
        browser.wait_for_idle();
        browser.picture("zabbix-import");
    }
    browser.click(".overlay-dialogue-footer button");
    browser.wait_for(&["Added", "VMware vSphere Virtual Machine by vPoller"]);
    browser.click_when_there(".modal-popup-fullscreen .overlay-dialogue-footer button");
    browser.wait_for(&["Imported successfully"]);
}

#[test]
fn pages_show_the_estate() {
    Series::together(|series| {
        let mut estate = Estate::start(series, 12);
        let browser = Browser::start();
        log_in(&browser, &estate);
        import(&browser, &estate);
        rights::half_objects_come(&mut estate);
        let vcenter = estate.add_vcenter();
        let host = estate.discovered("vm-101");
        let machines = BTreeSet::from([host.clone()]);
        estate.settle("values of the machine and its filesystems", |items| {
            let own = items.iter().filter(|item| item.host == host && item.value.is_some());
            let enough =
                own.filter(|item| ["vpoller.vm.disk[", "vpoller.vm[perf"].iter().any(|start| item.key.starts_with(start)));
            match (items.iter().any(|item| item.host == host), enough.count()) {
                (false, _) => BTreeSet::from(["vCenter".to_owned()]),
                (true, 10..) => BTreeSet::new(),
                (true, _) => machines.clone(),
            }
        });
        let (host, id) = machine(&estate);
        estate.wait_for_problems(&[(&host, rights::RED)], true);
        let pages = estate.server.pages();
        let picture_as_it_is = |name: &str| {
            if series == Series::V7_0 {
                browser.wait_for_idle();
                browser.picture(name);
            }
        };
        // Without the form above the list, which would fill most of the picture. Zabbix keeps it closed afterwards.
        let picture = |name: &str, form: &str| {
            if series == Series::V7_0 {
                browser.click(form);
            }
            picture_as_it_is(name);
        };

        let templates = match series {
            Series::V6_0 => "templates.php?filter_name=by+vPoller&filter_set=1",
            Series::V7_0 => "zabbix.php?action=template.list&filter_name=by+vPoller&filter_set=1",
        };
        browser.open(&format!("{pages}/{templates}"));
        browser.wait_for(&[
            "VMware vSphere by vPoller",
            "VMware vSphere Virtual Machine by vPoller",
            "VMware vSphere Datastore by vPoller",
        ]);
        picture("zabbix-templates", ".filter-trigger");

        browser.open(&format!("{pages}/zabbix.php?action=host.view&filter_name=example.org&filter_set=1"));
        browser.wait_for(&["vm01.example.org (vm-101 at ", "esxi01.example.org ("]);
        picture("zabbix-hosts", ".tabfilter-item-label.selected a");

        let latest = format!("{pages}/zabbix.php?action=latest.view&hostids%5B%5D={id}&show_details=0&filter_set=1");
        browser.open(&format!("{latest}&name=Free+space"));
        browser.wait_for(&["[/var] Free space in percent", "25 %"]);
        browser.open(&latest);
        browser.wait_for(&["CPU usage in percent", "Connected (1)"]);
        picture("zabbix-latest-data", ".tabfilter-item-label.selected a");

        browser.open(&format!("{pages}/zabbix.php?action=host.dashboard.view&hostid={id}&from=now-5m&to=now"));
        browser.wait_for(&["Red (3)", "Running (1)", "Uptime"]);
        browser.wait_for_images(".dashboard-grid-widget img", 4);
        picture("zabbix-dashboard", ".btn-time");

        browser.open(&format!("{pages}/zabbix.php?action=problem.view&hostids%5B%5D={id}&show=3&filter_set=1"));
        browser.wait_for(&[rights::RED, "Virtual machine has an old snapshot"]);
        picture("zabbix-problem", ".tabfilter-item-label.selected a");

        rights::half_objects_have_no_host(&estate);
        browser.open(&format!("{pages}/zabbix.php?action=host.view&name=vm0&filter_set=1"));
        browser.wait_for(&["vm01.example.org (vm-101 at ", "vm02.example.org ("]);
        assert!(!browser.text().contains(rights::NAMELESS), "{series:?}: {}", browser.text());
        picture_as_it_is("zabbix-half-made");
        let tenant = rights::an_account_loses_privileges(&estate, &host);
        let of_both = format!("hostids%5B%5D={vcenter}&hostids%5B%5D={tenant}&name=privileges");
        browser.open(&format!("{pages}/zabbix.php?action=problem.view&{of_both}&show=3&filter_set=1"));
        browser.wait_for(&[rights::PROBLEM, "System.Read hides"]);
        picture_as_it_is("zabbix-privileges");
        let latest = "zabbix.php?action=latest.view&name=alarms&show_details=0&filter_set=1";
        browser.open(&format!("{pages}/{latest}&hostids%5B%5D={tenant}"));
        browser.wait_for(&["Triggered red alarms"]);
        browser.click_when_there(match series {
            Series::V6_0 => ".list-table .icon-info.status-red",
            Series::V7_0 => ".list-table .zi-i-negative",
        });
        browser.wait_for(&["NoPermission"]);
        picture_as_it_is("zabbix-tenant");
        rights::everything_may_be_read_again(&mut estate, &host);
    });
}
