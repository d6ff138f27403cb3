//! Executes a plan, with the log lines of the original importer.

use std::collections::HashMap;

use crate::batch::{BatchRunner, ZabbixUnreachable};
use crate::console::Console;
use crate::kind::Kind;
use crate::plan::{Disposition, KindPlan, OrphanHost, Plan, quoted};
use crate::work::{CreateGroups, CreateHosts, DeleteHosts, HostMacro, Progress, SetMacros, UpdateHosts};
use crate::zabbix::api::ApiClient;

/// Logs the messages of a plan and changes nothing, for `--dry-run`.
pub(crate) fn rehearse(plan: &Plan, console: &Console, vcenter: &str) {
    for kind_plan in &plan.kind_plans {
        for message in &kind_plan.messages {
            console.message(&prefix(kind_plan.kind), message);
        }
    }
    for message in &plan.strangers {
        console.message("", message);
    }
    log_orphans(plan, console, vcenter);
}

/// Makes the changes of a plan.
///
/// # Errors
/// When the frontend answers no more. A failure of a single object is logged, and the others are changed all the same.
pub(crate) fn execute(plan: &Plan, api: &mut dyn ApiClient, console: &Console, vcenter: &str) -> Result<(), ZabbixUnreachable> {
    let mut executor = Executor { runner: BatchRunner::new(api), console, groups: HashMap::new() };
    for kind_plan in &plan.kind_plans {
        executor.execute_kind(kind_plan)?;
    }
    for message in &plan.strangers {
        console.message("", message);
    }
    executor.delete(plan, vcenter)
}

fn prefix(kind: Kind) -> String {
    format!("[vSphere {}]", kind.type_name())
}

fn log_orphans(plan: &Plan, console: &Console, vcenter: &str) {
    for orphan in &plan.orphans {
        log_orphan(orphan, console, vcenter);
    }
    for (kind, message) in &plan.refusals {
        console.message(&prefix(*kind), message);
    }
}

fn log_orphan(orphan: &OrphanHost, console: &Console, vcenter: &str) {
    console.warning(format_args!("Host {} exists in Zabbix, but is not found in '{vcenter}'", quoted(&orphan.host)));
    if let Disposition::Protected(message) = &orphan.disposition {
        console.message(&prefix(orphan.kind), message);
    }
}

struct Executor<'a> {
    runner: BatchRunner<'a>,
    console: &'a Console,
    /// Ids of groups that this run has created, by name.
    groups: HashMap<String, String>,
}

impl Executor<'_> {
    fn execute_kind(&mut self, kind_plan: &KindPlan) -> Result<(), ZabbixUnreachable> {
        let console = self.console;
        let prefix = prefix(kind_plan.kind);
        for message in &kind_plan.messages {
            console.message(&prefix, message);
        }
        if !kind_plan.active {
            return Ok(());
        }
        console.info(format_args!("{prefix} Importing objects to Zabbix"));
        if kind_plan.is_empty() {
            console.info(format_args!("{prefix} Objects are in sync with Zabbix"));
            return Ok(());
        }
        for (count, what) in [(kind_plan.imports(), "imported"), (kind_plan.updates.len(), "updated")] {
            if count > 0 {
                console.info(format_args!("{prefix} Number of objects to be {what}: {count}"));
            }
        }
        let progress = Progress::new(console, &prefix);
        self.runner.work(&kind_plan.groups, &mut CreateGroups::new(&progress, &mut self.groups))?;
        self.update(kind_plan, &progress)?;
        self.runner.work(&kind_plan.new_hosts, &mut CreateHosts::new(&progress, &self.groups))?;
        console.info(format_args!("{prefix} Import of objects completed"));
        Ok(())
    }

    fn update(&mut self, kind_plan: &KindPlan, progress: &Progress<'_>) -> Result<(), ZabbixUnreachable> {
        let mut updating = UpdateHosts::new(progress, &self.groups);
        self.runner.work(&kind_plan.updates, &mut updating)?;
        // A macro records the object's last known name: when the host could not be renamed, the macro must keep the old one.
        let done = kind_plan.updates.iter().filter(|update| !updating.failed.contains(&update.id));
        let macros = done.flat_map(|update| update.macros.iter().map(|set| HostMacro::new(update, set)));
        let (old, new): (Vec<_>, Vec<_>) = macros.partition(|one| one.id.is_some());
        let mut setting = SetMacros::new(progress);
        self.runner.work(&new, &mut setting)?;
        self.runner.work(&old, &mut setting)
    }

    fn delete(&mut self, plan: &Plan, vcenter: &str) -> Result<(), ZabbixUnreachable> {
        log_orphans(plan, self.console, vcenter);
        let to_delete: Vec<OrphanHost> = plan.deletions().cloned().collect();
        self.runner.work(&to_delete, &mut DeleteHosts::new(&Progress::new(self.console, "")))
    }
}
