//! How a guest is held to its [`TaskLimits`]: memory by a limiter, time by an
//! epoch that one ticker per engine advances.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Enabled, Engine, PoolingAllocationConfig, ResourceLimiter, Store, UpdateDeadline};

use crate::task::{Cancel, TaskLimits};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Core instances of a component. A compiler makes three: the program and two
/// that wire up its imports.
const CORE_INSTANCES: u32 = 8;
/// Memories of a component. Threat: a guest with many memories takes those of
/// other workers from the pool. A compiler makes one.
const MEMORIES: u32 = 2;
/// Bytes of the engine's own record of an instance, most of which are of its functions.
/// Python with scikit-learn needs 1.6 million.
const INSTANCE_SIZE: usize = 4 << 20;
/// Tables of a component, for the same reason. A compiler makes two.
const TABLES: u32 = 8;
/// Elements of all tables of an instance. Threat: the host's memory, of which
/// an element takes 8 bytes. The largest program that is known to run here
/// (Python with scikit-learn) needs 47,157.
const TABLE_ELEMENTS: usize = 100_000;
/// Written bytes of an instance's memory that the next one finds in place, with their first
/// content, where Linux tells which were written: else each of its first writes to a page
/// is a fault, and one that interrupts the other workers.
const KEEP_RESIDENT: usize = 64 << 20;

/// The pool of `instances` components, and the most that one may have.
pub(super) fn pooling(instances: usize) -> PoolingAllocationConfig {
    let instances = u32::try_from(instances).unwrap_or(u32::MAX).max(1);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .max_memories_per_component(MEMORIES)
        .max_core_instance_size(INSTANCE_SIZE)
        .max_component_instance_size(INSTANCE_SIZE)
        // One more: thrown exceptions are in a memory of their own.
        .total_memories(instances.saturating_mul(MEMORIES + 1))
        .total_gc_heaps(instances)
        .max_memory_size(1 << 32)
        .max_tables_per_component(TABLES)
        .total_tables(instances.saturating_mul(TABLES))
        .table_elements(TABLE_ELEMENTS);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pooling
            .pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEEP_RESIDENT);
    }
    pooling
}

/// Why a guest was stopped by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("out of memory")]
    Memory,
    #[error("out of time")]
    Time,
    #[error("cancelled")]
    Cancelled,
}

/// Advances an engine's epoch until it is dropped.
pub(super) struct Ticker {
    ticks: Arc<AtomicU64>,
    stop: Mutex<Option<Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> Self {
        let ticks = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = channel();
        let (engine, count) = (engine.clone(), ticks.clone());
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                count.fetch_add(1, Ordering::Relaxed);
                engine.increment_epoch();
            }
        });
        Self {
            ticks,
            stop: Mutex::new(Some(stop)),
            thread: Some(thread),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.get_mut().map(Option::take));
        if let Some(thread) = self.thread.take() {
            // A ticker that panicked has nothing left to stop.
            drop(thread.join());
        }
    }
}

/// What the host keeps for an instance.
pub(super) struct State {
    limits: TaskLimits,
    cancel: Cancel,
    ticker: Arc<Ticker>,
    /// The tick at which the current call is out of time.
    deadline: u64,
    /// Bytes of all memories. A growth that was allowed and then failed stays
    /// counted.
    memory: u64,
    /// Elements of all tables, counted alike.
    table_elements: usize,
}

