//! Any bytes as the answer of a vSphere host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpoller_vsphere::{Value, read_recorded};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for method in ["RetrievePropertiesEx", "RetrieveProperties", "QueryPerf", "Login"] {
        match read_recorded(&text, method) {
            Ok(values) => drop(values.iter().map(Value::to_json).collect::<Vec<_>>()),
            // The reason must be printable, too.
            Err(error) => drop(error.to_string()),
        }
    }
});
