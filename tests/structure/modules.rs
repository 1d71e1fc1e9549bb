//! [`Modules`]: the modules of a crate, and what each names of the others.
//!
//! It reads paths (`crate::…`, `super::…`, `self::…`, and those that begin with
//! a module or an imported name) in and out of `use`, and follows re-exports to
//! the file that defines an item. Names without a path are looked for where
//! they come from a glob import; methods and fields it does not see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::tokens::{Token, tokens, without_tests};

/// A module's path from the root of its crate.
pub(super) type Name = Vec<String>;

/// How many re-exports a path may go through.
const REEXPORTS: usize = 16;

#[derive(Debug, Default)]
struct Module {
    /// The module of the file that it is in; another one for inline modules.
    file: Name,
    /// Items that are defined in it.
    items: BTreeSet<String>,
    /// What `use` brings into it: its name, and the path.
    imports: BTreeMap<String, Vec<String>>,
    /// The paths of `use path::*`.
    globs: Vec<Vec<String>>,
    /// The paths that are named in it, and their lines.
    paths: Vec<(Vec<String>, usize)>,
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// The name by which a binary of the package names its library.
    library: String,
    modules: BTreeMap<Name, Module>,
    /// The files of the modules that have one.
    files: BTreeMap<Name, PathBuf>,
}

/// One file names an item of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    /// The module of the file that names.
    pub(super) from: Name,
    /// The module of the file that defines.
    pub(super) to: Name,
    pub(super) file: PathBuf,
    pub(super) line: usize,
    /// What stands there.
    pub(super) path: String,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            path,
            to,
            ..
        } = self;
        write!(
            f,
            "{}:{line}: `{path}`, of `{}`",
            file.display(),
            to.join("::")
        )
    }
}

