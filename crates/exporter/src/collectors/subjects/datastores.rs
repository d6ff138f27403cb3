//! Datastores.

use vpoller_inventory::Kind;

use super::super::metric::ValueSource::{Flag, Number};
use super::super::metric::{gauge, info, state};
use super::super::tree::Texts;
use super::{COLOURS, Subject};

pub(crate) const SUBJECT: Subject = Subject {
    name: "datastore",
    about: "datastores",
    kind: Kind::Datastore,
    paths: &[
        (
            Kind::Datastore,
            &[
                "name",
                "parent",
                "overallStatus",
                "summary.type",
                "summary.url",
                "summary.accessible",
                "summary.maintenanceMode",
                "summary.multipleHostAccess",
                "summary.capacity",
                "summary.freeSpace",
                "summary.uncommitted",
            ],
        ),
        (Kind::Folder, &["name", "parent"]),
        (Kind::Datacenter, &["name", "parent"]),
    ],
    counters: &[],
    metrics: &[
        info(
            "vsphere_datastore",
            "What a datastore is and where it stands.",
            &["name", "datacenter", "folder", "type", "url"],
            "name, parent, summary.type, summary.url",
        ),
        state("vsphere_datastore_overall_state", "The worst of a datastore's alarms.", "overallStatus", COLOURS),
        gauge("vsphere_datastore_accessible", "", "Whether some host reaches it.", Flag("summary.accessible")),
        state(
            "vsphere_datastore_maintenance_state",
            "Whether it is in maintenance mode.",
            "summary.maintenanceMode",
            &["normal", "enteringMaintenance", "inMaintenance"],
        ),
        gauge(
            "vsphere_datastore_multiple_host_access",
            "",
            "Whether several hosts reach it.",
            Flag("summary.multipleHostAccess"),
        ),
        gauge("vsphere_datastore_size_bytes", "bytes", "Its size.", Number("summary.capacity", 1.0)),
        gauge("vsphere_datastore_free_bytes", "bytes", "Its free space.", Number("summary.freeSpace", 1.0)),
        gauge(
            "vsphere_datastore_uncommitted_bytes",
            "bytes",
            "Space that thin disks on it may still take.",
            Number("summary.uncommitted", 1.0),
        ),
    ],
    describe: Some(|view, tree| {
        let texts = Texts::new(view, Kind::Datastore, &["name", "summary.type", "summary.url"]);
        Box::new(move |datastore| {
            let [name, kind, url] = texts.of(datastore);
            vec![name, tree.of_cluster(datastore).datacenter(), tree.folder(datastore), kind, url]
        })
    }),
};
