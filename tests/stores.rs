//! Stores: one contract for all kinds of them, and whole runs over the real
//! binary against real servers, with and without faults on the way.
//!
//! The servers are started here: s3s in this process, moto as one of its own.
//! With `FANOUT_TEST_S3_ENDPOINT` set, the tests of S3 run against that one
//! instead (`make test-s3`).

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fanout::store::{Location, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::s3::canned::Canned;
use crate::s3::contract;
use crate::s3::moto::Moto;
use crate::s3::proxy::{Fault, Proxy};
use crate::s3::server::{BUCKET, DOMAIN, KEY, SECRET, Server};

/// The variables that decide how a bucket is reached.
const VARIABLES: [&str; 20] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
];

/// An S3 server with an empty place in a bucket.
struct S3 {
    name: &'static str,
    endpoint: String,
    address: SocketAddr,
    /// `s3://BUCKET/PREFIX`
    url: String,
    /// Whose credentials it takes: those of the tests, or the environment's.
    own: bool,
    _running: Box<dyn Any + Send + Sync>,
}

impl S3 {
    fn s3s() -> Self {
        let server = Server::start();
        Self {
            name: "s3s",
            endpoint: server.endpoint(),
            address: server.address(),
            url: format!("s3://{BUCKET}/suite"),
            own: true,
            _running: Box::new(server),
        }
    }

