//! The result, for people and for programs.

use serde_json::{Value, json};

use super::load::Measured;

/// What was measured, of the workers and of the proxy alone.
pub struct Report {
    /// How many clients asked at the same time.
    pub clients: u16,
    /// The requests as given; nothing when only the echo was asked for.
    pub requests: Option<Measured>,
    /// The same requests to the echo worker.
    pub echo: Option<Measured>,
}

impl Report {
    /// Requests without a reply or with a failure as reply.
    pub fn failures(&self) -> u64 {
        self.requests.iter().chain(&self.echo).map(|measured| measured.silent + measured.refused).sum()
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.requests.as_ref()?.rate() / self.echo.as_ref()?.rate())
    }

    /// A few lines.
    pub fn text(&self) -> String {
        let mut text = format!("clients   {}\n", self.clients);
        for (title, measured) in [("requests", &self.requests), ("echo", &self.echo)] {
            text += &measured.as_ref().map(|measured| measured.text(title)).unwrap_or_default();
        }
        text + &self.ratio().map(|ratio| format!("ratio     {ratio:.3} of the echo's rate\n")).unwrap_or_default()
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let part = |measured: &Option<Measured>| measured.as_ref().map(Measured::json);
        let all = json!({
            "clients": self.clients,
            "requests": part(&self.requests),
            "echo": part(&self.echo),
            "ratio": self.ratio(),
        });
        format!("{all}\n")
    }
}

impl Measured {
    fn count(&self) -> u64 {
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
        format!(
            "{title:<9} {} in {:.3} s, {:.1}/s\n  latency p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms, max {:.3} ms\n  failed  {} without a reply, {} refused\n",
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn measured(latencies: Vec<u32>) -> Measured {
        Measured { elapsed: Duration::from_secs(2), latencies, silent: 1, refused: 2 }
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
        let report = Report { clients: 4, requests: Some(measured(vec![1000; 10])), echo: Some(measured(vec![250; 40])) };
        assert_eq!(report.failures(), 6);
        insta::assert_snapshot!(report.text(), @r"
        clients   4
        requests  11 in 2.000 s, 5.0/s
          latency p50 1.000 ms, p90 1.000 ms, p99 1.000 ms, max 1.000 ms
          failed  1 without a reply, 2 refused
        echo      41 in 2.000 s, 20.0/s
          latency p50 0.250 ms, p90 0.250 ms, p99 0.250 ms, max 0.250 ms
          failed  1 without a reply, 2 refused
        ratio     0.250 of the echo's rate
        ");
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["requests"]["per_second"], 5.0);
        assert_eq!(json["requests"]["latency_us"]["p99"], 1000);
        assert_eq!(json["echo"]["no_reply"], 1);
        assert_eq!(json["ratio"], 0.25);
    }
}
