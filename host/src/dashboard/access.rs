//! [`Access`]: who may ask the dashboard for anything. A request is refused unless its `Host`
//! is one that the dashboard is known by (so that a page of another site can't reach it by a
//! name of its own), its `Origin`, where there is one, is the dashboard's, and, where there is
//! a token, it shows that it has it. Pure: it reads no socket and logs nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::Sha256;

use crate::digest::hexadecimal;

/// The environment variable that holds the token.
const VARIABLE: &str = "FANOUT_DASHBOARD_TOKEN";

/// The fewest characters of a token: of random ones, beyond guessing.
const SHORTEST: usize = 16;

/// What a browser that has the token shows is made with it and this.
const PURPOSE: &[u8] = b"fanout dashboard 1";

/// A secret that whoever asks for anything must have. It is in no message, no log, no `Debug`
/// output, no page and no URL.
#[derive(Clone)]
pub struct Token(Arc<Hmac<Sha256>>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The environment holds one that is too short, or not of ASCII. It is not repeated.
    #[error("`{VARIABLE}` holds no token: expected at least {SHORTEST} visible ASCII characters")]
    Malformed,
    /// Others than this machine can reach the address, and there is no token.
    #[error("`{0}` can be reached from other machines, and there is no token")]
    Open(SocketAddr),
}

impl AccessError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Malformed => format!("`export {VARIABLE}=$(openssl rand -hex 16)` makes one"),
            Self::Open(_) => format!(
                "set one (`export {VARIABLE}=$(openssl rand -hex 16)`), or take an address of \
                 this machine alone, such as `127.0.0.1:8787`, and reach it by `ssh -L`"
            ),
        }
    }
}

