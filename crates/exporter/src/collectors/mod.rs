//! What our own page consists of: the table of metrics, and one collector for each subject.

mod exporter;
mod figures;
mod markdown;
mod metric;
mod subject;
mod subjects;
mod tree;
mod vcenter;

use std::sync::Arc;

use crate::exposition::Exposition;
use crate::reader::{DetailsOf, Reader, SampleSource};
use crate::settings::OwnSettings;
use crate::state::ExporterState;
use figures::{Collector, Figures};
use subject::FreshHost;
use subjects::SUBJECTS;

pub use markdown::{MetricRow, metric_rows, metrics_markdown};

/// All of them, in the order of the page.
const COLLECTORS: &[Collector] = &[exporter::COLLECTOR, vcenter::COLLECTOR];

/// The name under which all of them find what was gathered.
pub(crate) const READER: &str = "own";

/// What is to be gathered for our own page. Each subject is a reader, and all have one interval and so one cycle.
pub(crate) fn readers(settings: &OwnSettings) -> Vec<Reader> {
    let none = Reader {
        name: READER,
        interval: settings.interval,
        source: SampleSource::RealTime,
        or_real_time: false,
        counters: &[],
        paths: &[],
        details: DetailsOf::None,
    };
    let wanted = SUBJECTS.iter().filter(|subject| settings.shows(subject.name));
    wanted.map(|subject| Reader { counters: subject.counters, paths: subject.paths, ..none.clone() }).collect()
}

/// Whether a part of this name is shown. Without settings of our own page it shows only how the exporter is.
pub(crate) fn is_shown(state: &ExporterState, part: &str) -> bool {
    let is_own = COLLECTORS.iter().any(|collector| collector.name == part);
    state.settings.own.as_ref().map_or(is_own, |settings| settings.shows(part))
}

/// Writes the parts that are wanted, of these hosts.
pub(crate) fn write(state: &Arc<ExporterState>, wants: &dyn Fn(&str) -> bool, vcenter: Option<&str>, page: &mut Exposition) {
    let mut hosts = state.read(READER);
    hosts.retain(|data| vcenter.is_none_or(|vcenter| vcenter == data.host.name()));
    let figures = Figures::new(state, &hosts);
    for collector in COLLECTORS.iter().filter(|collector| is_shown(state, collector.name) && wants(collector.name)) {
        figures::write(collector, &figures, page);
    }
    let Some(settings) = &state.settings.own else { return };
    let wanted: Vec<_> = SUBJECTS.iter().filter(|subject| settings.shows(subject.name) && wants(subject.name)).collect();
    if wanted.is_empty() {
        return;
    }
    let fresh: Vec<FreshHost<'_>> = hosts.iter().filter_map(|data| FreshHost::new(data, settings)).collect();
    for one in wanted {
        subject::write(one, &fresh, settings, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts;

    #[test]
    fn every_part_that_can_be_chosen_is_there_in_its_order() {
        let of_collectors = COLLECTORS.iter().map(|collector| collector.name);
        let shown: Vec<&str> = of_collectors.chain(SUBJECTS.iter().map(|subject| subject.name)).collect();
        assert_eq!(parts::names().collect::<Vec<_>>(), shown);
    }
}
