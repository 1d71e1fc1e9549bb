//! `fanout dashboard`: serves pages that show the runs of a store.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::mpsc;

use clap::Args;
use fanout::dashboard::{Access, AccessError, Dashboard, DashboardError, Token};
use fanout::error::{ErrorKind, THREADS};
use fanout::store::Store;

use super::CommandError;
use super::store::StoreArgument;

/// The port that is taken where none is asked for.
const PORT: u16 = 8787;

/// Serve pages that show the runs of a store in a browser, live or past.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    store: StoreArgument,
    /// Where to listen. Default: 127.0.0.1:8787, or another port where this one is taken.
    /// Any other address than this machine's own needs a token in `FANOUT_DASHBOARD_TOKEN`.
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<Address>,
    /// A further name of the host by which browsers reach it, such as that of a proxy. May be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
}

/// `HOST:PORT`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let expected = "expected HOST:PORT, such as `127.0.0.1:8787`";
        let mut found = text.to_socket_addrs().map_err(|_| expected.to_owned())?;
        found.next().map(Self).ok_or_else(|| expected.to_owned())
    }
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let store = self.store.open()?;
        let dashboard = open(store, self.addr, self.allow_host)?;
        let (sender, stopped) = mpsc::channel();
        let stop = move || {
            let _ = sender.send(());
        };
        ctrlc::set_handler(stop).map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
        super::tell(&format!("dashboard: {}", dashboard.url()));
        let _ = stopped.recv();
        Ok(())
    }
}

/// Opens a dashboard, at an address of this machine's own if none is given.
pub(super) fn open(
    store: Store,
    address: Option<Address>,
    names: Vec<String>,
) -> Result<Dashboard, CommandError> {
    let token = Token::from_env(|name| std::env::var(name).ok())?;
    let open = |address: SocketAddr| -> Result<Dashboard, CommandError> {
        let access = Access::new(address, names.clone(), token.clone())?;
        Ok(Dashboard::open(store.clone(), address, access)?)
    };
    if let Some(Address(address)) = address {
        return open(address);
    }
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let access = Access::new(at(PORT), names.clone(), token.clone())?;
    match Dashboard::open(store.clone(), at(PORT), access) {
        // Another run's.
        Err(DashboardError::Address { source, .. })
            if source.kind() == io::ErrorKind::AddrInUse =>
        {
            open(at(0))
        }
        opened => Ok(opened?),
    }
}

impl From<AccessError> for CommandError {
    fn from(error: AccessError) -> Self {
        let hint = error.remedy();
        Self::new(ErrorKind::Usage, error).hint(hint)
    }
}

impl From<DashboardError> for CommandError {
    fn from(error: DashboardError) -> Self {
        match error {
            DashboardError::Address { .. } => Self::new(ErrorKind::Usage, error)
                .hint("name another address, or port 0 for any that is free"),
            DashboardError::Threads(_) => Self::new(ErrorKind::Internal, error).hint(THREADS),
        }
    }
}
