//! Runs that die, and runs at once: nothing is lost, nothing half-written is
//! taken for whole, and no finished fit is made again.
#![expect(
    clippy::print_stderr,
    reason = "chance decides how much they see; they say it"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Fanout, example, made, scores, text, without_record};
use fanout::digest::Digest;
use fanout::run::record::is_whole;
use fanout::store::{Key, Kind};
use regex::Regex;
use serde_json::Value;

/// Kills of one run, at most, before it may end.
const KILLS_A_RUN: u64 = 3;

/// Families of six, a hold-out, a refitted model, and files.
const PLAN: &str = "
name: resume
dataset: {source: SOURCE, target: digit}
holdout: {fraction: 0.2, stratify: true}
trainer: {name: random_forest, params: {max_features: 0.3}}
search:
  params:
    n_estimators: [4, 8, 12]
    max_depth: [6, 9]
    random_state: {range: [0, 19]}
cv: {method: stratified_k_fold, n_splits: 2}
scoring: [accuracy, neg_log_loss]
refit: accuracy
output: results
";

const FITS: u64 = 6 * 20 * 2;

fn plan(fanout: &Fanout) -> String {
    let source = example("data/digits.parquet");
    fanout.write("plan.yaml", &PLAN.replace("SOURCE", &source))
}

/// Numbers by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// The result files as they must be: times are left out, whole columns of
/// `cv_results` and nothing else.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let mut files: Vec<_> = ["best.json", "plan.json"]
        .map(|name| (name.to_owned(), read(name)))
        .into();
    let model = without_record(&read("model.fanout"));
    files.push(("model.fanout".to_owned(), model));
    let is_time = |name: &str| matches!(name, "mean_fit_time" | "std_fit_time");

    // They stand first, and no cell before them holds a comma.
    let table = String::from_utf8(read("cv_results.csv")).unwrap();
    assert!(table.starts_with("mean_fit_time,std_fit_time,param_"));
    let without: Vec<&str> = table
        .lines()
        .map(|line| line.splitn(3, ',').nth(2).unwrap())
        .collect();
    files.push(("cv_results.csv".to_owned(), without.join("\n").into_bytes()));

    // One column a line.
    let table = String::from_utf8(read("cv_results.json")).unwrap();
    let without: Vec<&str> = table
        .lines()
        .filter(|line| !line.split('"').nth(1).is_some_and(is_time))
        .collect();
    files.push((
        "cv_results.json".to_owned(),
        without.join("\n").into_bytes(),
    ));

    let table = File::open(folder.join("cv_results.parquet")).unwrap();
    let table = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(table);
    let mut content = Vec::new();
    for batch in table.unwrap().build().unwrap() {
        let batch = batch.unwrap();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if is_time(field.name()) {
                continue;
            }
            let data = column.to_data();
            content.extend(format!("{field:?} {}\n", data.len()).into_bytes());
            let nulls = data.nulls().map(|nulls| nulls.validity());
            content.extend(nulls.into_iter().flatten());
            for buffer in data.buffers() {
                content.extend(buffer.as_slice());
            }
        }
    }
    files.push(("cv_results.parquet".to_owned(), content));
    files
}

fn assert_same_results(expected: &[(String, Vec<u8>)], folder: &Path, context: &str) {
    for ((name, expected), (_, found)) in expected.iter().zip(results(folder)) {
        assert!(*expected == found, "{name} differs, {context}");
    }
}

/// The fits that the store has, by task and key. Whatever has its name must be
/// whole.
fn fits(fanout: &Fanout) -> BTreeSet<(String, String)> {
    let store = fanout.path(".fanout");
    let mut fits = BTreeSet::new();
    for path in fanout.objects("") {
        let name = path.strip_prefix(&store).unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let kind = Key::parse(name).kind();
        let kind = kind.unwrap_or_else(|| panic!("{name} is not of the layout"));
        assert_ne!(is_whole(kind, &bytes), Some(false), "{name} is not whole");
        if let Kind::Part(task, _) = kind {
            let part: Value = serde_json::from_slice(&bytes).unwrap();
            let found = part["part"]["content"]["scores"]["fits"]
                .as_array()
                .unwrap();
            for fit in found {
                let key = (task.to_string(), fit["params"].to_string());
                assert!(fits.insert(key), "{name} has a fit that another part has");
            }
        }
    }
    fits
}

