//! Numbers, times and sizes as people read them.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// `336,776`.
pub fn count(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 fit`, `75 fits`.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// `0.042 s`, `1.24 s`, `41.3 s`, `3 min 12 s`, `2 h 05 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // Each bound is where the form before it would round up to the next one.
    if seconds < 0.9995 {
        format!("{seconds:.3} s")
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if seconds < 3599.5 {
        let seconds = seconds.round() as u64;
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// `812 kB`, `118 MB`, `1.4 GB`; powers of ten.
pub fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < 999_500.0 {
        format!("{:.0} kB", bytes / 1e3)
    } else if bytes < 999_500_000.0 {
        format!("{:.0} MB", bytes / 1e6)
    } else {
        format!("{:.1} GB", bytes / 1e9)
    }
}

/// Four decimals, or `nan`: scores are read beside each other.
pub fn score(score: f64) -> String {
    // Not `-0.0000`.
    let score = if score.abs() < 0.00005 { 0.0 } else { score };
    if score.is_nan() {
        "nan".to_owned()
    } else {
        format!("{score:.4}")
    }
}

/// Two decimals, and for what is less than 0.1 two digits that tell something.
pub fn figure(value: f64) -> String {
    if !(1e-9..0.1).contains(&value) {
        return format!("{value:.2}");
    }
    let decimals = 1 + (-value.log10()).ceil() as usize;
    format!("{value:.decimals$}")
}

/// At most `width` columns of a terminal of a text, on one line.
pub fn clip(text: &str, width: usize) -> String {
    let text = text.replace(char::is_control, " ");
    if text.width() <= width {
        return text;
    }
    let mut clipped = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        clipped.push(c);
    }
    clipped.push('…');
    clipped
}

/// Lines of cells, each column as wide as its widest.
pub fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].width());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let start = text.len();
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1000, 336_776, 1_234_567].map(count).join(" "),
            "0 999 1,000 336,776 1,234,567"
        );
        assert_eq!([1, 2].map(|n| counted(n, "fit")).join(" "), "1 fit 2 fits");
        let times = [0.0421, 0.9996, 9.996, 41.26, 59.96, 192.4, 3599.6, 7500.0];
        let times = times.map(|seconds| duration(Duration::from_secs_f64(seconds)));
        assert_eq!(
            times.join(", "),
            "0.042 s, 1.00 s, 10.0 s, 41.3 s, 1 min 00 s, 3 min 12 s, 1 h 00 min, 2 h 05 min"
        );
        let figures = [0.0, 0.000_512, 0.002_78, 0.0612, 0.28, 12.345].map(figure);
        assert_eq!(figures.join(" "), "0.00 0.00051 0.0028 0.061 0.28 12.35");
        let sizes = [812_000, 117_600_000, 999_600_000, 1_420_000_000].map(bytes);
        assert_eq!(sizes.join(", "), "812 kB, 118 MB, 1.0 GB, 1.4 GB");
        assert_eq!(
            [0.75634, -0.00001, f64::NAN].map(score).join(" "),
            "0.7563 0.0000 nan"
        );
    }
}
