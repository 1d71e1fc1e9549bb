//! `fanout guest`: what guests offer, and whether they keep the contract.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use fanout::digest::Digest;
use fanout::guest::{GuestFile, component_of};
use fanout::sandbox::{Interfaces, Sandbox, default_cache};
use fanout::session::catalogue::{OfferedGuest, read_guest};
use fanout_contract::{Learning, Param, StepDescription, Takes, TrainerDescription};
use serde::Serialize;

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
    /// Make a component of the WebAssembly module that a compiler wrote.
    Component {
        /// The module file: `target/wasm32-unknown-unknown/release/NAME.wasm`.
        module: PathBuf,
        /// The component file to write.
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
            Self::Component { module, file } => component(&module, &file),
            Self::Export { folder } => export(&folder),
        }
    }
}

fn list() -> Result<(), CommandError> {
    let sandbox = Sandbox::new(1, default_cache())?;
    let mut text = String::new();
    let mut steps: Vec<StepDescription> = Vec::new();
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
        steps = description.steps;
    }
    // The sdk has them, so that all guests offer the same.
    writeln!(text, "steps, before any of these")?;
    list_names(
        steps.iter().map(|step| (step.name.clone(), &*step.summary)),
        &mut text,
    )?;
    print(&text);
    Ok(())
}

/// A name, what it learns and a sentence a trainer.
fn list_trainers(trainers: &[TrainerDescription], text: &mut String) -> std::fmt::Result {
    let learns = |trainer: &TrainerDescription| {
        let classes = trainer.learns(Learning::Multiclass) || trainer.learns(Learning::Binary);
        match (classes, trainer.learns(Learning::Regression)) {
            (true, true) => "classes, numbers",
            (true, false) => "classes",
            (false, _) => "numbers",
        }
    };
    list_names(
        trainers.iter().map(|trainer| {
            let name = format!("{} ({})", trainer.name, learns(trainer));
            (name, &*trainer.summary)
        }),
        text,
    )
}

/// A line a name, with a sentence.
fn list_names<'t>(
    items: impl Iterator<Item = (String, &'t str)> + Clone,
    text: &mut String,
) -> std::fmt::Result {
    let longest = items.clone().map(|(name, _)| name.len()).max();
    let column = 4 + longest.unwrap_or(0);
    for (name, summary) in items {
        let name = format!("  {name:<width$}", width = column - 2);
        writeln!(text, "{}", wrapped(&name, summary, column))?;
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
    let (mut trainers, mut steps) = (Vec::new(), Vec::new());
    for guest in OfferedGuest::embedded(&sandbox) {
        let description = guest?.description;
        trainers.extend(description.trainers);
        steps = description.steps;
    }
    let mut text = String::new();
    for trainer in trainers.iter().filter(|trainer| trainer.name == name) {
        match json {
            true => text.push_str(&pretty(trainer)),
            false => text.push_str(&table(trainer)?),
        }
    }
    for step in steps.iter().filter(|step| step.name == name) {
        match json {
            true => text.push_str(&pretty(step)),
            false => text.push_str(&step_table(step)?),
        }
    }
    if text.is_empty() {
        let names = trainers.iter().map(|trainer| trainer.name.as_str());
        let mut names: Vec<&str> = names.chain(steps.iter().map(|step| &*step.name)).collect();
        names.dedup();
        let message = format!("no trainer or step is called `{name}`");
        let error = CommandError::new(ErrorKind::Usage, message);
        return Err(error.hint(format!("the embedded guests offer {}", names.join(", "))));
    }
    print(&text);
    Ok(())
}

fn pretty(description: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(description).expect("a description is JSON");
    text.push('\n');
    text
}

fn table(trainer: &TrainerDescription) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let title = format!("{}: ", trainer.name);
    writeln!(text, "{}", wrapped(&title, &trainer.summary, 0))?;
    let learns: Vec<_> = trainer.tasks.iter().map(|&task| learning(task)).collect();
    writeln!(text, "targets: {}\n", learns.join(", "))?;
    list_params(&trainer.params, &mut text)?;
    if trainer.params.iter().any(|param| param.nested) {
        text.push_str("\nCandidates that differ only in nested hyper-parameters share one fit.\n");
    }
    Ok(text)
}

fn step_table(step: &StepDescription) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let title = format!("{}: ", step.name);
    writeln!(text, "{}", wrapped(&title, &step.summary, 0))?;
    let takes = match step.takes {
        Takes::Numbers => "numbers",
        Takes::Any => "numbers, categories",
    };
    writeln!(text, "columns: {takes}\n")?;
    list_params(&step.params, &mut text)?;
    Ok(text)
}

fn list_params(params: &[Param], text: &mut String) -> std::fmt::Result {
    for param in params {
        let nested = if param.nested { "  (nested)" } else { "" };
        writeln!(text, "{} = {}{nested}", param.name, param.default)?;
        writeln!(text, "{}", wrapped("    ", &param.takes(), 4))?;
        writeln!(text, "{}", wrapped("    ", &param.meaning, 4))?;
    }
    Ok(())
}

pub(super) fn learning(task: Learning) -> &'static str {
    match task {
        Learning::Binary => "two classes",
        Learning::Multiclass => "more classes",
        Learning::Regression => "numbers",
    }
}

fn check(path: &Path) -> Result<(), CommandError> {
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

fn component(module: &Path, path: &Path) -> Result<(), CommandError> {
    let wasm = component_of(&read_guest(module)?.wasm).map_err(|error| {
        let message = format!("can't make a component of `{}`: {error}", module.display());
        CommandError::new(ErrorKind::Guest, message).hint(
            "name the module of a crate of type `cdylib` that calls `fanout_sdk::export!`, built \
             for `wasm32-unknown-unknown`",
        )
    })?;
    std::fs::write(path, &wasm).map_err(|error| cannot_write(path, &error))?;
    print(&format!("{}  {}\n", Digest::of(&wasm), path.display()));
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    let message = format!("can't write to `{}`: {error}", path.display());
    CommandError::new(ErrorKind::Internal, message)
}

fn export(folder: &Path) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| cannot_write(folder, &error);
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
