//! The module in a whole Zabbix: server, database, frontend of every series, with many pollers at once.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::wait_until;
use vpoller_testkit::zabbix::{Series, Server, Setting};

use crate::zabbix::Monitored;

/// Runs a simple check at once on behalf of the host that every fresh Zabbix has.
const ANY_HOST: &str = "10084";

/// Virtual machines beside those of the documents.
const MACHINES: usize = 60;

fn key(monitored: &Monitored, name: &str) -> String {
    format!("vpoller[vm.get, {}, {name}, runtime.powerState]", monitored.host)
}

fn setting(monitored: &Monitored, series: Series) -> Setting {
    Setting::new(series, &format!("vPollerProxy={}\nvPollerTimeout=4000\n", monitored.stack.frontend()))
}

/// The button "Test", and what the module writes into the server's log.
#[test]
fn server_tests_items_and_logs_what_it_should() {
    let monitored = Monitored::start(MACHINES, 1);
    Series::each(|series| {
        let server = setting(&monitored, series).server("");
        for line in ["vPoller module version ", "Loading vPoller module configuration file ", "loaded modules: "] {
            assert!(server.log().contains(line), "{series:?}: no {line:?} in {}", server.log());
        }
        assert_eq!(
            server.test_item(ANY_HOST, &key(&monitored, "vm01.example.org")).as_deref(),
            Ok("\"poweredOn\""),
            "{series:?}"
        );
        let message = server.test_item(ANY_HOST, &key(&monitored, "no-such-vm")).expect_err("no such machine");
        assert!(message.contains("Cannot find object no-such-vm"), "{series:?}: {message}");
        let down = Setting::new(series, "vPollerProxy=tcp://127.0.0.1:1\nvPollerTimeout=1000\nvPollerRetries=2\n").server("");
        let message = down.test_item(ANY_HOST, &key(&monitored, "vm01.example.org")).expect_err("nobody listens");
        assert!(message.starts_with("Did not receive response from vPoller"), "{series:?}: {message}");
        for line in ["Did not receive response from vPoller, retrying...", "Did not receive response from vPoller, giving up."] {
            assert!(down.log().contains(line), "{series:?}: no {line:?} in {}", down.log());
        }
        // Lines for debugging are for those who raise the level.
        for log in [server.log(), down.log()] {
            assert!(!log.contains("Sending task request"), "{series:?}: {log}");
        }
    });
}

