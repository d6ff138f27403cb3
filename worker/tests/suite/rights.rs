//! Accounts that may not read everything: what is refused is never taken for what is not there.

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};

use crate::support::host::{Followed, calls, quick, registered};

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_told_from_memory_the_root_folders_too() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    assert_eq!(followed.ask("privilege.missing.get", None, &[]).await["result"], json!([]));
    followed.stop().await;

    simulator.deny("Folder", "triggeredAlarmState", Some("System.Read"));
    simulator.deny("Datastore", "summary.url", Some("Datastore.Browse"));
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.reset_calls();
    let reply = followed.ask("privilege.missing.get", None, &[]).await;
    assert_eq!(calls(&simulator), 0);
    let missing = |privilege: &str| -> Json {
        let rows = reply["result"].as_array().unwrap();
        rows.iter().find(|row| row["privilege"] == privilege).unwrap_or_else(|| panic!("{privilege}: {reply}")).clone()
    };
    assert_eq!(
        missing("Datastore.Browse"),
        json!({
            "privilege": "Datastore.Browse", "fault": "NoPermission", "objects": 2, "types": ["Datastore"], "paths": ["summary.url"],
        })
    );
    // Four folders in each of two datacenters, and the root folder, which is in no view.
    let read = missing("System.Read");
    let seen = (&read["objects"], &read["types"], &read["paths"]);
    assert_eq!(seen, (&json!(9), &json!(["Folder"]), &json!(["triggeredAlarmState"])));
    followed.stop().await;
}