impl Modules {
    /// Reads the files under `folder`, the `src` of a package, whose library
    /// is called `library`. Tests are left out.
    pub(super) fn read(folder: &Path, library: &str) -> Self {
        let mut files = Vec::new();
        list(folder, &mut files);
        let files = files.into_iter().map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.strip_prefix(folder).unwrap().to_owned(), text)
        });
        Self::parse(library, files)
    }

    /// Parses files, their paths from the `src` of a package.
    pub(super) fn parse(library: &str, files: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut modules = Self {
            library: library.to_owned(),
            ..Self::default()
        };
        let mut tests: Vec<Name> = Vec::new();
        for (path, text) in files {
            let name = module_of(&path);
            let mut of_tests = Vec::new();
            let tokens = tokens(&text);
            let tokens = without_tests(&tokens, &mut of_tests);
            tests.extend(of_tests.iter().map(|test| child(&name, test)));
            modules.scan(&name, &tokens);
            modules.files.insert(name, path);
        }
        let is_test = |name: &Name| tests.iter().any(|test| name.starts_with(test));
        modules.modules.retain(|name, _| !is_test(name));
        modules.files.retain(|name, _| !is_test(name));
        modules
    }

    fn module(&mut self, name: &Name, file: &Name) -> &mut Module {
        let module = self.modules.entry(name.clone()).or_default();
        module.file.clone_from(file);
        module
    }

    fn scan(&mut self, file: &Name, tokens: &[Token<'_>]) {
        const DEFINE: [&str; 8] = [
            "fn", "struct", "enum", "trait", "type", "const", "static", "union",
        ];
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
        // The inline modules around, and the depth of braces in each.
        let mut around: Vec<(Name, usize)> = vec![(file.clone(), 0)];
        self.module(file, file);
        let mut at = 0;
        while at < tokens.len() {
            let inline = around.len() > 1;
            let (name, depth) = around.last_mut().expect("the file's own module");
            let name = name.clone();
            match text(at) {
                "mod" if text(at + 2) == "{" => {
                    let inner = child(&name, text(at + 1));
                    self.module(&inner, file);
                    around.push((inner, 0));
                    at += 3;
                    continue;
                }
                "{" => *depth += 1,
                "}" if *depth == 0 && inline => {
                    around.pop();
                }
                "}" => *depth = depth.saturating_sub(1),
                "use" => {
                    let module = self.module(&name, file);
                    at = use_tree(tokens, at + 1, &[], module);
                    continue;
                }
                "macro_rules" => {
                    self.module(&name, file)
                        .items
                        .insert(text(at + 2).to_owned());
                }
                define
                    if DEFINE.contains(&define)
                        && tokens.get(at + 1).is_some_and(Token::is_word) =>
                {
                    self.module(&name, file)
                        .items
                        .insert(text(at + 1).to_owned());
                }
                _ if tokens[at].is_word() => {
                    let line = tokens[at].line;
                    let mut path = vec![text(at).to_owned()];
                    while text(at + 1) == "::" && tokens.get(at + 2).is_some_and(Token::is_word) {
                        path.push(text(at + 2).to_owned());
                        at += 2;
                    }
                    self.module(&name, file).paths.push((path, line));
                }
                // The name of another crate, or what follows `<T as …>`.
                "::" if tokens.get(at + 1).is_some_and(Token::is_word) => {
                    at += 1;
                    while text(at + 1) == "::" && tokens.get(at + 2).is_some_and(Token::is_word) {
                        at += 2;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// What the files of the crate name of each other, in order.
    pub(super) fn references(&self) -> Vec<Reference> {
        let mut references = BTreeSet::new();
        for (name, module) in &self.modules {
            for (path, line) in &module.paths {
                // A lone name is of the module itself, or an import, which is
                // a path of its own; only globs bring in others.
                let known =
                    module.items.contains(&path[0]) || module.imports.contains_key(&path[0]);
                if path.len() == 1 && (known || module.globs.is_empty()) {
                    continue;
                }
                let Some(to) = self.resolve(name, path, 0) else {
                    continue;
                };
                let to = &self.modules[&to].file;
                if *to != module.file {
                    references.insert(Reference {
                        from: module.file.clone(),
                        to: to.clone(),
                        file: self.files[&module.file].clone(),
                        line: *line,
                        path: path.join("::"),
                    });
                }
            }
        }
        references.into_iter().collect()
    }

    /// The module that defines what `path` means in the module `at`; `None`
    /// where it is of another crate.
    fn resolve(&self, at: &Name, path: &[String], depth: usize) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&Name::new(), rest, depth),
            library if library == self.library => self.descend(&Name::new(), rest, depth),
            "self" => self.descend(at, rest, depth),
            "super" => {
                let mut parent = at.clone();
                parent.pop()?;
                let mut rest = rest;
                while let Some(("super", more)) =
                    rest.split_first().map(|(s, more)| (s.as_str(), more))
                {
                    parent.pop()?;
                    rest = more;
                }
                self.descend(&parent, rest, depth)
            }
            _ if self.knows(at, first, depth) => self.descend(at, path, depth),
            _ => None,
        }
    }

    /// The module that defines what `path` means from outside of `at`.
    fn descend(&self, at: &Name, path: &[String], depth: usize) -> Option<Name> {
        let Some((first, rest)) = path.split_first() else {
            return Some(at.clone());
        };
        if depth > REEXPORTS {
            return None;
        }
        let inner = child(at, first);
        if self.modules.contains_key(&inner) {
            return self.descend(&inner, rest, depth);
        }
        let module = self.modules.get(at)?;
        if let Some(import) = module.imports.get(first) {
            let path: Vec<String> = import.iter().chain(rest).cloned().collect();
            return self.resolve(at, &path, depth + 1);
        }
        if !module.items.contains(first) {
            for glob in &module.globs {
                if let Some(from) = self.resolve(at, glob, depth + 1)
                    && from != *at
                    && self.knows(&from, first, depth + 1)
                {
                    return self.descend(&from, path, depth + 1);
                }
            }
        }
        Some(at.clone())
    }

    /// Whether `name` means something in the module `at`.
    fn knows(&self, at: &Name, name: &str, depth: usize) -> bool {
        let Some(module) = self.modules.get(at).filter(|_| depth <= REEXPORTS) else {
            return false;
        };
        self.modules.contains_key(&child(at, name))
            || module.imports.contains_key(name)
            || module.items.contains(name)
            || module.globs.iter().any(|glob| {
                let from = self.resolve(at, glob, depth + 1);
                from.is_some_and(|from| from != *at && self.knows(&from, name, depth + 1))
            })
    }
}

/// Reads the tree of a `use` from the token `at` on, behind `prefix`; gives
/// the place behind it. A path of another crate keeps its `::` as its first
/// word.
fn use_tree(tokens: &[Token<'_>], mut at: usize, prefix: &[String], module: &mut Module) -> usize {
    let text = |at: usize| tokens.get(at).map_or("}", |token| token.text);
    let mut path = prefix.to_vec();
    loop {
        let line = tokens.get(at).map_or(0, |token| token.line);
        match text(at) {
            "::" if path.is_empty() => path.push("::".to_owned()),
            "::" => {}
            "{" => {
                at += 1;
                while text(at) != "}" {
                    at = use_tree(tokens, at, &path, module);
                    at += usize::from(text(at) == ",");
                }
                return at + 1;
            }
            "*" => {
                module.paths.push((path.clone(), line));
                module.globs.push(path);
                return at + 1;
            }
            word => {
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                if text(at + 1) != "::" {
                    let renamed = text(at + 1) == "as";
                    let name = if renamed {
                        text(at + 2)
                    } else {
                        path.last().map_or("", |name| name)
                    };
                    module.paths.push((path.clone(), line));
                    module.imports.insert(name.to_owned(), path);
                    return at + if renamed { 3 } else { 1 };
                }
            }
        }
        at += 1;
    }
}

fn child(module: &Name, name: &str) -> Name {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// The module of a file, by its path from `src`.
fn module_of(path: &Path) -> Name {
    let name: Name = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    match name.as_slice() {
        [root] if root == "lib" || root == "main" => Name::new(),
        _ => name,
    }
}

/// The source files under `folder`, tests left out, in order.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_stem().unwrap();
        if name == "tests" {
            continue;
        } else if entry.is_dir() {
            list(&entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
}
