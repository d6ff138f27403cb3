//! How large the virtual disks of each machine are together.
//!
//! The list of a machine's devices is too large to be watched. It is read in batches, and only the sum is kept. A machine's devices are read
//! again when vSphere gives its configuration a new version.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::sleep;
use vpoller_inventory::{Host, Kind, Property, ReadError, View};
use vpoller_vsphere::{MoRef, Value};

use crate::settings::Batches;

pub(crate) const VERSION: &str = "config.changeVersion";
const DEVICES: &str = "config.hardware.device";
/// Machines whose devices are read in one call, at most: an answer of some hundred kilobytes.
const AT_ONCE: usize = 100;
const KIB: u64 = 1024;

/// What is known of each machine's disks.
#[derive(Debug, Default)]
pub(super) struct DiskSizes {
    by_machine: HashMap<Arc<str>, KnownSize>,
}

#[derive(Debug)]
struct KnownSize {
    /// The version of the configuration that was read; none where vSphere does not say.
    version: Option<Arc<str>>,
    /// None where the devices may not be read.
    bytes: Option<u64>,
}

impl DiskSizes {
    /// Reads the devices of machines that are new or have changed, and forgets those that are gone.
    pub(super) async fn renew(
        &mut self,
        host: &Host,
        view: &View,
        machines: &[MoRef],
        batches: &Batches,
    ) -> Result<(), ReadError> {
        let versions = versions(view);
        self.by_machine.retain(|id, _| versions.contains_key(id));
        let is_known = |machine: &&MoRef| {
            let known = self.by_machine.get(&machine.id);
            known.is_some_and(|known| versions.get(&machine.id).is_none_or(|version| *version == known.version))
        };
        let wanted: Vec<MoRef> = machines.iter().filter(|machine| !is_known(machine)).cloned().collect();
        for (number, batch) in wanted.chunks(batches.size.clamp(1, AT_ONCE)).enumerate() {
            if number > 0 && !batches.pause.is_zero() {
                sleep(batches.pause).await;
            }
            for row in host.inventory().read(batch, &[DEVICES]).await? {
                let bytes = match row.property(DEVICES) {
                    Property::Set(devices) => Some(disk_bytes(devices)),
                    Property::Unset => Some(0),
                    Property::Refused(_) | Property::Unknown => None,
                };
                let version = versions.get(&row.object.id).cloned().flatten();
                self.by_machine.insert(Arc::clone(&row.object.id), KnownSize { version, bytes });
            }
        }
        Ok(())
    }

    /// The sizes, by the machines' ids.
    pub(super) fn known(&self) -> HashMap<Arc<str>, u64> {
        self.by_machine.iter().filter_map(|(id, known)| Some((Arc::clone(id), known.bytes?))).collect()
    }
}

/// The version of each machine's configuration, where it is known.
fn versions(view: &View) -> HashMap<Arc<str>, Option<Arc<str>>> {
    let column = view.column(Kind::VirtualMachine, VERSION);
    let version = |property: Property<'_>| match property {
        Property::Set(version) => version.as_str().map(Arc::from),
        _ => None,
    };
    let of = |vm: vpoller_inventory::ObjectView<'_>| {
        (Arc::clone(&vm.reference().id), column.and_then(|column| version(vm.get(column))))
    };
    view.objects(Kind::VirtualMachine).map(of).collect()
}

fn disk_bytes(devices: &Value) -> u64 {
    let size = |device: &Value| {
        let device = device.as_struct().filter(|device| &*device.kind == "VirtualDisk")?;
        let kib = device.get("capacityInKB")?.as_i64()?;
        u64::try_from(kib).ok()?.checked_mul(KIB)
    };
    devices.as_list().unwrap_or_default().iter().filter_map(size).fold(0, u64::saturating_add)
}
