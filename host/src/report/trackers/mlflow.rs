//! [`send`]: a run to a tracking server of MLflow, over its REST API (2.0). An experiment is
//! a plan, a run of MLflow the run of fanout, with the scores of its best candidate, and
//! nested in it a run a candidate.
//!
//! Runs that are there already, by their tags `fanout.run` and `fanout.candidate`, are left
//! as they are: what was cut off goes on, and what was sent is not sent again.
//!
//! Credentials are those of MLflow's own client, from the environment:
//! `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{TryStreamExt as _, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use serde_json::{Value as Json, json};

use super::{Trial, TrialScore};
use crate::report::Report;

/// The time limit of a request.
const TIME: Duration = Duration::from_secs(30);

/// How many candidates are sent at a time.
const AT_A_TIME: usize = 8;

/// The most metrics that MLflow takes in a batch.
const METRICS: usize = 1_000;

/// The most hyper-parameters that MLflow takes in a batch.
const PARAMS: usize = 100;

/// The most characters of a hyper-parameter's value.
const VALUE: usize = 6_000;

/// The runs that a page of a listing has.
const PAGE: usize = 1_000;

/// Why a run was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The address is none.
    #[error("`{url}` is not the URL of an MLflow server: expected `http://` or `https://`")]
    Address {
        /// The address.
        url: String,
    },
    /// The client or its thread can't be made.
    #[error("can't make an HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server can't be reached, or the connection broke.
    #[error("can't reach the MLflow server at `{url}`")]
    Unreachable {
        /// The server.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused a request.
    #[error("the MLflow server at `{url}` answers {status} to `{request}`: {message}")]
    Refused {
        /// The server.
        url: String,
        /// What was asked for.
        request: &'static str,
        /// The status.
        status: u16,
        /// Its message.
        message: String,
    },
    /// An answer is not one of MLflow's.
    #[error("the answer of `{url}` to `{request}` is not one of MLflow")]
    Malformed {
        /// The server.
        url: String,
        /// What was asked for.
        request: &'static str,
    },
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The id of the experiment.
    pub experiment: String,
    /// The id of MLflow's run.
    pub run: String,
    /// How many candidates were sent now.
    pub candidates: usize,
    /// How many were there.
    pub known: usize,
}

/// Sends a run to the server at `url`, into the experiment of the plan's name. `ended`: when
/// the run ended, or now.
///
/// # Errors
/// See [`MlflowError`]. What was sent before stays there.
pub fn send(
    url: &str,
    name: &str,
    report: &Report,
    ended: DateTime<Utc>,
) -> Result<Sent, MlflowError> {
    let server = Server::new(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| MlflowError::Client(Box::new(error)))?;
    runtime.block_on(server.send(name, report, ended))
}

struct Server {
    url: String,
    client: Client,
    credentials: Credentials,
}

enum Credentials {
    None,
    Token(String),
    Password(String, String),
}

impl Credentials {
    fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
            return Self::Token(token);
        }
        match variable("MLFLOW_TRACKING_USERNAME") {
            Some(user) => Self::Password(
                user,
                variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default(),
            ),
            None => Self::None,
        }
    }
}

