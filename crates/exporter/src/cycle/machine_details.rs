//! What is known of each machine's devices, and of its settings.
//!
//! The list of a machine's devices is too large to be watched. It is read in batches, and only what readers want of it is kept. A
//! machine's devices are read again when vSphere gives its configuration a new version.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::sleep;
use vpoller_inventory::{Host, Kind, Property, ReadError, View};
use vpoller_vsphere::{MoRef, Struct, Value};

use crate::samples::{MachineDetails, NetworkCard, NovaId};
use crate::settings::Batches;

pub(crate) const VERSION: &str = "config.changeVersion";
const DEVICES: &str = "config.hardware.device";
/// The setting in which OpenStack Nova notes which instance the machine is.
const NOVA: &str = "config.extraConfig[\"nvp.vm-uuid\"]";
/// Machines whose devices are read in one call, at most: an answer of some hundred kilobytes.
const AT_ONCE: usize = 100;
const KIB: u64 = 1024;

/// What is known of each machine.
#[derive(Debug, Default)]
pub(super) struct KnownDetails {
    by_machine: HashMap<Arc<str>, DetailsOfVersion>,
}

#[derive(Debug)]
struct DetailsOfVersion {
    /// The version of the configuration that was read; none where vSphere does not say.
    version: Option<Arc<str>>,
    details: Arc<MachineDetails>,
}

impl KnownDetails {
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
            known.is_some_and(|known| versions.get(&machine.id).is_none_or(|now| now.is_none() || *now == known.version))
        };
        let wanted: Vec<MoRef> = machines.iter().filter(|machine| !is_known(machine)).cloned().collect();
        for (number, batch) in wanted.chunks(batches.size.clamp(1, AT_ONCE)).enumerate() {
            if number > 0 && !batches.pause.is_zero() {
                sleep(batches.pause).await;
            }
            for row in host.inventory().read(batch, &[DEVICES, NOVA, VERSION]).await? {
                let (disk_bytes, cards) = match row.property(DEVICES) {
                    Property::Set(devices) => (Some(disk_bytes(devices)), cards(devices)),
                    Property::Unset => (Some(0), Vec::new()),
                    Property::Refused(_) | Property::Unknown => (None, Vec::new()),
                };
                let nova = match row.property(NOVA) {
                    Property::Set(setting) => setting_text(setting).map_or(NovaId::None, NovaId::Set),
                    Property::Unset | Property::Unknown => NovaId::None,
                    Property::Refused(_) => NovaId::Refused,
                };
                let version = version(row.property(VERSION));
                let details = Arc::new(MachineDetails { disk_bytes, cards: cards.into(), nova });
                self.by_machine.insert(Arc::clone(&row.object.id), DetailsOfVersion { version, details });
            }
        }
        Ok(())
    }

    /// What is known, by the machines' ids.
    pub(super) fn known(&self) -> HashMap<Arc<str>, Arc<MachineDetails>> {
        self.by_machine.iter().map(|(id, known)| (Arc::clone(id), Arc::clone(&known.details))).collect()
    }
}

/// The version of each machine's configuration, where it is known.
fn versions(view: &View) -> HashMap<Arc<str>, Option<Arc<str>>> {
    let column = view.column(Kind::VirtualMachine, VERSION);
    let of = |vm: vpoller_inventory::ObjectView<'_>| {
        (Arc::clone(&vm.reference().id), column.and_then(|column| version(vm.get(column))))
    };
    view.objects(Kind::VirtualMachine).map(of).collect()
}

fn version(property: Property<'_>) -> Option<Arc<str>> {
    match property {
        Property::Set(version) => version.as_str().map(Arc::from),
        Property::Unset | Property::Refused(_) | Property::Unknown => None,
    }
}

fn disk_bytes(devices: &Value) -> u64 {
    let size = |device: &Value| {
        let device = device.as_struct().filter(|device| &*device.kind == "VirtualDisk")?;
        let kib = device.get("capacityInKB")?.as_i64()?;
        u64::try_from(kib).ok()?.checked_mul(KIB)
    };
    devices.as_list().unwrap_or_default().iter().filter_map(size).fold(0, u64::saturating_add)
}

/// The devices that have a MAC address.
fn cards(devices: &Value) -> Vec<NetworkCard> {
    let card = |device: &Value| {
        let device = device.as_struct()?;
        let mac = device.get("macAddress")?.as_str().filter(|mac| !mac.is_empty())?;
        Some(NetworkCard { key: device.get("key")?.as_i64()?, mac: mac.into() })
    };
    devices.as_list().unwrap_or_default().iter().filter_map(card).collect()
}

/// The text of a setting (`OptionValue`).
fn setting_text(setting: &Value) -> Option<Arc<str>> {
    let text = |setting: &Struct| setting.get("value").and_then(Value::as_str).map(Arc::from);
    setting.as_struct().and_then(text).filter(|text: &Arc<str>| !text.trim().is_empty())
}
