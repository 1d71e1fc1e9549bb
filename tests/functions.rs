//! The exported component as a function: in servers of other makers, and
//! whole runs over them, on good days and on bad ones.

mod contract;
pub(crate) mod curl;
mod hostile;
mod proxy;
pub(crate) mod results;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::program::{Fanout, example, fitted, text};
use fanout::run::event::{Event, StampedEvent};
use proxy::{Deed, Proxy};
use results::{Results, exported, finished, results, run};
use server::{Kind, Server, free_port};

/// Every fit by itself: a hundred tasks.
const MANY: [&str; 2] = ["--set", "families=off"];

fn local(fanout: &Fanout, plan: &str) -> Results {
    results(fanout, plan, "local", &[])
}

fn quickstart() -> String {
    example("quickstart.yaml")
}

#[test]
fn a_run_over_any_server_writes_the_files_of_a_local_run() {
    let fanout = Fanout::new();
    let here = local(&fanout, &quickstart());
    let trees = exported("trees");
    let servers = [Kind::Jco, Kind::Wasmtime, Kind::WasmtimeKeeping].map(|kind| {
        let server = Server::start(kind, &trees);
        let there = results(
            &fanout,
            &quickstart(),
            &format!("{kind:?}"),
            &["--pool", &server.url],
        );
        assert_eq!(here.differing(&there), [""; 0], "{kind:?}");
        assert!(here.report["baseline"].is_object());
        assert_eq!(
            here.report["baseline"], there.report["baseline"],
            "{kind:?}"
        );
        server
    });
    // Several at once, each with its limit, and every fit by itself.
    let urls = servers
        .each_ref()
        .map(|server| server.url.as_str())
        .join(",");
    let mut arguments = vec!["--pool", &urls, "--set", "pool.concurrency=2"];
    arguments.extend(MANY);
    let together = results(&fanout, &quickstart(), "together", &arguments);
    assert_eq!(together.report["fits"]["made"], 100);
    let models = [&here, &together].map(|run| fitted(&run.files["model.fanout"]));
    assert!(models[0] == models[1]);
    for name in ["cv_results.csv", "cv_results.json"] {
        assert_eq!(here.files[name], together.files[name], "{name}");
    }
}

#[test]
fn what_endpoints_made_a_local_run_finds_and_the_other_way_round() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let pool = ["--pool", &server.url];
    let first = results(&fanout, &quickstart(), "first", &pool);
    let again = results(&fanout, &quickstart(), "again", &["--store", "first.store"]);
    assert_eq!(first.report["fits"]["reused"], 0);
    assert_eq!(
        again.report["fits"]["reused"],
        again.report["fits"]["served"]
    );
    assert_eq!(first.differing(&again), [""; 0]);
    results(&fanout, &quickstart(), "local", &[]);
    let store = ["--pool", &server.url, "--store", "local.store"];
    let found = results(&fanout, &quickstart(), "found", &store);
    assert_eq!(
        found.report["fits"]["reused"],
        found.report["fits"]["served"]
    );
}

#[test]
fn the_data_goes_to_an_instance_that_keeps_it_once() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::Jco, &exported("trees"));
    let small = |request: &proxy::Request| {
        let length: u64 = request.header("content-length").unwrap().parse().unwrap();
        length < 10_000
    };
    let large = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&large);
    let proxy = Proxy::new(&server.url, move |request, _| {
        if request.is_post() && !small(request) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Deed::Pass
    });
    let mut arguments = vec!["--pool", &proxy.url, "--set", "pool.concurrency=1"];
    arguments.extend(MANY);
    let there = results(&fanout, &quickstart(), "there", &arguments);
    assert_eq!(there.report["fits"]["made"], 100);
    assert_eq!(large.load(Ordering::Relaxed), 1);
    assert_eq!(proxy.most_at_once(), 1);
}

