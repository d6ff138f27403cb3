//! Settings of our own page.

use std::time::Duration;

use super::Filter;
use crate::parts::{names, usual_names};

/// What our own page shows of vSphere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnSettings {
    /// From cycle to cycle.
    pub interval: Duration,
    /// The longest time after which the inventory must have been confirmed to be shown.
    pub inventory_ttl: Duration,
    /// The names of the parts that are shown.
    pub parts: Vec<&'static str>,
    /// Whether every series of an object has a label `name`.
    pub names: bool,
    /// Which machines are shown.
    pub filter: Filter,
}

impl Default for OwnSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            inventory_ttl: Duration::from_secs(600),
            parts: usual_names().collect(),
            names: false,
            filter: Filter::default(),
        }
    }
}

impl OwnSettings {
    /// Whether a part is shown.
    #[must_use]
    pub fn shows(&self, part: &str) -> bool {
        self.parts.contains(&part)
    }

    /// The parts that a text names, separated by commas: the usual ones, those with `+` too, and those with `-` not. With a name
    /// that has neither the usual ones are left out.
    ///
    /// # Errors
    /// Says which name is none.
    pub fn read_parts(text: &str) -> Result<Vec<&'static str>, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let is_whole = words.iter().any(|word| !word.starts_with(['+', '-']));
        let mut parts: Vec<&'static str> = if is_whole { Vec::new() } else { usual_names().collect() };
        for word in words {
            let name = word.trim_start_matches(['+', '-']);
            let Some(known) = names().find(|known| *known == name) else {
                let all = names().collect::<Vec<_>>().join(", ");
                return Err(format!("names {name:?}, which is none of {all}"));
            };
            parts.retain(|part| *part != known);
            if !word.starts_with('-') {
                parts.push(known);
            }
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_taken_away_or_named_whole() {
        let usual = usual_names().count();
        let read = |text: &str| OwnSettings::read_parts(text).unwrap();
        assert_eq!(read("").len(), usual);
        assert_eq!(read("+vm_disk, -guest").len(), usual);
        assert!(read("+vm_disk").contains(&"vm_disk") && !read("-guest").contains(&"guest"));
        assert_eq!(read("host,vm"), ["host", "vm"]);
        assert!(OwnSettings::read_parts("+vm_disks").unwrap_err().contains("vm_disks"));
    }
}
