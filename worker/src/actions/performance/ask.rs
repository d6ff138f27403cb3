//! How counters, instances, intervals and numbers of samples are asked for.

use vpoller_inventory::Window;
use vpoller_vsphere::{Catalogue, Counter, Interval, Provider};
use vpoller_wire::{Request, split_properties};

use crate::failure::Failure;

/// Seconds between real-time samples, should a provider not say.
const REFRESH_RATE: i32 = 20;
/// Real-time samples are kept for an hour.
const REAL_TIME_KEPT: i32 = 3600;
/// A datastore is known in statistics by the last part of its URL, which a vCenter writes with a scheme and an ESXi host without.
const SCHEME: &str = "ds://";
const VOLUMES: &str = "/vmfs/volumes/";
/// No counter and no instance has a longer name.
const LONGEST: usize = 500;
/// Counters in one request: more than any type of object has.
const MOST_COUNTERS: usize = 500;

/// The counter that a request names: by name, else by number in the field that older clients use.
pub(super) fn counter<'c>(request: &Request, catalogue: &'c Catalogue) -> Result<(&'c Counter, String), Failure> {
    let text = request.counter_name.as_ref().or(request.counter_id.as_ref()).ok_or(Failure::UnknownCounter)?;
    let counter = catalogue.find(text).ok_or(Failure::UnknownCounter)?;
    Ok((counter, text.clone()))
}

/// The instance that a request names, the aggregate when it names none.
pub(super) fn instance(request: &Request) -> Result<&str, Failure> {
    let text = request.instance.as_deref().unwrap_or_default();
    let is_schemed = text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    let path = text.get(SCHEME.len()..).filter(|_| is_schemed).unwrap_or(text);
    let id = path.strip_prefix(VOLUMES).map_or(text, |id| id.trim_end_matches('/'));
    if id.len() > LONGEST { Err(Failure::InvalidSamples) } else { Ok(id) }
}

/// The counters that a request for many of them lists: where others have one counter, else in place of properties.
pub(super) fn counters(request: &Request) -> Result<Vec<String>, Failure> {
    let texts = match request.counter_name.as_ref().or(request.counter_id.as_ref()) {
        Some(list) => split_properties(list),
        None => request.properties.clone(),
    };
    if texts.len() > MOST_COUNTERS {
        let text = format!("{} performance counters are asked for at once, {MOST_COUNTERS} are possible", texts.len());
        return Err(Failure::Key(text));
    }
    if texts.is_empty() || texts.iter().any(|text| text.len() > LONGEST) {
        return Err(Failure::UnknownCounter);
    }
    Ok(texts)
}

/// How many samples a request asks for.
pub(super) fn samples(request: &Request) -> Result<usize, Failure> {
    let Some(text) = &request.max_sample else { return Ok(1) };
    text.trim().parse().ok().filter(|number| *number > 0).ok_or(Failure::InvalidSamples)
}

/// The time that a request is about: the historical interval that it names, else real time.
pub(super) fn window(
    request: &Request,
    provider: Provider,
    intervals: &[Interval],
    samples: usize,
    entity: &str,
) -> Result<Window, Failure> {
    let real_time = provider.refresh_rate.unwrap_or(REFRESH_RATE);
    let window = |interval: i32, real_time, kept: i32| {
        let most = usize::try_from(kept / interval.max(1)).unwrap_or(1).max(1);
        Window { interval, real_time, samples: samples.min(most) }
    };
    match request.perf_interval.as_deref() {
        None if provider.real_time => Ok(window(real_time, true, REAL_TIME_KEPT)),
        None => Err(Failure::NoInterval(entity.to_owned())),
        Some(text) if provider.real_time && text.trim().parse() == Ok(real_time) => Ok(window(real_time, true, REAL_TIME_KEPT)),
        Some(text) => {
            let interval = find(intervals, text)?;
            Ok(window(interval.sampling_period, false, interval.length))
        }
    }
}

