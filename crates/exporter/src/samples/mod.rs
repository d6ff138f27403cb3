//! What cycles ask for, and what they brought.

mod gathered;
mod plan;

pub(crate) use gathered::{Answers, Gathered, MachineDetails, NetworkCard, NovaId, Reading};
pub(crate) use plan::{Plan, SampleQuestion, plans};
