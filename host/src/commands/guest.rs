//! `fanout guest`: what guests offer, and whether they keep the contract.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Subcommand;
use fanout::guest::GuestFile;
use fanout::sandbox::{Interfaces, Sandbox, default_cache};
use fanout_contract::{Learning, Param, TrainerDescription};

use super::{CommandError, Kind, print};

/// What to do with guests.
#[derive(Debug, Subcommand)]
pub(crate) enum Guest {
    /// List the trainers of the embedded guests.
    List,
    /// Print a trainer's hyper-parameters.
    Describe {
        /// The trainer's name.
        trainer: String,
        /// Print the description as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say of any component whether it keeps the contract, and what it
    /// imports.
    Check {
        /// The component file.
        file: PathBuf,
    },
    /// Write the embedded components out, to drop into any platform that
    /// serves `wasi:http`.
    Export {
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
}

impl Guest {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::List => list(),
            Self::Describe { trainer, json } => describe(&trainer, json),
            Self::Check { file } => check(&file),
            Self::Export { folder } => export(&folder),
        }
    }
}

fn list() -> Result<(), CommandError> {
    let sandbox = Sandbox::new(1, default_cache())?;
    let mut text = String::new();
    for file in GuestFile::embedded() {
        let description = sandbox.load(&file.wasm, file.digest)?.describe()?;
        let digest = file.digest.short();
        writeln!(
            text,
            "{} ({}, sha256 {digest})",
            file.name, description.guest
        )?;
        for trainer in description.trainers {
            writeln!(text, "  {:<24} {}", trainer.name, trainer.summary)?;
        }
    }
    print(&text);
    Ok(())
}

fn describe(name: &str, json: bool) -> Result<(), CommandError> {
    let sandbox = Sandbox::new(1, default_cache())?;
    let mut names = Vec::new();
    for file in GuestFile::embedded() {
        for trainer in sandbox.load(&file.wasm, file.digest)?.describe()?.trainers {
            if trainer.name == name {
                print(&if json {
                    pretty(&trainer)
                } else {
                    table(&trainer)?
                });
                return Ok(());
            }
            names.push(trainer.name);
        }
    }
    let error = CommandError::new(Kind::Guest, format!("no trainer is called `{name}`"));
    Err(error.hint(format!("the embedded guests offer {}", names.join(", "))))
}

fn pretty(trainer: &TrainerDescription) -> String {
    let mut text = serde_json::to_string_pretty(trainer).expect("a description is JSON");
    text.push('\n');
    text
}

fn table(trainer: &TrainerDescription) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{}: {}", trainer.name, trainer.summary)?;
    let learns: Vec<_> = trainer.tasks.iter().map(|&task| learning(task)).collect();
    writeln!(text, "targets: {}\n", learns.join(", "))?;
    for param in &trainer.params {
        let nested = if param.nested { "  (nested)" } else { "" };
        writeln!(text, "{} = {}{nested}", param.name, param.default)?;
        writeln!(text, "    {}", values(param))?;
        writeln!(text, "    {}", param.meaning)?;
    }
    if trainer.params.iter().any(|param| param.nested) {
        text.push_str("\nCandidates that differ only in nested hyper-parameters share one fit.\n");
    }
    Ok(text)
}

fn learning(task: Learning) -> &'static str {
    match task {
        Learning::Binary => "two classes",
        Learning::Multiclass => "more classes",
        Learning::Regression => "numbers",
    }
}

/// The values that a hyper-parameter takes, in words.
fn values(param: &Param) -> String {
    let kinds: Vec<String> = param.kinds.iter().map(ToString::to_string).collect();
    kinds.join(", or ")
}

fn check(path: &std::path::Path) -> Result<(), CommandError> {
    let file = GuestFile::read(path).map_err(|error| {
        CommandError::new(
            Kind::Guest,
            format!("can't read `{}`: {error}", path.display()),
        )
    })?;
    let sandbox = Sandbox::new(1, None)?;
    let interfaces = sandbox.interfaces(&file.wasm)?;
    print(&interface_list(&interfaces, &file)?);
    let description = sandbox.load(&file.wasm, file.digest)?.describe()?;
    let mut text = String::from("it keeps the contract, and offers:\n");
    for trainer in description.trainers {
        writeln!(text, "  {:<24} {}", trainer.name, trainer.summary)?;
    }
    print(&text);
    Ok(())
}

fn interface_list(interfaces: &Interfaces, file: &GuestFile) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{}\nsha256 {}\nimports:", file.name, file.digest)?;
    for name in &interfaces.imports {
        let refused = interfaces.refused_imports().any(|import| import == name);
        writeln!(text, "  {name}{}", if refused { "  (refused)" } else { "" })?;
    }
    text.push_str("exports:\n");
    for name in &interfaces.exports {
        writeln!(text, "  {name}")?;
    }
    for name in interfaces.missing_exports() {
        writeln!(text, "  {name}  (missing)")?;
    }
    Ok(text)
}

fn export(folder: &std::path::Path) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::new(
            Kind::Internal,
            format!("can't write to `{}`: {error}", folder.display()),
        )
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut text = String::new();
    for file in GuestFile::embedded() {
        let path = folder.join(format!("{}.wasm", file.name));
        std::fs::write(&path, &file.wasm).map_err(failed)?;
        writeln!(text, "{}  {}", file.digest, path.display())?;
    }
    print(&text);
    Ok(())
}
