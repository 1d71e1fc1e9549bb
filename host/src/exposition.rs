//! [`Exposition`]: numbers in the text format that Prometheus scrapes, version 0.0.4.

use std::fmt::Write as _;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of numbers. The samples of a metric follow its [`Self::counter`] or
/// [`Self::gauge`].
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    text: String,
    metric: &'static str,
}

impl Exposition {
    /// Begins a metric that only grows; its name ends with `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, "counter", help)
    }

    /// Begins a metric that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, "gauge", help)
    }

    fn metric(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.metric = name;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self
    }

    /// A sample of the metric that was begun, with its labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.text.push_str(self.metric);
        for (place, (name, value)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.text, "{before}{name}=\"{value}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
        self
    }

    /// The page.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Exposition::default();
        page.counter("fits_total", "Fits\nof all.")
            .sample(&[("run", "a\"b\\c\nd"), ("outcome", "scored")], 3.0);
        page.gauge("workers", "Workers.").sample(&[], 0.5);
        assert_eq!(
            page.finish(),
            "# HELP fits_total Fits\\nof all.\n# TYPE fits_total counter\n\
             fits_total{run=\"a\\\"b\\\\c\\nd\",outcome=\"scored\"} 3\n\
             # HELP workers Workers.\n# TYPE workers gauge\nworkers 0.5\n"
        );
    }
}
