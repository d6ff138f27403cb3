//! What readers may ask about a vSphere host, and nothing about how it is answered.
//!
//! The traits ([`Inventory`], [`Services`], [`Performance`]), the values that answers are made of, and the rules by which names
//! and property paths are read. Everything else of this crate stands on it; it stands on nothing of this crate.

mod error;
mod inventory;
mod inventory_path;
mod kind;
mod lookup;
mod performance;
mod pinned;
pub mod property;
mod property_path;
mod property_states;
mod read_plan;
mod refusal;
mod row;
mod rows;
mod services;
mod spelling;
mod view;

pub use error::ReadError;
pub use inventory::{Inventory, Reached};
pub use inventory_path::{Ancestors, upward};
pub use kind::Kind;
pub(crate) use lookup::{Index, comparable, indexed};
pub use lookup::{ObjectName, find_by_name};
pub use performance::{Performance, SampleQuery, SampleResult, Window};
pub use pinned::Pinned;
pub use property_path::is_within;
pub(crate) use property_states::PropertyStates;
pub(crate) use read_plan::{ReadPlan, declared_part, is_picked, part_below};
pub(crate) use refusal::Refusals;
pub use refusal::{MissingPrivilege, Refusal};
pub use row::Row;
pub(crate) use rows::RowSource;
pub use rows::Rows;
pub(crate) use services::event_age;
pub use services::{Event, EventFilter, EventList, GuestAccount, Services, Severity};
pub use spelling::decoded_name;
pub use view::{Column, ObjectView, Property, View};
pub(crate) use view::{PropertyState, Version};
