//! Doing what a plan says, and telling about it in the words of the original.

use std::collections::HashMap;

use crate::batch::{Caller, Gone};
use crate::console::Console;
use crate::kind::Kind;
use crate::plan::{Extra, Fate, Part, Plan, quoted};
use crate::work::{CreateGroups, CreateHosts, DeleteHosts, HostMacro, SetMacros, Teller, UpdateHosts};
use crate::zabbix::api::Call;

/// Tells what a plan has to tell, without doing anything.
pub fn rehearse(plan: &Plan, console: &Console, vcenter: &str) {
    for part in &plan.parts {
        part.notes.iter().for_each(|note| console.note(&prefix(part.kind), note));
    }
    plan.strangers.iter().for_each(|note| console.note("", note));
    tell_extras(plan, console, vcenter);
}

/// Does what a plan says.
///
/// # Errors
/// When Zabbix does not answer any more. What concerns single objects is told, and the rest done all the same.
pub fn execute(plan: &Plan, api: &mut dyn Call, console: &Console, vcenter: &str) -> Result<(), Gone> {
    let mut executor = Executor { caller: Caller::new(api), console, groups: HashMap::new() };
    plan.parts.iter().try_for_each(|part| executor.part(part))?;
    plan.strangers.iter().for_each(|note| console.note("", note));
    executor.delete(plan, vcenter)
}

fn prefix(kind: Kind) -> String {
    format!("[vSphere {}]", kind.type_name())
}

fn tell_extras(plan: &Plan, console: &Console, vcenter: &str) {
    plan.extras.iter().for_each(|extra| tell(extra, console, vcenter));
    plan.refusals.iter().for_each(|(kind, note)| console.note(&prefix(*kind), note));
}

fn tell(extra: &Extra, console: &Console, vcenter: &str) {
    console.warning(format_args!("Host {} exists in Zabbix, but is not found in '{vcenter}'", quoted(&extra.host)));
    if let Fate::Kept(note) = &extra.fate {
        console.note(&prefix(extra.kind), note);
    }
}

struct Executor<'a> {
    caller: Caller<'a>,
    console: &'a Console,
    /// Ids of groups that were created on the way, by name.
    groups: HashMap<String, String>,
}

impl Executor<'_> {
    fn part(&mut self, part: &Part) -> Result<(), Gone> {
        let (console, prefix) = (self.console, prefix(part.kind));
        part.notes.iter().for_each(|note| console.note(&prefix, note));
        if !part.active {
            return Ok(());
        }
        console.info(format_args!("{prefix} Importing objects to Zabbix"));
        if part.is_empty() {
            console.info(format_args!("{prefix} Objects are in sync with Zabbix"));
            return Ok(());
        }
        for (count, what) in [(part.imports(), "imported"), (part.updates.len(), "updated")] {
            if count > 0 {
                console.info(format_args!("{prefix} Number of objects to be {what}: {count}"));
            }
        }
        let teller = Teller::new(console, &prefix);
        self.caller.work(&part.groups, &mut CreateGroups::new(&teller, &mut self.groups))?;
        self.update(part, &teller)?;
        self.caller.work(&part.creates, &mut CreateHosts::new(&teller, &self.groups))?;
        console.info(format_args!("{prefix} Import of objects completed"));
        Ok(())
    }

    fn update(&mut self, part: &Part, teller: &Teller<'_>) -> Result<(), Gone> {
        let mut updating = UpdateHosts::new(teller, &self.groups);
        self.caller.work(&part.updates, &mut updating)?;
        // A macro notes the name that was given last: where the name could not be changed, it must stay.
        let done = part.updates.iter().filter(|update| !updating.failed.contains(&update.id));
        let macros = done.flat_map(|update| update.macros.iter().map(|set| HostMacro::new(update, set)));
        let (old, new): (Vec<_>, Vec<_>) = macros.partition(|one| one.id.is_some());
        let mut setting = SetMacros::new(teller);
        self.caller.work(&new, &mut setting)?;
        self.caller.work(&old, &mut setting)
    }

    fn delete(&mut self, plan: &Plan, vcenter: &str) -> Result<(), Gone> {
        tell_extras(plan, self.console, vcenter);
        let doomed: Vec<Extra> = plan.deletions().cloned().collect();
        self.caller.work(&doomed, &mut DeleteHosts::new(&Teller::new(self.console, "")))
    }
}
