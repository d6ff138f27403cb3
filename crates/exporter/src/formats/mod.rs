//! The forms in which readers want what is known: each has pages of its own, and says what has to be gathered for it.

mod own;
pub(crate) mod vmware;
pub(crate) mod zroc;

use crate::format::Format;

/// All of them.
pub(crate) const FORMATS: &[Format] = &[zroc::FORMAT, vmware::FORMAT, crate::ceilometer::FORMAT, own::FORMAT];

pub(crate) use own::page as own_page;