/// How many fits are not of the baseline, which has no nested hyper-parameters.
fn searched(fits: &BTreeSet<(String, String)>) -> u64 {
    fits.iter().filter(|(_, params)| params != "{}").count() as u64
}

/// Kills a run at a moment by chance: after a time, or a moment after a line
/// that it writes. Returns whether it was killed before it ended.
fn kill(mut child: Child, length: Duration, chance: &mut Chance) -> bool {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let micros = |chance: &mut Chance, most: Duration| {
        Duration::from_micros(chance.below(most.as_micros() as u64 + 1))
    };
    let line = [
        None,
        None,
        Some("dataset:"),
        Some("fits:"),
        Some("fits in"),
        Some("fitting the best candidate"),
    ][chance.below(6) as usize];
    let moment = match line {
        None => micros(chance, length),
        Some(beginning) => {
            let mut lines = stderr.lines().map(Result::unwrap);
            // A run that ends before it says so is not killed.
            if !lines.any(|line| line.contains(beginning)) {
                assert!(child.wait().unwrap().success());
                return false;
            }
            micros(chance, length / 10)
        }
    };
    std::thread::sleep(moment);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() || status.code().is_none(), "{status}");
    !status.success()
}

#[test]
#[cfg(unix)]
fn a_run_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    fanout.json(&[&plan]);
    std::fs::remove_dir_all(fanout.path(".fanout")).unwrap();
    std::fs::remove_dir_all(fanout.path("results")).unwrap();
    let started = Instant::now();
    let undisturbed = fanout.json(&[&plan]);
    let length = started.elapsed();
    assert_eq!(made(&undisturbed), FITS);
    let expected = results(&fanout.path("results"));
    let all = fits(&fanout);

    let seed = RandomState::new().hash_one(0);
    let mut chance = Chance(seed);
    let (mut killed, mut made_in_all, mut halfway) = (0, 0, 0);
    let (kills, most) = (crate::faults(10, 50), 60);
    // Chance may leave no run halfway in few kills.
    while killed < kills || halfway == 0 && killed < most {
        std::fs::remove_dir_all(fanout.path(".fanout")).unwrap();
        std::fs::remove_dir_all(fanout.path("results")).unwrap();
        let mut before = BTreeSet::new();
        for _ in 0..=chance.below(KILLS_A_RUN) {
            let child = fanout
                .command()
                .args(["run", &plan])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let ended = !kill(child, length, &mut chance);
            killed += usize::from(!ended);
            let after = fits(&fanout);
            assert!(after.is_superset(&before), "seed {seed}");
            before = after;
            if ended {
                break;
            }
        }
        // The fit on the hold-out rows is one more.
        let had = searched(&before);
        halfway += u64::from(had > 0 && had < FITS);
        let report = fanout.json(&[&plan]);
        let context = format!("seed {seed}, after {killed} kills");
        assert_eq!(made(&report), FITS.saturating_sub(had), "{context}");
        assert_eq!(fits(&fanout), all, "{context}");
        assert_eq!(scores(&undisturbed), scores(&report), "{context}");
        assert_same_results(&expected, &fanout.path("results"), &context);
        made_in_all += had + made(&report);
    }
    assert!(halfway > 0, "seed {seed}");
    eprintln!(
        "{killed} kills; {halfway} runs were halfway when they went on; {made_in_all} fits made"
    );
}

