//! Sizes (`1GiB`) and durations (`1h30m`) as texts.

use std::time::Duration;

const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const DURATIONS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A size in bytes: a number, which may have a fraction, and a unit
/// (`512MiB`, `10GB`).
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text.trim())?;
    let bytes = SIZES.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    scaled(number, bytes)
}

/// A duration to the millisecond: numbers with units, the greater first
/// (`90s`, `1h30m`).
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0u64;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let (number, tail) = split(rest)?;
        let end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let millis = DURATIONS.iter().find(|(name, _)| *name == &tail[..end])?.1;
        if millis >= last {
            return None;
        }
        last = millis;
        total = total.checked_add(scaled(number, millis)?)?;
        rest = &tail[end..];
    }
    (last != u64::MAX).then(|| Duration::from_millis(total))
}

/// A size in the greatest unit that leaves no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    match ["GiB", "MiB", "KiB"]
        .iter()
        .zip([30, 20, 10])
        .find(|(_, shift)| bytes != 0 && bytes.is_multiple_of(1 << shift))
    {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

/// A duration in the greatest unit that leaves no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let whole = DURATIONS
        .iter()
        .find(|(_, unit)| millis != 0 && millis.is_multiple_of(u128::from(*unit)));
    match whole {
        Some((name, unit)) => format!("{}{name}", millis / u128::from(*unit)),
        None => "0s".to_owned(),
    }
}

/// "write `1GiB`", for a size in another notation.
pub(super) fn meant_size(text: &str) -> Option<String> {
    let (number, unit) = split(text.trim())?;
    let unit = unit.trim().to_lowercase();
    let binary = unit.contains('i') && !unit.contains("gig") || unit.contains("bi");
    let unit = match (unit.chars().next()?, binary) {
        ('k', true) => "KiB",
        ('k', false) => "kB",
        ('m', true) => "MiB",
        ('m', false) => "MB",
        ('g', true) => "GiB",
        ('g', false) => "GB",
        _ => return None,
    };
    Some(format!("write `{number}{unit}`"))
}

/// "write `5m`", for a duration in another notation.
pub(super) fn meant_duration(text: &str) -> Option<String> {
    let (number, unit) = split(text.trim())?;
    let unit = unit.trim().to_lowercase();
    let unit = match unit.as_str() {
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" | "milliseconds" => "ms",
        _ => return None,
    };
    Some(format!("write `{number}{unit}`"))
}

fn split(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    (end > 0).then(|| text.split_at(end))
}

fn scaled(number: &str, unit: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let value = number.parse::<f64>().ok()? * unit as f64;
    (value < 1e18).then_some(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1GiB", Some(1 << 30)),
            ("512MiB", Some(512 << 20)),
            ("100MB", Some(100_000_000)),
            ("1.5 KiB", Some(1536)),
            ("7B", Some(7)),
            ("1", None),
            ("GiB", None),
            ("1gib", None),
            ("-1GiB", None),
            ("1.2.3GiB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
        for (text, meant) in [
            ("1gib", Some("1GiB")),
            ("2G", Some("2GB")),
            ("1 gigabyte", Some("1GB")),
            ("512Mi", Some("512MiB")),
            ("3 mebibytes", Some("3MiB")),
            ("1TB", None),
            ("much", None),
        ] {
            assert_eq!(
                meant_size(text),
                meant.map(|meant| format!("write `{meant}`")),
                "{text}"
            );
        }
        assert_eq!(show_size(1 << 30), "1GiB");
        assert_eq!(show_size(16 << 20), "16MiB");
        assert_eq!(show_size(1000), "1000B");
    }

    #[test]
    fn durations() {
        for (millis, shown) in [
            (0, "0s"),
            (1, "1ms"),
            (90_000, "90s"),
            (604_800_000, "168h"),
        ] {
            assert_eq!(show_duration(Duration::from_millis(millis)), shown);
        }
        for (text, millis) in [
            ("5m", Some(300_000)),
            ("90s", Some(90_000)),
            ("500ms", Some(500)),
            ("1h30m", Some(5_400_000)),
            ("1.5s", Some(1_500)),
            ("30m1h", None),
            ("5", None),
            ("", None),
            ("5 m", None),
            ("5min", None),
            ("1s1s", None),
        ] {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }
}
