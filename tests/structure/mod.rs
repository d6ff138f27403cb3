//! What holds the source tree together: its history, the borders of its crates and modules, its names, what it stands on, what is
//! made of it.

mod advisories;
mod borders;
mod circles;
mod figures;
mod header;
mod history;
mod links;
mod names;
mod source;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use vpoller_testkit::workspace;

use source::Sources;

/// The top of the tree that is judged: this one, or another checkout.
fn top() -> PathBuf {
    std::env::var_os("VPOLLER_TREE").map_or_else(workspace::root, |path| Path::new(&path).canonicalize().unwrap())
}

/// All sources, read once.
fn sources() -> &'static Sources {
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    SOURCES.get_or_init(|| Sources::read(&top()))
}
