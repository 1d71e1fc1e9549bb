//! `guest/setup.sh` on machines that are made of a few fake programs: which
//! way it takes, and what it says where there is none.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine whose programs are scripts in one folder.
struct Machine {
    root: PathBuf,
}

impl Machine {
    /// Cargo, rustc and a C linker, without a target for WebAssembly.
    fn new(test: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("setup")
            .join(test);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let machine = Self { root };
        for program in ["cargo", "cc"] {
            machine.program(program, "exit 1");
        }
        let sysroot = machine.path("rust");
        machine.program("rustc", &format!("echo {sysroot}"));
        machine.program("id", "echo 0");
        machine.program("timeout", "shift; exec \"$@\"");
        machine
    }

    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn folder(&self, name: &str) {
        fs::create_dir_all(self.root.join(name)).unwrap();
    }

    fn script(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.script(&format!("bin/{name}"), text);
    }

    fn with_target(self) -> Self {
        self.folder("rust/lib/rustlib/wasm32-unknown-unknown/lib");
        self
    }

    /// A rustup that adds the target, or can't.
    fn with_rustup(self, works: bool) -> Self {
        let lib = self.path("rust/lib/rustlib/wasm32-unknown-unknown/lib");
        let add = format!("/bin/mkdir -p {lib}");
        self.program("rustup", if works { &add } else { "exit 1" });
        self
    }

    fn with_debian(self) -> Self {
        self.script("usr/bin/cargo", "exit 1");
        self.script("usr/bin/rustc", &format!("echo {}", self.path("usr")));
        self.script("usr/bin/wasm-ld-19", "exit 1");
        self.folder("usr/lib/rustlib/src/rust/library/std");
        self
    }

    /// An apt-get that installs the packages, by moving them in, or can't.
    fn with_apt(self, works: bool) -> Self {
        let machine = self.with_debian();
        let (usr, packages) = (machine.path("usr"), machine.path("packages"));
        fs::rename(&usr, &packages).unwrap();
        let install = format!("[ $1 = update ] || /bin/mv {packages} {usr}");
        machine.program("apt-get", if works { &install } else { "exit 100" });
        machine
    }

    /// Runs the script; what it printed, and whether it was content.
    fn setup(&self, choice: &str) -> (String, bool) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup.sh");
        let output = Command::new("/bin/sh")
            .arg(script)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("FANOUT_DEBIAN_ROOT", &self.root)
            .env("FANOUT_GUEST_COMPILER", choice)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.success())
    }
}

#[track_caller]
fn content(machine: &Machine, choice: &str, said: &str) {
    assert_eq!(machine.setup(choice), (said.to_owned(), true));
    // What is there now is found the next time.
    assert_eq!(machine.setup(choice), (String::new(), true));
}

#[track_caller]
fn refused(machine: &Machine, choice: &str, said: &str) {
    let (text, content) = machine.setup(choice);
    assert!(!content, "{text}");
    assert_eq!(text, said);
}

const ADD: &str = "setup: rustup target add wasm32-unknown-unknown\n";
const INSTALL: &str = "setup: apt-get install rustc-web cargo-web rust-web-src lld-19\n";

#[test]
fn what_is_installed_is_enough() {
    content(&Machine::new("target").with_target(), "", "");
    content(&Machine::new("debian").with_debian(), "", "");
    content(
        &Machine::new("target_chosen").with_target().with_debian(),
        "rustup",
        "",
    );
    content(
        &Machine::new("debian_chosen").with_target().with_debian(),
        "debian",
        "",
    );
}

#[test]
fn rustup_is_asked_first_and_then_apt() {
    let machine = Machine::new("rustup").with_rustup(true).with_apt(true);
    content(&machine, "", ADD);
    let machine = Machine::new("apt_after_rustup")
        .with_rustup(false)
        .with_apt(true);
    content(&machine, "", &format!("{ADD}{INSTALL}"));
    let machine = Machine::new("apt_alone").with_apt(true);
    content(&machine, "", INSTALL);
    let machine = Machine::new("apt_chosen")
        .with_target()
        .with_rustup(true)
        .with_apt(true);
    content(&machine, "debian", INSTALL);
}

#[test]
fn one_message_says_what_to_install() {
    refused(
        &Machine::new("nothing"),
        "",
        "setup: no compiler can build WebAssembly here: run `rustup target add \
         wasm32-unknown-unknown`, or install Debian's packages `rustc-web cargo-web rust-web-src \
         lld-19`\n",
    );
    let neither = Machine::new("neither").with_rustup(false).with_apt(false);
    let (text, content) = neither.setup("");
    assert!(!content);
    assert!(
        text.starts_with(&format!("{ADD}{INSTALL}setup: no compiler can build ")),
        "{text}"
    );
    refused(
        &Machine::new("no_rustup").with_debian(),
        "rustup",
        "setup: FANOUT_GUEST_COMPILER asks for `rustup`, which lacks wasm32-unknown-unknown: run \
         `rustup target add wasm32-unknown-unknown`\n",
    );
    refused(
        &Machine::new("no_debian").with_target(),
        "debian",
        "setup: FANOUT_GUEST_COMPILER asks for `debian`, which is not installed whole: install \
         Debian's packages `rustc-web cargo-web rust-web-src lld-19`\n",
    );
    refused(
        &Machine::new("other_choice").with_target(),
        "nix",
        "setup: FANOUT_GUEST_COMPILER is `nix`, but must be `rustup` or `debian`, or not be set\n",
    );
}

#[test]
fn rust_itself_must_be_there() {
    let machine = Machine::new("no_rust");
    fs::remove_file(machine.root.join("bin/cargo")).unwrap();
    refused(
        &machine,
        "",
        "setup: cargo and rustc are missing: install Rust, for example with rustup\n",
    );
    let machine = Machine::new("no_linker");
    fs::remove_file(machine.root.join("bin/cc")).unwrap();
    refused(
        &machine,
        "",
        "setup: a C linker is missing: install gcc (Debian: apt-get install build-essential)\n",
    );
}
