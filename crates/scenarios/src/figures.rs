//! The result of a measurement, and the arithmetic for it.

use serde_json::{Value, json};

/// The result of a measurement.
pub(crate) struct Figures {
    /// The figure as text.
    pub shown: String,
    /// Whether it reaches the target.
    pub met: bool,
    /// Everything measured.
    pub raw: Value,
}

impl Figures {
    pub(crate) fn new(shown: impl Into<String>, met: bool, raw: Value) -> Self {
        Self { shown: shown.into(), met, raw }
    }

    /// The result of a row that cannot be measured on this build.
    pub(crate) fn missing(why: &str) -> Self {
        Self::new(format!("not measured: {why}"), false, json!(null))
    }
}

/// A number of a JSON document; not a number where there is none.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// The value within which `percent` of the values lie, by nearest rank; `percent` 100 is the largest.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The slope of the regression line.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let x = mean(|point| point.0);
    let y = mean(|point| point.1);
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        assert_eq!([50, 99, 100].map(|percent| percentile(&[3.0, 1.0, 2.0], percent)), [2.0, 3.0, 3.0]);
        assert!(percentile(&[], 50).is_nan());
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-9);
    }
}
