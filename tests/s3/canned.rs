//! [`Canned`]: a server that answers what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// A running server; its threads end with the process.
pub(crate) struct Canned {
    address: SocketAddr,
}

impl Canned {
    /// Answers every request with this status (`403 Forbidden`) and body.
    pub(crate) fn start(status: &str, body: &str) -> Self {
        let answer = (status.to_owned(), body.to_owned());
        Self::by(move |_| answer.clone())
    }

    /// Answers a request by its first line: a status and a body.
    pub(crate) fn by(answer: impl Fn(&str) -> (String, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let answer = answer.clone();
                std::thread::spawn(move || client.and_then(|client| serve(client, &*answer)));
            }
        });
        Self { address }
    }

    /// Refuses in S3's form, and repeats what it was sent as some servers do.
    pub(crate) fn refusing(status: &str, code: &str) -> Self {
        let secret = super::server::KEY;
        Self::start(
            status,
            &format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message>\
                 <AWSAccessKeyId>{secret}</AWSAccessKeyId></Error>"
            ),
        )
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(mut client: TcpStream, answer: &dyn Fn(&str) -> (String, String)) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    // The bodies that these tests send are small: they come with their head.
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8_lossy(&request);
    let (status, body) = answer(head.lines().next().unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 {status}\r\netag: \"1\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes())?;
    client.shutdown(std::net::Shutdown::Write)?;
    // Until the client has read it: a close with something unread resets.
    while client.read(&mut buffer)? > 0 {}
    Ok(())
}
