//! The report, as text and as JSON.

use serde_json::{Value, json};

use super::load::Measurements;
use super::usage::ResourceUsage;

/// All measurements: of the workers, and of the proxy alone.
pub(super) struct Report {
    /// Number of clients that asked at the same time.
    pub clients: u16,
    /// Requests a second that `--rate` asked for; `None` in a closed loop.
    pub rate: Option<f64>,
    /// The rounds, in which requests and echo take turns.
    pub rounds: Vec<Round>,
    /// The workers' processes, if they were measured.
    pub pids: Vec<u32>,
}

#[derive(Default)]
pub(super) struct Round {
    /// The requests as given; `None` when only the echo is measured.
    pub requests: Option<Measurements>,
    /// What the workers had used before the requests, and after them.
    pub usage: Option<(ResourceUsage, ResourceUsage)>,
    /// The same requests to the echo worker.
    pub echo: Option<Measurements>,
}

impl Round {
    fn ratio(&self) -> Option<f64> {
        Some(self.requests.as_ref()?.rate() / self.echo.as_ref()?.rate())
    }

    /// The median latency as a multiple of the echo's.
    fn p50_ratio(&self) -> Option<f64> {
        Some(f64::from(self.requests.as_ref()?.percentile(50)) / f64::from(self.echo.as_ref()?.percentile(50).max(1)))
    }

    /// Processor time of the workers for 1,000 requests, in seconds.
    fn cpu_per_1000(&self) -> Option<f64> {
        let (before, after) = self.usage?;
        Some((after.cpu - before.cpu) * 1000.0 / (self.requests.as_ref()?.count().max(1) as f64))
    }

    fn json(&self) -> Value {
        json!({
            "requests": self.requests.as_ref().map(Measurements::json),
            "echo": self.echo.as_ref().map(Measurements::json),
            "ratio": self.ratio(),
            "p50_ratio": self.p50_ratio(),
            "cpu_seconds_per_1000": self.cpu_per_1000(),
        })
    }
}

impl Report {
    /// Requests without a reply or with a failure as reply.
    pub(super) fn failures(&self) -> u64 {
        let all = self.rounds.iter().flat_map(|round| round.requests.iter().chain(&round.echo));
        all.map(|measured| measured.silent + measured.refused).sum()
    }

    /// The measurements of all rounds together, of requests or of the echo.
    fn all(&self, kind: impl Fn(&Round) -> &Option<Measurements>) -> Option<Measurements> {
        let mut parts = self.rounds.iter().filter_map(|round| kind(round).clone());
        let mut all = parts.next()?;
        for part in parts {
            all.add(part);
        }
        all.latencies.sort_unstable();
        Some(all)
    }

    /// The median of the rounds, and the smallest and largest.
    fn spread(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<[f64; 3]> {
        let mut all: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        all.sort_unstable_by(f64::total_cmp);
        let middle = all.len() / 2;
        let upper = *all.get(middle)?;
        let lower = if all.len().is_multiple_of(2) { *all.get(middle - 1)? } else { upper };
        Some([(lower + upper) / 2.0, *all.first()?, *all.last()?])
    }

    fn memory(&self) -> Option<[u64; 2]> {
        let first = self.rounds.iter().find_map(|round| round.usage)?.0;
        let last = self.rounds.iter().rev().find_map(|round| round.usage)?.1;
        Some([first.memory, last.memory])
    }

    /// The report as text.
    pub(super) fn text(&self) -> String {
        let rate = self.rate.map(|rate| format!(", {rate} requests a second")).unwrap_or_default();
        let mut text = format!("clients   {}{rate}\n", self.clients);
        for (title, measured) in [("requests", self.all(|round| &round.requests)), ("echo", self.all(|round| &round.echo))] {
            text += &measured.map(|measured| measured.text(title)).unwrap_or_default();
        }
        let rounds = |[_, least, most]: [f64; 3]| match self.rounds.len() {
            1 => String::new(),
            count => format!(" (median of {count} rounds, {least:.3} to {most:.3})"),
        };
        for (title, spread, what) in [
            ("ratio", self.spread(Round::ratio), "of the echo's rate"),
            ("p50", self.spread(Round::p50_ratio), "times the echo's"),
            ("worker", self.spread(Round::cpu_per_1000), "CPU seconds per 1,000 requests"),
        ] {
            text += &spread.map(|spread| format!("{title:<9} {:.3} {what}{}\n", spread[0], rounds(spread))).unwrap_or_default();
        }
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        let memory = self
            .memory()
            .map(|[before, after]| format!("  memory  {:.1} MiB before, {:.1} MiB after\n", mebibytes(before), mebibytes(after)));
        text + &memory.unwrap_or_default()
    }

    /// The report as a JSON object.
    pub(super) fn json(&self) -> String {
        let part = |measured: Option<Measurements>| measured.as_ref().map(Measurements::json);
        let median = |spread: Option<[f64; 3]>| spread.map(|[median, ..]| median);
        let worker = (!self.pids.is_empty()).then(|| {
            json!({
                "pids": self.pids,
                "cpu_seconds_per_1000": median(self.spread(Round::cpu_per_1000)),
                "memory_bytes": self.memory(),
            })
        });
        let all = json!({
            "clients": self.clients,
            "rate": self.rate,
            "requests": part(self.all(|round| &round.requests)),
            "echo": part(self.all(|round| &round.echo)),
            "ratio": median(self.spread(Round::ratio)),
            "p50_ratio": median(self.spread(Round::p50_ratio)),
            "worker": worker,
            "rounds": self.rounds.iter().map(Round::json).collect::<Vec<_>>(),
        });
        format!("{all}\n")
    }
}

impl Measurements {
    /// Number of requests, answered or not.
    pub(super) fn count(&self) -> u64 {
        self.latencies.len() as u64 + self.silent
    }

