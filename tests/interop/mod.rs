//! Clients that are not ours, and clients in other languages that are: what the documents show runs, and so does what our pages show.

pub(crate) mod machine;
pub(crate) mod page;

use std::process::Command;

use machine::{Machine, PYTHON, RUBY, last_json, on_own_machine, with_package};
use page::{blocks, programs};
use serde_json::{Value, json};
use vpoller_testkit::certificates::Authority;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{Host, Process, SimOptions, Simulator, Stack, ports, workspace};
use vpoller_wire::Request;
use vpoller_wire::client::VPollerClient;

const SILENCE: &str = r#"{"success": 1, "msg": "Did not receive response, aborting..."}"#;

/// Debian's Python, ready to run one of the scripts in `tests/interop/`.
fn python(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(workspace::root().join("tests/interop").join(script)).args(arguments);
    with_package(command)
}

#[track_caller]
fn run(command: Command) -> String {
    let Finished { code, stdout, stderr } = process::run(command, SLOW);
    assert_eq!(code, 0, "{stdout}{stderr}");
    stdout
}

#[track_caller]
fn assert_discovered(reply: &Value) {
    assert_eq!(reply["success"], json!(0), "{reply}");
    assert_eq!(reply["msg"], json!("Successfully discovered objects"));
    let machines = reply["result"].as_array().unwrap();
    assert!(machines.contains(&json!({"name": "vm01.example.org"})), "{reply}");
    assert!(machines.iter().all(|machine| machine.as_object().is_some_and(|fields| fields.keys().eq(["name"]))), "{reply}");
}

#[test]
fn the_documents_ruby_example_runs_word_for_word() {
    on_own_machine("interop::the_documents_ruby_example_runs_word_for_word", || {
        let machine = Machine::start();
        let output = machine.run(RUBY, include_str!("discover.rb"));
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[..2], ["Connecting to vPoller ...", "Sending task request to vPoller ..."]);
        let reply = lines[2].strip_prefix("Received reply from vPoller: ").unwrap();
        assert_discovered(&last_json(reply));
    });
}

#[test]
fn the_python_package_does_what_its_page_shows() {
    on_own_machine("interop::the_python_package_does_what_its_page_shows", || {
        let machine = Machine::start();
        let [discover, get, patience, local]: [String; 4] = programs("contrib/python/README.md", "python").try_into().unwrap();
        assert_discovered(&last_json(&machine.run(PYTHON, &discover)));
        let expected = json!({
            "success": 0,
            "msg": "Successfully retrieved object properties",
            "result": [{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}],
        });
        let output = machine.run(PYTHON, &get);
        assert!(output.starts_with("{\n    \""), "{output}");
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
        assert_eq!(last_json(&machine.run(PYTHON, &patience))["success"], json!(0));
        // The example prints a dictionary the way Python does.
        let output = machine.run(PYTHON, &format!("{local}\nimport json\nprint(json.dumps(result))"));
        assert!(output.starts_with("{'success': 0, "), "{output}");
        assert_discovered(&last_json(&output));
    });
}

#[test]
fn the_protocols_page_tells_the_truth() {
    on_own_machine("interop::the_protocols_page_tells_the_truth", || {
        let mut machine = Machine::start();
        let blocks = blocks("docs/protocol.md");
        let mut checked = 0;
        for (request, reply) in blocks.iter().zip(blocks.iter().skip(1)) {
            match request.kind.split_once(' ') {
                Some((_, "request")) => {}
                Some((_, "request without-worker")) => machine.stop_worker(),
                _ => continue,
            }
            assert!(reply.kind.ends_with(" reply"), "a {} behind a request", reply.kind);
            assert_eq!(machine.exchange(&request.text), reply.text, "{}", request.text);
            checked += 1;
        }
        assert_eq!(checked, blocks.iter().filter(|block| block.kind.ends_with(" reply")).count());
        assert!(checked > 10, "only {checked} examples");
    });
}

