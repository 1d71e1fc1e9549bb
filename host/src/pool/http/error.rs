//! [`EndpointError`]: why a run can't go on at an endpoint.

use std::time::Duration;

/// What is wrong with an endpoint.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint `{url}` {problem}")]
pub struct EndpointError {
    /// Its URL.
    pub url: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What may be wrong with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing was answered for as long as the plan allows.
    #[error("did not answer for {} s: {why}", retry.as_secs_f64())]
    Silent {
        /// How long.
        retry: Duration,
        /// The last failure.
        why: String,
    },
    /// The token is missing or wrong.
    #[error("answered status {status}: {}", if *token { "it does not take the token" } else { "it wants a token" })]
    Denied {
        /// 401, 403 or 407.
        status: u16,
        /// Whether a token was sent.
        token: bool,
    },
    /// It serves something else.
    #[error("serves {}, not the plan's guest `{wanted}`", if found == wanted { "another build of the guest".to_owned() } else { format!("the guest `{found}`") })]
    OtherGuest {
        /// What it says it is.
        found: String,
        /// What was to be expected.
        wanted: String,
    },
    /// The platform or the guest takes no body or file of this size.
    #[error("takes no dataset of {bytes} bytes: {why}")]
    TooLarge {
        /// The files' sizes.
        bytes: u64,
        /// What it said.
        why: String,
    },
    /// The dataset's URL can't be fetched from there.
    #[error("can't fetch the dataset from the store: {why}")]
    Url {
        /// What the guest said.
        why: String,
    },
    /// It does not keep the contract.
    #[error("does not keep the contract: {why}")]
    Strange {
        /// In which way.
        why: String,
    },
}

impl EndpointError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match &self.problem {
            Problem::Silent { .. } => {
                "see whether it is up; the same command goes on where this one stopped"
            }
            Problem::Denied { token: false, .. } => {
                "put the token into an environment variable, and its name into `pool.token_env`"
            }
            Problem::Denied { token: true, .. } => {
                "renew the token in the variable that `pool.token_env` names"
            }
            Problem::OtherGuest { .. } => {
                "deploy what `fanout guest export` of this very program writes"
            }
            Problem::TooLarge { .. } => {
                "use a store that the endpoint can reach, so that it is sent a URL instead"
            }
            Problem::Url { .. } => {
                "see whether the endpoint may reach the store, or set `pool.data: body`"
            }
            Problem::Strange { .. } => {
                "see whether the URL is that of the guest: `curl URL` is to answer its description"
            }
        }
    }
}
