//! [`Failure`]: what went wrong with a store, in words of ours and with what
//! to do about it.
//!
//! What a server answers is not repeated but for its code and its sentence:
//! answers name keys and signatures, and no message may.

use std::io;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// What went wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer: no such host, a refused connection.
    #[error("no connection: {why}")]
    Unreachable {
        /// As the system says it.
        why: String,
    },
    /// The server's certificate is not trusted.
    #[error("the server's certificate is not trusted: {why}")]
    Untrusted {
        /// As the TLS library says it.
        why: String,
    },
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke, or the body ended early.
    #[error("the connection broke: {why}")]
    Broken {
        /// How.
        why: String,
    },
    /// The server is there and can't answer now.
    #[error("the server is not able to answer now ({code})")]
    Unavailable {
        /// Its status, and its code where it gave one.
        code: String,
    },
    /// No bucket.
    #[error("there is no such bucket ({code})")]
    NoBucket {
        /// As the server calls it.
        code: String,
    },
    /// No object, where one must be.
    #[error("it is not there")]
    Missing,
    /// The credentials may not do this.
    #[error("access is denied ({code})")]
    Denied {
        /// As the server calls it.
        code: String,
    },
    /// The credentials were good once.
    #[error("the credentials have expired ({code})")]
    Expired {
        /// As the server calls it.
        code: String,
    },
    /// The credentials are not known, or the secret is wrong.
    #[error("the credentials are not accepted ({code})")]
    Rejected {
        /// As the server calls it.
        code: String,
    },
    /// There are no credentials.
    #[error("no credentials were found: {why}")]
    NoCredentials {
        /// Where they were looked for.
        why: String,
    },
    /// The clocks differ.
    #[error("this machine's clock differs too much from the server's ({code})")]
    ClockSkew {
        /// As the server calls it.
        code: String,
    },
    /// The bucket is elsewhere.
    #[error("the bucket is in another region ({code})")]
    Region {
        /// As the server calls it.
        code: String,
    },
    /// No room.
    #[error("there is no room left ({code})")]
    Full {
        /// As the server or the system calls it.
        code: String,
    },
    /// The folder can't be written to.
    #[error("it can't be written to: {why}")]
    ReadOnly {
        /// As the system says it.
        why: String,
    },
    /// The store overwrites what it should keep, or says that it can't keep it.
    #[error("the store can't create an object without overwriting one")]
    Overwrites,
    /// The server can't hand out a part of an object.
    #[error("the server hands out no part of a file")]
    NoRanges,
    /// The object is another than it was a moment ago.
    #[error("it changed while it was read")]
    Changed,
    /// A setting is wrong.
    #[error("{why}")]
    Setting {
        /// Which, and how.
        why: String,
    },
    /// Anything else.
    #[error("{why}")]
    Other {
        /// As the store says it.
        why: String,
    },
}

