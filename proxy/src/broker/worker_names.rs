//! Names for worker processes that outlast them.
//!
//! A process announces its machine, its number and the moment of its start; the next one has another number. Whoever watches a
//! worker for weeks wants one name: that of the machine, with `#2`, `#3` and so on for further processes on it. The process that
//! comes takes the first name of its machine that is free, so one that is restarted goes by the name it had.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Who goes by which name.
#[derive(Debug, Default)]
pub struct Seats(BTreeMap<Arc<str>, Arc<str>>);

/// Names are cut to this length; no machine has a longer one.
const LONGEST: usize = 64;

impl Seats {
    /// Gives a process a name, unless it has one.
    pub fn take(&mut self, process: &Arc<str>) {
        if self.name_of(process).is_some() {
            return;
        }
        let machine = machine(process);
        let further = (2_u64..).map(|number| format!("{machine}#{number}"));
        let free = std::iter::once(machine.clone()).chain(further).find(|name| !self.0.contains_key(name.as_str()));
        self.0.extend(free.map(|name| (name.into(), Arc::clone(process))));
    }

    /// A process is gone.
    pub fn free(&mut self, process: &Arc<str>) {
        self.0.retain(|_, sitting| sitting != process);
    }

    /// The process with this name.
    pub fn process(&self, name: &str) -> Option<&Arc<str>> {
        self.0.get(name)
    }

    /// The name of a process.
    pub fn name_of(&self, process: &Arc<str>) -> Option<&Arc<str>> {
        self.0.iter().find(|(_, sitting)| *sitting == process).map(|(name, _)| name)
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// What a process says of its machine, in characters that mean nothing anywhere.
fn machine(process: &str) -> String {
    let named = process.split(':').next().unwrap_or_default().chars().take(LONGEST);
    let named: String = named.map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if named.is_empty() { "worker".to_owned() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_takes_the_first_free_name_of_its_machine() {
        let mut seats = Seats::default();
        let [first, second, third, other, odd] =
            ["vm1:10:a", "vm1:11:b", "vm1:12:c", "vm2.example.org:10:d", ":1"].map(Arc::<str>::from);
        for process in [&first, &second, &other, &odd, &first] {
            seats.take(process);
        }
        assert_eq!(seats.names().collect::<Vec<_>>(), ["vm1", "vm1#2", "vm2.example.org", "worker"]);
        assert_eq!((seats.process("vm1#2"), seats.name_of(&other).map(|name| &**name)), (Some(&second), Some("vm2.example.org")));
        seats.free(&first);
        assert_eq!(seats.process("vm1"), None);
        seats.take(&third);
        assert_eq!((seats.process("vm1"), seats.process("vm1#2")), (Some(&third), Some(&second)));
    }

    #[test]
    fn hostile_names_are_tamed() {
        let mut seats = Seats::default();
        for process in ["a\"],[{$X}:1", &format!("{}:2", "ä".repeat(10_000))] {
            seats.take(&process.into());
        }
        assert_eq!(seats.names().collect::<Vec<_>>(), [&"_".repeat(LONGEST), "a____{$X}".replace(['{', '$', '}'], "_").as_str()]);
    }
}
