//! An installation of the first releases, replaced: a configuration file for each program, one for each vSphere host, the old
//! options and management methods, the properties that were polled then.

use std::fs;

use serde_json::{Value, json};
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, Process, SimOptions, Simulator, wait_until};

use crate::interop::machine::on_own_machine;

const HOST: &str = "vc01-test.example.org";

fn management(port: u16, method: &str) -> Value {
    Client::new(format!("tcp://localhost:{port}")).ask(&json!({ "method": method }), SOON)
}

fn polled(method: &str, name: &str, property: &str) -> Value {
    let arguments = ["-m", method, "-V", HOST, "-n", name, "-p", property, "-H", "vpoller.helpers.zabbix"];
    let Finished { code, stdout, stderr } = process::run_workspace("vpoller-client", arguments, SOON);
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{method} {property}: {stdout}"))
}

#[test]
fn the_three_files_of_the_first_releases_serve() {
    on_own_machine("first_release::the_three_files_of_the_first_releases_serve", || {
        let certificate = ServerCertificate::self_signed(&[HOST]);
        let listen = "127.0.0.5:443".parse().unwrap();
        let options = SimOptions { listen, certificate: Some(&certificate), password: "myp4ssw0rd", ..SimOptions::default() };
        let _simulator = Simulator::start(&options);
        fs::create_dir("/etc/vpoller/vsphere").unwrap();
        for (file, text) in [
            ("vpoller-proxy.conf", "[Default]\nfrontend = tcp://*:10123\nbackend  = tcp://*:10124\nmgmt     = tcp://*:9999\n"),
            (
                "vpoller-worker.conf",
                "[Default]\nproxy             = tcp://localhost:10124\nmgmt              = tcp://*:10000\n\
                 vsphere_hosts_dir = /etc/vpoller/vsphere\n",
            ),
            (
                "vsphere/my-vc0.conf",
                "[Default]\nhostname = vc01-test.example.org\nusername = root\npassword = myp4ssw0rd\ntimeout  = 3\n",
            ),
        ] {
            fs::write(format!("/etc/vpoller/{file}"), text).unwrap();
        }
        // As the init scripts of that time called them.
        let pid = |name: &str| format!("/var/log/vpoller/{name}.pid");
        let mut proxy = Process::workspace("vpoller-proxy", ["-d", "-p", &pid("proxy"), "start"]);
        let mut worker =
            Process::workspace("vpoller-worker", ["--daemon", "-o", "-", "--pidfile", &pid("worker"), "-W", "-D", "start"]);
        proxy.wait_for_line("Proxy process is ready and running", SOON);
        worker.wait_for_line("Worker process is ready and running", SOON);
        assert_eq!(fs::read_to_string(pid("worker")).unwrap().trim(), worker.id().to_string());
        wait_until(SOON, "the worker", || management(9999, "status")["result"]["workers"][0].is_object());

        let datastore = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/";
        for (method, name, property, value) in [
            ("vm.get", "vm01.example.org", "runtime.bootTime", json!("2015-02-10 15:48:40+00:00")),
            ("host.get", "esxi01.example.org", "runtime.powerState", json!("poweredOn")),
            ("host.get", "esxi01.example.org", "hardware.memorySize", json!(68_719_476_736_i64)),
            ("host.get", "esxi01.example.org", "runtime.bootTime", json!("2015-02-10 15:48:40+00:00")),
            ("datastore.get", datastore, "info.name", json!("datastore1")),
            ("datastore.get", datastore, "info.freeSpace", json!(549_755_813_888_i64)),
            ("datastore.get", datastore, "summary.capacity", json!(2_199_023_255_552_i64)),
        ] {
            assert_eq!(polled(method, name, property), value, "{method} {property}");
        }

        let old = management(9999, "proxy.status");
        assert_eq!((&old["msg"], &old["result"]["frontend_endpoint"]), (&json!("vPoller Proxy Status"), &json!("tcp://*:10123")));
        let old = management(10000, "worker.status");
        assert_eq!((&old["msg"], &old["result"]["vsphere_agents"]), (&json!("vPoller Worker Status"), &json!([HOST])));
        for member in ["running_since", "uname", "mgmt_endpoint", "proxy_endpoint", "connector_db"] {
            assert!(old["result"][member].is_string(), "{member}: {old}");
        }
        for (port, method, msg, process) in [
            (10000, "worker.shutdown", "vPoller Worker is shutting down", &mut worker),
            (9999, "proxy.shutdown", "vPoller Proxy is shutting down", &mut proxy),
        ] {
            assert_eq!(management(port, method), json!({"success": 0, "msg": msg}));
            assert!(process.wait_exit(SOON).success());
        }
    });
}
