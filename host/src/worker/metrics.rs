//! [`WorkerMetrics`]: what a worker did, as numbers for Prometheus, and [`serve`], the page
//! that is scraped. It answers `GET /metrics` and nothing else, and tells no more than
//! counts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::get;
use http::header;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::WorkerEvent;
use crate::exposition::{CONTENT_TYPE, Exposition};
use crate::serving;
use crate::task::microseconds_of;

/// Counts of a worker's events.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    slots: AtomicU64,
    connected: AtomicU64,
    tasks: AtomicU64,
    fits: AtomicU64,
    busy_us: AtomicU64,
    returned: AtomicU64,
    dropped: AtomicU64,
}

impl WorkerMetrics {
    /// Counts an event.
    pub fn count(&self, event: &WorkerEvent) {
        let add = |to: &AtomicU64, more: u64| to.fetch_add(more, Ordering::Relaxed);
        match event {
            WorkerEvent::Started { slots } => self.slots.store(*slots as u64, Ordering::Relaxed),
            WorkerEvent::QueueConnected => self.connected.store(1, Ordering::Relaxed),
            WorkerEvent::QueueDisconnected => self.connected.store(0, Ordering::Relaxed),
            WorkerEvent::TaskFinished { made, wall, .. } => {
                add(&self.tasks, 1);
                add(&self.fits, *made as u64);
                add(&self.busy_us, microseconds_of(*wall));
            }
            WorkerEvent::TaskReturned { .. } => {
                add(&self.returned, 1);
            }
            WorkerEvent::TaskDropped { .. } => {
                add(&self.dropped, 1);
            }
            WorkerEvent::QueueFailed { .. } | WorkerEvent::Draining { .. } | WorkerEvent::Ended => {
            }
        }
    }

    /// Tasks that ended here.
    pub fn tasks(&self) -> u64 {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Fits that were made here.
    pub fn fits(&self) -> u64 {
        self.fits.load(Ordering::Relaxed)
    }

    /// The page of the worker called `name`.
    pub fn page(&self, name: &str) -> String {
        let mut page = Exposition::default();
        let labels = [("worker", name)];
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed) as f64;
        page.gauge("fanout_worker_slots", "Tasks that run at a time.")
            .sample(&labels, number(&self.slots));
        page.gauge("fanout_worker_connected", "1 while the queue is connected.")
            .sample(&labels, number(&self.connected));
        page.counter("fanout_worker_tasks_total", "Tasks that ended here.")
            .sample(&labels, number(&self.tasks));
        page.counter("fanout_worker_fits_total", "Fits that were made here.")
            .sample(&labels, number(&self.fits));
        page.counter(
            "fanout_worker_task_seconds_total",
            "How long tasks were held.",
        )
        .sample(&labels, number(&self.busy_us) / 1e6);
        page.counter(
            "fanout_worker_returned_total",
            "Tasks that were returned to the queue.",
        )
        .sample(&labels, number(&self.returned));
        page.counter(
            "fanout_worker_dropped_total",
            "Messages that were removed unread.",
        )
        .sample(&labels, number(&self.dropped));
        page.finish()
    }
}

/// Serves the page of the worker called `name` at an address, on a thread of its own, as
/// long as the process lives. Returns the address, whose port may have been 0.
///
/// # Errors
/// If the address can't be listened at.
pub fn serve(
    metrics: Arc<WorkerMetrics>,
    name: String,
    address: SocketAddr,
) -> io::Result<SocketAddr> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    let answer = async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.page(&name));
    let router = Router::new().route("/metrics", get(answer));
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(serving::serve(listener, router)))?;
    Ok(address)
}
