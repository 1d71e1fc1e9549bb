//! [`Dates`]: the parsers of dates and times that are written as text.

use std::sync::LazyLock;

use arrow_array::timezone::Tz;
use arrow_array::types::Date32Type;
use arrow_cast::parse::{Parser, string_to_datetime};
use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

static UTC: LazyLock<Tz> = LazyLock::new(|| "+00:00".parse().expect("an offset is a time zone"));

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Which dates a column may hold.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dataset) enum Dates {
    /// Those in ISO 8601.
    Iso,
    /// Those in ISO 8601, or those of [`Dates::Local`]: never both.
    Either {
        /// Whether the day stands first.
        dayfirst: bool,
    },
    /// `31/12/2016`, `31.12.2016 23:59`.
    Local {
        /// Whether the day stands first.
        dayfirst: bool,
    },
    /// Those in a format of strftime.
    Format(DateFormat),
}

/// A format of strftime.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dataset) struct DateFormat {
    pub(super) format: String,
    items: Vec<Item<'static>>,
    /// Whether it has a time of the day.
    pub(super) has_time: bool,
}

impl DateFormat {
    /// `None` if it is malformed.
    pub(in crate::dataset) fn new(format: &str) -> Option<Self> {
        let items = StrftimeItems::new(format).parse_to_owned().ok()?;
        let day = chrono::DateTime::from_timestamp(981_173_106, 0)?;
        let written = day.format_with_items(items.iter()).to_string();
        let mut parsed = Parsed::new();
        parse(&mut parsed, &written, items.iter()).ok()?;
        Some(Self {
            has_time: parsed.hour_mod_12().is_some() || parsed.timestamp().is_some(),
            format: format.to_owned(),
            items,
        })
    }

    /// Microseconds since 1970-01-01 UTC. A month or a day that the format lacks
    /// is the first.
    pub(in crate::dataset) fn timestamp(&self, text: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(text.trim_ascii()).ok()?;
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).ok()?;
        if parsed.timestamp().is_some() || parsed.offset().is_some() {
            return Some(parsed.to_datetime().ok()?.timestamp_micros());
        }
        if parsed.ordinal().is_none() && parsed.isoweek().is_none() {
            if parsed.month().is_none() {
                parsed.set_month(1).ok()?;
            }
            if parsed.day().is_none() {
                parsed.set_day(1).ok()?;
            }
        }
        let date = parsed.to_naive_date().ok()?;
        let time = match self.has_time {
            true => parsed.to_naive_time().ok()?,
            false => NaiveTime::MIN,
        };
        Some(micros(date.and_time(time)))
    }
}

fn micros(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// A date with its parts in another order than in ISO 8601, and a year of four
/// digits; with a time of the day or not. Returns whether it has one.
pub(in crate::dataset) fn parse_local(text: &[u8], dayfirst: bool) -> Option<(i64, bool)> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let separator = text.chars().find(|char| !char.is_ascii_digit())?;
    if !matches!(separator, '/' | '.' | '-') {
        return None;
    }
    let mut parts = text.splitn(3, separator);
    let parts = [parts.next()?, parts.next()?, parts.next()?];
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let short = |part: &str| (1..=2).contains(&part.len()) && digits(part) == part.len();
    if !short(parts[0]) || !short(parts[1]) || digits(parts[2]) != 4 {
        return None;
    }
    let (year, time) = parts[2].split_at(4);
    let (day, month) = match dayfirst {
        true => (parts[0], parts[1]),
        false => (parts[1], parts[0]),
    };
    let number = |text: &str| text.parse().ok();
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, number(month)?, number(day)?)?;
    if time.is_empty() {
        return Some((micros(date.and_time(NaiveTime::MIN)), false));
    }
    let time = time.strip_prefix([' ', 'T'])?;
    let formats = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
    let time = formats
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(time, format).ok())?;
    Some((micros(date.and_time(time)), true))
}

/// The same as days since 1970-01-01, where there is no time of the day.
pub(super) fn parse_local_date(text: &[u8], dayfirst: bool) -> Option<i32> {
    let (micros, has_time) = parse_local(text, dayfirst)?;
    days(micros).filter(|_| !has_time)
}

/// The days of microseconds since 1970-01-01.
pub(super) fn days(micros: i64) -> Option<i32> {
    i32::try_from(micros.div_euclid(DAY)).ok()
}

/// A date in ISO 8601, `2013-01-31`, as days since 1970-01-01.
pub(in crate::dataset) fn parse_date(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    // Arrow's parser takes `20130131` and `2013-1-31`, too.
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    Date32Type::parse(std::str::from_utf8(text).ok()?)
}

/// A timestamp in ISO 8601 or RFC 3339, as microseconds since 1970-01-01 UTC; a
/// time without an offset is UTC.
pub(in crate::dataset) fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    // Not `TimestampMicrosecondType::parse`, which ends in the year 2262.
    Some(string_to_datetime(&*UTC, text).ok()?.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(parse_date(b"1970-01-02"), Some(1));
        assert_eq!(parse_date(b"2013-13-01"), None);
        assert_eq!(parse_date(b"20130101"), None);
        assert_eq!(parse_timestamp(b"1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(parse_timestamp(b"1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(parse_timestamp(b"1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_timestamp(b"1970-01-02"), Some(86_400_000_000));
        assert_eq!(parse_timestamp(b"12:00"), None);
    }

    #[test]
    fn the_day_may_stand_first() {
        let date = |text: &str, dayfirst| parse_local_date(text.as_bytes(), dayfirst);
        assert_eq!(date("2/1/1970", true), Some(1));
        assert_eq!(date("02.01.1970", true), Some(1));
        assert_eq!(date("1-2-1970", false), Some(1));
        assert_eq!(date("13/01/1970", false), None);
        assert_eq!(date("29/02/2017", true), None);
        for text in [
            "02/01/70",
            "1970/01/02",
            "02/01",
            "2/1.1970",
            "",
            "a/b/1970",
        ] {
            assert_eq!(date(text, true), None, "{text}");
        }
        assert_eq!(date("2/1/1970 00:00", true), None);
        let time = |text: &str| parse_local(text.as_bytes(), true);
        assert_eq!(time("01/01/1970 00:01"), Some((60_000_000, true)));
        assert_eq!(
            time("01/01/1970 01:00:00 PM"),
            Some((13 * 3_600_000_000, true))
        );
        assert_eq!(time("01/01/1970 25:00"), None);
    }

    #[test]
    fn formats_are_those_of_strftime() {
        let day = |format: &str, text: &str| {
            let format = DateFormat::new(format).unwrap();
            let micros = format.timestamp(text.as_bytes())?;
            Some((micros / 1_000_000, format.has_time))
        };
        assert_eq!(day("%d/%m/%Y", "02/01/1970"), Some((86_400, false)));
        assert_eq!(day("%d.%m.%y %H:%M", "01.01.70 00:01"), Some((60, true)));
        assert_eq!(day("%Y%m", "197002"), Some((31 * 86_400, false)));
        assert_eq!(day("%d %b %Y", "2 Jan 1970"), Some((86_400, false)));
        assert_eq!(
            day("%Y-%m-%dT%H:%M:%S%z", "1970-01-01T01:00:00+0100"),
            Some((0, true))
        );
        assert_eq!(day("%d/%m/%Y", "1970-01-02"), None);
        assert_eq!(day("%s", "12"), Some((12, true)));
        assert!(DateFormat::new("%Q").is_none());
    }
}