/// Makes items that are checked every second, one for each machine; their ids.
fn add_items(server: &Server, monitored: &Monitored, count: usize) -> Vec<String> {
    let interfaces = server.api.get("hostinterface", &json!({"hostids": ANY_HOST, "output": ["interfaceid"]}));
    let items: Vec<Value> = (1..=count)
        .map(|number| {
            json!({
                "hostid": ANY_HOST, "name": format!("machine {number}"), "key_": key(monitored, &format!("vm-{number:05}")), "type": 3, "value_type": 4,
                "delay": "1s", "interfaceid": interfaces[0]["interfaceid"],
            })
        })
        .collect();
    let made = server.api.call("item.create", &json!(items));
    made["itemids"].as_array().expect("ids").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Waits until each item has so many more values than now, all of them right.
#[track_caller]
fn wait_for_values(server: &mut Server, ids: &[String], more: u64) {
    let list = ids.join(",");
    let count = |server: &Server| -> Vec<u64> {
        let rows = server
            .sql(&format!("select itemid, count(*) from history_text where itemid in ({list}) group by itemid order by itemid"));
        rows.lines().filter_map(|row| row.split('|').nth(1)?.parse().ok()).collect()
    };
    let before = count(server).into_iter().min().unwrap_or(0);
    wait_until(SLOW, "values of every item", || {
        assert!(server.process.is_running(), "the server ended: {}", server.log());
        let now = count(server);
        now.len() == ids.len() && now.iter().all(|values| *values >= before + more)
    });
    let wrong =
        server.sql(&format!("select distinct value from history_text where itemid in ({list}) and value not like '\"powered%'"));
    assert_eq!(wrong.trim(), "");
}

#[test]
fn many_pollers_survive_a_worker_that_dies() {
    Series::together(|series| {
        let mut monitored = Monitored::start(MACHINES, 2);
        let mut server = setting(&monitored, series).server("StartPollers=8\n");
        let ids = add_items(&server, &monitored, 60);
        wait_for_values(&mut server, &ids, 2);
        monitored.stack.workers.remove(0).process.kill();
        wait_for_values(&mut server, &ids, 2);
        let unsupported =
            server.sql(&format!("select count(*) from item_rtdata where state=1 and itemid in ({})", ids.join(",")));
        assert_eq!(unsupported.trim(), "0", "{series:?}: {}", server.log());
        // Of Zabbix's own items some are.
        let log = server.log();
        let lost: Vec<&str> =
            log.lines().filter(|line| line.contains("became not supported") && line.contains("vpoller[")).collect();
        assert!(lost.is_empty(), "{series:?}: {lost:?}");
    });
}

/// What answers where the proxy should be and is no vPoller: the item gets a message, the daemon lives, the next item is served.
#[test]
fn garbage_instead_of_vpoller_harms_nobody() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Nobody waits for this one; it may be gone.
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n\xff\x00\xff\x00");
        }
    });
    Series::each(|series| {
        let setting = Setting::new(series, &format!("vPollerProxy=tcp://127.0.0.1:{port}\nvPollerTimeout=1000\n"));
        let mut server = setting.server("StartPollers=3\n");
        for _ in 0..3 {
            let message = server.test_item(ANY_HOST, "vpoller[about, vc01.example.org, , version]").expect_err("no vPoller");
            assert!(message.starts_with("Did not receive response from vPoller"), "{series:?}: {message}");
        }
        assert_eq!(server.test_item(ANY_HOST, "vpoller.echo[still here]").as_deref(), Ok("still here"), "{series:?}");
        assert!(server.process.is_running() && !server.log().contains("One child process died"), "{}", server.log());
    });
}

/// Whoever types this only wants a list: nothing is asked of vPoller.
#[test]
fn agent_prints_its_keys() {
    Series::each(|series| {
        let done = Setting::new(series, "vPollerProxy=tcp://127.0.0.1:1\n").agent_print();
        assert_eq!(done.code, 0, "{series:?}: {}", done.stderr);
        for key in ["vpoller", "vpoller.raw", "vpoller.json", "vpoller.echo"] {
            assert!(
                done.stdout.lines().any(|line| line.split([' ', '[']).next() == Some(key)),
                "{series:?} {key}: {}",
                done.stdout
            );
        }
    });
}

/// A proxy that has a server: it gets its items from there and sends the values back.
#[test]
fn proxy_of_a_server_brings_values() {
    let monitored = Monitored::start(MACHINES, 1);
    Series::together(|series| {
        let mut server = setting(&monitored, series).server("StartProxyPollers=0\n");
        let made = match series {
            Series::V6_0 => server.api.call("proxy.create", &json!({"host": "remote", "status": 5})),
            Series::V7_0 => server.api.call("proxy.create", &json!({"name": "remote", "operating_mode": 0})),
        };
        let proxy = made["proxyids"][0].clone();
        let by_the_proxy = match series {
            Series::V6_0 => json!({"hostid": ANY_HOST, "proxy_hostid": proxy}),
            Series::V7_0 => json!({"hostid": ANY_HOST, "monitored_by": 1, "proxyid": proxy}),
        };
        server.api.call("host.update", &by_the_proxy);
        let ids = add_items(&server, &monitored, 60);
        let mut remote = setting(&monitored, series).active_proxy("remote", server.port(), "StartPollers=6\n");
        wait_for_values(&mut server, &ids, 2);
        assert!(remote.process.is_running() && remote.log().contains("loaded modules: "), "{}", remote.log());
    });
}
