//! The tasks that run the cycles: one for each host and plan, started and ended as hosts come and go, and survived by the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use vpoller_inventory::{Column, Host, Kind, ObjectView, Pinned, Property, View};
use vpoller_vsphere::MoRef;

use super::asking::{Asking, ObjectsOfKind};
use super::machine_details::{self, KnownDetails};
use crate::reader::{DetailsOf, Reader};
use crate::samples::Plan;
use crate::state::ExporterState;

/// How often it is looked for hosts that came or went, and for tasks that ended.
const LOOK: Duration = Duration::from_secs(1);
/// How soon a host that cannot be read yet is tried again.
const NOT_YET: Duration = Duration::from_secs(1);
/// How often a host is tried that can be read, but does not have all paths yet that readers want.
const PATIENCE: u32 = 20;
/// A cycle may take this long at least, however short its interval.
const SHORTEST_LIMIT: Duration = Duration::from_secs(60);

/// Runs the cycles of every host until it is dropped.
pub(crate) async fn run(state: Arc<ExporterState>) {
    let mut tasks = Tasks::default();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        tasks.look_after(&state);
    }
}

/// The task of each host and plan.
#[derive(Default)]
struct Tasks {
    running: BTreeMap<(String, usize), HostTask>,
    pinned: BTreeMap<String, (Arc<Host>, Vec<Pinned>)>,
}

struct HostTask {
    host: Arc<Host>,
    task: JoinHandle<()>,
}

impl Drop for HostTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tasks {
    fn look_after(&mut self, state: &Arc<ExporterState>) {
        let hosts = state.hosts.all();
        let is_served = |name: &str, host: &Arc<Host>| hosts.iter().any(|one| one.name() == name && Arc::ptr_eq(one, host));
        self.running.retain(|(name, _), task| is_served(name, &task.host));
        self.pinned.retain(|name, (host, _)| is_served(name, host));
        state.keep_only(&state.hosts.names());
        for host in &hosts {
            self.pinned.entry(host.name().to_owned()).or_insert_with(|| {
                host.want();
                (Arc::clone(host), pin(state, host))
            });
            for plan in 0..state.plans.len() {
                let key = (host.name().to_owned(), plan);
                match self.running.get(&key) {
                    Some(running) if !running.task.is_finished() => {}
                    ended => {
                        if ended.is_some() {
                            tracing::error!("[{}] the task that gathers samples ended; it is started again", host.name());
                        }
                        let task = tokio::spawn(gather_for_ever(Arc::clone(state), Arc::clone(host), plan));
                        self.running.insert(key, HostTask { host: Arc::clone(host), task });
                    }
                }
            }
        }
    }
}

/// Has all paths watched that readers want.
fn pin(state: &ExporterState, host: &Host) -> Vec<Pinned> {
    let mut paths: BTreeMap<&str, (Kind, Vec<&str>)> = BTreeMap::new();
    for (kind, wanted) in state.readers.iter().flat_map(|reader| reader.paths) {
        let (_, known) = paths.entry(kind.wire()).or_insert((*kind, Vec::new()));
        for path in *wanted {
            if !known.contains(path) {
                known.push(path);
            }
        }
    }
    if state.readers.iter().any(|reader| reader.details > DetailsOf::None) {
        let (_, known) = paths.entry(Kind::VirtualMachine.wire()).or_insert((Kind::VirtualMachine, Vec::new()));
        known.push(machine_details::VERSION);
    }
    paths.into_values().map(|(kind, paths)| host.inventory().pin(kind, &paths)).collect()
}

