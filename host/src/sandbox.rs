//! [`Sandbox`]: where guests run. A [`Guest`] is a compiled component, an
//! [`Instance`] one living copy of it with at most one open dataset.
//!
//! An instance has no authority: every function that it imports traps. Whatever
//! it does ends as an answer or as a [`TaskFault`]; it never ends the process.

mod cache;
mod cpu;
mod description;
mod imports;
mod instance;
mod limits;

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fanout_contract::{CONTRACT, Description, Instances};
use wasmtime::component::Component;
use wasmtime::{Collector, Config, Engine};

pub use cache::{Cache, CacheError, default_cache};
pub use cpu::thread_cpu_time;
pub(crate) use description::description;
pub use instance::Instance;
#[cfg(any(fuzzing, test))]
pub(crate) use instance::checked;
pub(crate) use instance::{answer_bound, checked_evaluation, clipped};

use crate::digest::Digest;
use crate::guest::is_module;
use crate::task::{Cancel, TaskFault, TaskLimits};
use limits::Ticker;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../guest/sdk/wit",
        world: "fanout:trainer/guest",
    });
}

/// The interface by which the host calls a guest.
pub const TRAINER: &str = "fanout:trainer/trainer@0.2.0";
/// The interface by which a FaaS calls a guest, without its patch version.
pub const HANDLER: &str = "wasi:http/incoming-handler@0.2";
/// The packages that a guest may import from.
const IMPORTS: [&str; 2] = ["wasi:io/", "wasi:http/"];

/// Frames of a trap's backtrace.
const BACKTRACE: NonZeroUsize = NonZeroUsize::new(64).expect("it is not zero");

/// A guest's stack. Threads that run guests need more than this.
const GUEST_STACK: usize = 2 << 20;
/// The stack of a thread that runs guests.
pub const THREAD_STACK: usize = GUEST_STACK + (2 << 20);

