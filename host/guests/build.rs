//! Builds the guests from source: writes each component and `guests.rs`, the
//! list of their names and bytes, to `OUT_DIR`.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use fanout_guest_build::{CHOICE, Compiler, PROFILE, Targets};

const GUESTS: [&str; 2] = ["trees", "linfa"];

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new("../../guest");
    for part in [
        "Cargo.toml",
        "Cargo.lock",
        "contract",
        "sdk",
        "linfa",
        "trees",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    println!("cargo::rerun-if-env-changed={CHOICE}");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).to_owned();
    let packages = GUESTS.map(|name| format!("fanout-{name}"));
    let packages = packages.each_ref().map(String::as_str);
    let components = Compiler::find()?.build(workspace, &packages, Targets::Library, PROFILE)?;
    let mut list = String::from("&[\n");
    for (name, package) in GUESTS.iter().zip(packages) {
        let component = components
            .iter()
            .find(|component| component.name == package.replace('-', "_"))
            .ok_or_else(|| format!("the guest `{package}` has no library"))?;
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, &component.wasm)?;
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    list.push_str("]\n");
    fs::write(out.join("guests.rs"), list)?;
    Ok(())
}
