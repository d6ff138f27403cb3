//! Figures about vPoller itself: a row of the table of metrics, and the function that reads it.

use serde_json::Value as Json;
use std::sync::Arc;

use super::metric::{MetricDefinition, ValueSource};
use crate::exposition::{Exposition, FamilyKind};
use crate::state::{ExporterState, HostData};

/// One part of our own page about vPoller itself.
pub(super) struct Collector {
    pub(super) name: &'static str,
    pub(super) figures: &'static [Figure],
}

/// One family.
pub(super) struct Figure {
    pub(super) definition: MetricDefinition,
    pub(super) write: fn(&Figures<'_>, &mut Exposition),
}

/// What figures are read from.
pub(super) struct Figures<'a> {
    pub(super) state: &'a Arc<ExporterState>,
    pub(super) hosts: &'a [HostData],
    /// What each of these hosts says of itself.
    pub(super) health: Vec<Json>,
}

impl<'a> Figures<'a> {
    pub(super) fn new(state: &'a Arc<ExporterState>, hosts: &'a [HostData]) -> Self {
        let health = hosts.iter().map(|data| data.host.inventory().health()).collect();
        Self { state, hosts, health }
    }

    /// Each host with what it says of itself.
    pub(super) fn each(&self) -> impl Iterator<Item = (&HostData, &Json)> {
        self.hosts.iter().zip(&self.health)
    }

    /// Writes a number of each host's health document, where it has it.
    pub(super) fn numbers(&self, pointer: &str, page: &mut Exposition) {
        for (data, health) in self.each() {
            if let Some(number) = health.pointer(pointer).and_then(Json::as_f64) {
                page.sample(&[("vcenter", data.host.name())], number);
            }
        }
    }
}

/// Writes a part.
pub(super) fn write(collector: &Collector, figures: &Figures<'_>, page: &mut Exposition) {
    for Figure { definition, write } in collector.figures {
        page.family_of(definition.name, definition.kind, definition.unit, definition.help);
        write(figures, page);
    }
}

/// A figure of this kind; `from` says where it comes from.
pub(super) const fn figure(
    kind: FamilyKind,
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    write: fn(&Figures<'_>, &mut Exposition),
) -> Figure {
    Figure { definition: MetricDefinition { name, kind, unit, help, labels, source: ValueSource::Own("vPoller") }, write }
}
