//! The counters of the page. A metric's name is its counter's, dots as underscores, but for the names that only dashboards know.

use vpoller_inventory::Kind;

use super::table::LabelSet;
use crate::reader::{Counters, WantedCounter};

macro_rules! of_whole {
    ($($name:literal),* $(,)?) => { &[$(WantedCounter { name: $name, instance: "" }),*] };
}

/// Of machines.
const OF_MACHINES: &[WantedCounter] = of_whole![
    "cpu.ready.summation",
    "cpu.costop.summation",
    "cpu.idle.summation",
    "cpu.maxlimited.summation",
    "cpu.usage.average",
    "cpu.usagemhz.average",
    "cpu.demand.average",
    "mem.usage.average",
    "mem.consumed.average",
    "mem.active.average",
    "mem.swapped.average",
    "mem.vmmemctl.average",
    "disk.maxTotalLatency.latest",
    "disk.usage.average",
    "disk.read.average",
    "disk.write.average",
    "net.received.average",
    "net.transmitted.average",
    "net.multicastRx.summation",
    "net.multicastTx.summation",
    "net.broadcastRx.summation",
    "net.broadcastTx.summation",
    "net.droppedRx.summation",
    "net.droppedTx.summation",
];

/// Of ESXi hosts; the last is one that only dashboards ask for.
const OF_HOSTS: &[WantedCounter] = of_whole![
    "cpu.costop.summation",
    "cpu.idle.summation",
    "cpu.ready.summation",
    "cpu.swapwait.summation",
    "cpu.used.summation",
    "cpu.demand.average",
    "cpu.usagemhz.average",
    "cpu.usage.average",
    "disk.read.average",
    "disk.write.average",
    "mem.active.average",
    "mem.vmmemctl.average",
    "mem.swapin.average",
    "mem.swapout.average",
    "mem.swapinRate.average",
    "mem.swapoutRate.average",
    "mem.latency.average",
    "net.bytesRx.average",
    "net.bytesTx.average",
    "net.usage.average",
    "net.droppedRx.summation",
    "net.droppedTx.summation",
    "net.errorsRx.summation",
    "net.errorsTx.summation",
    "mem.usage.average",
];

/// Names that dashboards ask for, and the counters that they mean.
const ONLY_IN_DASHBOARDS: [(&str, &str); 6] = [
    ("vmware_host_net_bytesRX_average", "net.bytesRx.average"),
    ("vmware_host_net_bytesTX_average", "net.bytesTx.average"),
    ("vmware_host_net_droppedRX_summation", "net.droppedRx.summation"),
    ("vmware_host_net_droppedTX_summation", "net.droppedTx.summation"),
    ("vmware_host_net_errorRX_summation", "net.errorsRx.summation"),
    ("vmware_host_net_errorTX_summation", "net.errorsTx.summation"),
];

/// What is asked for when both types are collected.
pub(super) const BOTH: Counters = &[(Kind::VirtualMachine, OF_MACHINES), (Kind::HostSystem, OF_HOSTS)];
/// What is asked for when only machines are.
pub(super) const MACHINES: Counters = &[(Kind::VirtualMachine, OF_MACHINES)];
/// What is asked for when only ESXi hosts are.
pub(super) const HOSTS: Counters = &[(Kind::HostSystem, OF_HOSTS)];

/// Names and counters of a label set.
pub(super) fn of(set: LabelSet) -> Vec<(String, &'static str)> {
    let (prefix, counters, others): (_, _, &[_]) = match set {
        LabelSet::Machine => ("vmware_vm_", OF_MACHINES, &[]),
        LabelSet::Host => ("vmware_host_", OF_HOSTS, &ONLY_IN_DASHBOARDS),
        LabelSet::Datastore => return Vec::new(),
    };
    let named = counters.iter().map(|counter| (format!("{prefix}{}", counter.name.replace('.', "_")), counter.name));
    named.chain(others.iter().map(|(name, counter)| ((*name).to_owned(), *counter))).collect()
}
