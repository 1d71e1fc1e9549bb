//! [`Looks`]: what texts that were read as categories look like: numbers or
//! dates of another convention, or with a few that are none.

use std::fmt;

use serde::Serialize;

use super::source::{DateFormat, NumberFormat, parse_date, parse_local, parse_timestamp};

/// The categories that are looked at.
const MOST: usize = 100_000;

/// The categories that are looked at first: most columns look like nothing.
const FIRST: usize = 64;

/// What most categories of a column look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Looks {
    /// The number of categories.
    levels: usize,
    /// How many of them do not look so, and the first of them.
    others: Option<(usize, String)>,
    /// `numbers`, or `dates`.
    what: &'static str,
    /// What to write in the plan for the column; `None` where only the others are
    /// in the way.
    remedy: Option<String>,
}

/// Something that a category may look like.
struct Guess {
    what: &'static str,
    remedy: Option<String>,
    is: Box<dyn Fn(&str) -> bool>,
}

impl Looks {
    /// What the categories look like, if nine of ten do and three at least.
    pub(super) fn of<'l>(labels: impl Iterator<Item = &'l str> + Clone) -> Option<Self> {
        let levels = labels.clone().count();
        let labels = labels.take(MOST);
        let first: Vec<&str> = labels.clone().take(FIRST).collect();
        let has_digit = |label: &&&str| label.bytes().any(|byte| byte.is_ascii_digit());
        if first.iter().filter(has_digit).count() * 2 < first.len() {
            return None;
        }
        let share = |guess: &Guess, labels: &[&str]| {
            labels.iter().filter(|label| (guess.is)(label)).count() * 10 >= labels.len() * 7
        };
        let mut best: Option<(usize, Guess)> = None;
        for guess in guesses() {
            if !share(&guess, &first) {
                continue;
            }
            let count = labels.clone().filter(|label| (guess.is)(label)).count();
            if best.as_ref().is_none_or(|(most, _)| count > *most) {
                best = Some((count, guess));
            }
        }
        let (count, guess) = best?;
        let others = labels.clone().count() - count;
        let date = Some("date".to_owned()).filter(|_| guess.what == "dates" && others == 0);
        let remedy = guess.remedy.clone().or(date);
        if count < 3 || others * 10 > count || (others == 0 && remedy.is_none()) {
            return None;
        }
        let mut strange = labels.filter(|label| !(guess.is)(label));
        Some(Self {
            levels,
            others: strange.next().map(|label| (others, label.to_owned())),
            what: guess.what,
            remedy,
        })
    }

    /// The warning of the column.
    pub(super) fn tell(&self, column: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            levels,
            others,
            what,
            remedy,
        } = self;
        write!(f, "`{column}` is read as {levels} categories, ")?;
        match others {
            None => write!(f, "and all of them look like {what}")?,
            Some((1, other)) => write!(f, "and all but `{other}` look like {what}")?,
            Some((more, other)) => write!(
                f,
                "and all but {more} of them, such as `{other}`, look like {what}"
            )?,
        }
        let others = others.as_ref().map(|_| {
            "correct the others or, if they mean a missing value, add them to `csv.null_values`"
        });
        match (remedy, others) {
            (Some(remedy), None) => write!(
                f,
                "; to read them so, say `columns: {{{column}: {remedy}}}`"
            ),
            (Some(remedy), Some(others)) => write!(
                f,
                "; to read them so, say `columns: {{{column}: {remedy}}}`, and {others}"
            ),
            (None, others) => write!(f, "; {}", others.unwrap_or_default()),
        }
    }
}

