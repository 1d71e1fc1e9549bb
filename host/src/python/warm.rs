//! [`Session`]: an interpreter that runs in this process, in a [`World`], until its memory
//! is kept. What it runs is this program's and the users' own modules, and they have no
//! more rights than a guest.

use std::sync::Arc;

use wasmtime::{
    Collector, Config, Engine, Instance, Memory, Module, OptLevel, RegallocAlgorithm, Store,
    format_err,
};

use super::stubs::Kept;
use super::world::{World, linker};

/// Where the interpreter looks for its library.
const ROOT: &str = "/usr/local/lib";
const LIBRARY: &str = "python315.zip";
const ENVIRONMENT: [(&str, &str); 3] = [
    ("PYTHONHASHSEED", "0"),
    ("PYTHONTZPATH", ""),
    ("TMPDIR", "/tmp"),
];

/// The interpreter's stack while it is warmed up.
const STACK: usize = 8 << 20;
/// The stack of the thread that runs a session.
pub(super) const THREAD_STACK: usize = STACK + (8 << 20);

/// What is run for a request of a task.
const TURN: &str = "import _host, fanout_runner
_host.call(fanout_runner.answer(_host.call(b'')))
";

/// Runs a call, and answers `=` and its result, or `!` and where it failed.
const CALL: &str = "import _host, importlib.abc, importlib.util, json, linecache, sys, traceback
class Texts(importlib.abc.ExecutionLoader):
    def __init__(self, texts):
        self.texts = texts
        for name, text in texts.items():
            file = self.get_filename(name)
            linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name in self.texts else None
    def get_filename(self, name):
        return name + '.py'
    def get_source(self, name):
        return self.texts[name]
    def is_package(self, name):
        return False
try:
    said = json.loads(_host.call(b''))
    if 'texts' in said:
        sys.meta_path.insert(0, Texts(dict(said['texts'])))
        for name, _ in said['texts']:
            importlib.import_module(name)
        result = None
    else:
        result = getattr(importlib.import_module(said['module']), said['call'])(*said['with'])
    answer = '=' + json.dumps(result)
except BaseException as error:
    answer = '!' + ''.join(traceback.format_exception(error))
_host.call(answer.encode())
";

/// Why an interpreter was not warmed up.
#[derive(Debug, thiserror::Error)]
pub enum WarmError {
    /// The engine does not run it.
    #[error("the interpreter does not run")]
    Engine(#[source] wasmtime::Error),
    /// It stopped in the middle of something.
    #[error("the interpreter stopped: {said}")]
    Stopped {
        /// The last that it printed.
        said: String,
    },
    /// A module can't be imported.
    #[error("Python can't run `{module}`:\n{said}")]
    Failed {
        /// The module.
        module: String,
        /// The traceback.
        said: String,
    },
}

impl From<wasmtime::Error> for WarmError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error)
    }
}

/// An engine that compiles quickly to code that runs once.
pub(super) fn engine() -> Result<Engine, WarmError> {
    let mut config = Config::new();
    config
        // What runs once is compiled quickly: in half the time, by this one.
        .cranelift_opt_level(OptLevel::None)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass)
        .async_stack_size(STACK)
        .max_wasm_stack(STACK)
        .collector(Collector::Null)
        .wasm_relaxed_simd(false)
        .native_unwind_info(false);
    Ok(Engine::new(&config)?)
}

/// An interpreter that lives.
pub(super) struct Session {
    store: Store<World>,
    instance: Instance,
    memory: Memory,
}

impl Session {
    /// The interpreter as its maker left it, or with the memory that one left.
    pub(super) fn start(
        module: &Module,
        library: Arc<Vec<u8>>,
        memory: Option<&[u8]>,
    ) -> Result<Self, WarmError> {
        let world = World::new(ROOT, [(LIBRARY, library)], &ENVIRONMENT);
        let mut store = Store::new(module.engine(), world);
        let instance = linker(module)?.instantiate(&mut store, module)?;
        let own = instance.get_memory(&mut store, "memory");
        let own = own.ok_or_else(|| format_err!("the interpreter exports no memory"))?;
        if let Some(memory) = memory {
            let more = memory.len().saturating_sub(own.data_size(&store));
            own.grow(&mut store, (more >> 16) as u64)?;
            let bytes = own.data_mut(&mut store);
            bytes[..memory.len()].copy_from_slice(memory);
            bytes[memory.len()..].fill(0);
        }
        Ok(Self {
            store,
            instance,
            memory: own,
        })
    }

    /// Imports modules from their texts, in order; each may import any of them.
    pub(super) fn load(&mut self, texts: &[(&str, &str)]) -> Result<(), WarmError> {
        let names: Vec<&str> = texts.iter().map(|(name, _)| *name).collect();
        self.run(&names.join(", "), serde_json::json!({"texts": texts}))?;
        Ok(())
    }

    /// The result of a function of a module.
    pub(super) fn call(
        &mut self,
        module: &str,
        function: &str,
        with: serde_json::Value,
    ) -> Result<serde_json::Value, WarmError> {
        self.run(
            module,
            serde_json::json!({"module": module, "call": function, "with": with}),
        )
    }

    fn run(
        &mut self,
        module: &str,
        request: serde_json::Value,
    ) -> Result<serde_json::Value, WarmError> {
        let world = self.store.data_mut();
        world.request = request.to_string().into_bytes();
        world.answer.clear();
        let place = self.put(CALL)?;
        let turn = (self.instance).get_typed_func::<(i32, i32), i32>(&mut self.store, "turn")?;
        let ran = turn.call(&mut self.store, (place, CALL.len() as i32));
        let world = self.store.data_mut();
        let answer = String::from_utf8_lossy(&world.answer).into_owned();
        match (answer.split_at_checked(1), ran) {
            (Some(("=", result)), Ok(_)) => {
                serde_json::from_str(result).map_err(|_| WarmError::Stopped {
                    said: answer.clone(),
                })
            }
            (Some(("!", said)), Ok(_)) => Err(WarmError::Failed {
                module: module.to_owned(),
                said: said.trim_end().to_owned(),
            }),
            (_, ran) => {
                let printed = String::from_utf8_lossy(&world.printed).into_owned();
                let said = match ran {
                    Ok(code) => format!("it ended with {code}; {printed}"),
                    Err(error) => format!("{error:#}; {printed}"),
                };
                Err(WarmError::Stopped { said })
            }
        }
    }

    /// The memory, and what a task's call uses of it, if it is to be called.
    pub(super) fn keep(mut self) -> Result<(Vec<u8>, Kept), WarmError> {
        let code = self.put(TURN)?;
        let answer = self.allocate(8)?;
        let kept = Kept {
            code: (code as u32, TURN.len() as u32),
            answer: answer as u32,
        };
        Ok((self.into_memory(), kept))
    }

    pub(super) fn into_memory(self) -> Vec<u8> {
        self.memory.data(&self.store).to_vec()
    }

    fn put(&mut self, text: &str) -> Result<i32, WarmError> {
        let place = self.allocate(text.len() as i32)?;
        let written = self
            .memory
            .write(&mut self.store, place as u32 as usize, text.as_bytes());
        written.map_err(wasmtime::Error::from)?;
        Ok(place)
    }

    fn allocate(&mut self, length: i32) -> Result<i32, WarmError> {
        let alloc = self
            .instance
            .get_typed_func::<i32, i32>(&mut self.store, "host_alloc")?;
        match alloc.call(&mut self.store, length)? {
            0 => Err(format_err!("the interpreter has no memory left").into()),
            place => Ok(place),
        }
    }
}