impl Token {
    /// The token that the environment holds, if any.
    ///
    /// # Errors
    /// If what it holds is too short, or not of ASCII.
    pub fn from_env(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, AccessError> {
        variable(VARIABLE).as_deref().map(Self::new).transpose()
    }

    /// A token of this text.
    ///
    /// # Errors
    /// If it is too short, or not of ASCII.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let text = text.trim();
        if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AccessError::Malformed);
        }
        let hmac = Hmac::new_from_slice(text.as_bytes());
        Ok(Self(Arc::new(hmac.expect("HMAC takes keys of any length"))))
    }

    /// What a browser keeps: whoever reads it learns nothing of the token.
    fn pass(&self) -> String {
        let mut hmac = (*self.0).clone();
        hmac.update(PURPOSE);
        hexadecimal(&hmac.finalize().into_bytes().into(), &mut [0; 64]).to_owned()
    }

    /// Whether this is the token. Takes the same time whatever the difference.
    fn is(&self, text: &str) -> bool {
        let other = Self::new(text).map(|other| other.pass());
        other.is_ok_and(|pass| self.opens(&pass))
    }

    /// Whether this is what a browser that has the token shows. Takes the same time whatever
    /// the difference.
    fn opens(&self, pass: &str) -> bool {
        // Of the HMACs of both: neither the length nor the first difference is told.
        let of = |text: &str| {
            let mut hmac = (*self.0).clone();
            hmac.update(text.as_bytes());
            hmac
        };
        let expected = of(&self.pass()).finalize().into_bytes();
        of(pass).verify_slice(&expected).is_ok()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Granted,
    /// It has no token, and may show one.
    Unknown,
    /// It comes by a name, or from a site, that is not the dashboard's.
    Foreign,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Access {
    address: SocketAddr,
    names: Vec<String>,
    token: Option<Token>,
}

impl Access {
    /// The access to a dashboard that listens at `address`, and is known by `names` beside
    /// its IP addresses and `localhost`.
    ///
    /// # Errors
    /// If other machines can reach the address and there is no token.
    pub fn new(
        address: SocketAddr,
        names: Vec<String>,
        token: Option<Token>,
    ) -> Result<Self, AccessError> {
        if !address.ip().is_loopback() && token.is_none() {
            return Err(AccessError::Open(address));
        }
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        Ok(Self {
            address,
            names: names.collect(),
            token,
        })
    }

    /// The same at the address that the listener got, whose port is no longer 0.
    pub(super) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// What becomes of a request with these headers. `changes` says whether it is one that
    /// changes anything, such as to log in: such a request names its origin.
    pub(super) fn judge(&self, headers: &HeaderMap, changes: bool) -> Verdict {
        let Some(host) = single(headers, &header::HOST).filter(|host| self.knows(host)) else {
            return Verdict::Foreign;
        };
        let origin = headers.get(header::ORIGIN);
        let own = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            let rest = origin.strip_prefix("http://");
            // Where a proxy adds TLS.
            let rest = rest.or_else(|| origin.strip_prefix("https://"));
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
        };
        if origin.map_or(changes, |origin| !own(origin)) {
            return Verdict::Foreign;
        }
        let fetched = headers.get("sec-fetch-site");
        if changes && fetched.is_some_and(|site| site != "same-origin") {
            return Verdict::Foreign;
        }
        match &self.token {
            None => Verdict::Granted,
            Some(token) if self.shows(headers, token) => Verdict::Granted,
            Some(_) => Verdict::Unknown,
        }
    }

    /// The `Set-Cookie` of a browser that sends `text` as the token; `None` if it is another.
    pub(super) fn log_in(&self, text: &str) -> Option<String> {
        let token = self.token.as_ref().filter(|token| token.is(text.trim()))?;
        let (name, pass) = (self.cookie(), token.pass());
        Some(format!(
            "{name}={pass}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"
        ))
    }

    /// With the port: cookies of all ports of a host are one jar.
    fn cookie(&self) -> String {
        format!("fanout_dashboard_{}", self.address.port())
    }

    fn shows(&self, headers: &HeaderMap, token: &Token) -> bool {
        let bearer = single(headers, &header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        if bearer.is_some_and(|text| token.is(text)) {
            return true;
        }
        let name = self.cookie();
        let cookies = headers.get_all(header::COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(key, value)| key == name && token.opens(value))
    }

    /// Whether a `Host` names this dashboard.
    fn knows(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            // `[::1]` ends with a bracket, not with a port.
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let address: Option<IpAddr> = bare.unwrap_or(name).parse().ok();
        let own_port = port == Some(self.address.port());
        let named = name.to_ascii_lowercase();
        match address {
            Some(ip) if self.address.ip().is_loopback() => own_port && ip.is_loopback(),
            // A page of another site can't have an address for its name.
            Some(_) => true,
            None if named == "localhost" => own_port,
            // Perhaps of a proxy, with a port of its own.
            None => self.names.contains(&named),
        }
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        // Not `collect`, which keeps the last of a name.
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn access(address: &str, token: Option<&str>) -> Access {
        let token = token.map(|token| Token::new(token).unwrap());
        Access::new(address.parse().unwrap(), vec!["Box.lan".into()], token).unwrap()
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        for address in ["0.0.0.0:80", "192.168.0.2:8787", "[::]:1"] {
            let refused = Access::new(address.parse().unwrap(), vec![], None);
            assert!(matches!(refused, Err(AccessError::Open(_))), "{address}");
        }
        for short in [
            "",
            "0123456789abcde",
            "0123456789 abcdef",
            "ünïcödë-0123456789",
        ] {
            assert!(Token::new(short).is_err(), "{short}");
        }
        let none = Token::from_env(|_| None).unwrap();
        assert!(none.is_none());
        let one = Token::from_env(|name| (name == VARIABLE).then(|| SECRET.to_owned()));
        assert_eq!(format!("{:?}", one.unwrap().unwrap()), "Token");
    }

    #[test]
    fn only_the_names_of_the_dashboard_are_answered() {
        let local = access("127.0.0.1:8787", None);
        for (host, granted) in [
            ("127.0.0.1:8787", true),
            ("localhost:8787", true),
            ("LOCALHOST:8787", true),
            ("[::1]:8787", true),
            ("box.lan:8787", true),
            ("localhost:80", false),
            ("localhost", false),
            ("localhost:x", false),
            ("evil.example:8787", false),
            ("localhost.evil.example:8787", false),
            ("192.168.0.2:8787", false),
            ("", false),
        ] {
            let verdict = local.judge(&headers(&[("host", host)]), false);
            assert_eq!(verdict == Verdict::Granted, granted, "{host}");
        }
        assert_eq!(local.judge(&headers(&[]), false), Verdict::Foreign);
        let two = headers(&[("host", "localhost:8787"), ("host", "evil.example")]);
        assert_eq!(local.judge(&two, false), Verdict::Foreign);
        let open = access("0.0.0.0:8787", Some(SECRET));
        for (host, verdict) in [
            ("192.168.0.2:8787", Verdict::Unknown),
            ("[fd00::2]:9999", Verdict::Unknown),
            ("box.lan", Verdict::Unknown),
            ("evil.example:8787", Verdict::Foreign),
        ] {
            assert_eq!(open.judge(&headers(&[("host", host)]), false), verdict);
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let local = access("127.0.0.1:8787", None);
        let judge = |origin, changes| {
            let pairs = [("host", "localhost:8787"), ("origin", origin)];
            local.judge(&headers(&pairs), changes)
        };
        for changes in [false, true] {
            assert_eq!(judge("http://localhost:8787", changes), Verdict::Granted);
            for origin in [
                "http://evil.example",
                "null",
                "http://localhost:80",
                "localhost:8787",
            ] {
                assert_eq!(judge(origin, changes), Verdict::Foreign, "{origin}");
            }
        }
        // What changes something names its origin.
        let none = headers(&[("host", "localhost:8787")]);
        assert_eq!(local.judge(&none, true), Verdict::Foreign);
        let crossed = headers(&[
            ("host", "localhost:8787"),
            ("origin", "http://localhost:8787"),
            ("sec-fetch-site", "cross-site"),
        ]);
        assert_eq!(local.judge(&crossed, true), Verdict::Foreign);
    }

    #[test]
    fn the_token_opens_as_a_bearer_or_as_the_cookie_that_it_gave() {
        let open = access("0.0.0.0:8787", Some(SECRET));
        let judge = |name, value: &str| {
            let pairs = [("host", "10.0.0.1:8787"), (name, value)];
            open.judge(&headers(&pairs), false)
        };
        assert_eq!(
            judge("authorization", &format!("Bearer {SECRET}")),
            Verdict::Granted
        );
        for wrong in [
            "Bearer 0123456789abcdeF",
            "Bearer ",
            "Basic x",
            "Bearer 0123456789abcdef0",
        ] {
            assert_eq!(judge("authorization", wrong), Verdict::Unknown, "{wrong}");
        }
        assert_eq!(open.log_in("0123456789abcdeX"), None);
        let cookie = open.log_in(SECRET).unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        assert!(!cookie.contains(SECRET));
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(judge("cookie", &format!("a=b; {pair}")), Verdict::Granted);
        assert_eq!(judge("cookie", &format!("{pair}0")), Verdict::Unknown);
        // Nor does the token itself, where the cookie is expected.
        assert_eq!(
            judge("cookie", &format!("fanout_dashboard_8787={SECRET}")),
            Verdict::Unknown
        );
        assert_eq!(access("127.0.0.1:1", None).log_in(SECRET), None);
    }
}
