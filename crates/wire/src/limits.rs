//! Bounds that several programs keep to: a request that one of them takes must not be refused by the next.

use std::time::Duration;

/// How long a client waits for its answer when its request does not say.
pub const CLIENT_PATIENCE: Duration = Duration::from_secs(10);

/// The longest time a client may wait: no item of Zabbix waits longer. A client that names more is served as if it had named this.
pub const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// Longest name of a vSphere host, in bytes. A `hostname` that is longer names none.
pub const LONGEST_HOST_NAME: usize = 255;
