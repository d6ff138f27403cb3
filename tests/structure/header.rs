//! `include/vpoller.h` is what the module's C border says.

use std::fs;

use vpoller_testkit::workspace;

const SOURCES: [&str; 2] = ["module/src/abi.rs", "module/src/exports.rs"];
const SETTINGS: &str = "cbindgen.toml";
const HEADER: &str = "include/vpoller.h";

#[test]
fn the_header_is_made_of_the_border() {
    let root = workspace::root();
    let settings = cbindgen::Config::from_file(root.join(SETTINGS)).unwrap();
    let builder = cbindgen::Builder::new().with_config(settings);
    let bindings = SOURCES.into_iter().fold(builder, |builder, source| builder.with_src(root.join(source))).generate().unwrap();
    let mut made = Vec::new();
    bindings.write(&mut made);
    if fs::read(root.join(HEADER)).unwrap() != made {
        let fresh = workspace::artefact("vpoller.h");
        fs::write(&fresh, made).unwrap();
        panic!("{HEADER} is not what {SOURCES:?} say: cp {} {HEADER}", fresh.display());
    }
}