/// Threat: a guest that never says what it offers.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// What can be wrong with a guest before any task is run.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The engine does not start.
    #[error("the WebAssembly engine does not start")]
    Engine(#[source] wasmtime::Error),
    /// Not a component, or one that does not compile.
    #[error("the guest is not a WebAssembly component that compiles")]
    Compile(#[source] wasmtime::Error),
    /// No WebAssembly at all.
    #[error("the file is no WebAssembly")]
    NotWasm,
    /// A core module.
    #[error("the guest is a core module, not a component")]
    Module,
    /// The component has more memories, tables or core instances than one may
    /// have, or larger ones.
    #[error("the guest is larger than the sandbox allows")]
    TooLarge(#[source] wasmtime::Error),
    /// The folder of compiled guests can't be trusted.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The component asks for something that no guest is given.
    #[error("the guest imports `{import}`; a guest may import `wasi:io` and `wasi:http` alone")]
    Import {
        /// What it imports.
        import: String,
    },
    /// The component has no such export.
    #[error("the guest does not export `{export}`")]
    Export {
        /// What is missing.
        export: &'static str,
    },
    /// The imports or exports have other types than the contract's.
    #[error("the guest does not fit the contract")]
    Link(#[source] wasmtime::Error),
    /// The guest can't describe itself.
    #[error("the guest does not describe itself: {0}")]
    Describe(TaskFault),
    /// The description is not of the contract.
    #[error("the guest's description is malformed")]
    Description(#[source] serde_json::Error),
    /// Two trainers for one kind of target have one name, or two steps.
    #[error("the guest offers two {what} called `{name}`")]
    Twice {
        /// `trainers` or `steps`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A trainer, a step or a parameter is described with nonsense.
    #[error("the guest's description of `{of}` makes no sense: {why}")]
    Nonsense {
        /// The trainer or the step, as far as it has a name.
        of: String,
        /// What is wrong.
        why: String,
    },
    /// The guest keeps another version of the contract.
    #[error("the guest keeps version {found} of the contract; this program, version {CONTRACT}")]
    Contract {
        /// The guest's.
        found: u32,
    },
}

impl GuestError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Engine(_) => "`fanout doctor` says what this machine lacks",
            Self::NotWasm | Self::Module => {
                "`fanout guest component MODULE COMPONENT` makes a component of the module that a \
                 compiler wrote"
            }
            Self::Compile(_) => {
                "build it again, and see what `fanout guest check` says of the new file"
            }
            Self::TooLarge(_) => "build it with fewer memories and tables, or smaller ones",
            Self::Import { .. } => {
                "build it for `wasm32-unknown-unknown` and not for WASI, without crates that read \
                 clocks, files or random numbers"
            }
            Self::Export { .. }
            | Self::Link(_)
            | Self::Describe(_)
            | Self::Description(_)
            | Self::Twice { .. }
            | Self::Nonsense { .. } => {
                "repair it where it was made, with the SDK of this version of fanout; `fanout \
                 guest check` says whether it keeps the contract"
            }
            Self::Contract { .. } => {
                "build it with the SDK of this version of fanout, or use the version that it was \
                 built for"
            }
            Self::Cache(error) => return error.remedy(),
        })
    }
}

/// The engine that compiles and runs guests, and the clock of their deadlines.
pub struct Sandbox {
    engine: Engine,
    ticker: Arc<Ticker>,
    cache: Option<Cache>,
}

impl Sandbox {
    /// An engine for at most `instances` instances at a time. Compiled
    /// guests are kept in `cache`.
    pub fn new(instances: usize, cache: Option<Cache>) -> Result<Self, GuestError> {
        cache.as_ref().map_or(Ok(()), Cache::make)?;
        let mut config = Config::new();
        config
            .allocation_strategy(limits::pooling(instances))
            .epoch_interruption(true)
            .max_wasm_stack(GUEST_STACK)
            // Exceptions of WebAssembly are objects, which an instance is too short-lived
            // to collect.
            .collector(Collector::Null)
            .wasm_backtrace_max_frames(Some(BACKTRACE))
            // Relaxed SIMD may give other bits on other processors.
            .wasm_relaxed_simd(false)
            .native_unwind_info(false);
        let engine = Engine::new(&config).map_err(GuestError::Engine)?;
        let ticker = Arc::new(Ticker::start(&engine));
        Ok(Self {
            engine,
            ticker,
            cache,
        })
    }

    /// Compiles a component, or takes it from the cache, and checks that it
    /// keeps the contract.
    pub fn load(&self, wasm: &[u8], digest: Digest) -> Result<Guest, GuestError> {
        let started = Instant::now();
        check_kind(wasm)?;
        let component = match &self.cache {
            Some(cache) => cache.load(&self.engine, wasm, &digest)?,
            None => cache::compile(&self.engine, wasm)?.component(&self.engine)?,
        };
        let interfaces = Interfaces::of(&component, &self.engine);
        if let Some(import) = interfaces.refused_imports().next() {
            return Err(GuestError::Import {
                import: import.to_owned(),
            });
        }
        if let Some(export) = interfaces.missing_exports().next() {
            return Err(GuestError::Export { export });
        }
        let pre = imports::linker(&self.engine, &component)
            .and_then(|linker| linker.instantiate_pre(&component))
            .and_then(bindings::GuestPre::new)
            .map_err(GuestError::Link)?;
        tracing::debug!(
            guest = %digest.short(),
            seconds = started.elapsed().as_secs_f64(),
            "the guest is compiled, or was in the cache"
        );
        Ok(Guest {
            pre,
            digest,
            ticker: self.ticker.clone(),
            interfaces,
            instances: OnceLock::new(),
        })
    }

    /// What a component imports and exports, whether it keeps the contract or
    /// not.
    pub fn interfaces(&self, wasm: &[u8]) -> Result<Interfaces, GuestError> {
        check_kind(wasm)?;
        let component = Component::new(&self.engine, wasm).map_err(GuestError::Compile)?;
        Ok(Interfaces::of(&component, &self.engine))
    }
}

/// Tells a component from what else a path may name.
fn check_kind(wasm: &[u8]) -> Result<(), GuestError> {
    match wasm {
        _ if is_module(wasm) => Err(GuestError::Module),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(GuestError::NotWasm),
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// The names of the interfaces that a component imports and exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces {
    /// The imports, in the component's order.
    pub imports: Vec<String>,
    /// The exports, in the component's order.
    pub exports: Vec<String>,
}

impl Interfaces {
    fn of(component: &Component, engine: &Engine) -> Self {
        let names = component.component_type();
        Self {
            imports: names
                .imports(engine)
                .map(|(name, _)| name.to_owned())
                .collect(),
            exports: names
                .exports(engine)
                .map(|(name, _)| name.to_owned())
                .collect(),
        }
    }

    /// The imports that no guest is given.
    pub fn refused_imports(&self) -> impl Iterator<Item = &str> {
        self.imports
            .iter()
            .map(String::as_str)
            .filter(|name| !IMPORTS.iter().any(|package| name.starts_with(package)))
    }

    /// The exports that the contract asks for and that are not there.
    pub fn missing_exports(&self) -> impl Iterator<Item = &'static str> {
        let has = |name: &str| self.exports.iter().any(|export| export.starts_with(name));
        [TRAINER, HANDLER]
            .into_iter()
            .filter(move |name| !has(name))
    }
}

/// A compiled component that keeps the contract's types.
pub struct Guest {
    pre: bindings::GuestPre<limits::State>,
    digest: Digest,
    ticker: Arc<Ticker>,
    interfaces: Interfaces,
    /// What its description says, once it was asked.
    instances: OnceLock<Instances>,
}

impl Guest {
    /// The digest of the component file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it imports and exports.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// What it says of itself.
    pub fn describe(&self) -> Result<Description, GuestError> {
        let limits = TaskLimits {
            timeout: DESCRIBE_TIMEOUT,
            ..TaskLimits::default()
        };
        let mut instance =
            Instance::new(self, limits, Cancel::default()).map_err(GuestError::Describe)?;
        let text = instance.describe().map_err(GuestError::Describe)?;
        let description = description(&text)?;
        self.instances.get_or_init(|| description.instances);
        Ok(description)
    }

    /// How long an instance lives. A guest that can't say it is asked for nothing more than
    /// that it fails in its tasks.
    pub fn instances(&self) -> Instances {
        if self.instances.get().is_none() {
            // Its description notes it.
            drop(self.describe());
        }
        *self.instances.get_or_init(Instances::default)
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
