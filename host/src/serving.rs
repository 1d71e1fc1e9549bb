//! [`serve`]: answers HTTP/1.1 requests with a router, for as many connections at once as it
//! can serve. A peer that does not send the head of a request in time is hung up on; others
//! wait in the system's queue until a connection is free.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections at once. Threat: a peer that opens connections without end. A
/// browser takes six a page at most.
const CONNECTIONS: usize = 256;

/// How long the head of a request may take, from the end of the answer before. Threat: peers
/// that send a byte now and then, or nothing, and hold all connections.
pub(crate) const HEAD: Duration = Duration::from_secs(20);

/// Answers what comes to a listener. It ends with the runtime that it runs on.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = Connections::new(listener, CONNECTIONS);
    loop {
        let connection = connections.accept().await;
        tokio::spawn(answer(connection, router.clone()));
    }
}

/// Answers the requests of one connection, until its peer goes or takes too long.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    // What a peer does wrong ends its own connection, and nothing else.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

/// The connections of a listener, of which so many are open at once.
#[derive(Debug)]
struct Connections {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Connections {
    fn new(listener: TcpListener, most: usize) -> Self {
        let free = Arc::new(Semaphore::new(most));
        Self { listener, free }
    }

    async fn accept(&mut self) -> Connection {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        // Tries again after errors, such as that there are too many open files.
        let (stream, _) = Listener::accept(&mut self.listener).await;
        Connection {
            stream,
            _permit: permit,
        }
    }
}

/// A connection that counts as long as it is open.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// A peer of a server that says `here`.
    fn peer() -> DuplexStream {
        let (peer, server) = duplex(1 << 12);
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(answer(server, router));
        peer
    }

    // Time goes on by itself, at once, when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_sends_slowly_is_hung_up_on() {
        let begun = Instant::now();
        for sent in ["", "GET / HTTP/1.1\r\nHost: here\r\n"] {
            let mut peer = peer();
            peer.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = String::new();
            peer.read_to_string(&mut answer).await.unwrap();
            assert!(!answer.contains("here"), "{answer}");
        }
        let waited = begun.elapsed();
        assert!((2 * HEAD..3 * HEAD).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_done_with_is_hung_up_on() {
        let mut peer = peer();
        let request = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
        peer.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains("here"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn no_more_connections_are_held_than_there_is_room_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = Connections::new(listener, 1);
        let _peers = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let first = connections.accept().await;
        assert!(connections.accept().now_or_never().is_none());
        drop(first);
        connections.accept().await;
    }
}
