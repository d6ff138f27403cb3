//! Says how the module is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Zabbix closes the library at its end. It has to stay where it is: a thread of libzmq may still run in it.
    println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
}