    fn moto() -> Self {
        let server = Moto::start();
        let address = address(&server.endpoint);
        let made = request(
            address,
            &format!(
                "PUT /{BUCKET} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ),
        );
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
        Self {
            name: "moto",
            endpoint: server.endpoint.clone(),
            address,
            url: format!("s3://{BUCKET}/suite"),
            own: true,
            _running: Box::new(server),
        }
    }

    /// The one that the environment names, or else all that can be started.
    fn all() -> Vec<Self> {
        let Ok(endpoint) = std::env::var("FANOUT_TEST_S3_ENDPOINT") else {
            return vec![Self::s3s(), Self::moto()];
        };
        let bucket = std::env::var("FANOUT_TEST_S3_BUCKET");
        let bucket = bucket.unwrap_or_else(|_| "fanout-test".to_owned());
        let random = tempfile::tempdir().unwrap();
        let place = random.path().file_name().unwrap().to_str().unwrap();
        vec![Self {
            name: "named",
            address: address(&endpoint),
            endpoint,
            url: format!("s3://{bucket}/{}", place.trim_start_matches('.')),
            own: false,
            _running: Box::new(()),
        }]
    }

    /// Gives a program what it needs to reach the server, and nothing else.
    fn reach(&self, command: &mut Command) {
        if self.own {
            clear(command);
            command
                .env("AWS_ACCESS_KEY_ID", KEY)
                .env("AWS_SECRET_ACCESS_KEY", SECRET);
        }
        command.env("AWS_ENDPOINT_URL", &self.endpoint);
    }

    /// Runs [`the_named_store_keeps_every_promise`] in a process of its own:
    /// credentials come from the environment, and this one has others.
    fn keeps_the_contract(&self, url: &str, reach: impl FnOnce(&mut Command)) {
        let mut suite = Command::new(std::env::current_exe().unwrap());
        self.reach(&mut suite);
        suite.env("FANOUT_TEST_STORE", url).args([
            "--exact",
            "stores::the_named_store_keeps_every_promise",
            "--ignored",
        ]);
        reach(&mut suite);
        let output = suite.output().unwrap();
        let told = text(&output.stdout);
        assert!(output.status.success(), "{}: {told}", self.name);
        assert!(told.contains("1 passed"), "{told}");
    }
}

fn clear(command: &mut Command) {
    for name in VARIABLES {
        command.env_remove(name);
    }
    // No profile of whoever runs the tests.
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
}

fn address(endpoint: &str) -> SocketAddr {
    let (_, host) = endpoint.split_once("://").expect("an endpoint is a URL");
    let host = host.trim_end_matches('/');
    let mut found = host
        .to_socket_addrs()
        .expect("an endpoint is `http://HOST:PORT`");
    found.next().unwrap()
}

fn request(address: SocketAddr, text: &str) -> String {
    let mut server = TcpStream::connect(address).unwrap();
    server.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    answer
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/new/folder", folder.path().display());
    contract::every_promise(&Store::open(&url).unwrap());
}

#[test]
fn memory_keeps_the_contract() {
    contract::every_promise(&Store::open("memory://").unwrap());
}

#[test]
#[ignore = "the tests of S3 call it, with the environment that it needs"]
fn the_named_store_keeps_every_promise() {
    let url = std::env::var("FANOUT_TEST_STORE").expect("the caller names a store");
    let mut at = Location::new(&url);
    at.ca = std::env::var_os("FANOUT_TEST_CA").map(Into::into);
    contract::every_promise(&Store::open(&at).unwrap());
    at.url = format!("{url}/sources");
    contract::every_promise_of_sources(&at);
}

#[test]
fn s3_servers_keep_the_contract() {
    for s3 in S3::all() {
        s3.keeps_the_contract(&s3.url, |_| {});
    }
}

#[test]
fn a_whole_bucket_keeps_the_contract() {
    S3::s3s().keeps_the_contract(&format!("s3://{BUCKET}"), |_| {});
}

/// The bucket in the host's name: its requests find the server by a proxy,
/// since no name server knows the host.
#[test]
fn a_bucket_in_the_host_keeps_the_contract() {
    let s3 = S3::s3s();
    s3.keeps_the_contract(&s3.url, |suite| {
        suite
            .env("AWS_ENDPOINT_URL", format!("http://{DOMAIN}"))
            .env("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
            .env("http_proxy", &s3.endpoint);
    });
}

#[test]
fn a_server_with_a_certificate_of_ones_own_keeps_the_contract() {
    let (server, pem) = Server::start_tls();
    let port = server.address().port();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let s3 = S3 {
        name: "s3s over TLS",
        endpoint: format!("https://localhost:{port}"),
        address: server.address(),
        url: format!("s3://{BUCKET}/suite"),
        own: true,
        _running: Box::new(server),
    };
    s3.keeps_the_contract(&s3.url, |suite| {
        suite.env("FANOUT_TEST_CA", &ca);
    });
    s3.keeps_the_contract(&format!("{}/again", s3.url), |suite| {
        suite.env("AWS_CA_BUNDLE", &ca);
    });
    let fanout = Fanout::new();
    let told = fanout.refused(&s3, &format!("s3://{BUCKET}/x"));
    assert!(
        told.contains("the server's certificate is not trusted"),
        "{told}"
    );
    assert!(told.contains("`ca: FILE.pem`"), "{told}");
}

/// Credentials of a profile, and its endpoint.
#[test]
fn a_profile_opens_a_bucket() {
    let s3 = S3::s3s();
    let folder = tempfile::tempdir().unwrap();
    let (config, credentials) = (folder.path().join("c"), folder.path().join("s"));
    let endpoint = &s3.endpoint;
    std::fs::write(
        &config,
        format!("[profile work]\nendpoint_url = {endpoint}\n"),
    )
    .unwrap();
    let keys = format!("[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    std::fs::write(&credentials, keys).unwrap();
    s3.keeps_the_contract(&s3.url, |suite| {
        clear(suite);
        suite
            .env("AWS_PROFILE", "work")
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
    });
}

/// Credentials that a cloud's instance hands out, as the second version of its
/// service does it.
#[test]
fn an_instance_opens_a_bucket() {
    let service = Canned::by(|line| {
        let body = match line.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["PUT", "/latest/api/token"] => "a-token".to_owned(),
            ["GET", "/latest/meta-data/iam/security-credentials/"] => "a-role".to_owned(),
            ["GET", "/latest/meta-data/iam/security-credentials/a-role"] => serde_json::json!({
                "Code": "Success",
                "LastUpdated": "2026-01-01T00:00:00Z",
                "Type": "AWS-HMAC",
                "AccessKeyId": KEY,
                "SecretAccessKey": SECRET,
                "Token": "a-session",
                "Expiration": "2036-01-01T00:00:00Z",
            })
            .to_string(),
            _ => return ("404 Not Found".to_owned(), line.to_owned()),
        };
        ("200 OK".to_owned(), body)
    });
    let s3 = S3::s3s();
    s3.keeps_the_contract(&s3.url, |suite| {
        clear(suite);
        suite
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_METADATA_ENDPOINT", service.endpoint());
    });
}

/// The binary, standing in an empty folder of its own.
struct Fanout {
    here: TempDir,
}

impl Fanout {
    fn new() -> Self {
        Self {
            here: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, s3: &S3, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanout"));
        s3.reach(&mut command);
        command
            .current_dir(self.here.path())
            // Shared by all tests, so that each guest is compiled once.
            .env(
                "FANOUT_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    /// What a run that must succeed prints with `--json`.
    fn json(&self, s3: &S3, arguments: &[&str]) -> Value {
        let mut all = vec!["run", "--json", "--quiet"];
        all.extend(arguments);
        let output = self.command(s3, &all).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        shows_no_secret(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a run says of a store that it can't use.
    fn refused(&self, s3: &S3, store: &str) -> String {
        let plan = self.write("refused.yaml", &plan(""));
        let mut command = self.command(s3, &["run", &plan, "--store", store]);
        refusal(&command.output().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.here.path().join(name), content).unwrap();
        name.to_owned()
    }
}

/// Two lines, an error and a hint, with the exit code of a store's failure.
fn refusal(output: &Output) -> String {
    shows_no_secret(output);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with("error: can't "), "{told}");
    assert!(lines[1].starts_with("hint: "), "{told}");
    told
}

fn shows_no_secret(output: &Output) {
    for told in [text(&output.stdout), text(&output.stderr)] {
        assert!(!told.contains(SECRET) && !told.contains(KEY), "{told}");
    }
}

fn example(name: &str) -> String {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans");
    plans.join(name).to_str().unwrap().to_owned()
}

/// A search of many small tasks, with the given `store` section.
fn plan(store: &str) -> String {
    format!(
        "
name: many
dataset: {{source: {}, target: diagnosis}}
trainer: {{name: decision_tree, params: {{max_depth: 3}}}}
search: {{method: grid, params: {{random_state: {{range: [1, 40]}}}}}}
cv: {{method: k_fold, n_splits: 2, shuffle: true}}
scoring: [accuracy, roc_auc]
pool: {{workers: 4}}
{store}
",
        example("data/breast_cancer.csv")
    )
}

/// The columns of `cv_results` that are not times.
fn scores(report: &Value) -> BTreeMap<String, Value> {
    let columns = report["cv_results"].as_object().unwrap();
    assert!(columns.keys().any(|name| name.starts_with("mean_test_")));
    let scores = columns.iter().filter(|(name, _)| !name.ends_with("_time"));
    scores
        .map(|(name, values)| (name.clone(), values.clone()))
        .collect()
}

#[test]
fn a_run_on_s3_is_the_run_in_memory_and_repeats_nothing() {
    for s3 in S3::all() {
        let fanout = Fanout::new();
        let plan = fanout.write("plan.yaml", &plan(""));
        let undisturbed = fanout.json(&s3, &[&plan, "--store", "memory://"]);
        let proxy = Proxy::start(s3.address, 0, &[], 0);
        let at = format!(
            "{{url: '{}/run', endpoint: '{}'}}",
            s3.url,
            proxy.endpoint()
        );
        let store = format!("store={at}");
        let first = fanout.json(&s3, &[&plan, "--set", &store, "--output", "results"]);
        assert_eq!(scores(&undisturbed), scores(&first), "{}", s3.name);
        assert_eq!(first["fits"]["reused"], 0);
        let second = fanout.json(&s3, &[&plan, "--set", &store]);
        assert_eq!(scores(&first), scores(&second), "{}", s3.name);
        assert_eq!(second["fits"]["reused"], second["fits"]["served"]);

        let requests = proxy.tally().requests;
        let listed = requests.iter().filter(|line| line.contains("list-type"));
        assert_eq!(listed.count(), 0, "{requests:?}");
        for file in std::fs::read_dir(fanout.here.path().join("results")).unwrap() {
            let content = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!text(&content).contains(SECRET) && !text(&content).contains(KEY));
        }
    }
}

/// A process that ends in the middle of whatever it asks of the server. Folders
/// have a test of their own, with more kills (`tests/resume.rs`).
#[test]
#[cfg(unix)]
fn a_run_on_s3_that_is_killed_goes_on_where_it_was() {
    let kills = crate::faults(4, 10);
    let s3 = S3::s3s();
    let fanout = Fanout::new();
    let file = fanout.write("plan.yaml", &plan(""));
    let undisturbed = fanout.json(&s3, &[&file, "--store", &format!("{}/whole", s3.url)]);
    let count = |report: &Value, name: &str| report["fits"][name].as_u64().unwrap();
    let mut halfway = 0;
    for kill in 1..=kills {
        let proxy = Proxy::start(s3.address, 0, &[], 0);
        let url = format!("{}/kill-{kill}", s3.url);
        let store = format!("store={{url: '{url}', endpoint: '{}'}}", proxy.endpoint());
        let mut child = fanout
            .command(&s3, &["run", "--quiet", &file, "--set", &store])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Of about 170 requests.
        let last = kill * 170 / kills - 10;
        while proxy.tally().requests.len() < last && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let report = fanout.json(&s3, &[&file, "--store", &url]);
        assert_eq!(scores(&undisturbed), scores(&report), "kill {kill}");
        assert_eq!(report["warnings"], undisturbed["warnings"], "kill {kill}");
        let reused = count(&report, "reused");
        halfway += u32::from(reused > 0 && reused < count(&report, "served"));
    }
    assert!(halfway > 0);
}

/// Tasks are looked up and results written many at a time.
#[test]
fn a_server_that_is_far_away_is_not_waited_for_task_by_task() {
    const DELAY: Duration = Duration::from_millis(50);
    let s3 = S3::s3s();
    let fanout = Fanout::new();
    let proxy = Proxy::far(s3.address, DELAY);
    let store = format!(
        "store={{url: '{}/far', endpoint: '{}'}}",
        s3.url,
        proxy.endpoint()
    );
    let file = fanout.write("plan.yaml", &plan(""));
    let many = "search.params.random_state={range: [1, 200]}";
    for made in [400, 0] {
        let before = proxy.tally().requests.len();
        let report = fanout.json(&s3, &[&file, "--set", &store, "--set", many]);
        let count = |name: &str| report["fits"][name].as_u64().unwrap();
        assert_eq!(count("served") - count("reused"), made);
        let tally = proxy.tally();
        // A look-up a task, and a write for each that was made.
        let requests = tally.requests.len() - before;
        assert!(requests as u64 >= 400 + made, "{requests}");
        assert!(tally.at_once > 32, "{}", tally.at_once);
        let one_by_one = DELAY.as_secs_f64() * requests as f64;
        let wall = report["took"]["wall"].as_f64().unwrap();
        assert!(
            wall * 3.0 < one_by_one,
            "{wall} s, {one_by_one} s one by one"
        );
    }
}

/// Every kind of fault alone, and all together, on every tenth request.
#[test]
fn faults_on_the_way_change_no_result() {
    for s3 in S3::all() {
        let fanout = Fanout::new();
        let plain = fanout.write("plain.yaml", &plan(""));
        let undisturbed = fanout.json(&s3, &[&plain, "--store", "memory://"]);
        let mixtures = Fault::ALL.iter().map(std::slice::from_ref);
        let mixtures = mixtures.chain([&Fault::ALL[..]]);
        std::thread::scope(|scope| {
            for (index, kinds) in mixtures.enumerate() {
                let (s3, fanout, plain, undisturbed) = (&s3, &fanout, &plain, &undisturbed);
                let run = move || {
                    let proxy = Proxy::start(s3.address, 100, kinds, index as u64);
                    let store = format!(
                        "store: {{url: '{}/faults-{index}', endpoint: '{}', timeout: 2s}}",
                        s3.url,
                        proxy.endpoint()
                    );
                    let name = format!("faults-{index}.yaml");
                    let file = fanout.write(&name, &plan(&store));
                    let report = fanout.json(s3, &[&file]);
                    assert_eq!(scores(undisturbed), scores(&report), "{kinds:?}");
                    assert_eq!(report["fits"]["failed"], 0, "{kinds:?}");
                    let tally = proxy.tally();
                    let met: u64 = tally.faults.values().sum();
                    assert!(met >= 3, "{met} of {}: {kinds:?}", tally.requests.len());
                    // What is in the store now is whole.
                    let direct = format!("{}/faults-{index}", s3.url);
                    let again = fanout.json(s3, &[plain, "--store", &direct]);
                    assert_eq!(scores(undisturbed), scores(&again), "{kinds:?}");
                    assert_eq!(
                        again["fits"]["reused"], again["fits"]["served"],
                        "{kinds:?}"
                    );
                };
                scope.spawn(run);
            }
        });
    }
}

/// A server that is of no use, as the run finds it.
fn useless(endpoint: String, own: bool) -> S3 {
    S3 {
        name: "useless",
        address: ([127, 0, 0, 1], 1).into(),
        endpoint,
        url: String::new(),
        own,
        _running: Box::new(()),
    }
}

#[test]
fn what_a_server_refuses_is_said_with_what_to_do() {
    let fanout = Fanout::new();
    for (status, code, says, hint) in [
        (
            "403 Forbidden",
            "AccessDenied",
            "access is denied (403 AccessDenied)",
            "use others (`AWS_PROFILE`)",
        ),
        (
            "400 Bad Request",
            "ExpiredToken",
            "the credentials have expired (400 ExpiredToken)",
            "the same command goes on",
        ),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "this machine's clock differs too much",
            "set this machine's clock",
        ),
        (
            "403 Forbidden",
            "SignatureDoesNotMatch",
            "the credentials are not accepted",
            "`AWS_SECRET_ACCESS_KEY`",
        ),
        (
            "403 Forbidden",
            "InvalidAccessKeyId",
            "the credentials are not accepted",
            "`AWS_ACCESS_KEY_ID`",
        ),
        (
            "404 Not Found",
            "NoSuchBucket",
            "there is no such bucket (404 NoSuchBucket)",
            "create the bucket",
        ),
        (
            "400 Bad Request",
            "AuthorizationHeaderMalformed",
            "the bucket is in another region",
            "`AWS_REGION`",
        ),
        (
            "301 Moved Permanently",
            "PermanentRedirect",
            "the bucket is in another region",
            "`AWS_REGION`",
        ),
        (
            "507 Insufficient Storage",
            "XMinioStorageFull",
            "there is no room left (507 XMinioStorageFull)",
            "make room",
        ),
        (
            "501 Not Implemented",
            "NotImplemented",
            "can't create an object without overwriting one",
            "`If-None-Match: *`",
        ),
        (
            "503 Service Unavailable",
            "SlowDown",
            "not able to answer now (503 SlowDown)",
            "try again later",
        ),
    ] {
        let server = Canned::refusing(status, code);
        let told = fanout.refused(&useless(server.endpoint(), true), "s3://bucket/x");
        assert!(told.contains(says), "{code}: {told}");
        assert!(told.contains(hint), "{code}: {told}");
        assert!(told.contains("in the store `s3://bucket/x`"), "{told}");
    }
}

/// What ends a run when it is halfway is said, and the same command goes on
/// from there.
#[test]
fn what_a_server_refuses_midway_ends_a_run_that_goes_on_later() {
    /// More than a run's beginning takes with its look-ups, less than all.
    const LET_THROUGH: usize = 120;
    for s3 in S3::all() {
        let fanout = Fanout::new();
        let plain = fanout.write("plain.yaml", &plan(""));
        let undisturbed = fanout.json(&s3, &[&plain, "--store", "memory://"]);
        for (number, (status, code, says)) in [
            (
                "400 Bad Request",
                "ExpiredToken",
                "the credentials have expired",
            ),
            ("403 Forbidden", "AccessDenied", "access is denied"),
            (
                "403 Forbidden",
                "RequestTimeTooSkewed",
                "clock differs too much",
            ),
            ("404 Not Found", "NoSuchBucket", "there is no such bucket"),
            (
                "507 Insufficient Storage",
                "XMinioStorageFull",
                "there is no room left",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let proxy = Proxy::refusing_after(s3.address, LET_THROUGH, status, code);
            let store = format!(
                "store: {{url: '{}/midway-{number}', endpoint: '{}'}}",
                s3.url,
                proxy.endpoint()
            );
            let file = fanout.write("midway.yaml", &plan(&store));
            let output = fanout.command(&s3, &["run", "--quiet", &file]).output();
            let told = refusal(&output.unwrap());
            assert!(told.contains(says), "{code}: {told}");

            let direct = format!("{}/midway-{number}", s3.url);
            let again = fanout.json(&s3, &[&plain, "--store", &direct]);
            assert_eq!(scores(&undisturbed), scores(&again), "{code}");
            let count = |name: &str| again["fits"][name].as_u64().unwrap();
            let (reused, served) = (count("reused"), count("served"));
            assert!(
                reused > 0 && reused < served,
                "{code}: {reused} of {served}"
            );
        }
    }
}

#[test]
fn a_store_that_overwrites_is_refused() {
    let fanout = Fanout::new();
    let server = Canned::start("200 OK", "");
    let told = fanout.refused(&useless(server.endpoint(), true), "s3://bucket/x");
    assert!(
        told.contains("can't create an object without overwriting one"),
        "{told}"
    );
    assert!(told.contains("Garage"), "{told}");
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let fanout = Fanout::new();
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let server = useless(format!("http://{closed}"), true);
    let told = fanout.refused(&server, "s3://bucket/x");
    assert!(
        told.contains("no connection: ") && told.contains("refused"),
        "{told}"
    );
    let server = useless("http://no-such-host.invalid:9000".to_owned(), true);
    let told = fanout.refused(&server, "s3://bucket/x");
    assert!(told.contains("no connection: "), "{told}");
    assert!(
        told.contains("check the store's URL and endpoint"),
        "{told}"
    );
}

#[test]
fn wrong_credentials_and_none_are_said() {
    let fanout = Fanout::new();
    let plan = fanout.write("plan.yaml", &plan(""));
    let s3 = S3::s3s();
    let run = |set: &[(&str, &str)]| {
        let mut command = fanout.command(&s3, &["run", &plan, "--store", &s3.url]);
        command.env_remove("AWS_ACCESS_KEY_ID");
        command.envs(set.iter().copied());
        refusal(&command.output().unwrap())
    };
    let told = run(&[
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", "wrong"),
    ]);
    assert!(told.contains("the credentials are not accepted"), "{told}");
    let told = run(&[("AWS_ACCESS_KEY_ID", "unknown")]);
    assert!(told.contains("the credentials are not accepted"), "{told}");

    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = fanout.command(&s3, &["run", &plan, "--store", &s3.url]);
    clear(&mut command);
    command
        .env("AWS_ENDPOINT_URL", &s3.endpoint)
        .env("AWS_METADATA_ENDPOINT", format!("http://{closed}"));
    let told = refusal(&command.output().unwrap());
    assert!(told.contains("no credentials were found"), "{told}");
    assert!(told.contains("AWS_PROFILE"), "{told}");
}

#[test]
fn a_bucket_that_is_not_there_is_said() {
    // s3s-fs makes a bucket of any name.
    for s3 in S3::all().iter().filter(|s3| s3.name != "s3s") {
        let told = Fanout::new().refused(s3, "s3://no-such-bucket-anywhere/x");
        assert!(
            told.contains("there is no such bucket (404 NoSuchBucket)"),
            "{}: {told}",
            s3.name
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_can_not_be_written_to_is_said() {
    let told = Fanout::new().refused(&useless(String::new(), true), "/sys/fanout");
    assert!(
        told.contains("can't open the store folder `/sys/fanout`: it can't be written to"),
        "{told}"
    );
    assert!(told.contains("make the folder writable"), "{told}");
}

#[test]
fn the_doctor_says_what_is_in_order() {
    let s3 = S3::s3s();
    let fanout = Fanout::new();
    let output = fanout
        .command(&s3, &["doctor", "--store", &s3.url])
        .output()
        .unwrap();
    shows_no_secret(&output);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(
        told.contains(&format!("✓ store    {} is reachable and writable", s3.url)),
        "{told}"
    );
    for name in ["compiler", "cache", "memory", "pool"] {
        let line = told
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(name));
        assert!(line.is_some(), "{name}: {told}");
    }

    let s3 = S3::moto();
    let output = fanout
        .command(&s3, &["doctor", "--json", "--store", "s3://no-such-bucket"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(text(&output.stderr), "error: not in order: store\n");
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let store = &checks["checks"][0];
    assert_eq!(
        (&store["name"], &store["state"]),
        (&"store".into(), &"failed".into())
    );
    assert!(
        store["detail"]
            .as_str()
            .unwrap()
            .contains("there is no such bucket")
    );
    assert!(
        store["remedy"]
            .as_str()
            .unwrap()
            .contains("create the bucket")
    );
}