#[test]
fn a_bad_day_changes_no_result() {
    let fanout = Fanout::new();
    let here = local(&fanout, &quickstart());
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    // Every task fails twice, each in another way than the one before it.
    const BAD: [Deed; 6] = [
        Deed::Say("429 Too Many Requests", "retry-after: 0\r\n"),
        Deed::Say("500 Internal Server Error", ""),
        Deed::Cut,
        Deed::Say("503 Service Unavailable", ""),
        Deed::CutAnswer,
        Deed::Say("502 Bad Gateway", ""),
    ];
    let tries = Mutex::new(BTreeMap::new());
    let proxy = Proxy::new(&server.url, move |request, _| {
        let Some(task) = request.part("task") else {
            return Deed::Pass;
        };
        let mut tries = tries.lock().unwrap();
        let known = tries.len();
        let (first, tried) = tries.entry(task).or_insert((known, 0));
        *tried += 1;
        match *tried {
            try_ @ 1..=2 => BAD[(*first + try_) % BAD.len()].clone(),
            _ => Deed::Pass,
        }
    });
    let mut arguments = vec!["--pool", &proxy.url];
    arguments.extend(MANY);
    let there = results(&fanout, &quickstart(), "there", &arguments);
    assert!(proxy.posts() > 300, "{}", proxy.posts());
    assert!(proxy.most_at_once() <= 8, "{}", proxy.most_at_once());
    for name in ["cv_results.csv", "cv_results.json"] {
        assert_eq!(here.files[name], there.files[name], "{name}");
    }
    let models = [&here, &there].map(|run| fitted(&run.files["model.fanout"]));
    assert!(models[0] == models[1]);
}

#[test]
fn a_server_that_dies_and_comes_back_changes_no_result() {
    let fanout = Fanout::new();
    let here = results(&fanout, &quickstart(), "local", &MANY);
    let trees = exported("trees");
    let server = Server::start(Kind::Wasmtime, &trees);
    let port = server.port();
    let mut command = run(
        &fanout,
        &quickstart(),
        "there",
        &["--pool", &server.url, "--set", "pool.concurrency=1"],
    );
    let mut child = command
        .args(MANY)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once a fit is kept the run is under way.
    let tasks = fanout.path("there.store/tasks");
    while std::fs::read_dir(&tasks).map_or(0, Iterator::count) == 0 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before its first fit"
        );
        std::thread::yield_now();
    }
    drop(server);
    let again = Server::start_at(Kind::Wasmtime, &trees, port);
    let output = child.wait_with_output().unwrap();
    let there = finished(&output, &fanout.path("there"));
    drop(again);
    assert_eq!(there.report["fits"]["made"], 100);
    assert_eq!(here.differing(&there), [""; 0]);
}

