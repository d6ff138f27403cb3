//! What Ceilometer polls: entries of JSON for its dynamic pollsters, of all vCenters behind one address.

mod annotation;
mod answer;
mod definitions;
mod entries;
mod instance;
mod machines;
mod meters;
mod routes;
#[cfg(test)]
mod tests;

use vpoller_inventory::Kind;

use crate::format::Format;
use crate::reader::{Counters, DetailsOf, Reader, SampleSource};
use crate::settings::Settings;

pub use annotation::Annotation;
pub(crate) use answer::SMALLEST_PAGE;
pub(crate) use definitions::MARK;
pub use definitions::{CeilometerPlan, PlanError, PlanFile, Token};
pub use meters::meter_table;

pub(crate) const FORMAT: Format = Format { readers, router: routes::router };

/// The name of its reader.
const READER: &str = "ceilometer";
const SOURCE: SampleSource = SampleSource::RealTime;

const USUAL: Counters = &[(Kind::VirtualMachine, meters::COUNTERS)];
const WITH_VIRTUAL_DISKS: Counters =
    &[(Kind::VirtualMachine, meters::COUNTERS), (Kind::VirtualMachine, meters::VIRTUAL_DISK_COUNTERS)];

fn readers(settings: &Settings) -> Vec<Reader> {
    let reader = settings.ceilometer.as_ref().map(|ceilometer| Reader {
        name: READER,
        interval: ceilometer.interval,
        source: SOURCE,
        or_real_time: true,
        counters: if ceilometer.virtual_disks { WITH_VIRTUAL_DISKS } else { USUAL },
        paths: machines::PATHS,
        details: DetailsOf::All,
    });
    reader.into_iter().collect()
}