/// Runs the same plan twice at once; what both say.
fn two_at_once(fanout: &Fanout, plan: &str) -> [Value; 2] {
    let start = |output: &str| {
        let mut command = fanout.command();
        command.args(["run", "--json", "--quiet", plan, "--output", output]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children = ["one", "two"].map(start);
    children.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

#[test]
fn two_runs_at_once_share_the_work_and_agree() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    let [one, two] = two_at_once(&fanout, &plan);
    assert_eq!(scores(&alone), scores(&one));
    assert_eq!(scores(&alone), scores(&two));
    // Times too: what the store has of a fit is what both tell of it, but for
    // those that both made at once.
    let folders = ["one", "two"].map(|folder| fanout.path(folder));
    let [one_best, two_best] = folders.each_ref().map(|folder| {
        ["best.json", "model.fanout"].map(|name| std::fs::read(folder.join(name)).unwrap())
    });
    assert!(one_best == two_best);
    let each = [made(&one), made(&two)];
    eprintln!(
        "{FITS} fits: {} made by one, {} by the other",
        each[0], each[1]
    );
    assert!(each[0] + each[1] >= FITS);
    assert!(each[0] + each[1] < FITS * 3 / 2, "{each:?}");
    // Whatever both made, the store has it once.
    fits(&fanout);
}

#[test]
fn fresh_ignores_what_is_there_and_changes_nothing() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let first = fanout.json(&[&plan]);
    let before = fits(&fanout);
    let (fresh, errors) = fanout.json_and_errors(&[&plan, "--fresh"]);
    assert_eq!(made(&fresh), FITS);
    assert_eq!(scores(&first), scores(&fresh));
    assert!(!errors.contains("warning: `tasks"), "{errors}");
    assert_eq!(fits(&fanout), before);
    assert_eq!(made(&fanout.json(&[&plan])), 0);
}

/// Runs a script of `sh` in which `mount` changes what this script sees alone.
#[cfg(target_os = "linux")]
fn with_mounts(fanout: &Fanout, script: &str) {
    // Who is not root is, within a namespace of users.
    let mut whoami = std::process::Command::new("id");
    let root = whoami.arg("-u").output().unwrap().stdout == b"0\n";
    let user: &[&str] = if root {
        &[]
    } else {
        &["--user", "--map-root-user"]
    };
    let mut command = std::process::Command::new("unshare");
    command
        .args(user)
        .args(["--mount", "sh", "-euc", script])
        .current_dir(fanout.here.path())
        .stdin(Stdio::null());
    for (name, value) in fanout.command().get_envs() {
        command.env(name, value.unwrap());
    }
    let output = command
        .env("FANOUT", fanout.command().get_program())
        .output();
    let output = output.expect("this test needs `unshare` (util-linux)");
    let told = text(&output.stderr);
    assert!(
        output.status.success(),
        "this test needs a disk that it may mount: {told}"
    );
}

/// A run whose store is on a disk that fills up, and that can't be written to.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_or_read_only_is_said_and_the_run_goes_on() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let undisturbed = fanout.json(&[&plan]);
    let expected = results(&fanout.path("results"));
    // Room for all but the tasks, and for some of these; a disk in memory
    // gives every file whole pages.
    let pages = |folder: &str| -> u64 {
        let sizes = fanout.objects(folder).into_iter();
        sizes
            .map(|path| std::fs::metadata(path).unwrap().len().div_ceil(4096))
            .sum()
    };
    // The events come last, if there is room for them.
    let events = fanout.objects("runs").into_iter();
    let events = events.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    let events = events.map(|path| std::fs::metadata(path).unwrap().len().div_ceil(4096));
    let room = pages("") - events.sum::<u64>() - pages("tasks") / 2;
    std::fs::create_dir(fanout.path("small")).unwrap();
    std::fs::create_dir(fanout.path("disk")).unwrap();
    let script = format!(
        r#"
        run() {{
            name=$1; shift; code=0
            "$FANOUT" run {plan} "$@" --json --quiet >"$name.out" 2>"$name.err" || code=$?
            echo $code >"$name.code"
        }}
        mount -t tmpfs -o size=4k tmpfs small
        run files --store .fanout --output small/results
        mount -t tmpfs -o size={room}k,mode=777 tmpfs disk
        run full --store disk/store
        cp -r disk/store .fanout-full
        mount -o remount,ro disk
        run read-only --store disk/store
        mount -o remount,rw,size=1g disk
        run good --store disk/store --output good
        "#,
        room = room * 4,
    );
    with_mounts(&fanout, &script);
    let read = |name: &str| std::fs::read_to_string(fanout.path(name)).unwrap();

    for (name, code, says, hint) in [
        (
            "files",
            "1\n",
            "no space left on device",
            "every fit is kept in the store",
        ),
        (
            "full",
            "5\n",
            "there is no room left (no space left on device)",
            "make room and run again",
        ),
        (
            "read-only",
            "5\n",
            "it can't be written to: read-only file system",
            "make the folder writable",
        ),
    ] {
        let told = read(&format!("{name}.err"));
        assert_eq!(read(&format!("{name}.code")), code, "{told}");
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].starts_with("error: can't "), "{told}");
        assert!(lines[0].to_lowercase().contains(says), "{told}");
        assert!(
            lines[1].starts_with("hint: ") && lines[1].contains(hint),
            "{told}"
        );
    }
    // What has a name on the full disk is whole, and is not made again.
    std::fs::remove_dir_all(fanout.path(".fanout")).unwrap();
    std::fs::rename(fanout.path(".fanout-full"), fanout.path(".fanout")).unwrap();
    let had = searched(&fits(&fanout));
    assert!(had > 0 && had < FITS, "{had}");
    assert_eq!(read("good.code"), "0\n", "{}", read("good.err"));
    let good: Value = serde_json::from_str(&read("good.out")).unwrap();
    assert_eq!(made(&good), FITS - had);
    assert_eq!(scores(&undisturbed), scores(&good));
    for ((name, expected), (_, found)) in expected.iter().zip(results(&fanout.path("good"))) {
        // It names the folders.
        assert!(name == "plan.json" || *expected == found, "{name} differs");
    }
}

