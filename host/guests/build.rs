//! Builds the guests from source: writes each component and `guests.rs`, the
//! list of their names and bytes, to `OUT_DIR`.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use fanout_guest_build::{CHOICE, Compiler, PROFILE, Targets};

const GUESTS: [&str; 2] = ["trees", "linfa"];
/// No guest alone: what `fanout guest python` puts an interpreter into.
const ADAPTER: &str = "python";

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new("../../guest");
    for part in [
        "Cargo.toml",
        "Cargo.lock",
        "contract",
        "sdk",
        "linfa",
        "python",
        "trees",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    println!("cargo::rerun-if-env-changed={CHOICE}");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).to_owned();
    let names = GUESTS.iter().chain([&ADAPTER]);
    let packages: Vec<String> = names.map(|name| format!("fanout-{name}")).collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let components = Compiler::find()?.build(workspace, &packages, Targets::Library, PROFILE)?;
    let mut list = String::from("&[\n");
    for (name, package) in GUESTS.iter().chain([&ADAPTER]).zip(packages) {
        let component = components
            .iter()
            .find(|component| component.name == package.replace('-', "_"))
            .ok_or_else(|| format!("the guest `{package}` has no library"))?;
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, &component.wasm)?;
        if *name != ADAPTER {
            writeln!(list, "    ({name:?}, include_bytes!({path:?})),")?;
        }
    }
    list.push_str("]\n");
    fs::write(out.join("guests.rs"), list)?;
    Ok(())
}
