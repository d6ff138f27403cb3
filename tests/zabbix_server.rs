//! The module in a whole Zabbix: server, database, frontend of every series.

use vpoller_testkit::zabbix::{Series, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack};

/// Runs a simple check at once on behalf of the host that every fresh Zabbix has.
const ANY_HOST: &str = "10084";

#[test]
fn server_tests_items() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    Series::each(|series| {
        let server = Setting::new(series, &format!("vPollerProxy={}\n", stack.frontend())).server("");
        assert!(server.log().contains("loaded modules: "), "{}", server.log());
        let key = |name: &str| format!("vpoller[vm.get, {}, {name}, runtime.powerState]", host.name);
        assert_eq!(server.test_item(ANY_HOST, &key("vm01.example.org")).as_deref(), Ok("\"poweredOn\""), "{series:?}");
        let message = server.test_item(ANY_HOST, &key("no-such-vm")).expect_err("no such machine");
        assert!(message.contains("Cannot find object no-such-vm"), "{series:?}: {message}");
    });
}
