//! How long an item may take. Zabbix never interrupts a module, so a request without a limit would block a poller.

use std::time::Duration;

use vpoller_wire::limits::CLIENT_PATIENCE;

use crate::generation::Generation;

/// Used when neither the configuration file nor Zabbix sets a limit.
const DEFAULT: Duration = CLIENT_PATIENCE;
/// Time left to Zabbix to pass on the result.
const MARGIN: Duration = Duration::from_millis(200);
/// Lower bound of every limit.
const LEAST: Duration = Duration::from_millis(100);
/// With several proxies, at least this many of them are tried, and none gets more than this part of the time.
const PROXIES: u32 = 3;

/// Sorts of Zabbix programs, as far as they limit an item's time differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ZabbixProgram {
    /// Answers a server, which stops waiting after its own `Timeout`.
    Agent,
    /// Server or proxy: runs the item itself and waits as long as it takes.
    Poller,
}

impl ZabbixProgram {
    /// The program by the name of its file. An unknown one counts as an agent, which has the stricter limit.
    pub(crate) fn of_file_name(name: &str) -> Self {
        if !name.contains("agent") && (name.contains("server") || name.contains("proxy")) { Self::Poller } else { Self::Agent }
    }
}

/// Everything that limits the time of one item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimits {
    pub generation: Generation,
    pub program: ZabbixProgram,
    /// `vPollerTimeout` of the module's configuration.
    pub configured: Option<Duration>,
    /// The daemon's `Timeout`.
    pub daemon: Option<Duration>,
    /// The item's own timeout.
    pub item: Option<Duration>,
}

impl TimeLimits {
    /// Time for all tries together.
    pub(crate) fn total(self) -> Duration {
        match (self.generation, self.item, self.program, self.configured) {
            (Generation::Zabbix70, Some(item), ..) => less_margin(item),
            (_, _, ZabbixProgram::Poller, Some(configured)) => configured,
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

/// Number of tries, and how long each of them may take; the last one has all the time that is left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tries {
    /// At least 1.
    pub count: u32,
    /// Less than the whole time if there is more than one try.
    pub each: Duration,
}

impl Tries {
    /// Divides the time among `retries` tries. With several proxies, a dead one does not use up all of it.
    pub(crate) fn divide(total: Duration, retries: u32, proxies: usize) -> Self {
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
            ("zabbix_agentd", ZabbixProgram::Agent),
            ("zabbix_server", ZabbixProgram::Poller),
            ("zabbix_server_pgsql", ZabbixProgram::Poller),
            ("zabbix_proxy_sqlite3", ZabbixProgram::Poller),
            ("proxy_agentd", ZabbixProgram::Agent),
            ("glaber", ZabbixProgram::Agent),
        ] {
            assert_eq!(ZabbixProgram::of_file_name(name), wanted, "{name}");
        }
    }

    #[test]
    fn each_generation_and_program_has_its_rule() {
        use Generation::{Zabbix32, Zabbix70};
        use ZabbixProgram::{Agent, Poller};
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
            let limits = TimeLimits { generation, program, configured, daemon, item };
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
