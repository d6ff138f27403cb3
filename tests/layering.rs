//! What the module consists of, shows and refers to, and how libzmq was built: nothing that its own code could guarantee.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{wait_until, workspace};

/// Every crate whose code may be in `vpoller.so`. A new name means more code in every process of Zabbix: is it worth that?
const CRATES: [&str; 19] = [
    "bitflags",
    "equivalent",
    "foldhash",
    "hashbrown",
    "indexmap",
    "itoa",
    "libc",
    "memchr",
    "once_cell",
    "serde",
    "serde_core",
    "serde_json",
    "thiserror",
    "vpoller",
    "vpoller-text",
    "vpoller-wire",
    "zmij",
    "zmq",
    "zmq-sys",
];

/// What the module may show to the world.
const EXPORTS: [&str; 5] =
    ["zbx_module_api_version", "zbx_module_init", "zbx_module_item_list", "zbx_module_item_timeout", "zbx_module_uninit"];

/// Libraries that a machine with Zabbix has anyway, or (the C++ runtime) that release builds carry within.
const LIBRARIES: [&str; 5] = ["libc.so", "libgcc_s.so", "libm.so", "libstdc++.so", "ld-linux"];

fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root());
    let Finished { code, stdout, stderr } = process::run(command, SLOW);
    assert_eq!(code, 0, "{program} {arguments:?}: {stderr}");
    stdout
}

fn inspect(program: &str, arguments: &[&str]) -> String {
    let module = workspace::module();
    output(program, &[arguments, &[module.to_str().unwrap()]].concat())
}

#[test]
fn the_module_contains_only_what_is_listed() {
    // Procedural macros run in the compiler and leave nothing of themselves behind.
    let arguments = ["tree", "--offline", "-p", "vpoller", "-e", "normal,no-proc-macro", "--prefix", "none"];
    let tree = output(env!("CARGO"), &arguments);
    let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(found.contains("zmq"), "{found:?}");
    let new: Vec<_> = found.difference(&CRATES.into()).copied().collect();
    assert!(new.is_empty(), "vpoller.so would now contain {new:?}");
}

/// Crates that readers of the inventory do without: whoever links them has sockets of ZeroMQ, requests and methods.
const OF_REQUESTS: [&str; 4] = ["vpoller-wire", "vpoller-worker", "zmq", "zmq-sys"];

#[test]
fn readers_of_the_inventory_know_no_requests() {
    for package in ["vpoller-inventory", "vpoller-exporter", "vpoller-web"] {
        let tree = output(env!("CARGO"), &["tree", "--offline", "-p", package, "-e", "normal", "--prefix", "none"]);
        let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(found.contains(package), "{tree}");
        let wrong: Vec<_> = OF_REQUESTS.into_iter().filter(|name| found.contains(name)).collect();
        assert!(wrong.is_empty(), "{package} would contain {wrong:?}");
    }
}

/// Crates of asynchronous runtimes, and what only serves within one.
const OF_RUNTIMES: [&str; 11] = [
    "async-executor",
    "async-std",
    "axum",
    "embassy-executor",
    "futures-executor",
    "hyper",
    "mio",
    "polling",
    "smol",
    "tokio",
    "vpoller-web",
];

#[test]
fn the_proxy_has_no_asynchronous_runtime() {
    for (package, has_one) in [("vpoller-proxy", false), ("vpoller-daemon", false), ("vpoller-worker", true)] {
        let tree = output(env!("CARGO"), &["tree", "--offline", "-p", package, "-e", "normal", "--prefix", "none"]);
        let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(found.contains(package), "{tree}");
        let runtimes: Vec<_> = OF_RUNTIMES.into_iter().filter(|name| found.contains(name)).collect();
        assert_eq!(!runtimes.is_empty(), has_one, "{package} contains {runtimes:?}");
    }
}

#[test]
fn the_module_exports_what_zabbix_calls_and_nothing_else() {
    let symbols = inspect("nm", &["-D", "--defined-only"]);
    let mut names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    names.sort_unstable();
    assert_eq!(names, EXPORTS);
}

#[test]
fn the_module_needs_nothing_of_its_host_by_name() {
    let symbols = inspect("nm", &["-D", "--undefined-only"]);
    assert!(symbols.contains(" dlsym"), "{symbols}");
    let of_zabbix: Vec<&str> = symbols.lines().filter(|line| line.contains("zbx") || line.contains("zabbix")).collect();
    assert!(of_zabbix.is_empty(), "{of_zabbix:?}");
}

#[test]
fn the_module_stays_mapped_and_needs_common_libraries_only() {
    let dynamic = inspect("readelf", &["-d"]);
    assert!(dynamic.lines().any(|line| line.contains("FLAGS_1") && line.contains("NODELETE")), "{dynamic}");
    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(!needed.is_empty(), "{dynamic}");
    for line in needed {
        assert!(LIBRARIES.iter().any(|name| line.contains(&format!("[{name}"))), "{line}");
    }
}

/// The rest of the flags is held by the number of descriptors, see `host.rs`.
#[test]
fn libzmq_was_built_with_curve_and_keepalive() {
    assert_eq!(zmq::has("curve"), Some(true), "were the flags of .cargo/config.toml lost?");
    let context = zmq::Context::new();
    let (server, client) = (context.socket(zmq::ROUTER).unwrap(), context.socket(zmq::DEALER).unwrap());
    for socket in [&server, &client] {
        socket.set_linger(0).unwrap();
    }
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.get_last_endpoint().unwrap().unwrap();
    // Without the flags these succeed and do nothing.
    client.set_tcp_keepalive(1).unwrap();
    client.set_tcp_keepalive_idle(60).unwrap();
    client.connect(&endpoint).unwrap();
    client.send("hello", 0).unwrap();
    server.recv_multipart(0).unwrap();
    let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    // The timer is that of unacknowledged data at first.
    wait_until(SLOW, "a keepalive timer on the connection", || has_keepalive_timer(port));
}

/// Whether the kernel runs a keepalive timer (kind 2) on a connection to that port.
fn has_keepalive_timer(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.len() > 5 && columns[2].ends_with(&format!(":{port:04X}")) && columns[5].starts_with("02:")
    })
}

#[test]
fn a_panic_can_be_contained_in_every_profile() {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
    let settings: Vec<&str> = manifest.lines().filter(|line| line.trim_start().starts_with("panic")).collect();
    assert!(settings.len() >= 2 && settings.iter().all(|line| line.ends_with("\"unwind\"")), "{settings:?}");
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    let root = workspace::root();
    let mut files = Vec::new();
    for folder in ["proxy/src", "worker/src", "crates"] {
        collect(&root.join(folder), &mut files);
    }
    files
        .retain(|file| !file.starts_with(root.join("crates/testkit")) && file.components().any(|part| part.as_os_str() == "src"));
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let used =
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe(no_mangle)"].iter().any(|form| text.contains(form));
        assert!(!used, "{place} has unsafe code");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
