//! Moments as vSphere sends them (`xsd:dateTime`) and as vPoller's users read them (Python's text form).

use std::fmt;

use jiff::SignedDuration;
use jiff::civil;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};

/// A moment with its zone offset, in microseconds (further digits of the server are cut).
///
/// `Display` gives Python's text: `2015-02-13 09:16:50.916096+00:00`, without a fraction when the microseconds are 0. Years outside
/// -9999 to 9999 print as the nearest moment within.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DateTime {
    /// Microseconds since 1970-01-01T00:00:00Z, negative before.
    unix_micros: i64,
    /// Offset of the zone it was written in, in minutes east of UTC.
    offset_minutes: i16,
}

const EPOCH: civil::DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);
/// Shape of date and time up to the seconds; `0` stands for any digit.
const DATE_AND_TIME: &[u8] = b"0000-00-00T00:00:00";
/// Shape of an offset behind its sign.
const OFFSET: &[u8] = b"00:00";

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
    /// `None` for any other text, and for years outside 0001–9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (clock, offset_minutes) = split_zone(text.trim())?;
        let (clock, fraction) = clock.split_at_checked(DATE_AND_TIME.len())?;
        let mut normal = *b"0000-00-00T00:00:00.000000";
        let (seconds, micros) = normal.split_at_mut(DATE_AND_TIME.len());
        seconds.copy_from_slice(clock.as_bytes());
        has_shape(seconds, DATE_AND_TIME).then_some(())?;
        if !fraction.is_empty() {
            let digits = fraction.strip_prefix('.').filter(|digits| !digits.is_empty())?;
            digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(())?;
            micros[1..].iter_mut().zip(digits.bytes()).for_each(|(place, digit)| *place = digit);
        }
        // 24:00:00 is the end of a day in XML Schema; second 60 is a leap second. Both roll over.
        let mut rolled = SignedDuration::ZERO;
        if &normal[11..13] == b"24" {
            normal[11..13].copy_from_slice(b"00");
            rolled += SignedDuration::from_hours(24);
        }
        if &normal[17..19] == b"60" {
            normal[17..19].copy_from_slice(b"59");
            rolled += SignedDuration::from_secs(1);
        }
        let mut local = DateTimeParser::new().parse_datetime(normal).ok()?;
        if !rolled.is_zero() {
            local = local.checked_add(rolled).ok()?;
        }
        if local.year() < 1 {
            return None;
        }
        let unix = local.duration_since(EPOCH) - SignedDuration::from_mins(offset_minutes.into());
        Some(Self { unix_micros: i64::try_from(unix.as_micros()).ok()?, offset_minutes })
    }

    /// The form that is sent to the server: UTC, `2015-02-13T09:16:50.916096Z`.
    #[must_use]
    pub fn to_xml(self) -> String {
        let utc = Self { offset_minutes: 0, ..self };
        let mut text = utc.printer().datetime_to_string(&utc.local());
        text.push('Z');
        text
    }

    /// Date and time of day in its zone.
    fn local(self) -> civil::DateTime {
        let micros = SignedDuration::from_micros(self.unix_micros) + SignedDuration::from_mins(self.offset_minutes.into());
        EPOCH.saturating_add(micros)
    }

    /// A printer with six fraction digits, or none when they would be zeros.
    fn printer(self) -> DateTimePrinter {
        let whole = self.unix_micros % 1_000_000 == 0;
        DateTimePrinter::new().precision(Some(if whole { 0 } else { 6 }))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = self.printer().separator(b' ');
        printer.print_datetime(&self.local(), StdFmtWrite(&mut *out)).map_err(|_| fmt::Error)?;
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
    // The date has hyphens, too.
    let clock_at = text.find('T')?;
    let Some(at) = text[clock_at..].find(['+', '-']).map(|at| clock_at + at) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at(at);
    let (sign, offset) = zone.split_at(1);
    if !has_shape(offset.as_bytes(), OFFSET) {
        return None;
    }
    let (hours, minutes) = offset.split_once(':')?;
    let hours: i16 = hours.parse().ok()?;
    let minutes: i16 = minutes.parse().ok()?;
    if hours > 14 || minutes > 59 {
        return None;
    }
    let offset = hours * 60 + minutes;
    Some((clock, if sign == "-" { -offset } else { offset }))
}

/// Whether a text has digits where the shape has zeros, and else the shape's characters.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, wanted): (&u8, &u8)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == shape.len() && text.iter().zip(shape).all(fits)
}

#[cfg(test)]
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
    fn the_end_of_a_day_and_leap_seconds_roll_over() {
        check("2024-02-28T24:00:00Z", "2024-02-29 00:00:00+00:00");
        check("2016-12-31T23:59:60.5Z", "2017-01-01 00:00:00.500000+00:00");
        check("2015-02-10T15:48:40.12345678901234567890Z", "2015-02-10 15:48:40.123456+00:00");
        check("9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00:00");
    }

    #[test]
    fn moments_that_no_calendar_has_print_as_the_nearest() {
        assert_eq!(DateTime::from_unix_micros(i64::MAX).to_string().split(' ').next(), Some("9999-12-31"));
        assert_eq!(DateTime::from_unix_micros(i64::MIN).to_string().split(' ').next(), Some("-009999-01-01"));
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
        assert_eq!(DateTime::parse("2000-02-29T00:00:00Z").unwrap().unix_micros(), 951_782_400_000_000);
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
            "2024-01-01T23:59:61Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01t00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00,5Z",
            "2024-01-01T00:00:00+0200",
            "2024-01-01T00:00:00+15:00",
            "2024-01-01T00:00:00[UTC]",
            "20240101T000000Z",
            "9999-12-31T24:00:00Z",
            "é-T",
            "T",
            "2024-01-0éT",
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
