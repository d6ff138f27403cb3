//! The Debian package, installed, used and purged on an overlay of this machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{process, workspace};

use super::{output, release};

fn package() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(workspace::root().join("tools/deb.sh"));
    output(command.arg("1.0.0").arg(release()).arg(folder.path()).env("DEB_COMPRESSION", "none"));
    folder
}

#[test]
fn the_package_serves_and_leaves_nothing_behind() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not run: installing a package needs root, also where all of it vanishes afterwards");
        return;
    }
    let folder = package();
    let package = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.arg(workspace::root().join("tests/packaging/machine.sh")).arg(package);
    let done = process::run(command, SLOW);
    let last = done.stdout.trim_end().lines().last().unwrap_or_default();
    assert!(done.code == 0 && last.contains(" 0 not as documented"), "{}\n{}", done.stdout, done.stderr);
}
