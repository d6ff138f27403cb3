//! How long an item may take. Nothing in Zabbix interrupts a module, so a request without a limit keeps a poller for itself.

use std::time::Duration;

use vpoller_wire::limits::CLIENT_PATIENCE;

use crate::generation::Generation;

/// Used when neither file nor host sets a limit.
const DEFAULT: Duration = CLIENT_PATIENCE;
/// Left to Zabbix for passing on what the module returned.
const MARGIN: Duration = Duration::from_millis(200);
/// No limit is shorter, whatever the settings say.
const LEAST: Duration = Duration::from_millis(100);
/// With several proxies, the part of the time after which the next one is asked.
const PROXIES: u32 = 3;

/// Kinds of Zabbix programs, as far as they differ for an item's time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// Answers a server, which gives up waiting after its own `Timeout`.
    Agent,
    /// Server or proxy: runs the item itself and waits as long as it takes.
    Poller,
}

impl Program {
    /// Which one this is by the name of its file; an unknown one is treated with the care an agent needs.
    pub fn of_file_name(name: &str) -> Self {
        if !name.contains("agent") && (name.contains("server") || name.contains("proxy")) { Self::Poller } else { Self::Agent }
    }
}

/// All that limits one item.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Which Zabbix it is.
    pub generation: Generation,
    /// Which program of it.
    pub program: Program,
    /// What the module's file sets.
    pub configured: Option<Duration>,
    /// The daemon's `Timeout`.
    pub daemon: Option<Duration>,
    /// The item's own timeout.
    pub item: Option<Duration>,
}

impl Limits {
    /// Time for all tries together.
    pub fn total(self) -> Duration {
        match (self.generation, self.item, self.program, self.configured) {
            (Generation::Zabbix70, Some(item), ..) => less_margin(item),
            (_, _, Program::Poller, Some(configured)) => configured,
            (.., configured) => {
                let own = configured.unwrap_or(DEFAULT);
                self.daemon.map_or(own, |daemon| own.min(less_margin(daemon)))
            }
        }
    }
}

fn less_margin(limit: Duration) -> Duration {
    limit.saturating_sub(MARGIN).max(LEAST)
}

/// How many tries there are, and how long each but the last may take: the last has what is left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tries {
    /// At least 1.
    pub count: u32,
    /// Less than the whole if there is more than one.
    pub each: Duration,
}

impl Tries {
    /// Divides the time among `retries` tries, and so that with several proxies a dead one does not take all of it.
    pub fn divide(total: Duration, retries: u32, proxies: usize) -> Self {
        let proxies = u32::try_from(proxies).unwrap_or(PROXIES).clamp(1, PROXIES);
        let parts = if proxies > 1 { retries.max(PROXIES) } else { retries.max(1) };
        Self { count: retries.max(proxies), each: total / parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_file_name_tells_the_program() {
        for (name, wanted) in [
            ("zabbix_agentd", Program::Agent),
            ("zabbix_server", Program::Poller),
            ("zabbix_server_pgsql", Program::Poller),
            ("zabbix_proxy_sqlite3", Program::Poller),
            ("proxy_agentd", Program::Agent),
            ("glaber", Program::Agent),
        ] {
            assert_eq!(Program::of_file_name(name), wanted, "{name}");
        }
    }

    #[test]
    fn each_generation_and_program_has_its_rule() {
        use Generation::{Zabbix32, Zabbix70};
        use Program::{Agent, Poller};
        let seconds = |number: Option<u64>| number.map(Duration::from_secs);
        for (generation, program, configured, daemon, item, wanted) in [
            // From 7.0 on the item's timeout is the only one.
            (Zabbix70, Poller, None, Some(4), Some(7), 6_800),
            (Zabbix70, Poller, Some(10), Some(4), Some(3), 2_800),
            (Zabbix70, Agent, Some(1), Some(3), Some(30), 29_800),
            (Zabbix70, Poller, None, Some(4), None, 3_800),
            // An agent never takes longer than its server waits.
            (Zabbix32, Agent, Some(10), Some(3), None, 2_800),
            (Zabbix32, Agent, Some(2), Some(3), None, 2_000),
            (Zabbix32, Agent, None, Some(30), None, 10_000),
            // Server and proxy wait as long as the file says, else as an agent.
            (Zabbix32, Poller, Some(10), Some(4), None, 10_000),
            (Zabbix32, Poller, None, Some(4), None, 3_800),
            (Zabbix32, Poller, None, None, None, 10_000),
            // A field that 6.4 and before do not have is not believed.
            (Zabbix32, Poller, None, Some(4), Some(60), 3_800),
        ] {
            let [configured, daemon, item] = [configured, daemon, item].map(seconds);
            let limits = Limits { generation, program, configured, daemon, item };
            assert_eq!(limits.total(), ms(wanted), "{limits:?}");
        }
    }

    #[test]
    fn tries_share_the_time() {
        for (retries, proxies, count, each) in [
            (1, 1, 1, 9000),
            (3, 1, 3, 3000),
            (1, 2, 2, 3000),
            (1, 3, 3, 3000),
            (1, 9, 3, 3000),
            (2, 2, 2, 3000),
            (9, 2, 9, 1000),
        ] {
            assert_eq!(Tries::divide(ms(9000), retries, proxies), Tries { count, each: ms(each) }, "{retries} {proxies}");
        }
    }
}
