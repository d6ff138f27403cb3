//! Shows what is known of vSphere to Prometheus and other readers over HTTP.

fn main() {}