/// The key of the runs of a store.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Whoever may write to the store plants scores: with a key they are not taken,
/// which is said, and their fits are made again.
#[test]
fn planted_scores_are_made_again_where_there_is_a_key() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let run = |key: Option<&str>| {
        let mut command = fanout.command();
        command.args(["run", "--json", &plan]);
        command.envs(key.map(|key| ("FANOUT_STORE_KEY", key)));
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (made(&report), scores(&report), said)
    };
    let (made, honest, _) = run(None);
    assert_eq!(made, FITS);
    // A perfect score for every fit, whole and with its digest.
    let planted = Regex::new("\"accuracy\":[0-9.e-]+").unwrap();
    for path in fanout.objects("tasks") {
        let part = std::fs::read_to_string(&path).unwrap();
        let (_, content) = part.split_once("\"part\":").unwrap();
        let content = content.strip_suffix("}\n").unwrap();
        let planted = planted.replace_all(content, "\"accuracy\":1.0");
        let digest = Digest::of(planted.as_bytes());
        std::fs::write(
            &path,
            format!("{{\"digest\":\"{digest}\",\"part\":{planted}}}\n"),
        )
        .unwrap();
    }
    let (made, planted, _) = run(None);
    assert_eq!(made, 0);
    assert_ne!(planted, honest, "without a key they are taken");
    let (made, proven, said) = run(Some(KEY));
    assert_eq!((made, &proven), (FITS, &honest));
    assert!(said.contains("carries no valid HMAC"), "{said}");
    let (made, proven, _) = run(Some(KEY));
    assert_eq!((made, &proven), (0, &honest));
    // Another key is no key.
    let (made, proven, said) = run(Some(&KEY.replace("00", "ff")));
    assert_eq!((made, &proven), (FITS, &honest));
    assert!(said.contains("had another `FANOUT_STORE_KEY`"), "{said}");
}

#[test]
fn a_key_that_is_none_is_one_error_before_anything_is_written() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let file = fanout.write("key", "sesame\n");
    let cases = [
        (
            "FANOUT_STORE_KEY",
            "sesame",
            "`FANOUT_STORE_KEY` holds no key",
        ),
        ("FANOUT_STORE_KEY", "", "it is empty"),
        (
            "FANOUT_STORE_KEY_FILE",
            file.as_str(),
            "`FANOUT_STORE_KEY_FILE` holds no key",
        ),
        (
            "FANOUT_STORE_KEY_FILE",
            "nowhere",
            "can't read the file `nowhere`",
        ),
    ];
    for (variable, value, message) in cases {
        for arguments in [
            vec!["run", plan.as_str()],
            vec!["worker", "--store", ".fanout"],
            vec!["doctor", "--store", ".fanout"],
        ] {
            let mut command = fanout.command();
            command.args(&arguments).env(variable, value);
            let output = command.output().unwrap();
            let said = text(&output.stderr) + &text(&output.stdout);
            assert_eq!(output.status.code(), Some(5), "{arguments:?} {said}");
            assert!(said.contains(message), "{arguments:?} {said}");
            assert!(!said.contains("sesame"), "{said}");
        }
    }
    assert_eq!(fanout.objects("").len(), 0);
    std::fs::write(fanout.path("key"), KEY).unwrap();
    let mut command = fanout.command();
    command.args(["doctor", "--store", ".fanout"]);
    command.env("FANOUT_STORE_KEY_FILE", &file);
    let said = text(&command.output().unwrap().stdout);
    assert!(said.contains("results carry an HMAC"), "{said}");
    assert!(!said.contains(KEY), "{said}");
    let said = fanout.text(&["doctor", "--store", ".fanout"]);
    assert!(said.contains("results carry no HMAC"), "{said}");
}
