//! What can be asked of a vSphere host beyond properties of its inventory: questions to its managers.

use vpoller_vsphere::{MoRef, Value};
use vpoller_wire::Secret;

use super::Reading;

/// The managers of one vSphere host. Their answers are never kept as those about the inventory are.
pub trait Services: Send + Sync {
    /// The processes in the guest of a virtual machine. Never asked twice on its own: a wrong password locks accounts.
    fn processes<'a>(&'a self, vm: &'a MoRef, account: GuestAccount<'a>) -> Reading<'a, Vec<Value>>;
}

/// Who asks inside a guest.
#[derive(Clone, Copy, Debug)]
pub struct GuestAccount<'a> {
    /// Guest user.
    pub user: &'a str,
    /// Guest password.
    pub password: &'a Secret,
}