/// Nobody waits in silence: not for what is not there yet.
#[test]
fn an_endpoint_that_refuses_connections_is_told_of_once_and_when_it_answers() {
    let fanout = Fanout::new();
    let (trees, port) = (exported("trees"), free_port());
    let url = format!("http://127.0.0.1:{port}");
    let arguments = ["--pool", &url, "--events", "events.jsonl"];
    let mut command = run(&fanout, &quickstart(), "there", &arguments);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let lost = format!("the endpoint `{url}` does not answer: ");
    let line = lines.find(|line| line.contains(&lost));
    let line = line.expect("the run goes on until somebody listens");
    assert!(line.to_lowercase().contains("refused"), "{line}");
    let until = "; trying again until none has answered for 2 min 00 s (`pool.retry`)";
    assert!(line.ends_with(until), "{line}");
    let server = Server::start_at(Kind::Wasmtime, &trees, port);
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success(), "{rest:#?}");
    drop(server);
    let again = format!("the endpoint `{url}` answers again");
    assert!(rest.contains(&again), "{rest:#?}");
    let told = rest.iter().filter(|line| line.contains(&url));
    assert_eq!(told.count(), 1, "{rest:#?}");

    let events = std::fs::read_to_string(fanout.path("events.jsonl")).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let events = events.filter_map(|event: StampedEvent| match event.event {
        Event::EndpointLost {
            endpoint,
            reason,
            retry,
        } => Some((
            endpoint,
            Some((reason.contains("refused"), retry.as_secs())),
        )),
        Event::EndpointAnswered { endpoint } => Some((endpoint, None)),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    assert_eq!(events, [(url.clone(), Some((true, 120))), (url, None)]);
}

#[test]
fn a_task_that_always_fails_is_a_typed_fault_that_is_not_kept() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    let broken = std::sync::Arc::new(AtomicBool::new(true));
    let breaks = std::sync::Arc::clone(&broken);
    let proxy = Proxy::new(&server.url, move |request, _| {
        if request.is_post() && breaks.load(Ordering::Relaxed) {
            Deed::Say("500 Internal Server Error", "")
        } else {
            Deed::Pass
        }
    });
    let arguments = ["--pool", &proxy.url, "--set", "pool.concurrency=1"];
    let output = run(&fanout, &quickstart(), "there", &arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(
        said.contains("the guest trapped") && said.contains("status 500"),
        "{said}"
    );
    // Five families, and the baseline on five splits, at an endpoint that says what it
    // serves: five tries each.
    assert_eq!(proxy.posts(), 50);
    broken.store(false, Ordering::Relaxed);
    let there = results(&fanout, &quickstart(), "there", &arguments);
    assert_eq!(there.report["fits"]["reused"], 0);
    assert_eq!(there.differing(&local(&fanout, &quickstart())), [""; 0]);
}

#[test]
fn an_answer_that_never_comes_is_a_time_out() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    let proxy = Proxy::new(&server.url, |request, _| match request.is_post() {
        true => Deed::Hang,
        false => Deed::Pass,
    });
    let arguments = [
        "--pool",
        &proxy.url,
        "--set",
        "pool.concurrency=1",
        "--set",
        "limits.timeout=300ms",
    ];
    let output = run(&fanout, &quickstart(), "there", &arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    let said = text(&output.stderr);
    assert!(said.contains("longer than its 0.3 s"), "{said}");
    // Five families, and the baseline on five splits.
    assert_eq!(proxy.posts(), 10);
}

/// One of two endpoints never answers one request: the other one gets that task, too, and
/// nobody waits for the first.
#[test]
fn a_task_that_an_endpoint_stalls_on_is_sent_to_another_one() {
    let fanout = Fanout::new();
    let all = [&MANY[..], &["--set", "limits.timeout=1h"]].concat();
    let here = results(&fanout, &quickstart(), "local", &all);
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let tasks = || std::sync::Arc::new(Mutex::new(Vec::new()));
    let (stalled_on, others) = (tasks(), tasks());
    let stalls = std::sync::Arc::clone(&stalled_on);
    let stalling = Proxy::new(&server.url, move |request, _| {
        let mut stalls = stalls.lock().unwrap();
        // A quick one: less time passes before it is far beyond its kind.
        let task = request.part("task").unwrap_or_default();
        if stalls.is_empty() && task.contains(r#""n_estimators":20"#) {
            stalls.push(task);
            return Deed::Hang;
        }
        Deed::Pass
    });
    let notes = std::sync::Arc::clone(&others);
    let other = Proxy::new(&server.url, move |request, _| {
        notes.lock().unwrap().extend(request.part("task"));
        Deed::Pass
    });
    let urls = format!("{},{}", stalling.url, other.url);
    let mut arguments = vec!["--pool", &urls, "--set", "pool.concurrency=2"];
    arguments.extend(all);
    let output = run(&fanout, &quickstart(), "there", &arguments).output();
    let output = output.unwrap();
    let there = finished(&output, &fanout.path("there"));
    assert_eq!(here.differing(&there), [""; 0]);
    assert_eq!(there.report["fits"]["made"], 100);
    assert_eq!(there.report["fits"]["failed"], 0);
    let stalled_on = stalled_on.lock().unwrap();
    assert_eq!(stalled_on.len(), 1);
    assert!(others.lock().unwrap().contains(&stalled_on[0]));
    let said = text(&output.stderr);
    let line = format!(
        "the endpoint `{}` takes far longer for a task",
        stalling.url
    );
    assert_eq!(said.matches(&line).count(), 1, "{said}");
}

/// What a run that must not be able to use its pool says.
fn refused(fanout: &Fanout, arguments: &[&str]) -> String {
    let output = run(fanout, &quickstart(), "there", arguments)
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("\nhint: "), "{said}");
    said
}

#[test]
fn an_endpoint_that_does_not_serve_ends_the_run_with_one_message() {
    let fanout = Fanout::new();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let said = refused(&fanout, &["--pool", &nobody, "--set", "pool.retry=500ms"]);
    assert!(
        said.contains(&format!("the endpoint `{nobody}` did not answer for 0.5 s")),
        "{said}"
    );
    assert!(said.to_lowercase().contains("refused"), "{said}");

    let linfa = Server::start(Kind::Wasmtime, &exported("linfa"));
    let said = refused(&fanout, &["--pool", &linfa.url]);
    assert!(
        said.contains("serves the guest `linfa 0.1.0`, not the plan's guest `trees 0.1.0`"),
        "{said}"
    );

    let page = |status: &'static str, headers: &'static str| {
        let proxy = Proxy::new(&linfa.url, move |_, _| Deed::Say(status, headers));
        refused(
            &fanout,
            &["--pool", &proxy.url, "--set", "pool.retry=500ms"],
        )
    };
    assert!(page("200 OK", "").contains("does not keep the contract"));
    assert!(page("302 Found", "location: http://127.0.0.1:1/\r\n").contains("status 302"));
    assert!(page("404 Not Found", "").contains("does not keep the contract: status 404"));
    assert!(page("503 Service Unavailable", "").contains("did not answer for 0.5 s: status 503"));
    assert!(page("429 Too Many Requests", "retry-after: 3600\r\n").contains("status 429"));
}

