//! What the exporter is to show, and how it gathers it.

mod environment;
mod file;
mod filter;
mod own;

use std::time::Duration;

pub use environment::{Environment, EnvironmentError};
pub use file::FileSettings;
pub use filter::{Filter, FilterError, Patterns};
pub use own::OwnSettings;

/// Settings of an exporter.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whose page `/metrics` is.
    pub page: PageChoice,
    /// zROC's page and its cycle.
    pub zroc: Option<ZrocSettings>,
    /// What our own page shows of vSphere, and its cycle; none where it shows only how the exporter is.
    pub own: Option<OwnSettings>,
    /// The page of vmware_exporter's names and its cycle.
    pub vmware: Option<VmwareSettings>,
    /// What Ceilometer polls, and its cycle.
    pub ceilometer: Option<CeilometerSettings>,
    /// How samples are asked for.
    pub batches: Batches,
}

/// How many machines are asked for at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Batches {
    /// Machines of one question, at most.
    pub size: usize,
    /// From the end of a question to the next.
    pub pause: Duration,
}

impl Default for Batches {
    fn default() -> Self {
        Self { size: 1000, pause: Duration::ZERO }
    }
}

/// Whose page `/metrics` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PageChoice {
    /// That of vmware_exporter where the query has one of its parameters, else this one.
    Auto {
        /// The page for everybody else.
        fallback: MetricsPage,
    },
    /// This one, whatever the query says.
    Always(MetricsPage),
}

impl Default for PageChoice {
    fn default() -> Self {
        Self::Auto { fallback: MetricsPage::Own }
    }
}

/// The pages that `/metrics` may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricsPage {
    /// The names of the zROC Planner collector.
    Zroc,
    /// The names of vmware_exporter.
    Vmware,
    /// Our own.
    Own,
}

/// Settings of zROC's page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ZrocSettings {
    /// From cycle to cycle.
    pub poll_interval: Duration,
    /// Which samples are shown.
    pub source: ZrocSource,
    /// Whether a label `vcenter` comes behind the five that zROC has.
    pub vcenter_label: bool,
    /// The longest time after which the inventory must have been confirmed for its machines to be shown.
    pub inventory_ttl: Duration,
}

/// Settings of the page of vmware_exporter's names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VmwareSettings {
    /// From cycle to cycle.
    pub interval: Duration,
    /// Whether a label `moid` tells objects apart that have the same names; without it, the first of them is shown.
    pub moid_label: bool,
    /// What is shown.
    pub collect: VmwareParts,
}

/// The parts of that page, as vmware_exporter's `collect_only` has them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "five switches that know nothing of each other")]
pub struct VmwareParts {
    /// Machines and their counters.
    pub vms: bool,
    /// Filesystems and tools of their guests.
    pub vmguests: bool,
    /// Datastores.
    pub datastores: bool,
    /// ESXi hosts and their counters.
    pub hosts: bool,
    /// Snapshots of machines.
    pub snapshots: bool,
}

impl Default for VmwareSettings {
    fn default() -> Self {
        let collect = VmwareParts { vms: true, vmguests: true, datastores: true, hosts: true, snapshots: true };
        Self { interval: Duration::from_secs(60), moid_label: false, collect }
    }
}

/// Settings of what Ceilometer polls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CeilometerSettings {
    /// From cycle to cycle: Ceilometer's own interval.
    pub interval: Duration,
    /// Whose machines those are whose notes name no project of OpenStack.
    pub project: String,
    /// Who made those whose notes name no user.
    pub user: String,
    /// Whether the meters of disk devices come for virtual disks, too, as resources of their own.
    pub virtual_disks: bool,
}

/// Which samples zROC's page shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ZrocSource {
    /// The mean of the real-time samples since the last cycle, which every vCenter has.
    Average,
    /// The newest real-time sample.
    Newest,
    /// The newest sample of an interval in seconds that vCenter rolls up; real-time samples when it has none, if that is allowed.
    RolledUp {
        /// Seconds from sample to sample.
        interval: i32,
        /// Whether real-time samples stand in.
        or_real_time: bool,
    },
}

impl Default for CeilometerSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), project: "none".to_owned(), user: "none".to_owned(), virtual_disks: false }
    }
}

impl Default for ZrocSettings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(300),
            source: ZrocSource::Average,
            vcenter_label: false,
            inventory_ttl: Duration::from_secs(600),
        }
    }
}
