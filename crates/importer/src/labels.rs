//! What this program writes on Zabbix hosts to know them again: names of tags and of user macros.

use crate::kind::Kind;

/// The vSphere host that the object belongs to, as vPoller names it.
pub(crate) const VCENTER_TAG: &str = "vsphere.vcenter";
/// Type and managed object id, such as `VirtualMachine:vm-42`.
pub(crate) const OBJECT_TAG: &str = "vsphere.object";
/// The object's name, where [`NAME_MACRO`] holds something else.
pub(crate) const NAME_TAG: &str = "vsphere.name";
/// The cluster in whose group this program put the host.
pub(crate) const CLUSTER_TAG: &str = "vsphere.cluster";
/// The power state because of which this program disabled the host.
pub(crate) const DISABLED_TAG: &str = "vsphere.disabled";
/// Set on hosts that people or the original importer made and that stand for an object: they are kept up to date, never deleted.
pub(crate) const ADOPTED_TAG: &str = "vsphere.adopted";
/// How templates address the object.
pub(crate) const NAME_MACRO: &str = "{$VSPHERE.NAME}";
/// How templates name the vSphere host.
pub(crate) const HOST_MACRO: &str = "{$VSPHERE.HOST}";

/// All tags of this program.
pub(crate) const TAGS: [&str; 6] = [VCENTER_TAG, OBJECT_TAG, NAME_TAG, CLUSTER_TAG, DISABLED_TAG, ADOPTED_TAG];

/// The value of [`OBJECT_TAG`].
pub(crate) fn object_tag(kind: Kind, moid: &str) -> String {
    format!("{}:{moid}", kind.type_name())
}
