//! The pages and what they load, embedded in the program: nothing is fetched from anywhere
//! else.

/// A file of the pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// `asset!(KIND, "name")`: a file of `host/web`.
macro_rules! asset {
    ($kind:expr, $name:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            content: include_bytes!(concat!("../../web/", $name)),
        }
    };
}

/// The page of one run.
pub(super) const RUN: Asset = asset!(HTML, "dashboard.html");

/// The page that lists and compares runs.
pub(super) const RUNS: Asset = asset!(HTML, "dashboard-runs.html");

/// The page that asks for the token.
pub(super) const LOGIN: Asset = asset!(HTML, "dashboard-login.html");

/// What the page that asks for the token loads: given to whoever asks.
pub(super) const OPEN: &[Asset] = &[
    asset!(CSS, "theme.css"),
    asset!(CSS, "dashboard.css"),
    asset!(JS, "dashboard-login.js"),
    asset!("image/svg+xml", "icon.svg"),
];

/// What the other pages load.
pub(super) const CLOSED: &[Asset] = &[
    asset!(JS, "charts.js"),
    asset!(JS, "charts-candidates.js"),
    asset!(JS, "charts-found.js"),
    asset!(JS, "dashboard.js"),
    asset!(JS, "dashboard-curves.js"),
    asset!(JS, "dashboard-found.js"),
    asset!(JS, "dashboard-notes.js"),
    asset!(JS, "dashboard-results.js"),
    asset!(JS, "dashboard-runs.js"),
    asset!(JS, "dashboard-workers.js"),
    asset!(JS, "stream.js"),
    asset!(JS, "vendor/echarts.min.js"),
];

/// A file that pages load, by its name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    let mut all = OPEN.iter().chain(CLOSED);
    all.find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn echarts_is_the_file_that_its_maker_ships() {
        let echarts = find("vendor/echarts.min.js").unwrap();
        assert_eq!(
            Digest::of(echarts.content).to_string(),
            "baa8dfe7e1d9336b98e8986ba7e20ea15e7cdbea1ef42a59d59478632fa45a1d"
        );
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web/vendor");
        let licence = std::fs::read_to_string(format!("{folder}/LICENSE")).unwrap();
        assert!(licence.contains("Apache License"));
        let notice = std::fs::read_to_string(format!("{folder}/NOTICE")).unwrap();
        assert!(notice.starts_with("Apache ECharts\n"), "{notice}");
    }

    #[test]
    fn pages_load_what_there_is_and_nothing_from_elsewhere() {
        for page in [RUN, RUNS, LOGIN] {
            let text = std::str::from_utf8(page.content).unwrap();
            let mut loaded = 0;
            for attribute in ["src=\"", "href=\""] {
                for rest in text.split(attribute).skip(1) {
                    let path = rest.split('"').next().unwrap();
                    if path.starts_with('#') || path == "/" {
                        continue;
                    }
                    let name = path.strip_prefix("/assets/");
                    assert!(name.is_some_and(|name| find(name).is_some()), "{path}");
                    loaded += 1;
                }
            }
            assert!(loaded >= 3, "{}", page.name);
            // The content security policy forbids both.
            assert!(!text.contains("<style") && !text.contains(" style="));
            assert_eq!(
                text.matches("<script").count(),
                text.matches("<script src=").count() + text.matches("<script defer src=").count()
            );
        }
    }
}
