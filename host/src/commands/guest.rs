//! `fanout guest`: what guests offer, and whether they keep the contract.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Subcommand;
use fanout::guest::GuestFile;
use fanout::sandbox::{Interfaces, Sandbox, default_cache};
use fanout::session::catalogue::{OfferedGuest, read_guest};
use fanout_contract::{Learning, TrainerDescription};

use super::{CommandError, print};
use fanout::error::ErrorKind;

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
    for offered in OfferedGuest::embedded(&sandbox) {
        let OfferedGuest {
            file, description, ..
        } = offered?;
        let digest = file.digest.short();
        writeln!(
            text,
            "{} ({}, sha256 {digest})",
            file.name, description.guest
        )?;
        list_trainers(&description.trainers, &mut text)?;
    }
    print(&text);
    Ok(())
}

/// A name and a sentence a trainer.
fn list_trainers(trainers: &[TrainerDescription], text: &mut String) -> std::fmt::Result {
    let longest = trainers.iter().map(|trainer| trainer.name.len()).max();
    let column = 4 + longest.unwrap_or(0);
    for trainer in trainers {
        let name = format!("  {:<width$}", trainer.name, width = column - 2);
        writeln!(text, "{}", wrapped(&name, &trainer.summary, column))?;
    }
    Ok(())
}

/// `text` behind `first`, in lines of at most 80 columns; the following ones
/// begin in column `indent`.
pub(super) fn wrapped(first: &str, text: &str, indent: usize) -> String {
    const WIDTH: usize = 80;
    let mut lines = first.to_owned();
    let (mut width, mut begins) = (first.chars().count(), true);
    for word in text.split(' ') {
        let length = word.chars().count();
        if !begins && width + 1 + length > WIDTH {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            (width, begins) = (indent, true);
        }
        if !begins {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        (width, begins) = (width + length, false);
    }
    lines
}

fn describe(name: &str, json: bool) -> Result<(), CommandError> {
    let sandbox = Sandbox::new(1, default_cache())?;
    let trainers = OfferedGuest::embedded_trainers(&sandbox)?;
    let Some(trainer) = trainers.iter().find(|trainer| trainer.name == name) else {
        let names: Vec<&str> = trainers.iter().map(|t| t.name.as_str()).collect();
        let error = CommandError::new(ErrorKind::Usage, format!("no trainer is called `{name}`"));
        return Err(error.hint(format!("the embedded guests offer {}", names.join(", "))));
    };
    print(&if json {
        pretty(trainer)
    } else {
        table(trainer)?
    });
    Ok(())
}

fn pretty(trainer: &TrainerDescription) -> String {
    let mut text = serde_json::to_string_pretty(trainer).expect("a description is JSON");
    text.push('\n');
    text
}

fn table(trainer: &TrainerDescription) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let title = format!("{}: ", trainer.name);
    writeln!(text, "{}", wrapped(&title, &trainer.summary, 0))?;
    let learns: Vec<_> = trainer.tasks.iter().map(|&task| learning(task)).collect();
    writeln!(text, "targets: {}\n", learns.join(", "))?;
    for param in &trainer.params {
        let nested = if param.nested { "  (nested)" } else { "" };
        writeln!(text, "{} = {}{nested}", param.name, param.default)?;
        writeln!(text, "{}", wrapped("    ", &param.takes(), 4))?;
        writeln!(text, "{}", wrapped("    ", &param.meaning, 4))?;
    }
    if trainer.params.iter().any(|param| param.nested) {
        text.push_str("\nCandidates that differ only in nested hyper-parameters share one fit.\n");
    }
    Ok(text)
}

pub(super) fn learning(task: Learning) -> &'static str {
    match task {
        Learning::Binary => "two classes",
        Learning::Multiclass => "more classes",
        Learning::Regression => "numbers",
    }
}

fn check(path: &std::path::Path) -> Result<(), CommandError> {
    let file = read_guest(path)?;
    let sandbox = Sandbox::new(1, None)?;
    let interfaces = sandbox.interfaces(&file.wasm)?;
    print(&interface_list(&interfaces, &file)?);
    let description = sandbox.load(&file.wasm, file.digest)?.describe()?;
    let mut text = String::from("it keeps the contract, and offers:\n");
    list_trainers(&description.trainers, &mut text)?;
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
            ErrorKind::Internal,
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

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_end_before_column_81() {
        let text = "one two three ".repeat(12);
        let lines = wrapped("  name  ", text.trim_end(), 8);
        assert!(lines.lines().all(|line| line.len() <= 80), "{lines}");
        assert!(
            lines
                .lines()
                .skip(1)
                .all(|line| line.starts_with("        "))
        );
        let words: Vec<&str> = lines.split_whitespace().skip(1).collect();
        assert_eq!(words.join(" "), text.trim_end());
        assert_eq!(wrapped("", &"x".repeat(99), 0), "x".repeat(99));
    }
}
