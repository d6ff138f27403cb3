//! Sessions (skeleton).

use crate::{MoRef, Struct};

/// The singletons of a vSphere host and what it says about itself.
#[derive(Clone, Debug)]
pub struct ServiceContent {
    /// `AboutInfo`: product, version, `apiType`, `instanceUuid`.
    pub about: Struct,
    /// Root of the inventory.
    pub root_folder: MoRef,
    /// Reads properties.
    pub property_collector: MoRef,
    /// Makes views.
    pub view_manager: MoRef,
    /// Logs in and out.
    pub session_manager: MoRef,
    /// Performance counters.
    pub perf_manager: Option<MoRef>,
    /// Events.
    pub event_manager: Option<MoRef>,
    /// Alarm definitions; absent on ESXi.
    pub alarm_manager: Option<MoRef>,
    /// Custom attributes; absent on ESXi.
    pub custom_fields_manager: Option<MoRef>,
    /// Advanced settings (`OptionManager`).
    pub setting: Option<MoRef>,
    /// Processes in guests.
    pub guest_operations_manager: Option<MoRef>,
    /// Licences.
    pub license_manager: Option<MoRef>,
    /// The whole data object, for members not named above.
    pub all: Struct,
}

/// An open session.
#[derive(Debug)]
pub struct Session {
    /// The singletons, as this session may see them.
    pub content: ServiceContent,
    /// API version spoken in this session.
    pub api_version: String,
    /// Counts the sessions of this client from 1; another number means other views, filters and tokens.
    pub generation: u64,
}
