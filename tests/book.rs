//! The book in `docs`: it builds, its links lead somewhere, its reference of the plan is
//! the schema's, and the commands on its pages run as they stand.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::functions::server::free_port;
use crate::program::{Fanout, text};
use crate::s3::server::{BUCKET, KEY, SECRET, Server};
use crate::servers::{installed, repository};

/// The text of a page of the book.
fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

/// The names of all pages of the book.
fn pages() -> Vec<String> {
    let summary = page("SUMMARY.md");
    let links = summary
        .split("](")
        .skip(1)
        .filter_map(|link| link.split_once(')'));
    links.map(|(page, _)| page.to_owned()).collect()
}

/// The commands of a page that run in the tests, and those that do not, block by block.
fn commands(page: &str) -> (Vec<String>, Vec<String>) {
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let blocks = match line {
            "```sh" => &mut here,
            "```sh,elsewhere" => &mut elsewhere,
            _ => continue,
        };
        let block = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(block.collect::<Vec<_>>().join("\n"));
    }
    (here, elsewhere)
}

/// The values of an attribute in HTML.
fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let start = format!(" {name}=\"");
    let values = html.split(start.as_str()).skip(1);
    values
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
}

#[test]
fn the_book_builds_and_its_links_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(installed("tools/mdbook/bin/mdbook"))
        .arg("build")
        .arg("--dest-dir")
        .arg(folder.path())
        .arg(repository().join("docs"))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("WARN"), "{said}");

    let mut pages = BTreeMap::new();
    for page in pages_in(folder.path()) {
        let html = std::fs::read_to_string(folder.path().join(&page)).unwrap();
        pages.insert(page, html);
    }
    assert!(pages.len() > 18, "{:?}", pages.keys());
    let ids: BTreeMap<&str, BTreeSet<&str>> = pages
        .iter()
        .map(|(page, html)| (page.as_str(), attributes(html, "id").into_iter().collect()))
        .collect();
    let source = "https://github.com/fanout-rs/fanout/blob/main/";
    let mut broken = Vec::new();
    for (page, html) in &pages {
        for link in [attributes(html, "href"), attributes(html, "src")].concat() {
            let leads = if let Some(path) = link.strip_prefix(source) {
                let path = path.split('#').next().unwrap_or_default();
                repository().join(path).exists()
            } else if link.contains("://") {
                // Nothing outside is asked for.
                true
            } else {
                let (file, id) = link.split_once('#').unwrap_or((link, ""));
                let file = if file.is_empty() { page } else { file };
                let known = ids.get(file);
                folder.path().join(file).exists()
                    && (id.is_empty() || known.is_some_and(|ids| ids.contains(id)))
            };
            if !leads {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The pages of a book, but those that mdBook makes beside its chapters.
fn pages_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".html"))
        .filter(|name| !["404.html", "print.html", "toc.html"].contains(&name.as_str()))
        .collect()
}

#[test]
fn the_reference_of_the_plan_is_the_schemas() {
    let printed = Fanout::new().text(&["schema", "reference"]);
    let path = repository().join("docs/plan-reference.md");
    if std::env::var_os("FANOUT_BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == printed,
        "docs/plan-reference.md is of another schema; FANOUT_BLESS=1 writes it again"
    );
}

/// Pages whose commands run, each in a test of its own.
const RUN: [&str; 10] = [
    "contract.md",
    "dashboard.md",
    "exports.md",
    "models.md",
    "report.md",
    "retrain.md",
    "stores.md",
    "tutorial.md",
    "watching.md",
    "workers.md",
];

/// The commands that do not, by page: `tests/python_guest.rs` runs this one, with a module of
/// its own.
const ELSEWHERE: [(&str, &str); 1] = [("sandbox-python.md", "fanout guest python")];

#[test]
fn all_commands_run_but_those_that_can_not() {
    let mut run = Vec::new();
    let mut elsewhere = Vec::new();
    for name in pages() {
        let (of_page, not_here) = commands(&page(&name));
        elsewhere.extend(not_here.into_iter().map(|block| (name.clone(), block)));
        if !of_page.is_empty() {
            run.push(name);
        }
    }
    run.sort();
    elsewhere.sort();
    assert_eq!(run, RUN);
    let elsewhere: Vec<(&str, &str)> = elsewhere
        .iter()
        .map(|(page, block)| (page.as_str(), block.as_str()))
        .collect();
    assert_eq!(elsewhere, ELSEWHERE);
}

/// Runs the commands of a page, after those of `before`, with `replaced` texts, in a
/// folder that has `plans` in it.
fn run(name: &str, before: &str, replaced: &[(&str, &str)], variables: &[(&str, &str)]) {
    let fanout = Fanout::new();
    let here = fanout.here.path();
    let logs = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository().join("plans"), here.join("plans")).unwrap();
    let mut script = commands(&page(name)).0.join("\n");
    for (text, by) in replaced {
        assert!(script.contains(text), "{name} has no `{text}`");
        script = script.replace(text, by);
    }
    let session = repository().join("tests/book/session.sh");
    let script = format!(
        "set -euo pipefail\nsource {}\n{before}\nset -x\n{script}\n",
        session.display()
    );
    let programs = [
        Path::new(env!("CARGO_BIN_EXE_fanout")).parent().unwrap(),
        installed("tools/wasmtime/bin/wasmtime").parent().unwrap(),
        installed("nats/bin/nats-server").parent().unwrap(),
    ]
    .map(|folder| folder.display().to_string());
    let path = format!("{}:{}", programs.join(":"), std::env::var("PATH").unwrap());
    let said = logs.path().join("said");
    let file = std::fs::File::create(&said).unwrap();
    let mut bash = Command::new("bash")
        .args(["-c", &script])
        .current_dir(here)
        .envs(variables.iter().copied())
        .env("PATH", path)
        .env("LOGS", logs.path())
        .env(
            "FANOUT_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
        )
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .process_group(0)
        .spawn()
        .unwrap();
    let status = bash.wait().unwrap();
    // The servers that it left.
    let group = format!("-{}", bash.id());
    let killed = Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status();
    assert!(killed.is_ok());
    let said = std::fs::read_to_string(&said).unwrap();
    assert!(status.success(), "{name}: {status}\n{said}");
}

