//! Names for worker processes that outlast them.
//!
//! A process announces its machine, its number and the moment of its start; the next one has another number. A graph over weeks
//! needs one name: that of the machine, with `#2`, `#3` and so on for further processes on it. A new process takes the first name
//! of its machine that is free, so one that is restarted has the name it had.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The process that has each name.
#[derive(Debug, Default)]
pub(crate) struct WorkerNames(BTreeMap<Arc<str>, Arc<str>>);

/// Longest name of a machine, in characters. Longer ones are cut.
const LONGEST: usize = 64;

impl WorkerNames {
    /// Gives a process a name, unless it has one.
    pub(crate) fn assign(&mut self, process: &Arc<str>) {
        if self.name_of(process).is_some() {
            return;
        }
        let machine = machine(process);
        let further = (2_u64..).map(|number| format!("{machine}#{number}"));
        let free = std::iter::once(machine.clone()).chain(further).find(|name| !self.0.contains_key(name.as_str()));
        self.0.extend(free.map(|name| (name.into(), Arc::clone(process))));
    }

    /// A process is gone.
    pub(crate) fn release(&mut self, process: &Arc<str>) {
        self.0.retain(|_, named| named != process);
    }

    /// The process with this name.
    pub(crate) fn process(&self, name: &str) -> Option<&Arc<str>> {
        self.0.get(name)
    }

    pub(crate) fn name_of(&self, process: &Arc<str>) -> Option<&Arc<str>> {
        self.0.iter().find(|(_, named)| *named == process).map(|(name, _)| name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// The machine in the name of a process, with `_` for every character that could mean something to Zabbix, a shell or Prometheus.
fn machine(process: &str) -> String {
    let named = process.split(':').next().unwrap_or_default().chars().take(LONGEST);
    let named: String = named.map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if named.is_empty() { "worker".to_owned() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_the_first_free_name_of_its_machine() {
        let mut names = WorkerNames::default();
        let [first, second, third, other, odd] =
            ["vm1:10:a", "vm1:11:b", "vm1:12:c", "vm2.example.org:10:d", ":1"].map(Arc::<str>::from);
        for process in [&first, &second, &other, &odd, &first] {
            names.assign(process);
        }
        assert_eq!(names.iter().collect::<Vec<_>>(), ["vm1", "vm1#2", "vm2.example.org", "worker"]);
        assert_eq!((names.process("vm1#2"), names.name_of(&other).map(|name| &**name)), (Some(&second), Some("vm2.example.org")));
        names.release(&first);
        assert_eq!(names.process("vm1"), None);
        names.assign(&third);
        assert_eq!((names.process("vm1"), names.process("vm1#2")), (Some(&third), Some(&second)));
    }

    #[test]
    fn hostile_names_are_tamed() {
        let mut names = WorkerNames::default();
        for process in ["a\"],[{$X}:1", &format!("{}:2", "ä".repeat(10_000))] {
            names.assign(&process.into());
        }
        assert_eq!(names.iter().collect::<Vec<_>>(), [&"_".repeat(LONGEST), "a____{$X}".replace(['{', '$', '}'], "_").as_str()]);
    }
}
