//! [`Dashboard`]: pages that show runs in a browser, of a process that executes one
//! ([`Dashboard::feed`]) and of a store. It serves what the program holds and asks nothing of
//! any other machine; it executes nothing, and writes nothing. On any address but this
//! machine's own it demands a token.
//!
//! What a page shows of a run is a `Board`, folded from the run's events, of
//! bounded size; `docs/dashboard.md` states the bounds.

mod access;
mod assets;
mod board;
mod failures;
mod feed;
mod metrics;
mod runs;
mod scored;
mod server;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::serving;
use crate::store::Store;
use feed::Followed;
use runs::Runs;
use server::Served;

pub use access::{Access, AccessError, Token};
pub use feed::Feed;

/// The most characters of a text of an event that is kept.
const TEXT: usize = 4_000;

/// How long pages that are open have to fetch the results when the run has ended.
const FAREWELL: Duration = Duration::from_secs(10);

/// The threads that read the store for pages.
const STORE_THREADS: usize = 4;

/// A server of pages. It runs on threads of its own until [`Self::close`].
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    served: Arc<Served>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The address can't be listened at.
    #[error("can't listen at `{address}` for the dashboard")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread can't be started.
    #[error("can't start the threads of the dashboard")]
    Threads(#[source] io::Error),
}

impl Dashboard {
    /// Serves the runs of a store at an address, whose port may be 0: any that is free.
    ///
    /// # Errors
    /// If the address can't be listened at.
    pub fn open(store: Store, address: SocketAddr, access: Access) -> Result<Self, DashboardError> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(STORE_THREADS)
            .thread_name("dashboard-store")
            .build()
            .map_err(DashboardError::Threads)?;
        let refused = |source| DashboardError::Address { address, source };
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let served = Arc::new(Served {
            access: access.at(address),
            runs: Runs::new(store),
            readers: watch::Sender::new(0),
        });
        let router = server::router(Arc::clone(&served));
        let (stop, stopped) = oneshot::channel();
        let serve = async move {
            tokio::select! {
                () = serving::serve(listener, router) => {}
                // Dropped, too, when the dashboard is.
                _ = stopped => {}
            }
        };
        let thread = thread::Builder::new().name("dashboard".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(serve);
            // What reads a store that does not answer is not waited for.
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            served,
            stop: Some(stop),
            thread: Some(thread.map_err(DashboardError::Threads)?),
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to open.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// A listener of a run that this process executes, whose events pages are shown as they
    /// come.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn feed(&self) -> Result<Feed, DashboardError> {
        let followed = Followed::new();
        let feed = Feed::new(Arc::clone(&followed)).map_err(DashboardError::Threads)?;
        self.served.runs.add_live(followed);
        Ok(feed)
    }

    /// Stops it when every page that is open has fetched the results, or after some seconds.
    pub fn close(self) {
        let readers = self.served.readers.subscribe();
        let gone = async move {
            let mut readers = readers;
            let gone = readers.wait_for(|readers| *readers == 0);
            drop(tokio::time::timeout(FAREWELL, gone).await);
        };
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(gone);
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A text with at most [`TEXT`] characters.
fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}