    /// Replies a second.
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Microseconds within which `percent` of the replies came, by nearest rank.
    fn percentile(&self, percent: usize) -> u32 {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).copied().unwrap_or_default()
    }

    fn text(&self, title: &str) -> String {
        let ms = |percent| f64::from(self.percentile(percent)) / 1000.0;
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!(
            "{title:<9} {} in {:.3} s, {:.1}/s\n  latency p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms, max {:.3} ms\n  failed  {} without a reply, {} refused{reason}\n",
            self.count(),
            self.elapsed.as_secs_f64(),
            self.rate(),
            ms(50),
            ms(90),
            ms(99),
            ms(100),
            self.silent,
            self.refused
        )
    }

    fn json(&self) -> Value {
        json!({
            "count": self.count(),
            "seconds": self.elapsed.as_secs_f64(),
            "per_second": self.rate(),
            "latency_us": {
                "p50": self.percentile(50), "p90": self.percentile(90), "p99": self.percentile(99), "max": self.percentile(100),
            },
            "no_reply": self.silent,
            "refused": self.refused,
            "reason": self.reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn measured(latencies: Vec<u32>) -> Measurements {
        Measurements { elapsed: Duration::from_secs(2), latencies, silent: 1, refused: 2, reason: Some("no".to_owned()) }
    }

    fn report(rounds: Vec<Round>) -> Report {
        Report { clients: 4, rate: None, rounds, pids: vec![7] }
    }

    fn used(cpu: f64) -> Option<(ResourceUsage, ResourceUsage)> {
        Some((ResourceUsage { cpu: 1.0, memory: 1 << 20 }, ResourceUsage { cpu: 1.0 + cpu, memory: 3 << 19 }))
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred = measured((1..=100).collect());
        assert_eq!([50, 90, 99, 100].map(|percent| hundred.percentile(percent)), [50, 90, 99, 100]);
        let one = measured(vec![7]);
        assert_eq!([50, 99, 100].map(|percent| one.percentile(percent)), [7, 7, 7]);
        assert_eq!(measured(vec![]).percentile(50), 0);
    }

    #[test]
    fn reports_both_measurements_and_their_ratio() {
        let round = Round { requests: Some(measured(vec![1000; 10])), usage: used(0.011), echo: Some(measured(vec![250; 40])) };
        let report = report(vec![round]);
        assert_eq!(report.failures(), 6);
        insta::assert_snapshot!(report.text(), @r"
        clients   4
        requests  11 in 2.000 s, 5.0/s
          latency p50 1.000 ms, p90 1.000 ms, p99 1.000 ms, max 1.000 ms
          failed  1 without a reply, 2 refused: no
        echo      41 in 2.000 s, 20.0/s
          latency p50 0.250 ms, p90 0.250 ms, p99 0.250 ms, max 0.250 ms
          failed  1 without a reply, 2 refused: no
        ratio     0.250 of the echo's rate
        p50       4.000 times the echo's
        worker    1.000 CPU seconds per 1,000 requests
          memory  1.0 MiB before, 1.5 MiB after
        ");
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["requests"]["per_second"], 5.0);
        assert_eq!(json["requests"]["latency_us"]["p99"], 1000);
        assert_eq!(json["echo"]["no_reply"], 1);
        assert_eq!((&json["ratio"], &json["p50_ratio"]), (&json!(0.25), &json!(4.0)));
        assert_eq!(json["worker"]["memory_bytes"], json!([1 << 20, 3 << 19]));
    }

    #[test]
    fn ratios_of_several_rounds_are_medians() {
        let round = |latency, cpu| Round {
            requests: Some(measured(vec![latency; 10])),
            usage: used(cpu),
            echo: Some(measured(vec![100; 10])),
        };
        let report = report(vec![round(300, 0.3), round(100, 0.1), round(200, 0.2)]);
        let text = report.text();
        assert!(text.contains("p50       2.000 times the echo's (median of 3 rounds, 1.000 to 3.000)\n"), "{text}");
        assert!(text.contains("requests  33 in 6.000 s, 5.0/s\n"), "{text}");
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((&json["p50_ratio"], &json["rounds"][0]["p50_ratio"]), (&json!(2.0), &json!(3.0)));
        assert_eq!(json["requests"]["latency_us"]["p50"], 200);
    }
}
