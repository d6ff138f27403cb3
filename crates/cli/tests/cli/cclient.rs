//! `vpoller-cclient` against a peer that plays the proxy.

use serde_json::json;
use vpoller_testkit::Peer;

use crate::program::run;

const PROGRAM: &str = "vpoller-cclient";

#[test]
fn sends_what_the_c_program_sent_and_prints_up_to_the_nul() {
    let peer = Peer::answering(&b"{\"success\": 1, \"msg\": \"Gr\\u00f6\\u00dfe\"}\0"[..]);
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-m", "vm.get", "-V", "vc01", "-n", "vm01", "-p", "a,b"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert_eq!(finished.stdout, "{\"success\": 1, \"msg\": \"Gr\\u00f6\\u00dfe\"}\n");
    let expected = json!({
        "method": "vm.get", "hostname": "vc01", "name": "vm01", "username": null, "password": null, "key": null,
        "properties": ["a,b"], "counter-name": null, "instance": null, "max-sample": null, "perf-interval": null,
        "helper": "vpoller.helpers.cclient", "timeout": 10_000,
    });
    assert_eq!(peer.request(), expected);
}

#[test]
fn takes_every_option_and_the_last_of_two() {
    let peer = Peer::answering("x");
    let arguments = [
        "-e",
        &peer.endpoint,
        "-m",
        "about",
        "-m",
        "vm.perf.metric.get",
        "-V",
        "vc01",
        "-r",
        "1",
        "-t",
        "2000",
        "-k",
        "-k",
        "-c",
        "6",
        "-s",
        "2",
        "-i",
        "0",
        "-T",
        "Past day",
        "-U",
        "root",
        "-P",
        "-secret",
        "-H",
        "vpoller.helpers.czabbix",
    ];
    assert_eq!(run(PROGRAM, &arguments).code, 0);
    let expected = json!({
        "method": "vm.perf.metric.get", "hostname": "vc01", "name": null, "username": "root", "password": "-secret", "key": "-k",
        "properties": null, "counter-name": null, "counter-id": "6", "instance": "0", "max-sample": "2", "perf-interval": "Past day",
        "helper": "vpoller.helpers.czabbix", "timeout": 2000,
    });
    assert_eq!(peer.request(), expected);

    run(PROGRAM, &["-e", &peer.endpoint, "-m", "m", "-V", "vc01", "-c", "cpu.usage.percent.average"]);
    let request = peer.request();
    assert_eq!((&request["counter-name"], request.get("counter-id")), (&json!("cpu.usage.percent.average"), None));
}

#[test]
fn silence_has_its_own_text_and_code() {
    let peer = Peer::silent();
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-m", "about", "-V", "vc01", "-t", "400", "-r", "2"]);
    assert_eq!(finished.code, 69);
    assert_eq!(finished.stdout, "{ \"success\": 1, \"msg\": \"Did not receive reply from server, aborting...\" }\n");
    assert_eq!(peer.count(), 2);
}

#[test]
fn a_socket_that_cannot_be_made_has_its_own_code() {
    let long = format!("ipc:///tmp/{}", "x".repeat(200));
    let finished = run(PROGRAM, &["-e", &long, "-m", "about", "-V", "vc01"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (76, ""));
    assert!(finished.stderr.starts_with("cannot connect to ipc:///tmp/xxx"), "{}", finished.stderr);
}
