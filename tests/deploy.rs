//! What deploys the program and its guests: the files of `deploy/` and
//! `docs/openapi.yaml`, held against the schemas that `deploy/setup.sh`
//! installs, and against each other and the program.
//!
//! No cluster, no Docker and no cloud runs here.

mod queue;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use crate::program::{Fanout, text};
use fanout::queue::{CONSUMER, DEFAULT_QUEUE as STREAM};
use fanout::task::TaskLimits;
use tempfile::TempDir;

fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// The Python that has the schemas, installed once for all tests.
fn python() -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../schemas");
    let script = repository().join("tests/deploy/setup.sh");
    let installed = Command::new(script).arg(&folder).status().unwrap();
    assert!(installed.success(), "the schemas can't be installed");
    folder.join("bin/python")
}

/// What the validator says of folders like the repository's.
fn validate(roots: &[&Path]) -> Output {
    let limits = TaskLimits::default();
    Command::new(python())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/deploy/validate.py"))
        .args(["--stream", STREAM, "--consumer", CONSUMER])
        .args(["--timeout", &limits.timeout.as_secs().to_string()])
        .args(["--memory", &limits.memory.to_string()])
        .args(roots)
        .output()
        .unwrap()
}

/// Every file below a folder, named from the repository.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path.strip_prefix(repository()).unwrap().to_owned());
        }
    }
}

/// The files of `deploy/`, but for guests that somebody exported into it.
fn deployed() -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&repository().join("deploy"), &mut found);
    found.retain(|path| path.extension().is_none_or(|ending| ending != "wasm"));
    found
}