impl Server {
    fn new(url: &str) -> Result<Self, MlflowError> {
        let is_one = Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty());
        if !is_one {
            return Err(MlflowError::Address {
                url: url.to_owned(),
            });
        }
        crate::store::install_tls();
        let client = Client::builder()
            // Credentials are for the server, not for where it points to.
            .redirect(redirect::Policy::none())
            .timeout(TIME)
            .user_agent(concat!("fanout/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| MlflowError::Client(Box::new(error)))?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            client,
            credentials: Credentials::of_environment(),
        })
    }

    async fn send(
        &self,
        name: &str,
        report: &Report,
        ended: DateTime<Utc>,
    ) -> Result<Sent, MlflowError> {
        let experiment = self.experiment(name).await?;
        let id = report.digests.run.to_string();
        let started = ended - chrono::Duration::from_std(total(report)).unwrap_or_default();
        let tag = |key: &str, value: &str| json!({"key": key, "value": value});
        let filter = format!("tags.`fanout.run` = '{id}'");
        let known = self.runs(&experiment, &filter).await?;
        let parent = match known.first() {
            Some((run, _)) => run.clone(),
            None => {
                let tags = vec![
                    tag("fanout.run", &id),
                    tag("fanout.version", env!("CARGO_PKG_VERSION")),
                ];
                self.create(&experiment, name, started, tags).await?
            }
        };
        let filter = format!("tags.`mlflow.parentRunId` = '{parent}'");
        let there = self.runs(&experiment, &filter).await?;
        let there: BTreeSet<String> = there.into_iter().filter_map(|(_, tag)| tag).collect();
        let trials: Vec<Trial> = Trial::of_report(report)
            .filter(|trial| !there.contains(&trial.candidate.to_string()))
            .collect();
        let candidates = trials.len();
        stream::iter(trials.into_iter().map(Ok))
            .try_for_each_concurrent(AT_A_TIME, |trial| {
                self.candidate(&experiment, &parent, trial, ended)
            })
            .await?;
        if let Some(best) = report.best() {
            let trial = Trial::of_report(report).nth(best.index);
            let scores = trial.map(|trial| trial.scores).unwrap_or_default();
            let holdout = report.holdout.iter().flatten();
            let holdout = holdout.filter_map(|(metric, score)| {
                let score = (*score)?;
                Some(metric_line(&format!("holdout_{metric}"), score, 0, ended))
            });
            let metrics: Vec<Json> = means(&scores, ended).chain(holdout).collect();
            self.log(&parent, &metrics, &param_lines(&best.params, &best.trainer))
                .await?;
        }
        self.finish(&parent, "FINISHED", ended).await?;
        Ok(Sent {
            experiment,
            run: parent,
            candidates,
            known: there.len(),
        })
    }

    /// Sends one candidate.
    async fn candidate(
        &self,
        experiment: &str,
        parent: &str,
        trial: Trial,
        ended: DateTime<Utc>,
    ) -> Result<(), MlflowError> {
        let tag = |key: &str, value: &str| json!({"key": key, "value": value});
        let started = ended - chrono::Duration::from_std(trial.time).unwrap_or_default();
        let name = format!("candidate {}", trial.candidate);
        let tags = vec![tag("mlflow.parentRunId", parent)];
        let run = self.create(experiment, &name, started, tags).await?;
        let splits = trial.scores.iter().flat_map(|score| {
            let splits = score.splits.iter().enumerate();
            let name = format!("{}_split", score.metric);
            splits.map(move |(split, score)| metric_line(&name, *score, split, ended))
        });
        let metrics: Vec<Json> = means(&trial.scores, ended).chain(splits).collect();
        let metrics: Vec<Json> = metrics
            .into_iter()
            .filter(|line| line["value"].is_number())
            .collect();
        self.log(&run, &metrics, &param_lines(&trial.params, &trial.trainer))
            .await?;
        let is_scored = trial.scores.iter().any(|score| score.mean.is_finite());
        let status = if is_scored { "FINISHED" } else { "FAILED" };
        self.finish(&run, status, ended).await?;
        // Last: where it is, all is there.
        let candidate = json!({
            "run_id": run, "key": "fanout.candidate", "value": trial.candidate.to_string(),
        });
        self.post("runs/set-tag", candidate).await.map(drop)
    }

    /// The id of the experiment of that name, which is made where it is not there.
    async fn experiment(&self, name: &str) -> Result<String, MlflowError> {
        const GET: &str = "experiments/get-by-name";
        let mut address = Url::parse(&self.address(GET)).map_err(|_| MlflowError::Address {
            url: self.url.clone(),
        })?;
        address
            .query_pairs_mut()
            .append_pair("experiment_name", name);
        let request = self.client.get(address);
        let found = match self.answer(GET, request).await {
            Err(MlflowError::Refused { status: 404, .. }) => None,
            answer => Some(answer?),
        };
        let (request, answer) = match found {
            Some(answer) => (GET, answer["experiment"].clone()),
            None => {
                const CREATE: &str = "experiments/create";
                (CREATE, self.post(CREATE, json!({"name": name})).await?)
            }
        };
        self.text(request, &answer["experiment_id"])
    }

    /// The ids of the runs of an experiment that pass a filter, each with its tag
    /// `fanout.candidate`.
    async fn runs(
        &self,
        experiment: &str,
        filter: &str,
    ) -> Result<Vec<(String, Option<String>)>, MlflowError> {
        const SEARCH: &str = "runs/search";
        let mut runs = Vec::new();
        let mut token = Json::Null;
        loop {
            let mut body =
                json!({"experiment_ids": [experiment], "filter": filter, "max_results": PAGE});
            if token.is_string() {
                body["page_token"] = token;
            }
            let answer = self.post(SEARCH, body).await?;
            for run in answer["runs"].as_array().into_iter().flatten() {
                let tags = run["data"]["tags"].as_array().into_iter().flatten();
                let candidate = tags
                    .filter(|tag| tag["key"] == "fanout.candidate")
                    .find_map(|tag| Some(tag["value"].as_str()?.to_owned()));
                runs.push((self.text(SEARCH, &run["info"]["run_id"])?, candidate));
            }
            token = answer["next_page_token"].clone();
            if token.as_str().is_none_or(str::is_empty) {
                return Ok(runs);
            }
        }
    }

    async fn create(
        &self,
        experiment: &str,
        name: &str,
        started: DateTime<Utc>,
        tags: Vec<Json>,
    ) -> Result<String, MlflowError> {
        const CREATE: &str = "runs/create";
        let body = json!({
            "experiment_id": experiment,
            "run_name": name,
            "start_time": started.timestamp_millis(),
            "tags": tags,
        });
        let answer = self.post(CREATE, body).await?;
        self.text(CREATE, &answer["run"]["info"]["run_id"])
    }

    /// Logs metrics and hyper-parameters, in as many batches as it takes.
    async fn log(&self, run: &str, metrics: &[Json], params: &[Json]) -> Result<(), MlflowError> {
        let metrics = metrics.chunks(METRICS).map(|metrics| ("metrics", metrics));
        let params = params.chunks(PARAMS).map(|params| ("params", params));
        for (what, lines) in metrics.chain(params) {
            let body = json!({"run_id": run, what: lines});
            self.post("runs/log-batch", body).await?;
        }
        Ok(())
    }

    async fn finish(
        &self,
        run: &str,
        status: &str,
        ended: DateTime<Utc>,
    ) -> Result<(), MlflowError> {
        let body = json!({
            "run_id": run, "status": status, "end_time": ended.timestamp_millis(),
        });
        self.post("runs/update", body).await.map(drop)
    }

    fn address(&self, request: &str) -> String {
        format!("{}/api/2.0/mlflow/{request}", self.url)
    }

    async fn post(&self, request: &'static str, body: Json) -> Result<Json, MlflowError> {
        let builder = self
            .client
            .post(self.address(request))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        self.answer(request, builder).await
    }

    async fn answer(
        &self,
        request: &'static str,
        builder: RequestBuilder,
    ) -> Result<Json, MlflowError> {
        let builder = match &self.credentials {
            Credentials::None => builder,
            Credentials::Token(token) => builder.bearer_auth(token),
            Credentials::Password(user, password) => builder.basic_auth(user, Some(password)),
        };
        let unreachable = |source: reqwest::Error| MlflowError::Unreachable {
            url: self.url.clone(),
            // It has the address once more.
            source: source.without_url(),
        };
        let answer = builder.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        let json = serde_json::from_slice::<Json>(&body);
        if status != StatusCode::OK {
            let message = json.as_ref().ok().and_then(|it| it["message"].as_str());
            return Err(MlflowError::Refused {
                url: self.url.clone(),
                request,
                status: status.as_u16(),
                message: message.unwrap_or("no reason").to_owned(),
            });
        }
        json.map_err(|_| self.malformed(request))
    }

    fn text(&self, request: &'static str, value: &Json) -> Result<String, MlflowError> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| self.malformed(request))
    }

    fn malformed(&self, request: &'static str) -> MlflowError {
        MlflowError::Malformed {
            url: self.url.clone(),
            request,
        }
    }
}

/// What all fits took together.
fn total(report: &Report) -> Duration {
    Trial::of_report(report).map(|trial| trial.time).sum()
}

/// Means and standard deviations that are numbers.
fn means(scores: &[TrialScore], time: DateTime<Utc>) -> impl Iterator<Item = Json> + '_ {
    let scores = scores.iter().filter(|score| score.mean.is_finite());
    scores.flat_map(move |score| {
        [
            metric_line(&score.metric, score.mean, 0, time),
            metric_line(&format!("{}_std", score.metric), score.std, 0, time),
        ]
    })
}

fn metric_line(name: &str, value: f64, step: usize, time: DateTime<Utc>) -> Json {
    json!({
        "key": name, "value": value, "step": step, "timestamp": time.timestamp_millis(),
    })
}

/// Hyper-parameters as MLflow has them: texts of a bounded length, and the trainer's name.
fn param_lines(params: &fanout_contract::Params, trainer: &str) -> Vec<Json> {
    let of_params = params.iter().map(|(name, value)| {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        json!({"key": name, "value": text.chars().take(VALUE).collect::<String>()})
    });
    let trainer = json!({"key": "trainer", "value": trainer});
    std::iter::once(trainer).chain(of_params).collect()
}
