//! The floors of the host, and that no files of a folder form a circle: what
//! the sources name of each other, read from their text.
//!
//! In a folder, a file and the folder of its name are one; a file and what is
//! in its folder may name each other. Tests may name anything.

use std::collections::BTreeMap;
use std::path::Path;

use modules::{Modules, Reference};

mod modules;
mod tokens;

/// The rooms of the host, the files and folders of `host/src`, from the roof
/// down. A room names rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["commands", "fuzzing"],
    &["dashboard"],
    &["session"],
    &["report"],
    &["worker"],
    &["pool"],
    &["run"],
    &["reduce", "worth"],
    &["expand"],
    &["model", "python"],
    &["sandbox", "dataset"],
    &["guest"],
    &["plan"],
    &["store", "queue"],
    &["task"],
    &[
        "digest",
        "error",
        "exposition",
        "guard",
        "jitter",
        "numpy",
        "random",
        "serving",
    ],
];

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What is wrong with references between the rooms of a crate.
fn floors_broken(references: &[Reference], floors: &[&[&str]]) -> Vec<String> {
    let floor = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
    let mut broken = Vec::new();
    for reference in references {
        // The root of the crate is no room.
        let (Some(from), Some(to)) = (reference.from.first(), reference.to.first()) else {
            continue;
        };
        if from == to {
            continue;
        }
        match (floor(from), floor(to)) {
            (Some(from), Some(to)) if from < to => {}
            (Some(_), Some(_)) => broken.push(format!("`{from}` is not above `{to}`: {reference}")),
            (None, _) => broken.push(format!("`{from}` has no floor: {reference}")),
            (_, None) => broken.push(format!("`{to}` has no floor: {reference}")),
        }
    }
    broken
}

/// The circles in each folder: the nodes of a circle, and the references that
/// close it.
fn circles(references: &[Reference]) -> Vec<String> {
    // By folder: what its nodes name of each other.
    type Edges<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Reference>>;
    let mut folders: BTreeMap<&[String], Edges<'_>> = BTreeMap::new();
    for reference in references {
        let Reference { from, to, .. } = reference;
        let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        // Else one contains the other.
        if shared < from.len() && shared < to.len() {
            let edges = folders.entry(&from[..shared]).or_default();
            edges
                .entry((&from[shared], &to[shared]))
                .or_default()
                .push(reference);
        }
    }
    let mut circles = Vec::new();
    for (folder, edges) in &folders {
        let reaches = |from: &str, to: &str| {
            let (mut seen, mut next) = (vec![from], vec![from]);
            while let Some(at) = next.pop() {
                for (_, next_to) in edges.keys().filter(|(from, _)| *from == at) {
                    if *next_to == to {
                        return true;
                    }
                    if !seen.contains(next_to) {
                        seen.push(next_to);
                        next.push(next_to);
                    }
                }
            }
            false
        };
        for ((from, to), references) in edges.iter().filter(|((from, to), _)| reaches(to, from)) {
            let folder = if folder.is_empty() {
                "the crate".to_owned()
            } else {
                folder.join("::")
            };
            for reference in references {
                circles.push(format!(
                    "in {folder}, `{to}` also reaches `{from}`: {reference}"
                ));
            }
        }
    }
    circles
}

#[test]
fn rooms_name_lower_floors_only() {
    let host = Modules::read(&repository().join("host/src"), "fanout");
    let references = host.references();
    // Every room but the leaves names another.
    let names_another = |room: &str| references.iter().any(|one| one.from == [room]);
    assert!(
        ["session", "dataset", "store"]
            .into_iter()
            .all(names_another)
    );
    let broken = floors_broken(&references, FLOORS);
    assert!(broken.is_empty(), "host/src:\n{}", broken.join("\n"));
}

