//! The module inside a host that plays every generation of Zabbix: `host.c`, with a stand-in for vPoller behind it.

mod peer;
mod program;

use std::fs;

use peer::Peer;
use program::{Host, PROFILES};
use serde_json::Value;
use tempfile::TempDir;
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{ports, workspace};

/// An address where nobody listens.
fn nobody() -> String {
    let [port] = ports::free();
    format!("tcp://127.0.0.1:{port}")
}

/// The milliseconds of a `took` line.
fn took(line: &str) -> u64 {
    line.strip_prefix("took ").unwrap_or_else(|| panic!("{line}")).parse().unwrap()
}

/// A message about silence, without the time that was really waited.
fn without_time(line: &str) -> String {
    let (head, tail) = line.split_once(", waited ").unwrap_or_else(|| panic!("{line}"));
    let (_, tail) = tail.split_once(" s in ").unwrap_or_else(|| panic!("{line}"));
    format!("{head}, waited T s in {tail}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_generation_gets_values_and_messages() {
    let peer = Peer::start();
    for profile in PROFILES {
        let lines = Host::new(profile).proxy(&peer.endpoint).run(&[
            "item:vpoller|name|vc01|ns01|p",
            "item:vpoller.raw|name|vc01|ns 02|p",
            "item:vpoller.json|name|vc01|[]|p",
            "item:vpoller|fail|vc01|Cannot find object ns01|p",
            "item:vpoller.echo|text|unique",
            "item:vpoller.echo|",
            "item:vpoller.echo",
            "item:vpoller.status",
            "item:vpoller|name|vc01|ns01",
            "item:vpoller|1|2|3|4|5|6|7|8|9|10|11",
            "uninit",
        ]);
        let wanted = [
            "s ns01",
            "s ns 02",
            "s []",
            "m Cannot find object ns01",
            "s text",
            "s ",
            "m Invalid number of key parameters",
            "m Invalid number of arguments",
            "m Invalid number of arguments",
            "m Invalid number of arguments",
            "closed",
        ];
        assert_eq!(lines, wanted, "profile {profile}");
    }
}

#[test]
fn a_request_carries_what_the_item_says() {
    let peer = Peer::start();
    let host = Host::new('D').proxy(&peer.endpoint).timeout(7);
    let helper = |key: &str| -> Value {
        let line = host.item(&format!("{key}| body|vc01 |a \"b\" \\c é|p,q|k|user|pass|counter|instance|Past day"));
        let mut body: Value = serde_json::from_str(line.strip_prefix("s ").unwrap()).unwrap();
        let timeout = body["timeout"].take().as_u64().unwrap();
        assert!((6000..=6800).contains(&timeout), "{timeout}: the item's timeout less a margin");
        assert_eq!((&body["method"], &body["hostname"]), (&"body".into(), &"vc01".into()));
        assert_eq!((&body["name"], &body["properties"]), (&"a \"b\" \\c é".into(), &vec!["p,q"].into()));
        assert_eq!((&body["key"], &body["username"], &body["password"]), (&"k".into(), &"user".into(), &"pass".into()));
        assert_eq!((&body["counter-name"], &body["instance"]), (&"counter".into(), &"instance".into()));
        assert_eq!((&body["perf-interval"], &body["max-sample"]), (&"Past day".into(), &"1".into()));
        assert_eq!(body["outcome"], true);
        body["helper"].take()
    };
    assert_eq!(helper("vpoller"), "vpoller.helpers.czabbix");
    assert_eq!(helper("vpoller.raw"), "vpoller.helpers.zabbix.raw");
    assert_eq!(helper("vpoller.json"), "vpoller.helpers.zabbix.json");
}

#[test]
fn replies_of_every_kind_become_clean_results() {
    let peer = Peer::start();
    let cases: [(&[u8], &str); 9] = [
        (b"\"on\"\0\0", "s \"on\""),
        (b"no such VM\0\x01", "m no such VM"),
        (b"\0\x01", "m vPoller gave no reason"),
        (b"\0\0", "s "),
        (b"cut\0here\0\0", "s cut"),
        (b"5", "s 5"),
        (b"", "m vPoller sent an empty reply"),
        (b"bad \xff\xfe utf8\0\0", "s bad \u{fffd}\u{fffd} utf8"),
        (br#"{"success": 1, "msg": "Invalid message received"}"#, "m Invalid message received"),
    ];
    for profile in ['A', 'D'] {
        let items: Vec<String> = cases.iter().map(|(bytes, _)| format!("item:vpoller|hex|vc01|{}|p", hex(bytes))).collect();
        let lines = Host::new(profile).proxy(&peer.endpoint).run(&items.iter().map(String::as_str).collect::<Vec<_>>());
        let wanted: Vec<&str> = cases.iter().map(|(_, wanted)| *wanted).collect();
        assert_eq!(lines, wanted, "profile {profile}");
    }
    let big = Host::new('C').proxy(&peer.endpoint).item("vpoller|big|vc01||");
    assert_eq!(big.len(), 2 + (1 << 20));
}

#[test]
fn a_failure_is_a_value_where_the_file_says_so() {
    let peer = Peer::start();
    let host = Host::new('C').config(&format!("vPollerProxy={}\nvPollerErrors=value", peer.endpoint));
    assert_eq!(host.item("vpoller|fail|vc01|No data|p"), "s No data");
    // What the module itself finds wrong is no value.
    assert_eq!(host.item("vpoller|fail"), "m Invalid number of arguments");
}

#[test]
fn a_late_answer_reaches_nobody() {
    let peer = Peer::start();
    let lines = Host::new('D').proxy(&peer.endpoint).timeout(2).run(&[
        "item:vpoller|late|vc01|ns01|p",
        "item:vpoller|name|vc01|ns02|p",
        "item:vpoller|name|vc01|ns03|p",
    ]);
    let silence = format!(
        "m Did not receive response from vPoller: asked {} for late of \"ns01\" on \"vc01\", waited T s in 1 try; \
         is vpoller-proxy running there?",
        peer.endpoint
    );
    assert_eq!(without_time(&lines[0]), silence);
    assert_eq!(lines[1..], ["s ns02", "s ns03"]);
}

#[test]
fn the_time_an_item_takes_is_limited_as_its_host_wants() {
    let peer = Peer::start();
    let configured = format!("vPollerProxy={}\nvPollerTimeout=1000\n", peer.endpoint);
    let defaults = format!("vPollerProxy={}\n", peer.endpoint);
    // Generation, program, file, Timeout of the host, milliseconds to wait.
    let cases = [
        ('C', "zabbix_agentd", &defaults, 1, 800),
        ('C', "zabbix_agentd", &configured, 30, 1000),
        ('A', "zabbix_agentd", &configured, 1, 800),
        ('B', "zabbix_server", &configured, 30, 1000),
        // A server waits as long as the file says, even beyond its Timeout.
        ('C', "zabbix_proxy_sqlite3", &configured, 1, 1000),
        ('D', "zabbix_server", &configured, 1, 800),
        ('N', "zabbix_server", &configured, 1, 800),
    ];
    for (profile, program, config, timeout, wanted) in cases {
        let host = Host::new(profile).program(program).config(config).timeout(timeout);
        let lines = host.run(&["time:vpoller|never|vc01||"]);
        let waited = took(&lines[1]);
        // The upper limit only tells one rule from another: the machine may be busy.
        assert!((wanted..wanted * 8).contains(&waited), "{profile} {program}: {waited} ms instead of {wanted}");
        assert!(
            lines[0].starts_with(&format!("m Did not receive response from vPoller: asked {}", peer.endpoint)),
            "{}",
            lines[0]
        );
    }
}

#[test]
fn retries_share_the_time() {
    let peer = Peer::start();
    let config = format!("vPollerProxy={}\nvPollerRetries=4\n", peer.endpoint);
    let lines = Host::new('D').config(&config).timeout(3).run_with_log(&["time:vpoller|never|vc01||"]);
    let retrying =
        lines.iter().filter(|line| line.starts_with("log 3 Did not receive response from vPoller, retrying...")).count();
    let giving_up =
        lines.iter().filter(|line| line.starts_with("log 3 Did not receive response from vPoller, giving up.")).count();
    assert_eq!((retrying, giving_up), (3, 1), "{lines:?}");
    assert!((2800..20_000).contains(&took(lines.last().unwrap())), "{lines:?}");
    let timeouts: Vec<u64> = peer.received().iter().map(|request| request["timeout"].as_u64().unwrap()).collect();
    // A quarter each; the last one has what the others left.
    assert!(timeouts.len() == 4 && timeouts[..3].iter().all(|timeout| (690..=700).contains(timeout)), "{timeouts:?}");
}

#[test]
fn nobody_listening_is_said_with_the_address() {
    let address = nobody();
    let line = Host::new('D').proxy(&address).timeout(1).item("vpoller|about|vc01||");
    let silence = format!(
        "m Did not receive response from vPoller: asked {address} for about on \"vc01\", waited T s in 1 try; \
         is vpoller-proxy running there?"
    );
    assert_eq!(without_time(&line), silence);
    let refused = Host::new('D').proxy("tcp://*:10123").item("vpoller|about|vc01||");
    assert!(refused.starts_with("m cannot ask vPoller: cannot connect to tcp://*:10123: "), "{refused}");
}

#[test]
fn the_next_proxy_answers_for_a_dead_one_which_is_then_left_out() {
    let peer = Peer::start();
    let host = Host::new('D').proxy(&format!("{}, {}", nobody(), peer.endpoint)).timeout(4);
    let lines = host.run_with_log(&["item:vpoller|name|vc01|a|p", "item:vpoller|name|vc01|b|p", "item:vpoller|name|vc01|c|p"]);
    let answers: Vec<&String> = lines.iter().filter(|line| !line.starts_with("log ")).collect();
    assert_eq!(answers, ["s a", "s b", "s c"]);
    assert_eq!(lines.iter().filter(|line| line.contains("retrying...")).count(), 1, "{lines:?}");
    assert_eq!(peer.received().len(), 3);
}

#[test]
fn workers_forked_before_and_after_the_first_item_have_connections_of_their_own() {
    let peer = Peer::start();
    for profile in ['A', 'C', 'D', 'N'] {
        let lines = Host::new(profile).proxy(&peer.endpoint).timeout(30).run(&[
            "fork:4:50:vpoller|name|vc01|%|p",
            "item:vpoller|name|vc01|parent|p",
            "fork:4:50:vpoller|name|vc01|%|p",
            "item:vpoller|name|vc01|parent again|p",
            "uninit",
        ]);
        let children = "children 4 failed 0";
        assert_eq!(lines, [children, "s parent", children, "s parent again", "closed"], "profile {profile}");
    }
}

#[test]
fn signals_neither_lose_an_answer_nor_change_the_time() {
    let peer = Peer::start();
    let lines = Host::new('C').proxy(&peer.endpoint).timeout(2).run(&[
        "storm:10",
        "item:vpoller|name|vc01|a|p",
        "time:vpoller|never|vc01||",
        "item:vpoller|name|vc01|b|p",
        "storm:0",
    ]);
    assert_eq!((lines[0].as_str(), lines[3].as_str()), ("s a", "s b"));
    assert!(lines[1].starts_with("m Did not receive response"), "{}", lines[1]);
    assert!((1800..10_000).contains(&took(&lines[2])), "{}", lines[2]);
    let signals: u32 = lines[4].strip_prefix("signals ").unwrap().parse().unwrap();
    assert!(signals > 20, "only {signals} signals: the test did not test");
}

#[test]
fn a_waiting_worker_can_be_ended_from_a_signal_handler() {
    let peer = Peer::start();
    let lines = Host::new('A').proxy(&peer.endpoint).timeout(30).run(&["terminate:vpoller|never|vc01||", "uninit"]);
    assert_eq!(lines, ["ended at once", "closed"]);
}

#[test]
fn loading_makes_nothing_and_the_library_can_go_and_come_back() {
    let peer = Peer::start();
    let library = workspace::module();
    let lines = Host::new('D').proxy(&peer.endpoint).run(&[
        "count",
        "item:vpoller.echo|x",
        "count",
        "item:vpoller|name|vc01|a|p",
        "count",
        "item:vpoller|name|vc01|b|p",
        "count",
        "uninit",
        &format!("load:{}", library.display()),
        "item:vpoller|name|vc01|c|p",
    ]);
    let wanted: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.starts_with("descriptors ")).collect();
    assert_eq!(wanted, ["s x", "s a", "s b", "closed", "loaded", "s c"]);
    let counts: Vec<(i32, i32)> = lines.iter().filter_map(|line| counts(line)).collect();
    let [loaded, echoed, asked, again] = counts[..] else { panic!("{counts:?}") };
    assert_eq!((loaded.1, echoed), (1, loaded), "nothing before the first request");
    assert_eq!(again, asked, "nothing new for the second");
    assert_eq!(asked.1, 3, "libzmq's two threads");
    // Eleven without the flags that tell libzmq of eventfd.
    assert_eq!(asked.0 - loaded.0, 7, "descriptors: were libzmq's flags of .cargo/config.toml lost?");
}

fn counts(line: &str) -> Option<(i32, i32)> {
    let (descriptors, threads) = line.strip_prefix("descriptors ")?.split_once(" threads ")?;
    Some((descriptors.parse().ok()?, threads.parse().ok()?))
}

#[test]
fn both_file_names_load() {
    let folder = TempDir::new().unwrap();
    for name in ["libvpoller.so", "vpoller.so"] {
        let path = folder.path().join(name);
        fs::copy(workspace::module(), &path).unwrap();
        assert_eq!(Host::new('C').library(&path).item("vpoller.echo|x"), "s x", "{name}");
    }
}

#[test]
fn a_host_of_unknown_layout_is_refused_until_somebody_names_it() {
    let refused = Host::new('X').finish(&[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stdout.ends_with("cannot initialize module\n"), "{}", refused.stdout);
    let hint = "log 2 the vPoller module cannot tell which release of Zabbix loads it: set vPollerHostLayout to 2.2 or 3.0 in ";
    assert!(refused.stdout.contains(hint), "{}", refused.stdout);
    assert_eq!(Host::new('X').variable("VPOLLER_ZABBIX_ABI", "2.2").item("vpoller.echo|x"), "s x");
    assert_eq!(Host::new('X').config("vPollerHostLayout=2.2").item("vpoller.echo|x"), "s x");
    // The environment goes before the file, and nonsense in it is said and passed over.
    let both = Host::new('B').config("vPollerHostLayout=7.0");
    assert_eq!(both.variable("VPOLLER_ZABBIX_ABI", "auto").item("vpoller.echo|x"), "s x");
    let nonsense = Host::new('B').variable("VPOLLER_ZABBIX_ABI", "6").finish(&["item:vpoller.echo|x"]);
    let complaint = "log 2 the environment variable VPOLLER_ZABBIX_ABI is ignored: \"6\" is none of auto, 2.2, 3.0, 3.2, 7.0\n";
    assert!(nonsense.stdout.contains(complaint) && nonsense.stdout.ends_with("s x\n"), "{}", nonsense.stdout);
}

#[test]
fn a_wrong_override_is_refused_by_the_host_before_any_harm() {
    for (profile, word, version) in [('A', "7.0", 2), ('B', "3.2", 2), ('C', "2.2", 1), ('D', "3.0", 1)] {
        let refused = Host::new(profile).variable("VPOLLER_ZABBIX_ABI", word).finish(&[]);
        assert_eq!((refused.code, refused.stdout), (1, format!("unsupported module version: {version}\n")));
    }
}

/// Proof that the checks of `host.c` check something.
#[test]
fn the_host_of_these_tests_does_not_survive_a_wrong_layout() {
    let touched_a_guard_page = Host::new('A').variable("VPOLLER_ZABBIX_ABI", "3.0").finish(&["item:vpoller.echo|x"]);
    assert_eq!((touched_a_guard_page.code, touched_a_guard_page.stdout.ends_with("loaded\n")), (-1, true));
    let wrote_nothing = Host::new('B').variable("VPOLLER_ZABBIX_ABI", "2.2").finish(&["item:vpoller.echo|x"]);
    assert_eq!(wrote_nothing.code, 3, "{}", wrote_nothing.stdout);
    assert!(wrote_nothing.stdout.ends_with("BROKEN during vpoller.echo|x: code 1 with type 0\n"), "{}", wrote_nothing.stdout);
}

#[test]
fn a_mistake_in_the_file_stops_no_host_and_every_item_names_it() {
    let host = Host::new('C').config("vPollerTimeout=5000\nvPollerRetries=0\nvPollerProxies=tcp://a:1\n");
    let lines = host.finish(&["item:vpoller|about|vc01||", "item:vpoller.echo|x"]).stdout;
    let lines: Vec<&str> = lines.lines().collect();
    let mistake = "wrong value of \"vPollerRetries\" in config file \"";
    let log: Vec<&&str> = lines.iter().filter(|line| line.starts_with("log 2 ")).collect();
    assert!(log[0].starts_with(&format!("log 2 {mistake}")), "{}", log[0]);
    assert!(log[0].ends_with("; no vPoller item will work until this is corrected and Zabbix restarted"), "{}", log[0]);
    assert!(log[1].starts_with("log 2 unknown parameter \"vPollerProxies\" in config file \""), "{}", log[1]);
    for line in &lines[lines.len() - 2..] {
        assert!(line.starts_with(&format!("m the vPoller module is not configured: {mistake}")), "{line}");
        assert!(line.ends_with("module.conf\", line 2: \"0\" is not a number from 1 to 100"), "{line}");
    }
}

#[test]
fn the_log_has_the_documented_lines_at_the_level_the_host_wants_and_no_password() {
    let peer = Peer::start();
    for profile in ['A', 'O', 'C', 'P', 'D', 'N'] {
        let commands = ["item:vpoller|name|vc01|ns01|p|key|user|hunter2", "item:vpoller|never|vc01|ns01|p|key|user|hunter2"];
        let host = Host::new(profile).proxy(&peer.endpoint).timeout(1);
        let output = host.log_level(4).finish(&commands).stdout;
        for wanted in [
            format!("log 127 vPoller module version {}\n", env!("CARGO_PKG_VERSION")),
            "log 127 Loading vPoller module configuration file /".to_owned(),
            format!("log 4 vPoller Proxy: {}\n", peer.endpoint),
            "log 4 vPoller Timeout: not set\n".to_owned(),
            format!("log 4 Sending task request to vPoller: name of \"ns01\" on \"vc01\" ({})\n", peer.endpoint),
            "log 4 Received reply from vPoller\n".to_owned(),
            "log 3 Did not receive response from vPoller, giving up. (never of \"ns01\" on \"vc01\", ".to_owned(),
        ] {
            assert!(output.contains(&wanted), "profile {profile} lacks {wanted:?}:\n{output}");
        }
        assert!(!output.contains("hunter2"), "profile {profile}:\n{output}");

        let quiet = Host::new(profile).proxy(&peer.endpoint).timeout(1).log_level(2).finish(&commands).stdout;
        assert!(quiet.contains("log 127 ") && !quiet.contains("log 4 ") && !quiet.contains("log 3 "), "{profile}:\n{quiet}");
    }
}

#[test]
fn without_a_log_function_lines_go_to_standard_error() {
    let finished = Host::new('E').finish(&["item:vpoller.echo|x"]);
    assert_eq!(finished.stdout, "loaded\ns x\n", "standard output belongs to the host");
    assert!(finished.stderr.starts_with("vpoller: vPoller module version "), "{}", finished.stderr);
}

#[test]
fn a_library_with_the_loaders_name_is_not_taken_for_it() {
    let folder = TempDir::new().unwrap();
    let (source, library) = (folder.path().join("namesake.c"), folder.path().join("namesake.so"));
    fs::write(&source, "void load_modules(void) {}\nvoid zbx_logs_free(void) {}\n").unwrap();
    let mut command = std::process::Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    assert_eq!(vpoller_testkit::process::run(command, SLOW).code, 0);
    // Were it believed, the answer would be 1, and the host would refuse the module.
    let host = Host::new('E').variable("LD_PRELOAD", library.to_string_lossy());
    assert_eq!(host.item("vpoller.echo|x"), "s x");
}

#[test]
fn memory_is_handled_cleanly() {
    let peer = Peer::start();
    for profile in ['A', 'D'] {
        let finished = Host::new(profile)
            .proxy(&peer.endpoint)
            .timeout(30)
            .under(&["valgrind", "--quiet", "--error-exitcode=97", "--leak-check=full", "--errors-for-leak-kinds=definite"])
            .finish(&[
                "item:vpoller.echo|hello",
                "item:vpoller|a",
                "item:vpoller|name|vc01|ns01|p",
                "item:vpoller|fail|vc01|Cannot find object|p",
                "item:vpoller|hex|vc01|ff00|p",
                "fork:2:3:vpoller|name|vc01|%|p",
                "item:vpoller|name|vc01|ns02|p",
                "uninit",
            ]);
        assert_eq!(finished.code, 0, "profile {profile}: {}\n{}", finished.stdout, finished.stderr);
        assert!(finished.stdout.ends_with("s ns02\nclosed\n"), "{}", finished.stdout);
    }
}
