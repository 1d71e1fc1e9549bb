//! [`HttpSettings`]: the endpoints of a pool, and to which of them its token goes.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::plan::DataWay;

/// The settings of an [`HttpPool`](super::HttpPool).
#[derive(Clone)]
pub struct HttpSettings {
    /// The URLs, at least one.
    pub endpoints: Vec<String>,
    /// Requests under way at each of them at a time.
    pub concurrency: usize,
    /// The bearer token of the header `authorization`. It is sent over
    /// `https://`, and over `http://` to this very host.
    pub token: Option<String>,
    /// Whether the token is sent over `http://` to other hosts, too.
    pub insecure: bool,
    /// How endpoints get the dataset.
    pub data: DataWay,
    /// How long a run goes on while no endpoint answers.
    pub retry: Duration,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token.
        f.debug_struct("HttpSettings")
            .field("endpoints", &self.endpoints)
            .field("concurrency", &self.concurrency)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

impl HttpSettings {
    /// The first endpoint to which the token would go where anybody on the way
    /// can read it, although [`HttpSettings::insecure`] is not set. Nothing is
    /// sent to it but requests without the token.
    pub fn exposing_endpoint(&self) -> Option<&str> {
        let mut endpoints = self.endpoints.iter();
        self.token.as_ref()?;
        endpoints
            .find(|url| !self.may_get_token(url))
            .map(String::as_str)
    }

    pub(super) fn may_get_token(&self, endpoint: &str) -> bool {
        self.insecure
            || Url::parse(endpoint).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url))
    }
}

/// Whether what is sent to this URL does not leave this host.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str, insecure: bool) -> HttpSettings {
        HttpSettings {
            endpoints: vec!["https://there.example.org".to_owned(), endpoint.to_owned()],
            concurrency: 1,
            token: Some("sesame".to_owned()),
            insecure,
            data: DataWay::Auto,
            retry: Duration::from_secs(1),
            ca: None,
        }
    }

    #[test]
    fn a_token_goes_over_plain_http_to_this_host_alone() {
        for loopback in [
            "http://localhost:8000/forest",
            "http://LOCALHOST",
            "http://127.0.0.1:8000",
            "http://127.1.2.3",
            "http://[::1]:8000",
            "http://[::ffff:127.0.0.1]",
            "https://trainer.example.org",
        ] {
            assert_eq!(
                settings(loopback, false).exposing_endpoint(),
                None,
                "{loopback}"
            );
        }
        for remote in [
            "http://trainer.example.org",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1:8000",
            "http://[::2]",
            "http://0.0.0.0:8000",
            "http://",
        ] {
            let refused = settings(remote, false);
            assert_eq!(refused.exposing_endpoint(), Some(remote));
            let no_token = HttpSettings {
                token: None,
                ..refused
            };
            assert_eq!(no_token.exposing_endpoint(), None);
            assert_eq!(settings(remote, true).exposing_endpoint(), None);
        }
    }
}
