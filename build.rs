//! Writes `include/vpoller.h` from the module's C border, and says how the module is linked.

use std::error::Error;
use std::fs;
use std::path::Path;

const SOURCES: [&str; 2] = ["module/src/abi.rs", "module/src/exports.rs"];
const SETTINGS: &str = "cbindgen.toml";
const HEADER: &str = "include/vpoller.h";

fn main() -> Result<(), Box<dyn Error>> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed={SETTINGS}");
    // Zabbix closes the library at its end. It has to stay where it is: a thread of libzmq may still run in it.
    println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    write_if_changed(Path::new(HEADER), &header()?);
    Ok(())
}

fn header() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut text = Vec::new();
    let builder = cbindgen::Builder::new().with_config(cbindgen::Config::from_file(SETTINGS)?);
    SOURCES.into_iter().fold(builder, cbindgen::Builder::with_src).generate()?.write(&mut text);
    Ok(text)
}

/// The header is committed. A source tree that cannot be written to can still be built.
fn write_if_changed(path: &Path, text: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == text) {
        return;
    }
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = folder.and_then(|()| fs::write(path, text)) {
        println!("cargo::warning=cannot write {}: {error}; what is there is out of date", path.display());
    }
}