#[test]
fn the_commands_of_the_tutorial_run() {
    let address = format!("127.0.0.1:{}", free_port());
    run("tutorial.md", "", &[("127.0.0.1:8000", &address)], &[]);
}

#[test]
fn the_commands_on_models_run() {
    let first = format!("127.0.0.1:{}", free_port());
    let second = format!("127.0.0.1:{}", free_port());
    let replaced = [
        ("127.0.0.1:8000", first.as_str()),
        ("127.0.0.1:8001", &second),
    ];
    run("models.md", "", &replaced, &[]);
}

/// A model of one month's flights, and two months that came since, of which more can be told.
const FLIGHTS: &str = r#"
mkdir flights
flights() {
    awk "BEGIN {
        print \"day,distance,late\"
        for (row = 0; row < 200; row++) {
            distance = row * 37 % 200 * 10
            print int(row / 10) \",\" distance \",\" ($2)
        }
    }" > "flights/$1.csv"
}
flights 2023-12 'row % 3 == 0'
cat > plan.yaml <<END
dataset: {source: "flights/*.csv", target: late, features: [distance]}
trainer: {name: random_forest}
search: {params: {max_depth: [2, 3]}}
cv: {method: stratified_k_fold, n_splits: 3}
scoring: accuracy
END
fanout run plan.yaml --quiet --output . >/dev/null
flights 2024-01 'distance > 900'
flights 2024-02 'distance > 900'
"#;

#[test]
fn the_commands_on_retraining_run() {
    let here = [("s3://bucket/", ""), (".parquet", ".csv")];
    run("retrain.md", FLIGHTS, &here, &[]);
}

#[test]
fn the_commands_on_stores_run() {
    run("stores.md", "", &[], &[]);
}

/// The files that the page on the contract sends: a stored dataset and its splits, and a
/// task on them.
const TASK: &str = r#"
fanout run plans/quickstart.yaml --quiet >/dev/null
cp .fanout/datasets/*/dataset.parquet .
cp .fanout/splits/*.parquet splits.parquet
cat > task.json <<END
{"contract": 2, "trainer": "random_forest", "candidates": [{"n_estimators": 3}],
 "split": {"column": "fold", "test": 1}, "target": "diagnosis", "learning": "binary",
 "scoring": ["roc_auc"]}
END
"#;

#[test]
fn the_commands_on_the_contract_run() {
    let address = format!("127.0.0.1:{}", free_port());
    run("contract.md", TASK, &[("127.0.0.1:8000", &address)], &[]);
}

#[test]
fn the_commands_on_exports_run() {
    run("exports.md", "", &[], &[]);
}

/// A plan that stands where the commands run.
const PLAN: &str = "cp plans/quickstart.yaml plan.yaml
sed -i 's|data/|plans/data/|' plan.yaml";

#[test]
fn the_commands_on_the_dashboard_run() {
    let server = Server::start();
    let first = format!("127.0.0.1:{}", free_port());
    let second = format!("0.0.0.0:{}", free_port());
    let bucket = format!("s3://{BUCKET}/");
    let replaced = [
        ("127.0.0.1:9000", first.as_str()),
        ("0.0.0.0:8787", &second),
        ("s3://bucket/", &bucket),
    ];
    let endpoint = server.endpoint();
    run("dashboard.md", PLAN, &replaced, &credentials(&endpoint));
}

/// Two runs, and the first digits of their ids as `A` and `B`.
const RUNS: &str = r#"
for depth in 2 4; do
    fanout run plans/quickstart.yaml --quiet --set "search.params.max_depth=[$depth]" >/dev/null
done
read -r A B <<< "$(fanout runs --json | grep -o '"run":"[0-9a-f]\{12\}' | cut -c 8- | xargs)"
"#;

#[test]
fn the_commands_on_reports_run() {
    let replaced = [("3f2a", "$A"), ("77c0", "$B"), ("9b10", "$B")];
    run("report.md", RUNS, &replaced, &[]);
}

#[test]
fn the_commands_on_watching_run() {
    let replaced = [
        ("1f3a", "$A"),
        ("s3://bucket/prefix", ".fanout"),
        ("~/", ""),
    ];
    let folders = "mkdir -p .local/share/bash-completion/completions .local/share/man/man1";
    run("watching.md", &format!("{RUNS}{folders}"), &replaced, &[]);
}

/// What it takes to reach the S3 server at `endpoint`.
fn credentials(endpoint: &str) -> [(&str, &str); 4] {
    [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
    ]
}

#[test]
fn the_commands_on_workers_run() {
    let server = Server::start();
    let port = free_port().to_string();
    let queue = format!("nats://127.0.0.1:{port}");
    let nats = format!("nats-server --port {port}");
    let bucket = format!("s3://{BUCKET}/");
    let replaced = [
        ("nats://HOST:4222", queue.as_str()),
        ("nats-server", &nats),
        ("s3://bucket/", &bucket),
    ];
    let endpoint = server.endpoint();
    run("workers.md", PLAN, &replaced, &credentials(&endpoint));
}
