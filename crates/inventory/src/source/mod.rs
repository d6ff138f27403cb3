//! Where answers come from: vSphere at each question, memory where it knows them, or nowhere.

mod broken;
mod cached;
mod direct;
mod health;

pub use broken::Broken;
pub use cached::Cached;
pub use direct::Direct;
