//! What our own page consists of: one collector for each subject.

mod exporter;
mod vcenter;

use std::sync::Arc;

use crate::exposition::Exposition;
use crate::reader::Reader;
use crate::state::ExporterState;

/// One subject of our own page.
pub(crate) struct Collector {
    /// What is to be gathered for it, where it needs more than is always watched.
    pub(crate) reader: Option<fn() -> Reader>,
    /// Writes its families, each whole.
    pub(crate) collect: fn(&Arc<ExporterState>, &mut Exposition),
}

/// All of them, in the order of the page.
pub(crate) const COLLECTORS: &[Collector] = &[exporter::COLLECTOR, vcenter::COLLECTOR];

/// What is to be gathered for all of them.
pub(crate) fn readers() -> impl Iterator<Item = Reader> {
    COLLECTORS.iter().filter_map(|collector| collector.reader).map(|reader| reader())
}