/// All guesses; of those that suit as many categories, the first counts.
fn guesses() -> Vec<Guess> {
    let number = |decimal: char, thousands: Option<char>, remedy: Option<&str>| {
        let format = NumberFormat::new(Some(decimal), thousands);
        Guess {
            what: "numbers",
            remedy: remedy.map(str::to_owned),
            is: Box::new(move |text| format.float(text.as_bytes()).is_some_and(f64::is_finite)),
        }
    };
    let local = |dayfirst: bool, format: &str| Guess {
        what: "dates",
        remedy: Some(format!("{{date: \"{format}\"}}")),
        is: Box::new(move |text| parse_local(text.as_bytes(), dayfirst).is_some()),
    };
    let written = |format: &'static str| {
        let parser = DateFormat::new(format).expect("the format is right");
        Guess {
            what: "dates",
            remedy: Some(format!("{{date: \"{format}\"}}")),
            is: Box::new(move |text| parser.timestamp(text.as_bytes()).is_some()),
        }
    };
    let iso = Guess {
        what: "dates",
        remedy: None,
        is: Box::new(|text| {
            let text = text.as_bytes();
            parse_date(text).is_some() || parse_timestamp(text).is_some()
        }),
    };
    let mut guesses = vec![
        number('.', None, None),
        iso,
        number('.', Some(','), Some("{thousands: \",\"}")),
        number(',', None, Some("{decimal: \",\"}")),
        number(',', Some('.'), Some("{decimal: \",\", thousands: \".\"}")),
        number(',', Some(' '), Some("{decimal: \",\", thousands: \" \"}")),
        number('.', Some('\''), Some("{thousands: \"'\"}")),
        number('.', Some('’'), Some("{thousands: \"’\"}")),
    ];
    for separator in ['/', '.', '-'] {
        for (dayfirst, parts) in [(true, ["%d", "%m"]), (false, ["%m", "%d"])] {
            for time in ["", " %H:%M", " %H:%M:%S"] {
                let format = format!("{}{separator}{}{separator}%Y{time}", parts[0], parts[1]);
                let guess = local(dayfirst, &format);
                let parser = DateFormat::new(&format).expect("the format is right");
                guesses.push(Guess {
                    is: Box::new(move |text| {
                        (guess.is)(text) && parser.timestamp(text.as_bytes()).is_some()
                    }),
                    ..guess
                });
            }
        }
    }
    guesses.extend(
        [
            "%Y/%m/%d",
            "%d %b %Y",
            "%d-%b-%Y",
            "%d-%b-%y",
            "%b %d, %Y",
            "%Y%m%d",
            "%d/%m/%y",
            "%m/%d/%y",
        ]
        .map(written),
    );
    guesses
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Told(Looks);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.tell("x", f)
        }
    }

    fn told(labels: &[&str]) -> Option<String> {
        Looks::of(labels.iter().copied()).map(|looks| Told(looks).to_string())
    }

    #[test]
    fn numbers_and_dates_of_other_conventions_are_found() {
        for (labels, remedy) in [
            (
                &["1.299,99", "265,64", "12,50"][..],
                "{decimal: \",\", thousands: \".\"}",
            ),
            (&["265,64", "12,50", "3"], "{decimal: \",\"}"),
            (&["1,299", "265", "12,500"], "{thousands: \",\"}"),
            (
                &["1 299,5", "265", "12,5"],
                "{decimal: \",\", thousands: \" \"}",
            ),
            (
                &["31/12/2016", "01/02/2016", "3/4/2016"],
                "{date: \"%d/%m/%Y\"}",
            ),
            (
                &["12/31/2016", "01/02/2016", "3/4/2016"],
                "{date: \"%m/%d/%Y\"}",
            ),
            (
                &["31.12.2016 10:00", "01.02.2016 11:30", "3.4.2016 0:00"],
                "{date: \"%d.%m.%Y %H:%M\"}",
            ),
            (
                &["3 Jan 2016", "4 Feb 2016", "5 Mar 2017"],
                "{date: \"%d %b %Y\"}",
            ),
        ] {
            let told = told(labels).unwrap();
            assert!(
                told.contains(&format!("`columns: {{x: {remedy}}}`")),
                "{told}"
            );
        }
    }

    #[test]
    fn the_one_that_is_none_is_named() {
        let mut dates: Vec<String> = (1..=20).map(|day| format!("2017-03-{day:02}")).collect();
        dates.push("2017-02-29".to_owned());
        let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
        assert_eq!(
            told(&dates).unwrap(),
            "`x` is read as 21 categories, and all but `2017-02-29` look like dates; correct the \
             others or, if they mean a missing value, add them to `csv.null_values`"
        );
    }

    #[test]
    fn other_categories_look_like_nothing() {
        for labels in [
            &["a", "b", "c"][..],
            &["1", "2", "x"],
            &["1-2", "3-4", "5-6"],
            &["10:30", "11:00", "12:15"],
            &["1,5", "2,5"],
            &["192.168.0.1", "10.0.0.1", "127.0.0.1"],
            &["007", "008", "009"],
        ] {
            assert_eq!(told(labels), None, "{labels:?}");
        }
    }
}
