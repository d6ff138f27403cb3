//! Resource pools and vApps.

use vpoller_inventory::Kind;

use super::super::metric::ValueSource::Number;
use super::super::metric::{gauge, info, state};
use super::super::tree::Texts;
use super::{COLOURS, MEGA, Subject};

pub(crate) const SUBJECT: Subject = Subject {
    name: "resource_pool",
    about: "resource pools and vApps",
    kind: Kind::ResourcePool,
    paths: &[
        (
            Kind::ResourcePool,
            &[
                "name",
                "owner",
                "overallStatus",
                "runtime.cpu.overallUsage",
                "runtime.cpu.maxUsage",
                "runtime.memory.overallUsage",
                "runtime.memory.maxUsage",
            ],
        ),
        (Kind::ComputeResource, &["name", "parent"]),
        (Kind::Folder, &["name", "parent"]),
        (Kind::Datacenter, &["name", "parent"]),
    ],
    counters: &[],
    metrics: &[
        info(
            "vsphere_resource_pool",
            "What a resource pool is called and whose it is.",
            &["name", "cluster", "datacenter"],
            "name, owner",
        ),
        state("vsphere_resource_pool_overall_state", "The worst of a pool's alarms.", "overallStatus", COLOURS),
        gauge("vsphere_resource_pool_cpu_usage_hertz", "hertz", "Use of processors.", Number("runtime.cpu.overallUsage", MEGA)),
        gauge("vsphere_resource_pool_cpu_limit_hertz", "hertz", "The most it can use.", Number("runtime.cpu.maxUsage", MEGA)),
        gauge("vsphere_resource_pool_memory_usage_bytes", "bytes", "Use of memory.", Number("runtime.memory.overallUsage", 1.0)),
        gauge(
            "vsphere_resource_pool_memory_limit_bytes",
            "bytes",
            "The most it can use.",
            Number("runtime.memory.maxUsage", 1.0),
        ),
    ],
    describe: Some(|view, tree| {
        let texts = Texts::new(view, Kind::ResourcePool, &["name"]);
        Box::new(move |pool| {
            let place = tree.of_pool(pool);
            let [name] = texts.of(pool);
            vec![name, place.cluster(), place.datacenter()]
        })
    }),
};
