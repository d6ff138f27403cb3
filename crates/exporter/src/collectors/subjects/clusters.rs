//! Clusters.

use vpoller_inventory::Kind;

use super::super::metric::ValueSource::Number;
use super::super::metric::{gauge, info, state};
use super::super::tree::Texts;
use super::{COLOURS, MEGA, MIB, Subject};

pub(crate) const SUBJECT: Subject = Subject {
    name: "cluster",
    about: "clusters",
    kind: Kind::ClusterComputeResource,
    paths: &[
        (
            Kind::ClusterComputeResource,
            &[
                "name",
                "parent",
                "overallStatus",
                "summary.numHosts",
                "summary.numEffectiveHosts",
                "summary.numCpuCores",
                "summary.totalCpu",
                "summary.effectiveCpu",
                "summary.totalMemory",
                "summary.effectiveMemory",
            ],
        ),
        (Kind::Folder, &["name", "parent"]),
        (Kind::Datacenter, &["name", "parent"]),
    ],
    counters: &[],
    metrics: &[
        info("vsphere_cluster", "What a cluster is called and where it is.", &["name", "datacenter"], "name, parent"),
        state("vsphere_cluster_overall_state", "The worst of a cluster's alarms.", "overallStatus", COLOURS),
        gauge("vsphere_cluster_hosts", "", "ESXi hosts of a cluster.", Number("summary.numHosts", 1.0)),
        gauge(
            "vsphere_cluster_effective_hosts",
            "",
            "ESXi hosts of a cluster that run and are not in maintenance.",
            Number("summary.numEffectiveHosts", 1.0),
        ),
        gauge("vsphere_cluster_cpu_cores", "", "Cores of all hosts.", Number("summary.numCpuCores", 1.0)),
        gauge("vsphere_cluster_cpu_hertz", "hertz", "Clock of all cores.", Number("summary.totalCpu", MEGA)),
        gauge(
            "vsphere_cluster_cpu_effective_hertz",
            "hertz",
            "What of it machines can use.",
            Number("summary.effectiveCpu", MEGA),
        ),
        gauge("vsphere_cluster_memory_size_bytes", "bytes", "Memory of all hosts.", Number("summary.totalMemory", 1.0)),
        gauge(
            "vsphere_cluster_memory_effective_bytes",
            "bytes",
            "What of it machines can use.",
            Number("summary.effectiveMemory", MIB),
        ),
    ],
    describe: Some(|view, tree| {
        let texts = Texts::new(view, Kind::ClusterComputeResource, &["name"]);
        Box::new(move |cluster| {
            let [name] = texts.of(cluster);
            vec![name, tree.of_cluster(cluster).datacenter()]
        })
    }),
};
