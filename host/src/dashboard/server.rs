//! The routes of the dashboard: pages, what they load, and what they ask for. It answers with
//! what [`Runs`] and the boards tell; what is not granted by [`Access`] gets no answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::{Stream, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tokio::sync::watch;

use super::FAREWELL;
use super::access::{Access, Verdict};
use super::assets::{self, Asset};
use super::feed::Followed;
use super::metrics;
use super::runs::{Runs, RunsError};
use crate::exposition::CONTENT_TYPE;
use crate::serving::HEAD;
use crate::task::microseconds;

/// The least time between two messages to a page: what a person can follow.
const BETWEEN: Duration = Duration::from_millis(250);

/// How often a page that is told nothing new is told that the dashboard lives.
const ALIVE: Duration = Duration::from_secs(15);

/// The most pages that are told of runs at once. Threat: pages without end.
const READERS: usize = 64;

/// The longest token that is read.
const LOGIN_BYTES: usize = 1024;

/// What pages may do: load what the dashboard serves, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What answers need.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) access: Access,
    pub(super) runs: Runs,
    /// How many pages are told of runs.
    pub(super) readers: watch::Sender<usize>,
}

/// All routes.
pub(super) fn router(served: Arc<Served>) -> Router {
    Router::new()
        .route("/", get(async || page(assets::RUNS)))
        .route("/runs/{run}", get(async || page(assets::RUN)))
        .route("/login", get(async || page(assets::LOGIN)))
        .route(
            "/login",
            post(log_in)
                .layer(DefaultBodyLimit::max(LOGIN_BYTES))
                .layer(middleware::from_fn(soon)),
        )
        .route("/assets/{*name}", get(asset))
        .route("/metrics", get(numbers))
        .route("/api/runs", get(list))
        .route("/api/runs/{run}", get(run))
        .route("/api/runs/{run}/events", get(events))
        .route("/api/runs/{run}/scored", get(scored))
        .route("/api/runs/{run}/results", get(results))
        .fallback(async || plain(StatusCode::NOT_FOUND, "there is no such page"))
        .layer(middleware::from_fn_with_state(Arc::clone(&served), guard))
        .with_state(served)
}

/// The numbers of the runs that are followed, for Prometheus.
async fn numbers(State(served): State<Arc<Served>>) -> Response {
    let page = metrics::page(&served.runs.states());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response()
}

/// Answers what is sent in time.
async fn soon(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(HEAD, next.run(request)).await;
    answer.unwrap_or_else(|_| plain(StatusCode::REQUEST_TIMEOUT, "the token came too slowly"))
}