impl Failure {
    /// What to do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } => {
                "check the store's URL and endpoint (`AWS_ENDPOINT_URL`), and that the server runs"
            }
            Self::Untrusted { .. } => {
                "name the file of the authority that signed it: `ca: FILE.pem` in the plan's \
                 `store`, or `AWS_CA_BUNDLE`"
            }
            Self::TimedOut | Self::Broken { .. } | Self::Unavailable { .. } => {
                "try again later: the same command goes on where this one stopped; `retry` in the \
                 plan's `store` says how long to keep trying"
            }
            Self::NoBucket { .. } => "create the bucket, or name another in the plan's `store`",
            Self::Missing => "run again: what is missing is made anew",
            Self::Denied { .. } => {
                "let these credentials get, put and list objects here, or use others \
                 (`AWS_PROFILE`)"
            }
            Self::Expired { .. } => {
                "renew them (`aws sso login` and the like) and run again: the same command goes \
                 on where this one stopped"
            }
            Self::Rejected { .. } => {
                "check `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or the profile \
                 (`AWS_PROFILE`)"
            }
            Self::NoCredentials { .. } => {
                "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or name a profile with \
                 `AWS_PROFILE`"
            }
            Self::ClockSkew { .. } => "set this machine's clock (`timedatectl set-ntp true`)",
            Self::Region { .. } => "set `AWS_REGION`, or `region` in the plan's `store`",
            Self::Full { .. } => {
                "make room and run again: the same command goes on where this one stopped"
            }
            Self::ReadOnly { .. } => {
                "make the folder writable, or name another: `--store DIR`, or the plan's `store`"
            }
            Self::Overwrites => {
                "use a store that honours `If-None-Match: *` on a put (AWS S3, MinIO, GCS, Azure, \
                 Ceph do; Garage and some gateways don't), or a local folder"
            }
            Self::NoRanges => "download the file, and name it as the source",
            Self::Changed => "run again when nobody writes to it",
            Self::Other { .. } => {
                "`fanout doctor --store URL` tries what a run needs of the store, one thing after \
                 the other"
            }
            // The message says what is expected.
            Self::Setting { .. } => return None,
        })
    }

    /// Whether the same again may go well.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut
                | Self::Broken { .. }
                | Self::Unavailable { .. }
        )
    }

    /// What an error of the store's library means.
    pub(super) fn of(error: &Error) -> Self {
        let texts = Texts::of(error);
        // Where the last of the places is asked that may have credentials.
        if texts.all.contains("/latest/api/token") || texts.all.contains("/latest/meta-data/") {
            let why = "neither the environment nor a profile has any, and no cloud instance hands \
                       them out here";
            return Self::NoCredentials {
                why: why.to_owned(),
            };
        }
        if let Some(failure) = texts.answer().and_then(|answer| answer.failure()) {
            return failure;
        }
        if let Some(failure) = transport(error, &texts) {
            return failure;
        }
        if let Some(failure) = system(error) {
            return failure;
        }
        let code = texts.code();
        match error {
            Error::NotFound { .. } => Self::Missing,
            Error::Precondition { .. } => Self::Changed,
            Error::PermissionDenied { .. } => Self::Denied { code },
            Error::Unauthenticated { .. } => Self::Rejected { code },
            Error::NotSupported { .. } if texts.last.contains("range") => Self::NoRanges,
            _ if texts.all.contains("non-partial response") => Self::NoRanges,
            _ if texts.all.contains("LOCATION") => Self::Region { code },
            _ => Self::Other { why: texts.brief() },
        }
    }
}

/// What the system says, of a folder.
fn system(error: &Error) -> Option<Failure> {
    let error = chain(error).find_map(|error| error.downcast_ref::<io::Error>())?;
    let why = || plain(error);
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::Full { code: plain(error) }
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            Failure::ReadOnly { why: why() }
        }
        io::ErrorKind::NotFound => return None,
        _ => Failure::Other { why: why() },
    })
}

/// An error of the system without its number: "no space left on device".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        let boxed = Error::Generic {
            store: "folder",
            source: io::Error::new(error.kind(), error.to_string()).into(),
        };
        system(&boxed).unwrap_or_else(|| Self::Other { why: plain(error) })
    }
}

/// What a connection says that brought no answer.
fn transport(error: &Error, texts: &Texts) -> Option<Failure> {
    let http = chain(error).find_map(|error| error.downcast_ref::<HttpError>())?;
    let why = texts.last.clone();
    if texts.all.contains("certificate") || texts.all.contains("UnknownIssuer") {
        return Some(Failure::Untrusted { why });
    }
    Some(match http.kind() {
        HttpErrorKind::Timeout => Failure::TimedOut,
        HttpErrorKind::Connect if texts.all.contains("169.254.169.254") => Failure::NoCredentials {
            why: "neither the environment nor a profile has any, and this machine is no cloud \
                      instance"
                .to_owned(),
        },
        HttpErrorKind::Connect => Failure::Unreachable { why },
        _ => Failure::Broken { why },
    })
}

fn chain(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}

/// An error's own words: the library keeps a server's status and body in them
/// and nowhere else that can be reached.
struct Texts {
    all: String,
    last: String,
}

impl Texts {
    fn of(error: &Error) -> Self {
        let last = chain(error).last().map(ToString::to_string);
        let last = last.unwrap_or_default();
        Self {
            all: format!("{error}: {last}"),
            last: last
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    fn answer(&self) -> Option<Answer<'_>> {
        let (_, after) = self.all.split_once("status code: ")?;
        let status = after.get(..3)?.parse().ok()?;
        Some(Answer {
            status,
            code: self.element("Code"),
            message: self.element("Message"),
        })
    }

    /// The content of an element of an answer in XML.
    fn element(&self, name: &str) -> Option<&str> {
        let (_, after) = self.all.split_once(&format!("<{name}>"))?;
        after.split_once("</").map(|(content, _)| content)
    }

    /// The server's code, or its status.
    fn code(&self) -> String {
        match self.answer() {
            Some(answer) => answer.code(),
            None => self
                .element("Code")
                .map_or_else(|| "no reason given".to_owned(), str::to_owned),
        }
    }

    /// The server's sentence, or the innermost cause.
    fn brief(&self) -> String {
        match (self.element("Message"), self.answer()) {
            (Some(message), _) => format!("{message} ({})", self.code()),
            (None, Some(answer)) => format!("the server answered {}", answer.code()),
            (None, None) => super::location::redacted(&self.last),
        }
    }
}

/// A server's refusal.
struct Answer<'e> {
    status: u16,
    code: Option<&'e str>,
    message: Option<&'e str>,
}