#[test]
fn every_file_fits_its_schema_and_the_others() {
    let output = validate(&[&repository()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let checked = text(&output.stdout);
    for file in deployed() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let ending = file.extension().and_then(|ending| ending.to_str());
        // A unit of systemd and Docker's list of files have no schema.
        if !matches!(ending, Some("md" | "service" | "dockerignore")) {
            let line = format!("{}: ", file.display());
            assert!(checked.contains(&line), "{name} was not checked: {checked}");
        }
    }
    assert!(checked.contains("docs/openapi.yaml: OpenAPI 3.1"));
    for line in [
        "deploy/k8s/scaledobject.yaml: KEDA 2.16: ScaledObject/fanout-worker",
        "deploy/k8s/nats.yaml: Kubernetes 1.37: StatefulSet/nats",
        "deploy/knative/service.yaml: Knative Serving 1.17: Service/fanout-trees",
    ] {
        assert!(checked.contains(line), "{checked}");
    }
}

/// A file, what is changed in it, and what has to be said about that.
struct Broken(&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip] // one a line
const BROKEN: &[Broken] = &[
    // Against schemas.
    Broken("deploy/k8s/workers.yaml", "      serviceAccountName:", "      serviceAcountName:", "'serviceAcountName' was unexpected"),
    Broken("deploy/k8s/workers.yaml", "terminationGracePeriodSeconds: 330", "terminationGracePeriodSeconds: 330s", "terminationGracePeriodSeconds: '330s'"),
    Broken("deploy/k8s/nats.yaml", "kind: StatefulSet", "kind: StatefullSet", "no schema for `StatefullSet`"),
    Broken("deploy/k8s/scaledobject.yaml", "minReplicaCount: 0", "minReplicas: 0", "'minReplicas' was unexpected"),
    Broken("deploy/k8s/scaledobject.yaml", "lagThreshold: \"2\"", "lagThreshold: 2", "2 is not of type 'string'"),
    Broken("deploy/k8s/kustomization.yaml", "resources:", "ressources:", "'ressources' was unexpected"),
    Broken("deploy/k8s/store.yaml", "  name: fanout-store\n", "  name: fanout-store\n  name: store\n", "`name` is told twice"),
    Broken("deploy/wasmtime/kubernetes.yaml", "replicas: 2", "replicas: two", "spec.replicas: 'two' is not of type"),
    Broken("deploy/knative/service.yaml", "containerConcurrency", "concurrency", "'concurrency' was unexpected"),
    Broken("deploy/spinkube/spinapp.yaml", "  executor: containerd-shim-spin\n", "", "'executor' is a required property"),
    Broken("deploy/wasmcloud/wadm.yaml", "instances: 8", "replicas: 8", "is not valid under any of the given schemas"),
    Broken("deploy/spin/spin.toml", "component = \"trees\"", "component = \"woods\"", "no component `woods`"),
    Broken("deploy/lambda/template.yaml", "MemorySize: 1769", "MemorySize: 10", "E3034"),
    Broken("deploy/compose.yaml", "healthcheck:", "healthchek:", "healthchek"),
    Broken("deploy/Dockerfile", "ENTRYPOINT [\"fanout\"]", "ENTRYPOINT fanout", "DL3025"),
    Broken("docs/openapi.yaml", "operationId: evaluate", "operationId: describe", "describe"),
    // Against each other.
    Broken("deploy/k8s/kustomization.yaml", "  - store.yaml\n", "", "`store.yaml` is in the folder, and not among the resources"),
    Broken("deploy/k8s/kustomization.yaml", "namespace: fanout", "namespace: other", "nothing makes the namespace `other`"),
    Broken("deploy/k8s/workers.yaml", "image: fanout", "image: fan-out", "the image `fan-out` has no version"),
    Broken("deploy/k8s/workers.yaml", "secretRef: {name: fanout-nats}", "secretRef: {name: nats}", "there is no Secret `nats`"),
    Broken("deploy/k8s/nats.yaml", "key: FANOUT_NATS_USER", "key: USER", "the Secret `fanout-nats` has no key `USER`"),
    Broken("deploy/k8s/workers.yaml", "$(FANOUT_STORE)", "$(STORE)", "the variable `STORE`"),
    Broken("deploy/k8s/workers.yaml", "mountPath: /tmp}", "mountPath: /tmp}\n            - {name: data, mountPath: /data}", "the volume `data` is mounted alone"),
    Broken("deploy/k8s/workers.yaml", "serviceAccountName: fanout-worker", "serviceAccountName: worker", "there is no ServiceAccount `worker`"),
    Broken("deploy/k8s/workers.yaml", "nats://nats:4222", "nats://queue:4222", "`queue:4222` names no service"),
    Broken("deploy/k8s/nats.yaml", "selector: {app.kubernetes.io/name: nats}", "selector: {app: nats}", "no pod has the labels of its selector"),
    Broken("deploy/k8s/nats.yaml", "targetPort: monitor", "targetPort: metrics", "does not listen at `metrics`"),
    Broken("deploy/k8s/nats.yaml", "serviceName: nats-headless", "serviceName: nats", "`nats` is no headless service"),
    Broken("deploy/k8s/nats.yaml", "http_port: 8222", "http_port: 8223", "the ports [4222, 8223] are not those of"),
    Broken("deploy/k8s/nats.yaml", "max_file_store", "max_file_stor", "max_file_stor"),
    Broken("deploy/k8s/secrets.example.yaml", "FANOUT_NATS_PASSWORD: CHANGE-ME", "FANOUT_NATS_PASSWORD: sesame", "`FANOUT_NATS_PASSWORD` is not `CHANGE-ME`"),
    Broken("deploy/k8s/scaledobject.yaml", "nats.fanout.svc", "nats.nats.svc", "names no service of this folder"),
    Broken("deploy/k8s/scaledobject.yaml", "    name: fanout-worker\n  polling", "    name: worker\n  polling", "there is no `worker` to scale"),
    Broken("deploy/k8s/scaledobject.yaml", "stream: fanout", "stream: tasks", "`stream` is `tasks`, and `fanout` has `fanout`"),
    Broken("deploy/k8s/scaledobject.yaml", "consumer: workers", "consumer: worker", "`consumer` is `worker`, and `fanout` has `workers`"),
    Broken("deploy/k8s/scaledobject.yaml", "lagThreshold: \"2\"", "lagThreshold: \"4\"", "no worker would be added"),
    Broken("deploy/k8s/workers.yaml", "terminationGracePeriodSeconds: 330", "terminationGracePeriodSeconds: 300", "it is killed before its task has had its time"),
    Broken("deploy/k8s/workers.yaml", "--workers=2", "--workers=4", "4 tasks at a time, and less cores"),
    Broken("deploy/k8s/workers.yaml", "memory: 3Gi, ephemeral-storage: 12Gi", "memory: 2Gi, ephemeral-storage: 12Gi", "less memory than 2 tasks may use"),
    Broken("deploy/k8s/workers.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "its root file system may be written"),
    Broken("deploy/k8s/workers.yaml", "      automountServiceAccountToken: false\n", "", "it has a token of the cluster"),
    // Who reaches whom.
    Broken("deploy/k8s/workers.yaml", "        app.kubernetes.io/component: worker\n        app", "        app.kubernetes.io/component: helper\n        app", "its selector does not match its pods' labels"),
    Broken("deploy/k8s/networkpolicies.yaml", "values: [worker, run]", "values: [run]", "Deployment/fanout-worker does not reach StatefulSet/nats at 4222"),
    Broken("deploy/k8s/networkpolicies.yaml", "matchLabels: {app.kubernetes.io/name: nats}}\n      ports: [{protocol: TCP, port: 4222}]", "matchLabels: {app.kubernetes.io/name: nats}}\n      ports: [{protocol: TCP, port: 8222}]", "Job/run does not reach StatefulSet/nats at 4222"),
    Broken("deploy/k8s/networkpolicies.yaml", "podSelector: {matchLabels: {app: keda-operator}}", "podSelector: {}", "stranger in keda reaches StatefulSet/nats at 8222"),
    Broken("deploy/k8s/networkpolicies.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "nothing confines the egress of StatefulSet/nats"),
    Broken("deploy/k8s/networkpolicies.yaml", "matchLabels: {k8s-app: kube-dns}", "matchLabels: {k8s-app: dns}", "does not reach DNS"),
    Broken("deploy/k8s/store.yaml", "cidr: 192.0.2.0/24", "cidr: 0.0.0.0/0", "it allows addresses, more than a store's"),
];

#[test]
fn what_is_wrong_is_found() {
    let copies: Vec<TempDir> = BROKEN
        .iter()
        .map(|Broken(changed, from, to, _)| {
            let copy = tempfile::tempdir().unwrap();
            let mut files = deployed();
            files.push("docs/openapi.yaml".into());
            for file in files {
                let path = copy.path().join(&file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let mut content = fs::read_to_string(repository().join(&file)).unwrap();
                if file == Path::new(changed) {
                    assert!(content.contains(from), "{changed} has no `{from}`");
                    content = content.replacen(from, to, 1);
                }
                fs::write(path, content).unwrap();
            }
            copy
        })
        .collect();
    let roots: Vec<&Path> = copies.iter().map(TempDir::path).collect();
    let output = validate(&roots);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for (root, Broken(file, _, to, wanted)) in roots.iter().zip(BROKEN) {
        let begin = format!("{}/", root.display());
        let found: Vec<&str> = said
            .lines()
            .filter_map(|line| line.strip_prefix(&begin))
            .collect();
        assert!(
            found.iter().any(|line| line.contains(wanted)),
            "{file} with `{to}`: expected `{wanted}`, found {found:#?}"
        );
    }
}

/// The lines of a block of text in a manifest, without what indents them.
fn block(manifest: &str, key: &str) -> String {
    let (before, after) = manifest.split_once(&format!("{key}: |\n")).unwrap();
    let indent = before.rsplit('\n').next().unwrap().len() + 2;
    let lines = after
        .lines()
        .take_while(|line| line.len() > indent || line.is_empty());
    lines
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()))
        .collect()
}

#[test]
fn the_plan_of_the_example_is_right() {
    let manifest = fs::read_to_string(repository().join("deploy/k8s/run.example.yaml")).unwrap();
    let fanout = Fanout::new();
    fs::create_dir_all(fanout.path("store/tables")).unwrap();
    fs::copy(
        repository().join("plans/data/flights.parquet"),
        fanout.path("store/tables/flights.parquet"),
    )
    .unwrap();
    fanout.write("plan.yaml", &block(&manifest, "plan.yaml"));
    let said = fanout.text(&["check", "plan.yaml", "--store", "store"]);
    assert!(said.contains("the plan is good"), "{said}");
}