/// Refuses what is not granted, and marks every answer.
async fn guard(State(served): State<Arc<Served>>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    let mut answer = match served.access.judge(request.headers(), changes) {
        Verdict::Granted => next.run(request).await,
        Verdict::Foreign => plain(
            StatusCode::FORBIDDEN,
            "the dashboard does not answer under this name, or to this site",
        ),
        Verdict::Unknown if is_open(path) => next.run(request).await,
        // A person is asked for the token, a program is told.
        Verdict::Unknown if path.starts_with("/api/") || path == "/metrics" || changes => {
            let mut answer = plain(StatusCode::UNAUTHORIZED, "a token is required");
            let scheme = HeaderValue::from_static("Bearer");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
            answer
        }
        Verdict::Unknown => {
            let to = [(header::LOCATION, "/login")];
            (StatusCode::SEE_OTHER, to).into_response()
        }
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Whether a path is answered without the token.
fn is_open(path: &str) -> bool {
    let asset = path.strip_prefix("/assets/");
    path == "/login" || asset.is_some_and(|name| assets::OPEN.iter().any(|one| one.name == name))
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

fn page(asset: Asset) -> Response {
    ([(header::CONTENT_TYPE, asset.kind)], asset.content).into_response()
}

async fn asset(Path(name): Path<String>) -> Response {
    match assets::find(&name) {
        Some(asset) => page(*asset),
        None => plain(StatusCode::NOT_FOUND, "there is no such file"),
    }
}

/// Takes the token, as the body, and gives the cookie that stands for it.
async fn log_in(State(served): State<Arc<Served>>, token: Bytes) -> Response {
    let token = std::str::from_utf8(&token).unwrap_or_default();
    match served.access.log_in(token) {
        Some(cookie) => {
            let cookie = [(header::SET_COOKIE, cookie)];
            (StatusCode::NO_CONTENT, cookie).into_response()
        }
        None => plain(StatusCode::UNAUTHORIZED, "this is not the token"),
    }
}

/// Why there is no answer, as text.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

/// The answer of what reads the store, which is read on a thread that may wait.
async fn answered<T: Send + 'static>(
    served: &Arc<Served>,
    read: impl FnOnce(&Runs) -> Result<T, RunsError> + Send + 'static,
) -> Result<T, Refusal> {
    let served = Arc::clone(served);
    let read = tokio::task::spawn_blocking(move || read(&served.runs));
    match read.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Refusal(error.status(), crate::error::chained(&error))),
        Err(_) => {
            let text = "the answer could not be made".to_owned();
            Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
    }
}

fn json(value: Result<Value, Refusal>) -> Response {
    match value {
        Ok(value) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, Body::from(value.to_string())).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn list(State(served): State<Arc<Served>>) -> Response {
    json(answered(&served, Runs::list).await)
}

async fn run(State(served): State<Arc<Served>>, Path(run): Path<String>) -> Response {
    json(answered(&served, move |runs| runs.facts(&run)).await)
}

async fn scored(State(served): State<Arc<Served>>, Path(run): Path<String>) -> Response {
    json(answered(&served, move |runs| Ok(runs.follow(&run)?.board().scored())).await)
}

async fn results(State(served): State<Arc<Served>>, Path(run): Path<String>) -> Response {
    json(answered(&served, move |runs| runs.results(&run)).await)
}

/// Tells a page of a run as it changes. Each message is of all that changed since the one
/// before, and its id says up to where: a page that was away names the last id that it had.
async fn events(
    State(served): State<Arc<Served>>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut is_welcome = false;
    served.readers.send_modify(|readers| {
        is_welcome = *readers < READERS;
        *readers += usize::from(is_welcome);
    });
    if !is_welcome {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
    }
    let counted = Counted(Arc::clone(&served));
    let followed = match answered(&served, move |runs| runs.follow(&run)).await {
        Ok(followed) => followed,
        Err(refused) => return refused.into_response(),
    };
    let id = headers.get("last-event-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let (had, has_all) = {
        let board = followed.board();
        let had = board.version_of(id);
        (had, board.is_ended() && had == board.version())
    };
    if has_all {
        // What tells an `EventSource` not to come again.
        return StatusCode::NO_CONTENT.into_response();
    }
    let reader = Reader {
        versions: followed.versions(),
        followed,
        had,
        is_first: true,
        was_told_the_end: false,
        _counted: counted,
    };
    let alive = KeepAlive::new().interval(ALIVE);
    Sse::new(messages(reader)).keep_alive(alive).into_response()
}

/// Counts a page as long as it is there.
#[derive(Debug)]
struct Counted(Arc<Served>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.readers.send_modify(|readers| *readers -= 1);
    }
}

/// A page that is told of a run.
#[derive(Debug)]
struct Reader {
    followed: Arc<Followed>,
    versions: watch::Receiver<u64>,
    had: u64,
    is_first: bool,
    /// Whether the last message said that the run ended.
    was_told_the_end: bool,
    _counted: Counted,
}

/// Ends some time after the run: the last message says `ended`, and a page that stays has had
/// the time to fetch the results.
fn messages(reader: Reader) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(reader, async |mut reader| {
        if !std::mem::take(&mut reader.is_first) {
            tokio::time::sleep(BETWEEN).await;
            let had = reader.had;
            // The board is as long there as the reader is.
            let newer = reader.versions.wait_for(|version| *version > had);
            match reader.was_told_the_end {
                true => drop(tokio::time::timeout(FAREWELL, newer).await.ok()?),
                false => drop(newer.await),
            }
        }
        let (id, text) = {
            let board = reader.followed.board();
            let changes = board.changes(reader.had, microseconds(SystemTime::now()));
            reader.had = board.version();
            reader.was_told_the_end = board.is_ended();
            (board.id(), changes.to_string())
        };
        let message = sse::Event::default().event("changes").id(id).data(text);
        Some((Ok(message), reader))
    })
}
