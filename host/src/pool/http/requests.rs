//! [`Requests`]: makes requests, and drops one that is not wanted any more.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::multipart::Part;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};
use tokio::runtime::Runtime;

use super::reply::Reply;
use super::settings::{HttpSettings, is_loopback};
use crate::error::chained;
use crate::pool::PoolError;

/// The time limit of making a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Threat: a page or a fault without an end. More bytes than either has.
const FAULT: usize = 1 << 20;

/// How often a request under way checks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// Why a request has no reply.
pub(super) enum NoReply {
    /// No connection.
    Unreachable(String),
    /// The connection broke.
    Cut(String),
    /// It took longer than it may.
    Late,
    /// It was not wanted any more, and dropped.
    Over,
}

/// A client, and the thread that drives its connections.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client,
    runtime: Runtime,
}

impl Requests {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, PoolError> {
        let client = client(settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(PoolError::Worker)?;
        Ok(Self { client, runtime })
    }

    pub(super) fn to(&self, method: Method, endpoint: &str) -> RequestBuilder {
        self.client.request(method, endpoint)
    }

    /// Makes a request. Of a body that is longer than `bound` bytes, not much
    /// more than that is read; of one that is no answer, not much more than
    /// [`FAULT`] bytes.
    pub(super) fn call(
        &self,
        request: RequestBuilder,
        bound: usize,
        time: Duration,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Reply, NoReply> {
        let exchange = async {
            let mut response = request.send().await?;
            let bound = match response.status() {
                StatusCode::OK => bound,
                _ => bound.min(FAULT),
            };
            let mut body = Vec::new();
            while body.len() <= bound {
                let Some(chunk) = response.chunk().await? else {
                    break;
                };
                body.extend_from_slice(&chunk);
            }
            let (status, headers) = (response.status(), response.headers());
            Ok::<_, reqwest::Error>(Reply::read(status, headers, &body.into()))
        };
        let exchange = async {
            match tokio::time::timeout(time, exchange).await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(error)) => Err(no_reply(error)),
                Err(_) => Err(NoReply::Late),
            }
        };
        self.wait(exchange, is_over).unwrap_or(Err(NoReply::Over))
    }

    /// Waits; `None` where it `is_over` first.
    pub(super) fn pause(&self, time: Duration, is_over: &dyn Fn() -> bool) -> Option<()> {
        self.wait(async { tokio::time::sleep(time).await }, is_over)
    }

    /// The output of a future; `None` where it `is_over` first, which drops the future.
    fn wait<T>(&self, future: impl Future<Output = T>, is_over: &dyn Fn() -> bool) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                value = future => Some(value),
                () = over(is_over) => None,
            }
        })
    }
}

/// A part of a form that shares its bytes, with a length, so that the request
/// has a `content-length`: some platforms take no other.
pub(super) fn part(bytes: Bytes) -> Part {
    let length = bytes.len() as u64;
    Part::stream_with_length(bytes, length)
}

async fn over(is_over: &dyn Fn() -> bool) {
    while !is_over() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Without the URL: the message names the endpoint already.
fn no_reply(error: reqwest::Error) -> NoReply {
    let connect = error.is_connect();
    let error = error.without_url();
    if connect {
        // The request and the client say no more than that there is no connection.
        let cause = error.source().and_then(Error::source);
        NoReply::Unreachable(chained(cause.unwrap_or(&error)))
    } else {
        NoReply::Cut(chained(&error))
    }
}

fn client(settings: &HttpSettings) -> Result<Client, PoolError> {
    crate::store::install_tls();
    let mut client = Client::builder()
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(settings.concurrency)
        // The token is for the endpoint, not for where it points to.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("fanout/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = &settings.ca {
        let wrong = |why: String| PoolError::Authority {
            file: file.clone(),
            why,
        };
        let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| wrong("it is no PEM file of certificates".to_owned()))?;
        if certificates.is_empty() {
            return Err(wrong("it holds no certificate".to_owned()));
        }
        client = client.tls_certs_merge(certificates);
    } else if settings
        .endpoints
        .iter()
        .all(|url| url.starts_with("http://"))
    {
        // None are needed, and a small container has none.
        client = client.tls_certs_only([]);
    }
    let local = |url: &String| Url::parse(url).is_ok_and(|url| is_loopback(&url));
    if settings.endpoints.iter().all(local) {
        // What a proxy is sent leaves this host.
        client = client.no_proxy();
    }
    client.build().map_err(PoolError::Client)
}
