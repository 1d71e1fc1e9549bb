//! How a guest is held to its [`TaskLimits`]: memory by a limiter, time by an
//! epoch that one ticker per engine advances.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Engine, ResourceLimiter};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::task::{Cancel, TaskLimits};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(10);
/// More tables or longer ones than any compiler makes: a guest must not
/// exhaust the host by them.
const TABLE_ELEMENTS: usize = 100_000;

/// Threat: host memory taken by resources (headers, requests) that a guest
/// makes and never drops.
const RESOURCES: usize = 1000;

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
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: NoRequests,
    limits: TaskLimits,
    cancel: Cancel,
    ticker: Arc<Ticker>,
    /// The tick at which the current call is out of time.
    deadline: u64,
}

impl State {
    pub(super) fn new(limits: TaskLimits, cancel: Cancel, ticker: Arc<Ticker>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        Self {
            table,
            http: WasiHttpCtx::new(),
            hooks: NoRequests,
            limits,
            cancel,
            ticker,
            deadline: u64::MAX,
        }
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
    pub(super) fn check(&self) -> Result<(), Stop> {
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
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired as u64 > self.limits.memory {
            return Err(Stop::Memory.into());
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Refuses every request of a guest.
struct NoRequests;

type Exchange = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), HttpError>> + Send>,
);

impl WasiHttpHooks for NoRequests {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<Exchange>> + Send> {
        Box::new(async { Err(HttpError::HttpRequestDenied) })
    }
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(state: &mut State) -> &mut ResourceTable {
    &mut state.table
}

/// `wasi:io` and a `wasi:http` that refuses every request; nothing else.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    use wasmtime_wasi::p2::bindings::sync::io;
    let mut linker = Linker::new(engine);
    io::error::add_to_linker::<State, Io>(&mut linker, table)?;
    io::poll::add_to_linker::<State, Io>(&mut linker, table)?;
    io::streams::add_to_linker::<State, Io>(&mut linker, table)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
    Ok(linker)
}
