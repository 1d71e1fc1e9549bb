//! [`Proxy`]: stands between a client and a server, and lets a share of the
//! requests go wrong, each in a way of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The server says 500 and did nothing.
    Error500,
    /// The server asks to be left alone.
    SlowDown,
    /// The connection is reset before the server heard of the request.
    ResetBefore,
    /// The connection is reset when the server has done what was asked: the
    /// answer is lost.
    ResetAfter,
    /// No answer for longer than the client waits.
    TimeOut,
    /// The answer ends in the middle.
    CutShort,
    /// The answer comes in drops, and not all in the time that there is.
    SlowBody,
    /// The server gets the request twice, and the second answer counts.
    Twice,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::Error500,
        Self::SlowDown,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::TimeOut,
        Self::CutShort,
        Self::SlowBody,
        Self::Twice,
    ];
}

/// What the proxy did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// The first line of each request.
    pub(crate) requests: Vec<String>,
    pub(crate) faults: BTreeMap<Fault, u64>,
    /// The most requests that were under way at a time.
    pub(crate) at_once: usize,
    under_way: usize,
}

struct Shared {
    server: SocketAddr,
    /// Faults in a thousand requests.
    share: u32,
    kinds: Vec<Fault>,
    /// After so many requests, all others are answered so.
    end: Option<(usize, Vec<u8>)>,
    /// How much longer each answer takes.
    delay: Duration,
    random: Mutex<ChaCha8Rng>,
    tally: Mutex<Tally>,
    closing: (Mutex<bool>, Condvar),
}