#[test]
fn no_files_form_a_circle() {
    let guests = std::fs::read_dir(repository().join("guest")).unwrap();
    let folders = guests.map(|entry| entry.unwrap().path().join("src"));
    let mut folders: Vec<_> = folders.filter(|folder| folder.is_dir()).collect();
    assert!(folders.len() >= 5, "{folders:?}");
    folders.push(repository().join("host/src"));
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        let modules = Modules::read(&folder, "fanout");
        let folder = folder.strip_prefix(repository()).unwrap().display();
        let circles = circles(&modules.references());
        found.extend(circles.iter().map(|circle| format!("{folder}: {circle}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The references of made-up files.
fn references(files: &[(&str, &str)]) -> Vec<Reference> {
    let files = files
        .iter()
        .map(|(path, text)| (path.into(), (*text).to_owned()));
    Modules::parse("made_up", files).references()
}

#[test]
fn a_circle_is_found_through_a_re_export() {
    let found = circles(&references(&[
        (
            "lib.rs",
            "mod store; mod pool; mod task; pub use pool::Pool;",
        ),
        (
            "store.rs",
            "use crate::task::Task;\nfn put(pool: &super::Pool) {}",
        ),
        (
            "pool.rs",
            "pub struct Pool;\nuse made_up::store::{self as objects};",
        ),
        ("task.rs", "pub struct Task;"),
    ]));
    assert_eq!(
        found,
        [
            "in the crate, `store` also reaches `pool`: pool.rs:2: `made_up::store`, of `store`",
            "in the crate, `pool` also reaches `store`: store.rs:2: `super::Pool`, of `pool`",
        ]
    );
}

#[test]
fn a_circle_of_three_is_found_in_a_folder() {
    let found = circles(&references(&[
        ("lib.rs", "pub mod data;"),
        (
            "data.rs",
            "mod a; mod b; mod c; pub(crate) use c::C; use a::A; struct Data(A);",
        ),
        (
            "data/a.rs",
            "use super::{Data, b::{\nself, B}};\npub struct A(b::B);",
        ),
        ("data/b.rs", "use super::*;\npub struct B(C);"),
        (
            "data/c.rs",
            "pub struct C;\nfn c() { <crate::data::a::A>::default(); }",
        ),
    ]));
    let edges = ["a", "b", "c"].map(|from| format!("data/{from}.rs"));
    assert!(
        edges
            .iter()
            .all(|edge| found.iter().any(|line| line.contains(edge))),
        "{found:?}"
    );
    assert!(
        found.iter().all(|line| line.starts_with("in data, ")),
        "{found:?}"
    );
}

#[test]
fn what_contains_and_what_tests_name_is_no_circle() {
    let none = references(&[
        ("lib.rs", "mod a;\nmod b;\npub struct Root;"),
        ("a.rs", "mod c; use c::C; pub struct A(C, crate::Root);"),
        (
            "a/c.rs",
            "use super::A; pub struct C; use crate::b::B; // crate::a::A",
        ),
        (
            "b.rs",
            "pub struct B;\n#[cfg(test)]\nmod d;\n#[cfg(test)] mod tests { use crate::a::A; }",
        ),
        ("b/d.rs", "use crate::a::A;"),
    ]);
    assert_eq!(circles(&none), [""; 0]);
}

#[test]
fn a_room_on_its_floor_or_above_is_found() {
    let references = references(&[
        ("lib.rs", "pub mod plan; pub mod store; pub mod pool;"),
        ("plan.rs", "use crate::store::Store;"),
        (
            "plan/limits.rs",
            "fn f() -> crate::pool::Pool { let ends = 'a'; }",
        ),
        ("store.rs", "use crate::queue::Queue; pub struct Store;"),
        ("queue.rs", "pub struct Queue;"),
        ("pool.rs", "pub struct Pool(super::attic::Attic);"),
        ("attic.rs", "pub struct Attic;"),
    ]);
    let floors: &[&[&str]] = &[&["pool"], &["plan"], &["store", "queue"]];
    assert_eq!(
        floors_broken(&references, floors),
        [
            "`plan` is not above `pool`: plan/limits.rs:1: `crate::pool::Pool`, of `pool`",
            "`attic` has no floor: pool.rs:1: `super::attic::Attic`, of `attic`",
            "`store` is not above `queue`: store.rs:1: `crate::queue::Queue`, of `queue`",
        ]
    );
}
