//! Dates and times: [`Unit`], their conversion, and their texts in ISO 8601.

/// The unit of a time since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Unit {
    Days,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

const SECONDS_OF_A_DAY: i64 = 86_400;

impl Unit {
    fn per_second(self) -> i64 {
        match self {
            Self::Days | Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }
}

/// A time in another unit. Fractions of a unit are cut off, but a time is a day only
/// at midnight. `None` if it has no such value.
pub(super) fn convert(value: i64, from: Unit, to: Unit) -> Option<i64> {
    match (from, to) {
        (from, to) if from == to => Some(value),
        (Unit::Days, to) => value
            .checked_mul(SECONDS_OF_A_DAY)?
            .checked_mul(to.per_second()),
        (from, Unit::Days) => {
            let day = SECONDS_OF_A_DAY * from.per_second();
            (value % day == 0).then_some(value / day)
        }
        (from, to) if from < to => value.checked_mul(to.per_second() / from.per_second()),
        (from, to) => Some(value / (from.per_second() / to.per_second())),
    }
}

/// A date `2013-01-31`, or a time `2013-01-31T10:00:00.5+01:00` with its parts from the
/// seconds on left out at will; in UTC without an offset.
pub(super) fn parse(text: &str) -> Option<(i64, Unit)> {
    let text = text.trim_ascii().as_bytes();
    let (date, rest) = text.split_at_checked(10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let days = days_of(
        number(&date[..4])?,
        number(&date[5..7])?,
        number(&date[8..])?,
    )?;
    let [b'T' | b't' | b' ', time @ ..] = rest else {
        return rest.is_empty().then_some((days, Unit::Days));
    };
    let offset_at = time
        .iter()
        .position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    let (time, offset) = time.split_at(offset_at.unwrap_or(time.len()));
    let (time, fraction) = match time.iter().position(|byte| *byte == b'.') {
        Some(point) if point == 8 => (&time[..point], &time[point + 1..]),
        Some(_) => return None,
        None => (time, &b"0"[..]),
    };
    let (hours, minutes, seconds) = match time.trim_ascii_end() {
        [hours @ .., b':', a, b] if hours.len() == 2 => (hours, [*a, *b], [b'0'; 2]),
        [h, i, b':', a, b, b':', c, d] => (&[*h, *i][..], [*a, *b], [*c, *d]),
        _ => return None,
    };
    let (hours, minutes, seconds) = (number(hours)?, number(&minutes)?, number(&seconds)?);
    if hours > 23 || minutes > 59 || seconds > 59 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = number(fraction)? * 10_i64.pow(9 - fraction.len() as u32);
    let seconds =
        days * SECONDS_OF_A_DAY + hours * 3_600 + minutes * 60 + seconds - offset_of(offset)?;
    Some((seconds * 1_000_000 + nanos / 1_000, Unit::Microseconds))
}

/// Seconds of `Z`, `+01:00`, `+0100` or `+01`; 0 of nothing.
fn offset_of(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [a, b] => ([*a, *b], [b'0'; 2]),
        [a, b, c, d] | [a, b, b':', c, d] => ([*a, *b], [*c, *d]),
        _ => return None,
    };
    Some(sign * (number(&hours)? * 3_600 + number(&minutes)? * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digit = |number: i64, digit: &u8| number * 10 + i64::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, digit))
}

/// Days of the proleptic Gregorian calendar since 1970-01-01 (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The text of a day: `civil_from_days` of the same paper.
pub(super) fn date_text(days: i64) -> String {
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_iso_8601() {
        for (text, seconds) in [
            ("1970-01-01T00:00:01Z", 1),
            ("1970-01-01 00:01", 60),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:00:00-0100", 0),
            ("2000-02-29T00:00:00", 951_782_400),
        ] {
            let expected = Some((seconds * 1_000_000, Unit::Microseconds));
            assert_eq!(parse(text), expected, "{text}");
        }
        let half = Some((1_500_000, Unit::Microseconds));
        assert_eq!(parse("1970-01-01 00:00:01.5"), half);
        assert_eq!(parse("1970-01-02"), Some((1, Unit::Days)));
        for text in [
            "",
            "soon",
            "12:00",
            "20130101",
            "2013-1-31",
            "2013-13-01",
            "2013-02-29",
            "2013-01-00",
            "2013-01-31T",
            "2013-01-31T24:00",
            "2013-01-31T10:00:",
            "2013-01-31x10:00",
            "2013-01-31T10:00:00.",
            "2013-01-31T10:00:00+1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_have_their_texts() {
        for days in (-800_000..800_000).step_by(97) {
            let text = date_text(days);
            if (0..=9_999).contains(&text[..text.len() - 6].parse::<i64>().unwrap()) {
                assert_eq!(parse(&text), Some((days, Unit::Days)), "{text}");
            }
        }
        assert_eq!(date_text(-1), "1969-12-31");
    }

    #[test]
    fn units_are_converted() {
        assert_eq!(
            convert(2, Unit::Days, Unit::Milliseconds),
            Some(172_800_000)
        );
        assert_eq!(convert(172_800, Unit::Seconds, Unit::Days), Some(2));
        assert_eq!(convert(172_801, Unit::Seconds, Unit::Days), None);
        assert_eq!(
            convert(-1_500, Unit::Microseconds, Unit::Milliseconds),
            Some(-1)
        );
        assert_eq!(convert(i64::MAX, Unit::Seconds, Unit::Nanoseconds), None);
    }
}
