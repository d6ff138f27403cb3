//! Moments as vSphere sends them (`xsd:dateTime`) and as vPoller's users read them (Python's text form).

use std::fmt;

/// A moment with its zone offset, microsecond precision (further digits of the server are cut).
///
/// `Display` gives Python's text: `2015-02-13 09:16:50.916096+00:00`, without a fraction when the microseconds are 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DateTime {
    /// Microseconds since 1970-01-01T00:00:00Z, negative before.
    unix_micros: i64,
    /// Offset of the zone it was written in, in minutes east of UTC.
    offset_minutes: i16,
}

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400;

impl DateTime {
    /// A moment in UTC from microseconds since 1970.
    #[must_use]
    pub const fn from_unix_micros(unix_micros: i64) -> Self {
        Self { unix_micros, offset_minutes: 0 }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.unix_micros
    }

    /// Reads ISO 8601 as XML Schema has it: 0 to 9 (or more) fraction digits; a missing zone means UTC.
    /// Nothing for any other text, and for years outside 0001–9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.trim().split_once('T')?;
        let (clock, offset_minutes) = split_zone(rest)?;
        let (clock, micros) = match clock.split_once('.') {
            Some((clock, digits)) => (clock, fraction(digits)?),
            None => (clock, 0),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        // 24:00:00 is the end of a day in XML Schema; second 60 is a leap second. Both roll over.
        let legal = year >= 1 && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
        if !legal || hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        let moment = Self { unix_micros: (seconds - i64::from(offset_minutes) * 60) * MICROS + micros, offset_minutes };
        (1..=9999).contains(&moment.civil().0).then_some(moment)
    }

    /// The form that is sent to the server: UTC, `2015-02-13T09:16:50.916096Z`.
    #[must_use]
    pub fn to_xml(self) -> String {
        let utc = Self { offset_minutes: 0, ..self };
        let (year, month, day) = utc.civil();
        let (clock, micros) = utc.clock();
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
        format!("{year:04}-{month:02}-{day:02}T{clock}{fraction}Z")
    }

    fn local_micros(self) -> i64 {
        self.unix_micros.saturating_add(i64::from(self.offset_minutes) * 60 * MICROS)
    }

    fn civil(self) -> (i64, i64, i64) {
        civil_from_days(self.local_micros().div_euclid(DAY * MICROS))
    }

    fn clock(self) -> (String, i64) {
        let of_day = self.local_micros().rem_euclid(DAY * MICROS);
        let seconds = of_day / MICROS;
        (format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60), of_day % MICROS)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        let (clock, micros) = self.clock();
        write!(out, "{year:04}-{month:02}-{day:02} {clock}")?;
        if micros != 0 {
            write!(out, ".{micros:06}")?;
        }
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        write!(out, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

/// Splits the zone off: `Z`, `+02:00`, or nothing (UTC). The offset is in minutes.
fn split_zone(text: &str) -> Option<(&str, i16)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at(at);
    let (sign, digits) = zone.split_at(1);
    let [hours, minutes] = numbers(digits, ':', [2, 2])?;
    if hours > 14 || minutes > 59 {
        return None;
    }
    let offset = i16::try_from(hours * 60 + minutes).ok()?;
    Some((clock, if sign == "-" { -offset } else { offset }))
}

/// Microseconds from fraction digits, further digits cut.
fn fraction(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some(micros.fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0')))
}

/// `N` unsigned numbers of fixed widths, separated by one character.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (slot, width) in found.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years count from March, so that the leap day ends one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The reverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(xml: &str, python: &str) {
        assert_eq!(DateTime::parse(xml).map(|moment| moment.to_string()).as_deref(), Some(python), "{xml}");
    }

    #[test]
    fn text_is_python_text() {
        check("2015-02-13T09:16:50.916096Z", "2015-02-13 09:16:50.916096+00:00");
        check("2015-02-10T15:48:40Z", "2015-02-10 15:48:40+00:00");
        check("2015-02-10T15:48:40.000Z", "2015-02-10 15:48:40+00:00");
        check("2015-02-10T15:48:40.5Z", "2015-02-10 15:48:40.500000+00:00");
        check("2015-02-10T15:48:40.123456789Z", "2015-02-10 15:48:40.123456+00:00");
        check("2015-02-10T15:48:40", "2015-02-10 15:48:40+00:00");
    }

    #[test]
    fn zone_is_kept() {
        check("2024-05-02T09:16:50+02:00", "2024-05-02 09:16:50+02:00");
        check("2024-01-01T00:10:00-03:30", "2024-01-01 00:10:00-03:30");
        assert_eq!(DateTime::parse("2024-01-01T00:10:00+00:30").unwrap().to_xml(), "2023-12-31T23:40:00Z");
    }

    #[test]
    fn leap_days_and_the_epoch() {
        assert_eq!(DateTime::parse("1970-01-01T00:00:00Z").unwrap().unix_micros(), 0);
        assert_eq!(DateTime::parse("2000-02-29T00:00:00Z").unwrap().unix_micros(), 951_782_400 * MICROS);
        assert_eq!(DateTime::parse("1969-12-31T23:59:59.5Z").unwrap().unix_micros(), -500_000);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01",
            "2024-01-01T1:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+2:00",
            "0000-01-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "é-T",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = DateTime::parse(&text);
        }

        #[test]
        fn sent_text_reads_back(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let moment = DateTime::from_unix_micros(micros);
            prop_assert_eq!(DateTime::parse(&moment.to_xml()), Some(moment));
        }
    }
}
