//! Builds guest crates into components, for build scripts: [`Compiler::find`]
//! a compiler for `wasm32-unknown-unknown`, [`Compiler::build`] with it.
//!
//! It installs nothing; `guest/setup.sh` does.

use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The environment variable that chooses between the two ways to build:
/// `rustup` or `debian`. Without it the first that is installed is taken.
pub const CHOICE: &str = "FANOUT_GUEST_COMPILER";

/// The profile of guests that are to be fast, cargo's `release`.
pub const PROFILE: &str = "release";

/// Debian's packages that make the second way.
const PACKAGES: &str = "rustc-web cargo-web rust-web-src lld-19";

/// A guest that was built.
#[derive(Clone, Debug)]
pub struct Component {
    /// The target's name.
    pub name: String,
    /// The component's bytes.
    pub wasm: Vec<u8>,
}

/// Which targets of a package to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Its library, which is a guest.
    Library,
    /// Its examples, each of which is a guest.
    Examples,
}

/// A cargo and a rustc that can build for WebAssembly.
#[derive(Debug)]
pub struct Compiler {
    cargo: PathBuf,
    rustc: PathBuf,
    /// The linker, and with it the need to build `std` from its source.
    build_std: Option<PathBuf>,
}

impl Compiler {
    /// The calling cargo's own compiler if it has the target, else the one of
    /// Debian's packages, which brings the source of `std` instead. [`CHOICE`]
    /// may ask for one of the two.
    pub fn find() -> Result<Self, Box<dyn Error>> {
        Self::choose(env::var_os(CHOICE).as_deref(), Self::own, Self::debian)
    }

    fn choose(
        choice: Option<&OsStr>,
        own: impl FnOnce() -> Option<Self>,
        debian: impl FnOnce() -> Option<Self>,
    ) -> Result<Self, Box<dyn Error>> {
        let add = format!("`rustup target add {TARGET}`");
        let packages = format!("Debian's packages `{PACKAGES}`");
        match choice.map(OsStr::to_string_lossy).as_deref() {
            None | Some("") => own().or_else(debian).ok_or_else(|| {
                format!(
                    "no compiler for `{TARGET}` is installed: run `make setup`, or {add}, or \
                     install {packages}"
                )
            }),
            Some("rustup") => own().ok_or_else(|| {
                format!("{CHOICE} asks for `rustup`, which lacks `{TARGET}`: run {add}")
            }),
            Some("debian") => debian().ok_or_else(|| {
                format!(
                    "{CHOICE} asks for `debian`, which is not installed whole: install {packages}"
                )
            }),
            Some(other) => Err(format!(
                "{CHOICE} is `{other}`, but must be `rustup` or `debian`, or not be set"
            )),
        }
        .map_err(Into::into)
    }

