//! What VMware Tools say of the system within a machine.

use vpoller_inventory::Kind;
use vpoller_vsphere::Value;

use super::super::metric::ValueSource::Several;
use super::super::metric::{Series, labelled, state};
use super::Subject;

const DISKS: &str = "guest.disk";
const RUNNING: &str = "guest.toolsRunningStatus";
const VERSION: &str = "guest.toolsVersionStatus2";

pub(crate) const SUBJECT: Subject = Subject {
    name: "guest",
    about: "file systems and VMware Tools of each machine",
    kind: Kind::VirtualMachine,
    paths: &[(Kind::VirtualMachine, &[DISKS, RUNNING, VERSION])],
    counters: &[],
    metrics: &[
        state(
            "vsphere_vm_guest_tools_running_state",
            "Whether VMware Tools run.",
            RUNNING,
            &["guestToolsRunning", "guestToolsNotRunning", "guestToolsExecutingScripts"],
        ),
        labelled(
            "vsphere_vm_guest_tools_version_state",
            "",
            &["state"],
            "What vCenter says of the version of VMware Tools: 1 for what it says.",
            Several(VERSION, |value, series| {
                if let Some(word) = value.as_str() {
                    series(&[word], 1.0);
                }
            }),
        ),
        labelled(
            "vsphere_vm_guest_filesystem_size_bytes",
            "bytes",
            &["path"],
            "Size of a file system.",
            Several(DISKS, |disks, series| show(disks, "capacity", series)),
        ),
        labelled(
            "vsphere_vm_guest_filesystem_free_bytes",
            "bytes",
            &["path"],
            "Free space of a file system.",
            Several(DISKS, |disks, series| show(disks, "freeSpace", series)),
        ),
    ],
    describe: None,
};

fn show(disks: &Value, member: &str, series: &mut Series<'_>) {
    let mut seen: Vec<&str> = Vec::new();
    for disk in disks.as_list().unwrap_or_default().iter().filter_map(Value::as_struct) {
        let path = disk.get("diskPath").and_then(Value::as_str);
        let (Some(path), Some(value)) = (path, disk.get(member).and_then(Value::as_f64)) else { continue };
        // Tools have been seen to list a path twice; a series comes once.
        if !seen.contains(&path) && value >= 0.0 {
            seen.push(path);
            series(&[path], value);
        }
    }
}