/// The interval that a text means: its number, its sampling period, or its name, however that is spaced.
fn find<'i>(intervals: &'i [Interval], text: &str) -> Result<&'i Interval, Failure> {
    let by = |fits: &dyn Fn(&Interval) -> bool| intervals.iter().find(|interval| fits(interval));
    if let Ok(number) = text.trim().parse::<i32>() {
        let found = by(&|interval| interval.key == number).or_else(|| by(&|interval| interval.sampling_period == number));
        return found.ok_or(Failure::UnknownIntervalKey(number));
    }
    let plain = |name: &str| name.split_whitespace().collect::<String>().to_lowercase();
    let found = by(&|interval| &*interval.name == text).or_else(|| by(&|interval| plain(&interval.name) == plain(text)));
    found.ok_or_else(|| Failure::UnknownInterval(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpoller_vsphere::{Struct, Value};

    fn intervals() -> Vec<Interval> {
        let interval = |key, period, name, length| {
            let fields = [
                ("key", Value::Int(key)),
                ("samplingPeriod", Value::Int(period)),
                ("name", Value::string(name)),
                ("length", Value::Int(length)),
            ];
            Value::from(Struct { kind: "PerfInterval".into(), fields: fields.map(|(name, value)| (name.into(), value)).to_vec() })
        };
        let rows = vec![
            interval(1, 300, "Past day", 86_400),
            interval(2, 1800, "Past week", 604_800),
            interval(300, 7200, "Past month", 2_592_000),
        ];
        Interval::read_all(rows)
    }

    fn check(interval: Option<&str>, real_time: bool, samples: usize, expected: Result<(i32, bool, usize), &str>) {
        let mut request = Request::new("m", "vc01");
        request.perf_interval = interval.map(str::to_owned);
        let provider = Provider { real_time, refresh_rate: real_time.then_some(20) };
        let found = window(&request, provider, &intervals(), samples, "vm01");
        let found =
            found.map(|window| (window.interval, window.real_time, window.samples)).map_err(|failure| failure.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{interval:?}");
    }

    #[test]
    fn every_form_of_an_interval_is_understood() {
        for text in ["Past day", "past day", "Past Day", "PastDay", " 1 ", "1"] {
            check(Some(text), true, 1, Ok((300, false, 1)));
        }
        check(Some("1800"), false, 3, Ok((1800, false, 3)));
        check(Some("300"), true, 1, Ok((7200, false, 1)));
        check(Some("20"), true, 1, Ok((20, true, 1)));
        check(None, true, 1, Ok((20, true, 1)));
    }

    #[test]
    fn what_is_no_interval_is_said_in_the_words_of_the_contract() {
        check(None, false, 1, Err("No historical performance interval provided for entity vm01"));
        check(Some("Past hour"), true, 1, Err("Historical interval Past hour does not exists"));
        check(Some("7"), true, 1, Err("Historical interval with key 7 does not exist"));
        check(Some("20"), false, 1, Err("Historical interval with key 20 does not exist"));
    }

    #[test]
    fn no_more_samples_are_asked_for_than_are_kept() {
        check(None, true, 1_000_000, Ok((20, true, 180)));
        check(Some("1"), true, 1_000_000, Ok((300, false, 288)));
    }

    #[test]
    fn numbers_of_samples_are_numbers() {
        let of = |text: Option<&str>| {
            let mut request = Request::new("m", "vc01");
            request.max_sample = text.map(str::to_owned);
            samples(&request).map_err(|failure| failure.to_string())
        };
        assert_eq!((of(None), of(Some("3")), of(Some(" 2 "))), (Ok(1), Ok(3), Ok(2)));
        for text in ["three", "1.5", "0", "-1", "99999999999999999999999"] {
            assert_eq!(of(Some(text)), Err("Invalid message, cannot retrieve performance metrics".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_datastore_is_an_instance_by_its_url_too() {
        let check = |text: &str, expected: Option<&str>| {
            let mut request = Request::new("m", "vc01");
            request.instance = Some(text.to_owned());
            assert_eq!(instance(&request).ok(), expected, "{text}");
        };
        check("ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/", Some("5190e2a7-d2b7c58e-b1e2-90b11c29079d"));
        for volume in ["5190e2a7-d2b7c58e", "vsan:52e1-01", "vvol:16bytes-01"] {
            for form in [
                "ds:///vmfs/volumes/{}/",
                "ds:///vmfs/volumes/{}",
                "DS:///vmfs/volumes/{}/",
                "/vmfs/volumes/{}/",
                "/vmfs/volumes/{}",
                "{}",
            ] {
                check(&form.replace("{}", volume), Some(volume));
            }
        }
        check("vmnic0", Some("vmnic0"));
        check("*", Some("*"));
        check(&"x".repeat(LONGEST + 1), None);
        assert_eq!(instance(&Request::new("m", "vc01")).ok(), Some(""));
    }

    #[test]
    fn lists_of_counters_are_bounded() {
        let of = |list: &str| {
            let mut request = Request::new("m", "vc01");
            request.counter_name = Some(list.to_owned());
            counters(&request).map_err(|failure| failure.to_string())
        };
        assert_eq!(of("cpu.usage, 24"), Ok(vec!["cpu.usage".to_owned(), "24".to_owned()]));
        assert_eq!(of(&"x".repeat(LONGEST + 1)), Err("Unknown performance counter requested".to_owned()));
        let many = "a,".repeat(MOST_COUNTERS + 1);
        let text = "Invalid task request: 501 performance counters are asked for at once, 500 are possible";
        assert_eq!(of(&many), Err(text.to_owned()));
    }
}
