//! Steps of the importer's life in a real Zabbix: its frontend refuses, dies and loses answers.

use serde_json::json;

use crate::frontend::{FrontendCall, FrontendReply};
use crate::real::run_planned;
use crate::run::{import, lines};
use crate::setup::{Setup, TEMPLATES, groups, value};

/// New groups for new machines, and a new macro for old ones: each is created, and the answer gets lost.
pub(crate) fn survives_lost_answers(setup: &Setup) {
    setup.small.page("POST", "/vm/create", r#"{"name": "lost1"}"#);
    setup.wait_for_rows("the new machine", "vm.discover", &[], |rows| rows.iter().any(|row| row["name"] == "lost1"));
    let frontend = setup.frontend(|call| match (call.method.as_str(), call.nth) {
        ("hostgroup.create" | "usermacro.create", 0) => FrontendReply::Lose(502, String::new()),
        ("host.create", 0) => FrontendReply::Say(502, String::new()),
        _ => FrontendReply::Forward,
    });
    let text = |address: &str| {
        let text = setup.configuration(address, &setup.names[0], "  sync: [cluster, macros]\n");
        let entry = format!("      - {}\n    macros:\n", TEMPLATES[1]);
        assert!(text.contains(&entry));
        text.replace(&entry, &format!("{entry}      LOST: answer\n"))
            .replace("      - Virtual Machines\n", "      - Virtual Machines\n      - Lost\n      - Found\n")
    };
    let finished = import(&text(&frontend.url()), &[]);
    assert_eq!(finished.code, 0, "{:?}: {}", setup.series, finished.stderr);
    assert_eq!(groups(&setup.host("lost1")), ["Found", "Lost", "Virtual Machines", "cluster01"]);
    assert_eq!(value(&setup.host("vm01 renamed"), "macros", "{$LOST}"), Some("answer"));
    let counts = frontend.take_counts();
    let count = |method: &str| counts.get(method).copied().unwrap_or_default();
    // What was done is not done again, what was not is.
    assert_eq!(["hostgroup.create", "usermacro.create", "host.create"].map(count), [1, 1, 2], "{counts:?}");
    assert_eq!(import(&text(&setup.server.pages()), &["--dry-run"]).stdout, "nothing to do\n");
}

/// The frontend refuses, dies and loses answers in the middle of a run; the next run makes good what was missed.
pub(crate) fn survives_errors(setup: &Setup) {
    for name in ["e1", "e2", "e3", "e4"] {
        setup.small.page("POST", "/vm/create", &json!({"name": name}).to_string());
    }
    setup.wait_for_rows("the new machines", "vm.discover", &[], |rows| rows.iter().any(|row| row["name"] == "e4"));
    let hostile = |call: &FrontendCall| match (call.method.as_str(), call.nth) {
        // Created, and the answer gets lost.
        ("host.create", 0) => FrontendReply::Lose(200, r#"{"jsonrpc":"2.0","resu"#.to_owned()),
        _ => FrontendReply::Forward,
    };
    let through = |reply_rule: fn(&FrontendCall) -> FrontendReply| {
        let frontend = setup.frontend(reply_rule);
        import(&setup.configuration(&frontend.url(), &setup.names[0], ""), &[])
    };
    let finished = through(hostile);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(setup.import("", &["--dry-run"], 0).stdout, "nothing to do\n");

    setup.small.set("VirtualMachine", "e1", "name", &json!("e1 renamed"));
    setup.small.page("POST", "/vm/create", r#"{"name": "e5"}"#);
    setup.small.page("POST", "/vm/create", r#"{"name": "e6"}"#);
    setup.wait_for_rows("one more", "vm.discover", &[], |rows| rows.iter().any(|row| row["name"] == "e6"));
    let finished = through(|call| match call.method.as_str() {
        "host.update" => call.error("No permissions to referred object or it does not exist!"),
        "host.create" if call.params.to_string().contains("\"e5\"") => FrontendReply::Say(500, String::new()),
        _ => FrontendReply::Forward,
    });
    assert_eq!(finished.code, 1);
    let all = lines(&finished);
    for line in [
        "WARNING - [vSphere VirtualMachine] Cannot update host in Zabbix: 'e1': No permissions to referred object or it does not exist!",
        "WARNING - [vSphere VirtualMachine] Cannot create host in Zabbix: 'e5': host.create: HTTP status 500: no body",
        "INFO - Sync completed",
    ] {
        assert!(all.contains(&line), "{line}\nis not in\n{}", finished.stderr);
    }
    setup.host("e6");
    run_planned(setup, "", &[]);
    setup.host("e5");
    setup.host("e1 renamed");
}