async fn gather_for_ever(state: Arc<ExporterState>, host: Arc<Host>, number: usize) {
    let Some(mut plan) = state.plans.get(number).cloned() else { return };
    let name: Arc<str> = host.name().into();
    let mut details = KnownDetails::default();
    let mut next = Instant::now();
    let mut patience = PATIENCE;
    loop {
        sleep_until(next).await;
        let Some(view) = host.inventory().view() else {
            next = Instant::now() + NOT_YET;
            continue;
        };
        if patience > 0 && !watches_all(&view, &state.readers) {
            patience -= 1;
            next = Instant::now() + NOT_YET;
            continue;
        }
        patience = 0;
        let started = Instant::now();
        let last = state.last(number, &name);
        let limit = plan.interval.max(SHORTEST_LIMIT);
        let objects = objects(&view, &plan);
        let mut asking = Asking::new(&host, &plan, &state.settings.batches, &objects, last.as_deref());
        if timeout(limit, asking.run(&view, &mut details)).await.is_err() {
            asking.give_up(&format!("the samples did not come within {} s", limit.as_secs()));
        }
        let gathered = asking.finish(&details);
        if let Some((kind, source)) = gathered.empty_source(&plan) {
            tracing::warn!(
                "[{name}] hardly any {} has samples of {source}: vCenter keeps those of virtual disks from statistics level 2 \
                 (throughput) and 3 (operations, latency) on, and its level is 1 unless it was raised; real-time samples are shown instead",
                word(kind)
            );
            plan.fall_back(kind, source);
            continue;
        }
        if let Some((count, error)) = &gathered.failed {
            let (all, words) = (objects.iter().map(|(_, all)| all.len()).sum::<usize>(), words(&objects));
            tracing::warn!("[{name}] {count} of {all} {words} failed: {error}");
        }
        tracing::debug!("[{name}] samples of {} machines gathered in {:?}", gathered.answered, gathered.took);
        state.publish(number, &name, gathered);
        // At a steady beat; a cycle that took longer than its interval is followed by the next at once.
        next = (next + plan.interval).max(started + plan.interval).max(Instant::now());
    }
}

/// Whether all paths are there that readers want. There may be no room for some of them, and then they never are.
fn watches_all(view: &View, readers: &[Reader]) -> bool {
    let paths = readers.iter().flat_map(|reader| reader.paths);
    paths
        .flat_map(|(kind, paths)| paths.iter().map(move |path| (*kind, *path)))
        .all(|(kind, path)| view.column(kind, path).is_some())
}

/// What a log line calls an object of this type.
const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::VirtualMachine => "machine",
        Kind::HostSystem => "ESXi host",
        Kind::Datastore => "datastore",
        Kind::ClusterComputeResource => "cluster",
        other => other.wire(),
    }
}

/// What a log line calls all of them.
fn words(objects: &[ObjectsOfKind]) -> &'static str {
    if objects.iter().all(|(kind, _)| *kind == Kind::VirtualMachine) { "machines" } else { "objects" }
}

/// The objects that a plan asks about, each type once. Without a question, machines are there still: their details may be wanted.
fn objects(view: &View, plan: &Plan) -> Vec<ObjectsOfKind> {
    let mut objects = vec![(Kind::VirtualMachine, machines(view))];
    for question in &plan.questions {
        if objects.iter().any(|(kind, _)| *kind == question.kind) {
            continue;
        }
        let all = match question.kind {
            Kind::HostSystem => running_hosts(view),
            kind => view.objects(kind).map(|object| object.reference().clone()).collect(),
        };
        objects.push((question.kind, all));
    }
    objects
}

/// The ESXi hosts that may have samples: all but those that are known to be off or not connected.
fn running_hosts(view: &View) -> Vec<MoRef> {
    let state = [("runtime.powerState", "poweredOn"), ("runtime.connectionState", "connected")]
        .map(|(path, good)| (view.column(Kind::HostSystem, path), good));
    let may_have = |host: &ObjectView<'_>| {
        let is_bad = |(column, good): &(Option<Column<'_>>, &str)| {
            column.is_some_and(|column| matches!(host.get(column), Property::Set(state) if state.as_str() != Some(good)))
        };
        !state.iter().any(is_bad)
    };
    view.objects(Kind::HostSystem).filter(may_have).map(|host| host.reference().clone()).collect()
}

/// The machines that may have samples: all but templates and those that are known to be off.
fn machines(view: &View) -> Vec<MoRef> {
    let power = view.column(Kind::VirtualMachine, "runtime.powerState");
    let template = view.column(Kind::VirtualMachine, "config.template");
    let is_running = |vm: &ObjectView<'_>| {
        let off = power.is_some_and(|power| matches!(vm.get(power), Property::Set(state) if state.as_str() != Some("poweredOn")));
        let is_template = template.is_some_and(|path| matches!(vm.get(path), Property::Set(yes) if yes.as_bool() == Some(true)));
        !off && !is_template
    };
    view.objects(Kind::VirtualMachine).filter(is_running).map(|vm| vm.reference().clone()).collect()
}