    /// The calling cargo's own, where it has the target.
    fn own() -> Option<Self> {
        let own = Self {
            cargo: env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            rustc: env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from),
            build_std: None,
        };
        let lib = own.sysroot()?.join("lib/rustlib").join(TARGET).join("lib");
        lib.is_dir().then_some(own)
    }

    /// Debian's, where all of its packages are there.
    fn debian() -> Option<Self> {
        let debian = Self {
            cargo: "/usr/bin/cargo".into(),
            rustc: "/usr/bin/rustc".into(),
            build_std: (13..=30)
                .rev()
                .map(|n| PathBuf::from(format!("/usr/bin/wasm-ld-{n}")))
                .find(|p| p.exists()),
        };
        let whole = debian.cargo.exists()
            && debian.build_std.is_some()
            && debian
                .sysroot()?
                .join("lib/rustlib/src/rust/library/std")
                .exists();
        whole.then_some(debian)
    }

    fn sysroot(&self) -> Option<PathBuf> {
        let output = Command::new(&self.rustc)
            .args(["--print", "sysroot"])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output
            .status
            .success()
            .then(|| PathBuf::from(text.trim_end()))
    }

    /// Sets the environment of a command that runs cargo: its `cargo` is this one,
    /// and no variable of the calling cargo's is left, which are meant for the
    /// host's build.
    pub fn set_environment(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let leaks = text.starts_with("CARGO") && text != "CARGO_HOME"
                || text.starts_with("RUST") && text != "RUSTUP_HOME" && text != "RUSTUP_TOOLCHAIN";
            if leaks {
                command.env_remove(&name);
            }
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = self.cargo.parent().map(Path::to_owned).into_iter();
        if let Ok(path) = env::join_paths(folders.chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command.env("RUSTC", &self.rustc);
        if let Some(linker) = &self.build_std {
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }

    /// Builds some `cdylib` targets of `packages` in the workspace at
    /// `workspace`, under one of its profiles, all at once.
    pub fn build(
        &self,
        workspace: &Path,
        packages: &[&str],
        targets: Targets,
        profile: &str,
    ) -> Result<Vec<Component>, Box<dyn Error>> {
        let workspace = workspace.canonicalize()?;
        let target_dir = workspace.join("target/guests");
        let mut command = Command::new(&self.cargo);
        self.set_environment(&mut command);
        command
            .current_dir(&workspace)
            // A dependency hashes with keys drawn when it is built: the same
            // sources are to give the same digest.
            .env("CONST_RANDOM_SEED", "fanout")
            .args([
                "build",
                "--locked",
                "--target",
                TARGET,
                "--profile",
                profile,
            ])
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .arg(match targets {
                Targets::Library => "--lib",
                Targets::Examples => "--examples",
            })
            .arg("--target-dir")
            .arg(&target_dir)
            .arg("--message-format=json-render-diagnostics");
        let mut flags = vec![
            OsString::from("-Ctarget-feature=+simd128"),
            // A sandbox looks at the clock at every turn of a loop: the more
            // is done in a turn, the less that costs.
            OsString::from("-Cllvm-args=-unroll-partial-threshold=160"),
            // It rewrites the addresses of a loop, and forgets on the way that
            // they do not wrap: then no load may have its constant offset.
            OsString::from("-Cllvm-args=-disable-lsr"),
        ];
        // The same sources give the same digest in whatever folder they lie.
        for (path, name) in [(Some(workspace.clone()), "guest"), (cargo_home(), "cargo")] {
            if let Some(path) = path {
                let mut flag = OsString::from("--remap-path-prefix=");
                flag.push(path);
                flag.push(format!("={name}"));
                flags.push(flag);
            }
        }
        command.env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags.join(&OsString::from("\u{1f}")),
        );
        let output = command.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("the guests {packages:?} do not build: {}", output.status).into());
        }
        let mut components = Vec::new();
        for path in wasm_files(&String::from_utf8(output.stdout)?, &target_dir) {
            let name = path
                .file_stem()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            let wasm = encode(&std::fs::read(&path)?)?;
            components.push(Component { name, wasm });
        }
        if components.is_empty() {
            return Err(format!("the packages {packages:?} have no `cdylib`").into());
        }
        Ok(components)
    }
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// The core modules that cargo's messages name as made.
fn wasm_files(messages: &str, target_dir: &Path) -> Vec<PathBuf> {
    let root = target_dir.to_string_lossy();
    let mut files: Vec<PathBuf> = messages
        .lines()
        .filter(|line| line.contains(r#""reason":"compiler-artifact""#))
        .flat_map(|line| line.split('"'))
        .filter(|text| {
            text.starts_with(&*root) && text.ends_with(".wasm") && !text.contains("/deps/")
        })
        .map(PathBuf::from)
        .collect();
    files.sort();
    files.dedup();
    files
}

fn encode(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let encoder = wit_component::ComponentEncoder::default();
    Ok(encoder.validate(true).module(module)?.encode()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler(cargo: &str) -> Option<Compiler> {
        Some(Compiler {
            cargo: cargo.into(),
            rustc: PathBuf::new(),
            build_std: None,
        })
    }

    /// The cargo that is chosen, or what is said instead.
    fn chosen(choice: Option<&str>, own: bool, debian: bool) -> Result<String, String> {
        Compiler::choose(
            choice.map(OsStr::new),
            || own.then(|| compiler("own")).flatten(),
            || debian.then(|| compiler("debian")).flatten(),
        )
        .map(|compiler| compiler.cargo.display().to_string())
        .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_that_is_installed_is_taken_unless_one_is_asked_for() {
        for unset in [None, Some("")] {
            assert_eq!(chosen(unset, true, true).as_deref(), Ok("own"));
            assert_eq!(chosen(unset, false, true).as_deref(), Ok("debian"));
        }
        assert_eq!(chosen(Some("rustup"), true, true).as_deref(), Ok("own"));
        assert_eq!(chosen(Some("debian"), true, true).as_deref(), Ok("debian"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |choice, own, debian| chosen(choice, own, debian).unwrap_err();
        assert_eq!(
            said(None, false, false),
            "no compiler for `wasm32-unknown-unknown` is installed: run `make setup`, or `rustup \
             target add wasm32-unknown-unknown`, or install Debian's packages `rustc-web \
             cargo-web rust-web-src lld-19`"
        );
        assert_eq!(
            said(Some("rustup"), false, true),
            "FANOUT_GUEST_COMPILER asks for `rustup`, which lacks `wasm32-unknown-unknown`: run \
             `rustup target add wasm32-unknown-unknown`"
        );
        assert_eq!(
            said(Some("debian"), true, false),
            "FANOUT_GUEST_COMPILER asks for `debian`, which is not installed whole: install \
             Debian's packages `rustc-web cargo-web rust-web-src lld-19`"
        );
        assert_eq!(
            said(Some("nix"), true, true),
            "FANOUT_GUEST_COMPILER is `nix`, but must be `rustup` or `debian`, or not be set"
        );
    }
}
