//! What is known of each machine's devices, and of its settings.
//!
//! The list of a machine's devices is too large to be watched. It is read in batches, and only what readers want of it is kept. A
//! machine's devices are read again when vSphere gives its configuration a new version.
//!
//! Where disks are all that is wanted, the few devices are read that most machines' disks are. The whole list, several times as
//! large, is read of the machines that have other disks: vSphere says how many there are.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::sleep;
use vpoller_inventory::{Host, Kind, Property, ReadError, Row, View};
use vpoller_vsphere::{MoRef, Struct, Value};

use crate::reader::DetailsOf;
use crate::samples::{MachineDetails, NetworkCard, NovaId};
use crate::settings::Batches;

pub(crate) const VERSION: &str = "config.changeVersion";
const DEVICES: &str = "config.hardware.device";
/// The setting in which OpenStack Nova notes which instance the machine is.
const NOVA: &str = "config.extraConfig[\"nvp.vm-uuid\"]";
const DISKS: &str = "summary.config.numVirtualDisks";
/// The first disks of a machine's first SCSI controller. A device's number stands in the place of a key.
const FIRST_DISKS: [&str; 4] = [
    "config.hardware.device[2000]",
    "config.hardware.device[2001]",
    "config.hardware.device[2002]",
    "config.hardware.device[2003]",
];
/// Machines whose devices are read in one call, at most: an answer of some hundred kilobytes.
const AT_ONCE: usize = 100;
const KIB: u64 = 1024;

/// What is known of each machine.
#[derive(Debug, Default)]
pub(super) struct KnownDetails {
    by_machine: HashMap<Arc<str>, DetailsOfVersion>,
    /// The host gave none of the single devices that it was asked for: it is asked for lists from then on.
    gives_lists_only: bool,
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
        details: DetailsOf,
        batches: &Batches,
    ) -> Result<(), ReadError> {
        let versions = versions(view);
        self.by_machine.retain(|id, _| versions.contains_key(id));
        let is_known = |machine: &&MoRef| {
            let known = self.by_machine.get(&machine.id);
            known.is_some_and(|known| versions.get(&machine.id).is_none_or(|now| now.is_none() || *now == known.version))
        };
        let wanted: Vec<MoRef> = machines.iter().filter(|machine| !is_known(machine)).cloned().collect();
        // The machines that have other disks than the first ones are few: they are gathered until a call is worth its while.
        let mut others = Vec::new();
        let size = batches.size.clamp(1, AT_ONCE);
        for (number, batch) in wanted.chunks(size).enumerate() {
            if number > 0 && !batches.pause.is_zero() {
                sleep(batches.pause).await;
            }
            if details == DetailsOf::All || self.gives_lists_only {
                self.read_lists(host, batch).await?;
            } else {
                others.extend(self.read_first_disks(host, batch).await?);
            }
        }
        for batch in others.chunks(size) {
            if !batches.pause.is_zero() {
                sleep(batches.pause).await;
            }
            self.read_lists(host, batch).await?;
        }
        Ok(())
    }

    /// Reads the first disks of each machine, and gives the machines whose disks are not just these.
    async fn read_first_disks(&mut self, host: &Host, batch: &[MoRef]) -> Result<Vec<MoRef>, ReadError> {
        let paths = [&[DISKS, VERSION][..], &FIRST_DISKS].concat();
        let mut others = Vec::new();
        let (mut has_disks, mut has_found) = (false, false);
        for row in host.inventory().read_once(batch, &paths).await? {
            let found = FIRST_DISKS.iter().filter_map(|path| match row.property(path) {
                Property::Set(device) => size_of_disk(device),
                Property::Unset | Property::Refused(_) | Property::Unknown => None,
            });
            let found: Vec<u64> = found.collect();
            let disks = match row.property(DISKS) {
                Property::Set(disks) => disks.as_i64().and_then(|disks| usize::try_from(disks).ok()),
                Property::Unset | Property::Refused(_) | Property::Unknown => None,
            };
            has_disks |= disks != Some(0);
            has_found |= !found.is_empty();
            if disks == Some(found.len()) {
                let bytes = found.into_iter().fold(0, u64::saturating_add);
                let details = MachineDetails { disk_bytes: Some(bytes), cards: Box::default(), nova: NovaId::None };
                self.keep(&row, details);
            } else {
                others.push(row.object.clone());
            }
        }
        if has_disks && !has_found {
            tracing::debug!("[{}] tells no single devices of machines: their lists are read", host.name());
            self.gives_lists_only = true;
        }
        Ok(others)
    }

    /// Reads all devices of each machine, and its instance's id.
    async fn read_lists(&mut self, host: &Host, batch: &[MoRef]) -> Result<(), ReadError> {
        for row in host.inventory().read_once(batch, &[DEVICES, NOVA, VERSION]).await? {
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
            self.keep(&row, MachineDetails { disk_bytes, cards: cards.into(), nova });
        }
        Ok(())
    }

    fn keep(&mut self, row: &Row, details: MachineDetails) {
        let (version, details) = (version(row.property(VERSION)), Arc::new(details));
        self.by_machine.insert(Arc::clone(&row.object.id), DetailsOfVersion { version, details });
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
    devices.as_list().unwrap_or_default().iter().filter_map(size_of_disk).fold(0, u64::saturating_add)
}

/// Bytes of a device that is a disk.
fn size_of_disk(device: &Value) -> Option<u64> {
    let device = device.as_struct().filter(|device| &*device.kind == "VirtualDisk")?;
    let kib = device.get("capacityInKB")?.as_i64()?;
    u64::try_from(kib).ok()?.checked_mul(KIB)
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