#[test]
fn the_protocols_page_has_programs_that_run() {
    on_own_machine("interop::the_protocols_page_has_programs_that_run", || {
        let machine = Machine::start();
        let [ask, pipeline]: [String; 2] = programs("docs/protocol.md", "python").try_into().unwrap();
        assert_eq!(machine.run(PYTHON, &ask), "poweredOn\n");
        let states = json!({
            "vm01.example.org": "poweredOn",
            "vm02.example.org": "poweredOff",
            "vm03.example.org": "suspended",
        });
        assert_eq!(last_json(&machine.run(PYTHON, &pipeline)), states);
        let [ask]: [String; 1] = programs("docs/protocol.md", "ruby").try_into().unwrap();
        assert_eq!(machine.run(RUBY, &ask), "VirtualCenter\n");
        let [ask]: [String; 1] = programs("docs/protocol.md", "rust").try_into().unwrap();
        let example = include_str!("../../examples/power_state.rs");
        assert!(example.trim_end().ends_with(ask.trim_end()), "the page shows another program than there is");
        // Tests of the whole package build it; a single one needs `cargo build --examples` before.
        let reply = process::run(Command::new(workspace::binary("examples/power_state")), SOON).stdout;
        assert_eq!(last_json(&reply)["result"], json!([{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]));
    });
}

#[test]
fn a_bare_pyzmq_socket_may_send_as_it_likes() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let output = run(python("bare_req.py", &[&stack.frontend(), &host.name]));
    let reply =
        r#"{"success": 0, "msg": "Successfully retrieved object properties", "result": [{"name": "vm-unicode-Größe-日本-мир"}]}"#;
    assert_eq!(output.lines().collect::<Vec<_>>(), [reply; 4]);
}

#[test]
fn a_client_of_the_original_finds_a_proxy_that_comes_late() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let mut stack = Stack::without_proxy(std::slice::from_ref(&host));
    let mut client = Process::spawn(python("lazy_pirate.py", &[&stack.frontend(), &host.name, "50", "1000", "2"]));
    client.wait_for_lines("sending", 2, SOON);
    stack.start_proxy();
    stack.start_worker(&["--concurrency", "1"]);
    assert_eq!(client.wait_exit(SOON).code(), Some(0));
    let expected = r#"{"success": 0, "msg": "Successfully retrieved object properties", "result": [{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]}"#;
    assert_eq!(client.stdout().lines().collect::<Vec<_>>(), [expected; 2]);
}

#[test]
fn a_client_of_the_original_knows_when_to_give_up() {
    let [nobody] = ports::free();
    let endpoint = format!("tcp://127.0.0.1:{nobody}");
    let output = run(python("lazy_pirate.py", &[&endpoint, "vc01.example.org", "2", "100", "1"]));
    assert_eq!(output.trim_end(), SILENCE);
}

#[test]
fn the_python_client_counts_attempts_and_drops_late_replies() {
    let tests = workspace::root().join("contrib/python/tests");
    let mut command = Command::new(PYTHON);
    command.args(["-W", "error", "-m", "unittest", "discover", "-s"]).arg(tests);
    let Finished { code, stderr, .. } = process::run(with_package(command), SLOW);
    assert!(code == 0 && !stderr.contains("Ran 0 tests"), "{stderr}");
}

#[test]
fn the_python_agent_asks_by_itself_and_shows_no_password() {
    let authority = Authority::new();
    let certificate = authority.server(&["127.0.0.1"]);
    let simulator = Simulator::start(&SimOptions { certificate: Some(&certificate), ..SimOptions::default() });
    let [programs, authority_file, certificate_file] =
        [workspace::build_dir(), authority.file(), certificate.file()].map(|path| path.display().to_string());
    let port = simulator.address().port().to_string();
    let output = run(python("local_agent.py", &[&programs, "127.0.0.1", &port, &authority_file, &certificate_file]));
    assert_eq!(output, "as documented\n");
    assert_eq!(simulator.sessions(), Vec::<Value>::new(), "every call logs out");
}

#[test]
fn the_rust_client_asks_a_real_proxy() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let mut client = VPollerClient::new(stack.frontend().parse().unwrap()).retries(1).timeout(SOON);
    assert_discovered(&last_json(&client.run(&Request::new("vm.discover", &host.name)).unwrap()));
    let mut request = Request::new("vm.get", &host.name);
    request.name = Some("vm01.example.org".to_owned());
    request.properties = vec!["runtime.powerState".to_owned()];
    let reply = last_json(&client.run(&request).unwrap());
    assert_eq!(reply["result"], json!([{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]));
}