impl State {
    /// A store with this state, whose guest is held to it. Its time starts now.
    pub(super) fn store(
        engine: &Engine,
        limits: TaskLimits,
        cancel: Cancel,
        ticker: Arc<Ticker>,
    ) -> Store<Self> {
        let state = Self {
            limits,
            cancel,
            ticker,
            deadline: u64::MAX,
            memory: 0,
            table_elements: 0,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(|context| {
            context.data().check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        store.data_mut().start_clock();
        store
    }

    /// Bytes of all memories, which never shrink.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    pub(super) fn limits(&self) -> TaskLimits {
        self.limits
    }

    /// Begins a call: its time starts now.
    pub(super) fn start_clock(&mut self) {
        let ticks = self.limits.timeout.as_millis().div_ceil(TICK.as_millis());
        // One more, because the current tick has begun already.
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1);
        self.deadline = self.ticker.now().saturating_add(ticks);
    }

    /// Called at every tick while the guest runs.
    fn check(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            Err(Stop::Cancelled)
        } else if self.ticker.now() >= self.deadline {
            Err(Stop::Time)
        } else {
            Ok(())
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.memory + desired.saturating_sub(current) as u64;
        if grown > self.limits.memory {
            return Err(Stop::Memory.into());
        }
        let allowed = maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            self.memory = grown;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.table_elements + desired.saturating_sub(current);
        let allowed = grown <= TABLE_ELEMENTS && maximum.is_none_or(|most| desired <= most);
        if allowed {
            self.table_elements = grown;
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
        ImportSection, Instruction, MemorySection, MemoryType, TypeSection,
    };
    use wasmtime::{Config, Func, Instance, Module};

    use super::*;

    /// A module that imports `begun`, and exports `run`, with this body, and a
    /// memory of one page of at most 16.
    fn module(engine: &Engine, body: &[Instruction<'_>]) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("host", "begun", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: Some(16),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports.export("run", ExportKind::Func, 1);
        let mut run = Function::new([]);
        for instruction in body {
            run.instruction(instruction);
        }
        run.instruction(&Instruction::End);
        let mut code = CodeSection::new();
        code.function(&run);
        let mut module = wasm_encoder::Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code);
        Module::new(engine, module.finish()).unwrap()
    }

    fn engine() -> Engine {
        Engine::new(Config::new().epoch_interruption(true)).unwrap()
    }

    /// How `run` ends; `begun` is called by the module.
    fn run(
        module: &Module,
        limits: TaskLimits,
        cancel: &Cancel,
        begun: impl Fn() + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        let engine = module.engine();
        let ticker = Arc::new(Ticker::start(engine));
        let mut store = State::store(engine, limits, cancel.clone(), ticker);
        let begun = Func::wrap(&mut store, begun);
        let instance = Instance::new(&mut store, module, &[begun.into()])?;
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        run.call(&mut store, ())
    }

    fn stop(ended: wasmtime::Result<()>) -> Option<Stop> {
        ended.err()?.downcast_ref().copied()
    }

    const PATIENT: TaskLimits = TaskLimits {
        memory: 1 << 20,
        timeout: Duration::from_secs(3600),
    };

    #[test]
    fn a_computation_is_cancelled_while_it_runs() {
        let module = module(
            &engine(),
            &[
                Instruction::Call(0),
                Instruction::Loop(BlockType::Empty),
                Instruction::Br(0),
                Instruction::End,
            ],
        );
        let cancel = Cancel::default();
        let (send, begun) = channel();
        let ended = std::thread::scope(|scope| {
            let switch = cancel.clone();
            scope.spawn(move || {
                begun.recv().unwrap();
                switch.cancel();
            });
            let begun = move || send.send(()).unwrap();
            run(&module, PATIENT, &cancel, begun)
        });
        assert_eq!(stop(ended), Some(Stop::Cancelled));
    }

    /// Grows the memory, and traps where the growth fails, or does not.
    fn grow(pages: i32, fails: bool) -> [Instruction<'static>; 7] {
        [
            Instruction::I32Const(pages),
            Instruction::MemoryGrow(0),
            Instruction::I32Const(-1),
            if fails {
                Instruction::I32Ne
            } else {
                Instruction::I32Eq
            },
            Instruction::If(BlockType::Empty),
            Instruction::Unreachable,
            Instruction::End,
        ]
    }

    fn pages(count: u64) -> TaskLimits {
        TaskLimits {
            memory: count << 16,
            ..PATIENT
        }
    }

    #[test]
    fn growths_that_were_refused_do_not_count() {
        // Each would make 17 pages, of which the memory may have 16.
        let body = [grow(16, true), grow(16, true), grow(15, false)].concat();
        let module = module(&engine(), &body);
        run(&module, pages(20), &Cancel::default(), || {}).unwrap();
    }

    #[test]
    fn a_memory_may_reach_the_limit_and_no_more() {
        let module = module(&engine(), &[grow(1, false), grow(2, false)].concat());
        let ended = |limit| stop(run(&module, pages(limit), &Cancel::default(), || {}));
        assert_eq!(ended(4), None);
        assert_eq!(ended(3), Some(Stop::Memory));
    }
}
