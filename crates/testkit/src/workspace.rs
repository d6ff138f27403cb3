//! Where things lie: the source tree, the build directory, the programs in it.

use std::env;
use std::path::{Path, PathBuf};

/// The top folder of the source tree.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies two levels below the top").to_owned()
}

/// The folder with the programs of this build, e.g. `target/debug`: where the running test's own file is, less `deps`
/// or `examples`.
///
/// # Panics
/// When the running program's own path is unknown.
#[must_use]
pub fn build_dir() -> PathBuf {
    let own = env::current_exe().expect("path of the running test");
    let folder = own.parent().expect("a program lies in a folder");
    let within = folder.ends_with("deps") || folder.ends_with("examples");
    if within { folder.parent().expect("it lies in a folder").to_owned() } else { folder.to_owned() }
}

/// A program of the workspace by name, built by the same profile as the running test.
///
/// # Panics
/// When it was not built; the message says how to.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = build_dir().join(name);
    assert!(path.is_file(), "{} is missing: run `make test`, or `cargo build --workspace` first", path.display());
    path
}

/// The module of this build as Zabbix loads it, fresh for every test run (it lies beside the test's own file).
///
/// # Panics
/// When it was not built; the message says how to.
#[must_use]
pub fn module() -> PathBuf {
    let folder = build_dir();
    let newest = [folder.join("deps/libvpoller.so"), folder.join("libvpoller.so")]
        .into_iter()
        .filter_map(|path| Some((path.metadata().and_then(|data| data.modified()).ok()?, path)))
        .max();
    newest
        .unwrap_or_else(|| {
            panic!("libvpoller.so is missing in {}: run `make test`, or `cargo build -p vpoller`", folder.display())
        })
        .1
}

/// What `make setup` and `tests/vcsim/build.sh` leave below `target/` of the source tree, whatever Cargo's own target
/// directory is.
#[must_use]
pub fn artefact(part: &str) -> PathBuf {
    root().join("target").join(part)
}
