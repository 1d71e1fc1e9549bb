//! An endpoint of the tests' own, in front of a server: it passes requests on,
//! or does what a gateway does on a bad day.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What is done with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It is passed on.
    Pass,
    /// It is answered so: the status line's end, and headers.
    Say(&'static str, &'static str),
    /// The connection is closed without an answer.
    Cut,
    /// It is passed on, and the answer's body breaks off in the middle.
    CutAnswer,
    /// It is never answered.
    Hang,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A part of the form, as text.
    pub(crate) fn part(&self, name: &str) -> Option<String> {
        let mark = format!("name=\"{name}\"\r\n\r\n");
        let find = |from: usize, what: &[u8]| {
            let rest = self.body.get(from..)?;
            let at = rest.windows(what.len()).position(|part| part == what)?;
            Some(from + at)
        };
        let start = find(0, mark.as_bytes())? + mark.len();
        let end = find(start, b"\r\n--")?;
        Some(String::from_utf8_lossy(&self.body[start..end]).into_owned())
    }

    pub(crate) fn is_post(&self) -> bool {
        self.line.starts_with("POST ")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = |header: &'_ String| -> Option<usize> {
            let (known, value) = header.split_once(':')?;
            known
                .eq_ignore_ascii_case(name)
                .then(|| header.len() - value.trim_start().len())
        };
        let found = self
            .headers
            .iter()
            .find_map(|header| Some((header, value(header)?)))?;
        Some(found.0[found.1..].trim_end())
    }
}

/// A proxy that works until it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
}

/// What is done with a request, by it and the number of POSTs before it.
type Decide = dyn Fn(&Request, usize) -> Deed + Send + Sync;

struct State {
    upstream: String,
    deed: Box<Decide>,
    posts: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
    stop: AtomicBool,
    hung: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// In front of the server at `upstream`. `deed` is told a request and how
    /// many POSTs came before it.
    pub(crate) fn new(
        upstream: &str,
        deed: impl Fn(&Request, usize) -> Deed + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            upstream: upstream.strip_prefix("http://").unwrap().to_owned(),
            deed: Box::new(deed),
            posts: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            hung: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    break;
                }
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                // A client that goes away ends its thread, and nothing else.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { url, state }
    }

    /// POSTs so far.
    pub(crate) fn posts(&self) -> usize {
        self.state.posts.load(Ordering::Relaxed)
    }

    /// The most POSTs that were under way at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(
            self.url.strip_prefix("http://").unwrap(),
        ));
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        while let Some(mut request) = read_head(&mut reader)? {
            let before = if request.is_post() {
                self.posts.fetch_add(1, Ordering::Relaxed)
            } else {
                self.posts.load(Ordering::Relaxed)
            };
            let length = request
                .header("content-length")
                .map_or(0, |n| n.parse().unwrap());
            request.body = vec![0; length];
            reader.read_exact(&mut request.body)?;
            let now = 1 + self
                .under_way
                .fetch_add(usize::from(request.is_post()), Ordering::Relaxed);
            self.most
                .fetch_max(now * usize::from(request.is_post()), Ordering::Relaxed);
            let goes_on = self.answer(&request, before, &mut client);
            self.under_way
                .fetch_sub(usize::from(request.is_post()), Ordering::Relaxed);
            if !goes_on? {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether the connection stays.
    fn answer(
        &self,
        request: &Request,
        before: usize,
        client: &mut TcpStream,
    ) -> std::io::Result<bool> {
        match (self.deed)(request, before) {
            Deed::Pass => {
                client.write_all(&self.pass_on(request)?)?;
                Ok(true)
            }
            Deed::Say(status, headers) => {
                let page = "<html>no guest's word</html>";
                let length = page.len();
                write!(
                    client,
                    "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{page}"
                )?;
                Ok(true)
            }
            Deed::Cut => Ok(false),
            Deed::CutAnswer => {
                let answer = self.pass_on(request)?;
                client.write_all(&answer[..answer.len() - 20])?;
                Ok(false)
            }
            Deed::Hang => {
                self.hung.lock().unwrap().push(client.try_clone()?);
                Ok(false)
            }
        }
    }

    /// The server's whole answer.
    fn pass_on(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.upstream)?;
        write!(server, "{}\r\n", request.line)?;
        for header in &request.headers {
            if !header.to_lowercase().starts_with("connection:") {
                write!(server, "{header}\r\n")?;
            }
        }
        write!(server, "connection: close\r\n\r\n")?;
        server.write_all(&request.body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        if answer.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // The connection here stays; the one to the server does not.
        let text = String::from_utf8_lossy(&answer).into_owned();
        let at = text.to_lowercase().find("connection: close\r\n");
        if let Some(at) = at {
            answer.drain(at..at + "connection: close\r\n".len());
        }
        Ok(answer)
    }
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            let headers = lines.split_off(1);
            let line = lines.pop().unwrap();
            return Ok(Some(Request {
                line,
                headers,
                body: Vec::new(),
            }));
        }
        lines.push(line);
    }
}
