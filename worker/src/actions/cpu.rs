//! CPU usage of a virtual machine in percent.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::Row;
use vpoller_inventory::property::{HOST, NAME};
use vpoller_vsphere::{MoRef, Value};

use super::{Answer, Task, one};
use crate::failure::Failure;

const USAGE_MHZ: &str = "summary.quickStats.overallCpuUsage";
const CPUS: &str = "config.hardware.numCPU";
const CLOCK_HZ: &str = "hardware.cpuInfo.hz";

/// The clock that the virtual CPUs use, of the clock they could use. `numCPU` counts cores already.
pub(crate) fn usage<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let vm = task.row(&[NAME, HOST, USAGE_MHZ, CPUS]).await?;
        let host = vm.required(HOST)?.and_then(Value::as_moref).ok_or(Failure::MissingProperties)?;
        let clock = clock(task, host).await?;
        let percent = percent(number(&vm, USAGE_MHZ)?, clock, number(&vm, CPUS)?).ok_or(Failure::MissingProperties)?;
        let name = vm.required(NAME)?.ok_or(Failure::MissingProperties)?.to_json();
        // The field has the method's name.
        task.answer(one(Map::from_iter([(NAME.to_owned(), name), (task.method.name.to_owned(), Json::from(percent))])))
    })
}

async fn clock(task: &Task<'_>, host: &MoRef) -> Result<f64, Failure> {
    let rows = task.inventory.read(std::slice::from_ref(host), &[CLOCK_HZ]).await?;
    number(rows.first().ok_or(Failure::MissingProperties)?, CLOCK_HZ)
}

fn number(row: &Row, path: &str) -> Result<f64, Failure> {
    row.required(path)?.and_then(Value::as_f64).ok_or(Failure::MissingProperties)
}

fn percent(usage_mhz: f64, clock_hz: f64, cpus: f64) -> Option<f64> {
    let percent = usage_mhz * 1e6 / (clock_hz * cpus) * 100.0;
    percent.is_finite().then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_share_of_all_virtual_cpus() {
        assert_eq!(percent(230.0, 2_300_000_000.0, 4.0), Some(2.5));
        assert_eq!(percent(0.0, 2_300_000_000.0, 4.0), Some(0.0));
    }

    #[test]
    fn nonsense_inputs_give_nothing() {
        assert_eq!(percent(230.0, 0.0, 4.0), None);
        assert_eq!(percent(0.0, 0.0, 0.0), None);
    }
}
