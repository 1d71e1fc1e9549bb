//! [`write()`]: a [`ResultsPage`] as one file of HTML, `report.html`. It opens from a mail
//! attachment without a network: style, scripts and data are in it, and its policy allows
//! nothing else. Everything is told by headings and tables, which need no script; charts
//! stand beside them.
//!
//! What plans and data contain is text here, never markup: elements are written by
//! `markup`, the data are JSON without `<`, and the policy names the digests of the scripts
//! that may run.

mod compare;
mod effects;
mod markup;
mod run;
mod target;
#[cfg(test)]
mod tests;
mod worth;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::files::{FilesError, REPORT, replace};
use super::page::ResultsPage;
pub use compare::write_comparison;
use markup::{Html, escaped};

/// The scripts, in order.
const SCRIPTS: [&str; 6] = [
    include_str!("../../web/vendor/echarts.min.js"),
    include_str!("../../web/charts.js"),
    include_str!("../../web/charts-candidates.js"),
    include_str!("../../web/charts-found.js"),
    include_str!("../../web/stream.js"),
    include_str!("../../web/report.js"),
];

const STYLES: [&str; 2] = [
    include_str!("../../web/theme.css"),
    include_str!("../../web/report.css"),
];

/// Writes `report.html` into a folder, which is there. Returns its path.
///
/// # Errors
/// If it can't be written.
pub fn write_into(folder: &Path, page: &ResultsPage) -> Result<PathBuf, FilesError> {
    let path = folder.join(REPORT);
    write_file(&path, page)?;
    Ok(path)
}

/// Writes the page into a file.
///
/// # Errors
/// If it can't be written.
pub fn write_file(path: &Path, page: &ResultsPage) -> Result<(), FilesError> {
    replace(path, |output| write(page, output))
}

/// Writes the page.
///
/// # Errors
/// If the output fails.
pub fn write(page: &ResultsPage, output: &mut impl Write) -> io::Result<()> {
    document(
        &page.name,
        &body(page),
        &serde_json::to_string(page)?,
        output,
    )
}

/// Writes a page of this title and body, with the scripts and the data that charts are
/// drawn of.
fn document(title: &str, body: &str, data: &str, output: &mut impl Write) -> io::Result<()> {
    let digests = SCRIPTS.iter().map(|script| {
        let digest = BASE64_STANDARD.encode(Sha256::digest(script));
        format!(" 'sha256-{digest}'")
    });
    let digests: String = digests.collect();
    writeln!(
        output,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:; script-src{digests}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"fanout {}\">\n\
         <title>{}: report</title>\n<style>",
        env!("CARGO_PKG_VERSION"),
        escaped(title)
    )?;
    for style in STYLES {
        output.write_all(style.as_bytes())?;
    }
    writeln!(output, "</style>\n</head>\n<body>\n{body}")?;
    // Data that no browser runs. Without `<`, nothing in it ends the element.
    let data = data
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    writeln!(
        output,
        "<script type=\"application/json\" id=\"results\">{data}</script>"
    )?;
    for script in SCRIPTS {
        writeln!(output, "<script>{script}</script>")?;
    }
    output.write_all(b"</body>\n</html>\n")
}

fn body(page: &ResultsPage) -> String {
    let mut html = Html::default();
    html.raw("<header class=\"page\">\n");
    html.element("h1", &page.name);
    html.element("p class=\"dim\"", &about(page));
    contents(page, &mut html);
    html.raw("</header>\n<main class=\"page\">\n");
    run::troubles(page, &mut html);
    if page.targets.len() > 1 {
        run::targets(page, &mut html);
    }
    for (index, of) in page.targets.iter().enumerate() {
        target::write(page, index, of, &mut html);
    }
    run::write(page, &mut html);
    html.raw("</main>\n<footer class=\"page dim\">");
    html.text(&format!(
        "Made by fanout {} of run {}. Charts: Apache ECharts 6, Apache License 2.0.",
        page.fanout,
        page.run.short()
    ));
    html.raw("</footer>\n");
    html.into_string()
}

/// What the run is, on one line.
fn about(page: &ResultsPage) -> String {
    let kind = page.kind.replace('_', " ");
    let targets = match page.targets.as_slice() {
        [one] => format!("target {}", one.target),
        several => format!("{} targets", several.len()),
    };
    format!("{kind} · {} · {targets}", page.trainers.join(", "))
}

fn contents(page: &ResultsPage, html: &mut Html) {
    html.raw("<nav aria-label=\"Contents\"><ul>\n");
    for (index, target) in page.targets.iter().enumerate() {
        html.raw("<li><a href=\"#target-").number(index).raw("\">");
        match page.targets.len() {
            1 => html.raw("Result"),
            _ => html.text(&target.target),
        };
        html.raw("</a></li>\n");
    }
    html.raw(
        "<li><a href=\"#cost\">Cost</a></li>\n<li><a href=\"#data\">Data</a></li>\n\
         <li><a href=\"#again\">Do it again</a></li>\n</ul></nav>\n",
    );
}
