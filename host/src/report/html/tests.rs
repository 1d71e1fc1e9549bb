use serde_json::Value;

use super::super::example;
use super::*;
use crate::report::Report;
use crate::report::task_stream::{TaskLabel, TaskSpan, TaskStream};
use crate::worth::{DrawnCurve, DrawnRowsWorth, DrawnWorth};

fn page(report: Report) -> String {
    let mut output = Vec::new();
    write(&ResultsPage::of_targets(&[report]), &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

/// What is on the page but the scripts, the style and the data.
fn markup(page: &str) -> &str {
    let start = page.find("<body>").unwrap();
    let end = page.find("<script").unwrap();
    &page[start..end]
}

fn data(page: &str) -> Value {
    let (_, data) = page.split_once("id=\"results\">").unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn all_of_a_search_is_told_without_a_script() {
    let page = page(example::report());
    let text = markup(&page);
    for told in [
        "<h1>flights</h1>",
        "<h3>In words</h3>",
        "is the best of 6 candidates: roc_auc 0.7750 ± 0.0250",
        "<h3>Leaderboard</h3>",
        "<td class=\"number\">0.7750 ± 0.0250</td>",
        "<h3>Failed fits</h3>",
        "<th scope=\"row\">out of memory</th>",
        "the column <code>dep_delay</code> alone tells",
        "<h2>Cost</h2>",
        "GB-seconds",
        "<td>category of 12 levels</td>",
        "<h2>Do it again</h2>",
        "name: flights\n",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    // Each table has a caption, each chart says what it shows.
    assert_eq!(
        text.matches("<table>").count(),
        text.matches("<caption>").count()
    );
    assert_eq!(
        text.matches("<figure>").count(),
        text.matches("<figcaption>").count()
    );
    assert!(text.matches("<table>").count() >= 8);
}

#[test]
fn the_data_of_the_page_are_the_results() {
    let data = data(&page(example::report()));
    assert_eq!(data["targets"][0]["best"], 1);
    assert_eq!(
        data["targets"][0]["one_standard_error"],
        serde_json::json!([1, 2])
    );
    assert_eq!(
        data["targets"][0]["candidates"]["mean"]["roc_auc"][1],
        0.775
    );
    assert_eq!(
        data["targets"][0]["candidates"]["mean"]["accuracy"][1],
        Value::Null
    );
    assert_eq!(data["cost"]["failed"], 2);
    assert_eq!(data["data"]["rows"], 336_776);
    assert_eq!(data["reproduce"]["digests"][0]["run"], data["run"]);
}

#[test]
fn whatever_plans_and_data_contain_is_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}&quot;'";
    let mut report = example::report();
    report.plan.name = hostile.to_owned();
    report.plan.dataset.target = hostile.to_owned();
    report.data.columns[0].name = hostile.to_owned();
    report.data.classes[0].label = hostile.to_owned();
    report.warnings.push(hostile.to_owned());
    let candidates = report.candidates.iter().map(|mut params| {
        params.insert(hostile.to_owned(), params["max_depth"].clone());
        params.insert(
            "text".to_owned(),
            format!("{hostile}{}", params.len()).into(),
        );
        params
    });
    report.candidates = candidates.collect();
    let curve = DrawnCurve {
        label: hostile.to_owned(),
        area: 0.5,
        points: vec![[0.0, 0.0], [1.0, 1.0]],
    };
    report.drawn = Some(DrawnWorth {
        holdout: Some(DrawnRowsWorth {
            roc: vec![curve],
            ..DrawnRowsWorth::default()
        }),
        out_of_fold: None,
    });
    let page = page(report);
    // The scripts of the page and its data, and nothing else.
    let plain = self::page(example::report());
    for tag in ["<script", "</script", "<img", "<style"] {
        let count = |page: &str| page.matches(tag).count();
        assert_eq!(count(&page), count(&plain), "{tag}");
    }
    assert!(
        !markup(&page)
            .replace("&lt;img src=x onerror=alert(1)&gt;", "")
            .contains("onerror")
    );
    assert!(markup(&page).contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    // It is whole in the data.
    let data = data(&page);
    assert_eq!(data["name"], hostile);
    assert_eq!(
        data["targets"][0]["curves"]["holdout"]["roc"][0]["label"],
        hostile
    );
    assert!(data["targets"][0]["candidates"]["params"][hostile].is_array());
}

#[test]
fn the_page_asks_nothing_of_a_network() {
    let page = page(example::report());
    let policy = page
        .split_once("Content-Security-Policy\" content=\"")
        .unwrap()
        .1;
    let policy = policy.split_once('"').unwrap().0;
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src data:;"));
    // Scripts run by their digests alone.
    let scripts: Vec<&str> = page.split("<script>").skip(1).collect();
    assert_eq!(scripts.len(), SCRIPTS.len());
    for script in scripts {
        let script = script.split_once("</script>").unwrap().0;
        let digest = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(policy.contains(&format!("'sha256-{digest}'")), "{policy}");
    }
    assert_eq!(policy.matches("sha256-").count(), SCRIPTS.len());
    let text = markup(&page);
    for outside in [
        "src=", "url(", "http:", "https:", "@import", " style=", "onerror", "onload",
    ] {
        assert!(!text.contains(outside), "{outside}: {text}");
    }
    for style in STYLES {
        assert!(!style.contains("url(") && !style.contains("@import"));
    }
}

#[test]
fn a_thousand_candidates_take_less_than_two_megabytes() {
    let mut report = example::drawn(1000);
    // As much as is drawn of a hundred classes.
    let curve = |label: usize| DrawnCurve {
        label: format!("class {label}"),
        area: 0.5,
        points: vec![[0.123_45, 0.543_21]; 200],
    };
    let rows = DrawnRowsWorth {
        roc: (0..12).map(curve).collect(),
        precision_recall: (0..12).map(curve).collect(),
        more_classes: 88,
        predicted: Vec::new(),
        residuals: None,
    };
    report.drawn = Some(DrawnWorth {
        out_of_fold: Some(rows.clone()),
        holdout: Some(rows),
    });
    // As many tasks as there are fits, on eight workers.
    let mut stream = TaskStream::new();
    stream.begin(1_700_000_000_000_000);
    for task in 0..5000_u64 {
        let ended_us = 1_700_000_000_000_000 + task / 8 * 123_457 + 123_456;
        let span = TaskSpan {
            worker: &format!("worker-{}", task % 8),
            label: TaskLabel {
                task: task as usize,
                split: task as u32 % 5,
                target: 0,
                trainer: "hist_gradient_boosting",
            },
            started_us: Some(ended_us - 123_456),
            ended_us,
            load_us: 12_345,
            fit_us: 111_111,
            fits: 1,
            failed: false,
            memory: 123_456_789,
            cpu_us: 111_222,
        };
        stream.finished(task + 1, &span);
    }
    let mut results = ResultsPage::of_targets(&[report]);
    results.task_stream = Some(stream.snapshot());
    let mut page = Vec::new();
    write(&results, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.len() < 2_000_000, "{}", page.len());
    let data = data(&page);
    let of = &data["targets"][0];
    assert_eq!(of["candidates"]["index"].as_array().unwrap().len(), 1000);
    assert_eq!(of["anova"][0]["method"], "forest");
}

#[test]
fn twenty_thousand_candidates_take_little_more() {
    let page = page(example::drawn(20_000));
    assert!(page.len() < 2_500_000, "{}", page.len());
    let data = data(&page);
    let of = &data["targets"][0]["candidates"];
    assert_eq!(
        (of["total"].as_u64(), of["index"].as_array().unwrap().len()),
        (Some(20_000), 2000)
    );
    assert!(markup(&page).contains("Charts show 2,000 of 20,000 candidates"));
}

#[test]
fn several_targets_are_one_page() {
    let mut other = example::grid(|depth, rate| depth * rate);
    other.plan.dataset.target = "diverted".to_owned();
    let mut output = Vec::new();
    let both = ResultsPage::of_targets(&[example::report(), other]);
    write(&both, &mut output).unwrap();
    let page = String::from_utf8(output).unwrap();
    let text = markup(&page);
    assert!(text.contains("<h2>All targets</h2>"), "{text}");
    assert!(
        text.contains("<a href=\"#target-1\">diverted</a>"),
        "{text}"
    );
    assert!(text.contains("<h2>Target diverted</h2>"), "{text}");
    assert!(text.contains("every combination of the values"), "{text}");
}