impl Answer<'_> {
    fn code(&self) -> String {
        match self.code {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    fn failure(&self) -> Option<Failure> {
        let code = self.code();
        // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        let by_code = match self.code.unwrap_or_default() {
            "NoSuchBucket" | "ContainerNotFound" => Some(Failure::NoBucket { code }),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                Some(Failure::Expired { code })
            }
            "RequestTimeTooSkewed" | "RequestExpired" => Some(Failure::ClockSkew { code }),
            "InvalidAccessKeyId"
            | "NotSignedUp"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "AuthenticationFailed"
            | "InvalidSecurity"
            | "AuthFailure"
            | "InvalidClientTokenId" => Some(Failure::Rejected { code }),
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
            | "TemporaryRedirect" => Some(Failure::Region { code }),
            "QuotaExceeded"
            | "XMinioStorageFull"
            | "InsufficientStorage"
            | "XMinioAdminBucketQuotaExceeded" => Some(Failure::Full { code }),
            "RequestTimeout"
            | "IncompleteBody"
            | "BadDigest"
            | "XAmzContentSHA256Mismatch"
            | "ConditionalRequestConflict"
            | "OperationAborted"
            | "SlowDown" => Some(Failure::Unavailable { code }),
            _ => None,
        };
        by_code.or_else(|| {
            let code = self.code();
            match self.status {
                // Some servers say it in words alone.
                _ if self
                    .message
                    .is_some_and(|message| message.contains("bucket does not exist")) =>
                {
                    Some(Failure::NoBucket { code })
                }
                507 => Some(Failure::Full { code }),
                408 | 429 => Some(Failure::Unavailable { code }),
                // What a server says that knows no `If-None-Match` on a put.
                501 => Some(Failure::Overwrites),
                500.. => Some(Failure::Unavailable { code }),
                401 => Some(Failure::Rejected { code }),
                403 => Some(Failure::Denied { code }),
                300..=399 => Some(Failure::Region { code }),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_folder_is_told_apart() {
        let of = |number| Failure::from(&io::Error::from_raw_os_error(number));
        assert!(matches!(of(28), Failure::Full { .. }), "ENOSPC");
        assert!(matches!(of(122), Failure::Full { .. }), "EDQUOT");
        assert!(matches!(of(30), Failure::ReadOnly { .. }), "EROFS");
        assert!(matches!(of(13), Failure::ReadOnly { .. }), "EACCES");
        assert_eq!(
            of(28).to_string(),
            "there is no room left (no space left on device)"
        );
        assert!(!of(28).is_passing());
    }

    /// An answer as the library words it.
    fn answered(status: &str, body: &str) -> Failure {
        let text = format!("Server returned non-2xx status code: {status}: {body}");
        Failure::of(&Error::Generic {
            store: "S3",
            source: text.into(),
        })
    }

    #[test]
    fn an_answer_is_told_by_its_code_and_never_repeated() {
        let body = "<Error><Code>Odd</Code><Message>Why not.</Message>\
                    <StringToSign>AWS4 hunter2</StringToSign></Error>";
        let failure = answered("400 Bad Request", body);
        assert_eq!(failure.to_string(), "Why not. (400 Odd)");
        let failure = answered("418 I'm a teapot", "hunter2 AWSAccessKeyId=hunter2");
        assert_eq!(failure.to_string(), "the server answered 418");
        for status in ["500 x", "503 x", "429 x", "408 x", "502 x"] {
            assert!(answered(status, "").is_passing(), "{status}");
        }
        for status in ["501 x", "507 x", "403 x", "401 x", "301 x", "412 x"] {
            assert!(!answered(status, "").is_passing(), "{status}");
        }
        let conflict = "<Error><Code>ConditionalRequestConflict</Code></Error>";
        assert!(answered("409 Conflict", conflict).is_passing());
    }
}