/// A running proxy; what it holds up ends with it.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// In front of `server`. Of a thousand requests `share` go wrong, in the
    /// ways of `kinds`, by chance of this seed.
    pub(crate) fn start(server: SocketAddr, share: u32, kinds: &[Fault], seed: u64) -> Self {
        Self::new(server, share, kinds, None, Duration::ZERO, seed)
    }

    /// In front of a `server` that is so far away.
    pub(crate) fn far(server: SocketAddr, delay: Duration) -> Self {
        Self::new(server, 0, &[], None, delay, 0)
    }

    /// In front of `server` for so many requests; what comes after them is
    /// refused with this status (`403 Forbidden`) and code.
    pub(crate) fn refusing_after(
        server: SocketAddr,
        requests: usize,
        status: &str,
        code: &str,
    ) -> Self {
        let end = (requests, refusal(status, code));
        Self::new(server, 0, &[], Some(end), Duration::ZERO, 0)
    }

    fn new(
        server: SocketAddr,
        share: u32,
        kinds: &[Fault],
        end: Option<(usize, Vec<u8>)>,
        delay: Duration,
        seed: u64,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            share,
            kinds: kinds.to_vec(),
            end,
            delay,
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            tally: Mutex::default(),
            closing: Default::default(),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if *accepting.closing.0.lock().unwrap() {
                    break;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || client.and_then(|client| shared.serve(client)));
            }
        });
        Self { shared, address }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn tally(&self) -> Tally {
        self.shared.tally.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let (closing, told) = &self.shared.closing;
        *closing.lock().unwrap() = true;
        told.notify_all();
        // The thread that accepts looks up.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    /// The requests of one connection.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        while let Some(request) = read_request(&mut client)? {
            let fault = self.next(&request);
            if let Some(refusal) = self.refused() {
                return client.write_all(refusal);
            }
            match fault {
                None => {
                    self.begin();
                    let answer = self.forward(&request);
                    std::thread::sleep(self.delay);
                    self.tally.lock().unwrap().under_way -= 1;
                    client.write_all(&answer?)?;
                }
                Some(fault) => {
                    self.disturb(fault, &request, client)?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether the next request goes wrong, and how.
    fn next(&self, request: &[u8]) -> Option<Fault> {
        let line = String::from_utf8_lossy(request);
        let line = line.lines().next().unwrap_or_default().to_owned();
        let (chance, kind) = {
            let mut random = self.random.lock().unwrap();
            (random.next_u32() % 1000, random.next_u32() as usize)
        };
        let mut tally = self.tally.lock().unwrap();
        tally.requests.push(line);
        let fault = (chance < self.share).then(|| self.kinds[kind % self.kinds.len()])?;
        *tally.faults.entry(fault).or_default() += 1;
        Some(fault)
    }

    fn begin(&self) {
        let mut tally = self.tally.lock().unwrap();
        tally.under_way += 1;
        tally.at_once = tally.at_once.max(tally.under_way);
    }

    /// How a request is answered that comes after the last that is let through.
    fn refused(&self) -> Option<&[u8]> {
        let (last, refusal) = self.end.as_ref()?;
        let counted = self.tally.lock().unwrap().requests.len();
        (counted > *last).then_some(refusal)
    }

    fn disturb(&self, fault: Fault, request: &[u8], mut client: TcpStream) -> std::io::Result<()> {
        match fault {
            Fault::Error500 => {
                client.write_all(&refusal("500 Internal Server Error", "InternalError"))
            }
            Fault::SlowDown => client.write_all(&refusal("503 Service Unavailable", "SlowDown")),
            Fault::ResetBefore => reset(client),
            Fault::ResetAfter => {
                self.forward(request)?;
                reset(client)
            }
            Fault::TimeOut => {
                self.hold();
                Ok(())
            }
            Fault::CutShort => {
                let answer = self.forward(request)?;
                client.write_all(&answer[..answer.len() / 2])
            }
            Fault::SlowBody => {
                let answer = self.forward(request)?;
                let half = answer.len() / 2;
                for byte in &answer[..half] {
                    client.write_all(&[*byte])?;
                }
                self.hold();
                client.write_all(&answer[half..])
            }
            Fault::Twice => {
                self.forward(request)?;
                let answer = self.forward(request)?;
                client.write_all(&answer)
            }
        }
    }

    /// Longer than any client of these tests waits, or until the proxy ends.
    fn hold(&self) {
        const LONG: Duration = Duration::from_secs(30);
        let (closing, told) = &self.closing;
        let closing = closing.lock().unwrap();
        drop(told.wait_timeout_while(closing, LONG, |closing| !*closing));
    }

    /// The server's answer, whole.
    fn forward(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.server)?;
        let head = head_length(request).expect("a whole request");
        // Of the headers that are not signed; the server closes behind its
        // answer, which then has an end.
        server.write_all(&request[..head - 2])?;
        server.write_all(b"connection: close\r\n\r\n")?;
        // A server may answer, and close, before it has read all.
        let sent = server.write_all(&request[head..]);
        let mut answer = Vec::new();
        let read = server.read_to_end(&mut answer);
        if answer.is_empty() {
            sent?;
            read?;
        }
        // The client's connection stays.
        Ok(without_close(&answer))
    }
}

fn without_close(answer: &[u8]) -> Vec<u8> {
    let head = head_length(answer).unwrap_or(answer.len());
    let text = String::from_utf8_lossy(&answer[..head]);
    let lines: Vec<&str> = text
        .split("\r\n")
        .filter(|line| !line.eq_ignore_ascii_case("connection: close"))
        .collect();
    let mut whole = lines.join("\r\n").into_bytes();
    whole.extend_from_slice(&answer[head..]);
    whole
}

fn refusal(status: &str, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Please try again.</Message></Error>"
    );
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A connection that is dropped with something unread is reset, not closed.
fn reset(client: TcpStream) -> std::io::Result<()> {
    client.shutdown(std::net::Shutdown::Both)
}

fn head_length(message: &[u8]) -> Option<usize> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// One request with its body; `None` where the client has no more.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut buffer = [0; 64 << 10];
    let mut wanted = None;
    loop {
        if wanted.is_none() {
            wanted = head_length(&request).map(|head| head + body_length(&request[..head]));
        }
        if wanted.is_some_and(|wanted| request.len() >= wanted) {
            return Ok(Some(request));
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}
