//! What a row of the table reads of an object, and what it writes.

use std::collections::HashMap;
use std::fmt::Write;

use vpoller_inventory::{Column, ObjectView, Property};
use vpoller_vsphere::{Struct, Value};

use crate::exposition::escape_label;

/// Snapshots are nested no deeper.
const DEPTH: usize = 64;

/// The properties of a row, of one object.
pub(super) struct Fields<'v> {
    pub(super) object: ObjectView<'v>,
    pub(super) columns: &'v [Option<Column<'v>>],
    /// How many ESXi hosts mount each datastore, and how many machines use it; none where that may not be known.
    pub(super) hosts: Option<&'v HashMap<&'v str, u32>>,
    pub(super) machines: Option<&'v HashMap<&'v str, u32>>,
}

/// A data object in a list.
pub(super) struct ListedObject<'v>(&'v Struct);

impl<'v> Fields<'v> {
    fn get(&self, place: usize) -> Property<'v> {
        self.columns.get(place).copied().flatten().map_or(Property::Unknown, |column| self.object.get(column))
    }

    fn value(&self, place: usize) -> Option<&'v Value> {
        if let Property::Set(value) = self.get(place) { Some(value) } else { None }
    }

    pub(super) fn text(&self, place: usize) -> Option<&'v str> {
        self.value(place)?.as_str()
    }

    /// The text; `unset` where vSphere says that there is none, which is something else than that it may not be read.
    pub(super) fn text_or_unset(&self, place: usize, unset: &'static str) -> Option<&'v str> {
        if self.get(place) == Property::Unset { Some(unset) } else { self.text(place) }
    }

    pub(super) fn number(&self, place: usize) -> Option<f64> {
        number(self.value(place)?)
    }

    /// The number; 0 where vSphere says that there is none.
    pub(super) fn number_or_unset(&self, place: usize) -> Option<f64> {
        if self.get(place) == Property::Unset { Some(0.0) } else { self.number(place) }
    }

    pub(super) fn seconds(&self, place: usize) -> Option<f64> {
        seconds(self.value(place)?)
    }

    /// The data objects of a list.
    pub(super) fn each(&self, place: usize, mut with: impl FnMut(&ListedObject<'v>)) {
        let list = self.value(place).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_struct).for_each(|one| with(&ListedObject(one)));
    }

    /// The same, each followed by those below it in this member.
    pub(super) fn each_below(&self, place: usize, member: &str, mut with: impl FnMut(&ListedObject<'v>)) {
        let list = self.value(place).and_then(Value::as_list).unwrap_or_default();
        below(list, member, DEPTH, &mut with);
    }

    pub(super) fn hosts(&self) -> Option<f64> {
        self.hosts.map(|counts| f64::from(counts.get(&*self.object.reference().id).copied().unwrap_or(0)))
    }

    pub(super) fn machines(&self) -> Option<f64> {
        self.machines.map(|counts| f64::from(counts.get(&*self.object.reference().id).copied().unwrap_or(0)))
    }
}

fn below<'v>(list: &'v [Value], member: &str, depth: usize, with: &mut impl FnMut(&ListedObject<'v>)) {
    for one in list.iter().filter_map(Value::as_struct) {
        with(&ListedObject(one));
        if let Some(further) = one.get(member).and_then(Value::as_list).filter(|_| depth > 0) {
            below(further, member, depth - 1, with);
        }
    }
}

impl<'v> ListedObject<'v> {
    pub(super) fn text(&self, member: &str) -> Option<&'v str> {
        self.0.get(member)?.as_str()
    }

    pub(super) fn number(&self, member: &str) -> Option<f64> {
        number(self.0.get(member)?)
    }

    pub(super) fn seconds(&self, member: &str) -> Option<f64> {
        seconds(self.0.get(member)?)
    }

    /// The key of a state, such as `green`.
    pub(super) fn key(&self, member: &str) -> Option<&'v str> {
        self.0.get(member)?.as_struct()?.get("key")?.as_str()
    }
}

fn number(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "sizes stay below 2^53")]
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
        other => other.as_f64(),
    }
}

fn seconds(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "microseconds stay below 2^53 for centuries")]
    value.as_datetime().map(|time| time.unix_micros() as f64 / 1e6)
}

/// Where a row writes its samples of one object.
pub(super) struct Samples<'a> {
    pub(super) text: &'a mut String,
    pub(super) name: &'a str,
    /// The object's labels, without braces.
    pub(super) labels: &'a str,
    /// What the samples of this object begin with so far: a series comes once.
    pub(super) written: Vec<String>,
}

impl Samples<'_> {
    /// The one sample, where there is a value.
    pub(super) fn one(&mut self, value: Option<f64>) {
        self.with_all(&[], value);
    }

    /// A sample with one more label; none where the label's text is not known.
    pub(super) fn with(&mut self, label: &str, text: Option<&str>, value: Option<f64>) {
        self.with_all(&[(label, text)], value);
    }

    /// A sample with more labels. Of samples with the same labels, the first counts.
    pub(super) fn with_all(&mut self, labels: &[(&str, Option<&str>)], value: Option<f64>) {
        let Some(value) = value else { return };
        let mut more = String::new();
        for (label, text) in labels {
            let Some(text) = text else { return };
            let _ = write!(more, ",{label}=\"");
            escape_label(&mut more, text);
            more.push('"');
        }
        if !labels.is_empty() && self.written.contains(&more) {
            return;
        }
        let _ = write!(self.text, "{}{{{}{more}}} ", self.name, self.labels);
        write_value(self.text, value);
        self.text.push('\n');
        if !labels.is_empty() {
            self.written.push(more);
        }
    }
}

/// A number as Python's client library of Prometheus prints it: `1.0`, and from a million on `1.5e+06`.
pub(super) fn write_value(text: &mut String, value: f64) {
    if !(1e6..1e16).contains(&value) {
        let _ = write!(text, "{value:?}");
        return;
    }
    let plain = format!("{value:?}");
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = format!("{whole}{part}");
    let digits = digits.trim_end_matches('0');
    let (first, rest) = digits.split_at(digits.len().min(1));
    let dot = if rest.is_empty() { "" } else { "." };
    let _ = write!(text, "{first}{dot}{rest}e+{:02}", whole.len().saturating_sub(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_readers_know_them() {
        for (value, expected) in
            [(1.0, "1.0"), (0.0, "0.0"), (-3.5, "-3.5"), (999_999.0, "999999.0"), (1e6, "1e+06"), (1_234_567.5, "1.2345675e+06")]
        {
            let mut text = String::new();
            write_value(&mut text, value);
            assert_eq!(text, expected);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
        let mut text = String::new();
        write_value(&mut text, 4_398_046_511_104.0);
        assert_eq!(text, "4.398046511104e+12");
    }
}
