//! [`serve`]: answers HTTP/1.1 requests with a router, for as many connections at once as it
//! can serve. A peer that does not send the head of a request in time, or takes nothing of an
//! answer, is hung up on; others wait in the system's queue until a connection is free.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// The most connections at once. Threat: a peer that opens connections without end. A
/// browser takes six a page at most.
const CONNECTIONS: usize = 256;

/// How long the head of a request may take, from the end of the answer before. Threat: peers
/// that send a byte now and then, or nothing, and hold all connections.
pub(crate) const HEAD: Duration = Duration::from_secs(20);

/// How long a peer may take nothing of what is sent to it, once the system's buffers are full.
/// Threat: peers that ask and never read, and hold all connections.
const STALLED: Duration = Duration::from_secs(30);

/// Answers what comes to a listener. It ends with the runtime that it runs on.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    serve_within(listener, router, STALLED).await;
}

/// The same for peers that take nothing for no longer than this.
async fn serve_within(listener: TcpListener, router: Router, stalled: Duration) {
    let mut connections = Connections::new(listener, CONNECTIONS);
    loop {
        let (stream, permit) = connections.accept().await;
        let answers = answer(stream, router.clone(), stalled);
        tokio::spawn(async move {
            answers.await;
            drop(permit);
        });
    }
}

/// Answers the requests of one connection, until its peer goes or takes too long.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stalled: Duration,
) {
    let stream = Progressing::new(stream, stalled);
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    // What a peer does wrong ends its own connection, and nothing else.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

/// A stream whose writes fail when its peer takes nothing for some time.
#[derive(Debug)]
struct Progressing<S> {
    stream: S,
    most: Duration,
    /// Since a write waits for the peer: what ends when it has waited for too long.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> Progressing<S> {
    fn new(stream: S, most: Duration) -> Self {
        Self {
            stream,
            most,
            waits: None,
        }
    }

    /// What became of a write, or that the peer has taken nothing for too long.
    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let most = self.most;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(most)));
        ready!(waits.as_mut().poll(context));
        let why = "the peer takes nothing of what is sent to it";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progressing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progressing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // A flush of nothing is no progress.
        match flushed.is_ready() {
            true => flushed,
            false => self.judge(context, flushed),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, shut)
    }
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

    /// A connection, which counts until its permit is dropped.
    async fn accept(&mut self) -> (TcpStream, OwnedSemaphorePermit) {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        // Tries again after errors, such as that there are too many open files.
        let (stream, _) = Listener::accept(&mut self.listener).await;
        (stream, permit)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures::{FutureExt as _, stream};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::sync::oneshot;
    use tokio::sync::oneshot::error::TryRecvError;
    use tokio::time::Instant;

    use super::*;

    /// A peer of a server that says `here`.
    fn peer() -> DuplexStream {
        let (peer, server) = duplex(1 << 12);
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(answer(server, router, STALLED));
        peer
    }

    /// A router with an answer that never ends, and what ends when that answer is dropped.
    fn endless() -> (Router, oneshot::Receiver<()>) {
        let (held, dropped) = oneshot::channel::<()>();
        let held = Arc::new(Mutex::new(Some(held)));
        let answer = move || {
            let held = held.lock().unwrap().take();
            let parts = stream::repeat_with(move || {
                let _held = &held;
                Ok::<_, Infallible>(Bytes::from_static(&[b'-'; 1 << 16]))
            });
            async { Body::from_stream(parts) }
        };
        let router = Router::new().route("/", get(async || "here"));
        (router.route("/endless", get(answer)), dropped)
    }

    async fn ask(peer: &mut (impl AsyncWrite + Unpin), path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
        peer.write_all(request.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_stops_reading_is_hung_up_on_and_others_are_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, mut dropped) = endless();
        let stalled = Duration::from_millis(200);
        tokio::spawn(serve_within(listener, router, stalled));
        let mut silent = TcpStream::connect(address).await.unwrap();
        ask(&mut silent, "/endless").await;
        // Some of it, so that the answer is on its way.
        silent.read_exact(&mut [0; 1 << 12]).await.unwrap();
        assert!(
            dropped
                .try_recv()
                .is_err_and(|it| it == TryRecvError::Empty)
        );
        let mut other = TcpStream::connect(address).await.unwrap();
        ask(&mut other, "/").await;
        let mut answer = [0; 12];
        other.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        // Ends when the server lets the answer go; the peer still has its end.
        assert!(dropped.await.is_err());
        // What was on its way, then the end, not the rest of an endless answer.
        let mut rest = Vec::new();
        let ended = silent.read_to_end(&mut rest).await;
        assert!(ended.is_err() || !rest.ends_with(b"0\r\n\r\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_hung_up_on_that_takes_nothing_for_too_long_and_not_before() {
        let (router, dropped) = endless();
        let (mut peer, server) = duplex(1 << 12);
        tokio::spawn(answer(server, router, STALLED));
        let begun = Instant::now();
        ask(&mut peer, "/endless").await;
        // As slow as may be: some bytes just before each time is up.
        for _ in 0..4 {
            peer.read_exact(&mut [0; 1 << 10]).await.unwrap();
            tokio::time::advance(STALLED - Duration::from_secs(1)).await;
        }
        peer.read_exact(&mut [0; 1 << 10]).await.unwrap();
        assert!(dropped.await.is_err());
        let waited = begun.elapsed();
        let slow = 4 * (STALLED - Duration::from_secs(1));
        assert_eq!(waited.as_secs(), (slow + STALLED).as_secs());
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
        drop(connections.accept().await);
    }
}
