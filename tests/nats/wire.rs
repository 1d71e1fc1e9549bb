//! [`Wire`]: a connection between two programs that a test can cut.
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// What is sent waits; nobody is told.
    Stalled,
    /// Connections break, and new ones are refused.
    Cut,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    streams: Mutex<Vec<TcpStream>>,
    server: SocketAddr,
}

/// Listens at an address of its own for as long as the process lives.
pub(crate) struct Wire {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Wire {
    /// To a server.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Whole),
            changed: Condvar::new(),
            streams: Mutex::default(),
            server,
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                own.join(client);
            }
        });
        Self { shared, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn cut(&self) {
        self.set(State::Cut);
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            // One side may have gone already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    pub(crate) fn stall(&self) {
        self.set(State::Stalled);
    }

    pub(crate) fn mend(&self) {
        self.set(State::Whole);
    }

    fn set(&self, state: State) {
        *self.shared.state.lock().unwrap() = state;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream) {
        if *self.state.lock().unwrap() == State::Cut {
            return;
        }
        // A server that is away is a connection that breaks.
        let Ok(server) = TcpStream::connect(self.server) else {
            return;
        };
        let mut streams = self.streams.lock().unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            streams.push(from.try_clone().unwrap());
            let own = Arc::clone(self);
            std::thread::spawn(move || own.carry(from, to));
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = from.read(&mut bytes).unwrap_or(0);
            let state = self.state.lock().unwrap();
            let stalled = |state: &mut State| *state == State::Stalled;
            let state = *self.changed.wait_while(state, stalled).unwrap();
            if count == 0 || state == State::Cut || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    }
}
