//! Property paths that several parts read.

/// The name of an object.
pub const NAME: &str = "name";
/// The object that contains it.
pub const PARENT: &str = "parent";
/// A virtual machine in a vApp has this instead of a parent.
pub const PARENT_VAPP: &str = "parentVApp";
/// The ESXi host that a virtual machine runs on.
pub const HOST: &str = "runtime.host";
/// `poweredOn`, `poweredOff` or `suspended`.
pub const POWER_STATE: &str = "runtime.powerState";
/// Whether vCenter has contact with the object: `connected` if it has.
pub const CONNECTION_STATE: &str = "runtime.connectionState";
/// The part of a virtual machine in a fault-tolerant pair: 1 is the primary, more a secondary. Others have none.
pub const FAULT_TOLERANCE_ROLE: &str = "config.ftInfo.role";
