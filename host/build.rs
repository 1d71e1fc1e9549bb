//! Builds the guests from source and embeds them: writes `guests.rs` to
//! `OUT_DIR`, a list of names and component bytes.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

const GUESTS: [&str; 2] = ["trees", "linfa"];

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new("../guest");
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
    println!("cargo::rerun-if-env-changed={}", fanout_guest_build::CHOICE);
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).to_owned();
    let compiler = fanout_guest_build::Compiler::find()?;
    let mut list = String::from("&[\n");
    for name in GUESTS {
        let package = format!("fanout-{name}");
        let component = compiler
            .build(workspace, &package, fanout_guest_build::Targets::Library)?
            .into_iter()
            .find(|component| component.name == package.replace('-', "_"))
            .ok_or_else(|| format!("the guest `{package}` has no library"))?;
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, component.wasm)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", path)?;
    }
    list.push_str("]\n");
    fs::write(out.join("guests.rs"), list)?;
    Ok(())
}