#[test]
fn a_dataset_that_is_too_large_for_the_platform_is_told_of() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    let proxy = Proxy::new(&server.url, |request, _| {
        let length = request
            .header("content-length")
            .map_or(0, |n| n.parse::<u64>().unwrap());
        match length > 50_000 {
            true => Deed::Say("413 Content Too Large", ""),
            false => Deed::Pass,
        }
    });
    let said = refused(&fanout, &["--pool", &proxy.url]);
    assert!(
        said.contains("takes no dataset of ")
            && said.contains("a store that the endpoint can reach"),
        "{said}"
    );
}

#[test]
fn a_token_is_sent_and_never_shown() {
    const TOKEN: &str = "sesame-3141592653589793";
    let fanout = Fanout::new();
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    let proxy = Proxy::new(&server.url, |request, _| {
        match request.header("authorization") == Some(&format!("Bearer {TOKEN}")) {
            true => Deed::Pass,
            false => Deed::Say("401 Unauthorized", ""),
        }
    });
    let said = refused(&fanout, &["--pool", &proxy.url]);
    assert!(
        said.contains("it wants a token") && said.contains("pool.token_env"),
        "{said}"
    );
    let named = [
        "--pool",
        &proxy.url,
        "--set",
        "pool.token_env=FANOUT_TEST_TOKEN",
    ];
    let said = refused(&fanout, &named);
    assert!(said.contains("`FANOUT_TEST_TOKEN` is not set"), "{said}");
    let with = |token: &str| {
        let mut command = run(&fanout, &quickstart(), "there", &named);
        command.env("FANOUT_TEST_TOKEN", token).output().unwrap()
    };
    let wrong = with("sesame-2718281828459045");
    assert_eq!(wrong.status.code(), Some(7));
    let said = text(&wrong.stderr);
    assert!(
        said.contains("does not take the token") && !said.contains("sesame"),
        "{said}"
    );
    let right = with(TOKEN);
    finished(&right, &fanout.path("there"));
    let mut shown = vec![right.stdout, right.stderr];
    read_all(fanout.here.path(), &mut shown);
    for bytes in shown {
        assert!(
            !bytes
                .windows(TOKEN.len())
                .any(|part| part == TOKEN.as_bytes())
        );
    }
}

/// No request is made before that is known.
#[test]
fn a_token_is_not_sent_in_plain_text_to_another_host() {
    let fanout = Fanout::new();
    let endpoint = "http://192.0.2.1:8000";
    let arguments = [
        "--pool",
        endpoint,
        "--set",
        "pool.token_env=FANOUT_TEST_TOKEN",
        "--set",
        "pool.retry=1ms",
    ];
    let mut command = run(&fanout, &quickstart(), "there", &arguments);
    command.env("FANOUT_TEST_TOKEN", "sesame");
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(!said.contains("sesame"), "{said}");
    assert!(
        said.contains(&format!(
            "the token would be sent to `{endpoint}` in plain text"
        )),
        "{said}"
    );
    assert!(
        said.contains("hint: use `https://`, or set `pool.insecure: true`"),
        "{said}"
    );
    assert!(!fanout.path(".fanout").exists());
}

fn read_all(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, found);
        } else {
            found.push(std::fs::read(path).unwrap());
        }
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_a_run_that_waits_for_an_endpoint() {
    let fanout = Fanout::new();
    let server = Server::start(Kind::Wasmtime, &exported("trees"));
    let hung = std::sync::Arc::new(AtomicBool::new(false));
    let hangs = std::sync::Arc::clone(&hung);
    let proxy = Proxy::new(&server.url, move |request, _| {
        if request.is_post() {
            hangs.store(true, Ordering::Relaxed);
            return Deed::Hang;
        }
        Deed::Pass
    });
    let mut command = run(&fanout, &quickstart(), "there", &["--pool", &proxy.url]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    while !hung.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let lines: Vec<String> = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{lines:?}");
}
