//! [`Profile`]: the settings and credentials of the AWS tools' files,
//! `~/.aws/config` and `~/.aws/credentials`.
//!
//! It reads keys and `credential_process`. It refuses to guess: a profile
//! that is named and not there, or that only SSO or a role can open, is an
//! error that says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error};
use serde::Deserialize;

/// Credentials are renewed this long before they expire.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// What is wrong with a profile. None of these shows a value of the files.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProfileError {
    #[error("can't read `{}`: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}`, line {line}: expected `[profile]` or `name = value`", path.display())]
    Syntax { path: PathBuf, line: usize },
    #[error(
        "there is no profile `{name}` in `{}` or `{}`; `AWS_PROFILE` names it",
        config.display(),
        credentials.display()
    )]
    Unknown {
        name: String,
        config: PathBuf,
        credentials: PathBuf,
    },
    #[error(
        "the profile `{name}` has an access key without `{missing}`; add it, or name another \
         profile with `AWS_PROFILE`"
    )]
    Half { name: String, missing: &'static str },
    #[error(
        "the profile `{name}` gets its credentials by `{by}`, which is not read here; run \
         `eval \"$(aws configure export-credentials --profile {name} --format env)\"` first"
    )]
    Indirect { name: String, by: String },
}

/// A profile.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    source: Option<Source>,
}

/// Where a profile's credentials come from.
#[derive(Debug)]
enum Source {
    Keys(AwsCredential),
    Process(String),
}

type Settings = BTreeMap<String, String>;

impl Profile {
    /// The profile that `AWS_PROFILE` names, or `default` where there is one.
    pub(super) fn from_environment() -> Result<Self, ProfileError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let file = |name: &str, or: &str| {
            variable(name).map_or_else(|| home.join(".aws").join(or), PathBuf::from)
        };
        let config = file("AWS_CONFIG_FILE", "config");
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let name = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let web_identity =
            variable("AWS_ROLE_ARN").is_some() && variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some();
        let keys = variable("AWS_ACCESS_KEY_ID").is_some() || web_identity;
        Self::read(&config, &credentials, name.as_deref(), keys)
    }

    /// `keys`: there are credentials that stand before any profile's.
    fn read(
        config: &Path,
        credentials: &Path,
        name: Option<&str>,
        keys: bool,
    ) -> Result<Self, ProfileError> {
        let named = name.unwrap_or("default");
        let section = if named == "default" {
            named.to_owned()
        } else {
            format!("profile {named}")
        };
        let mut all = sections(config)?;
        let general = match all.remove(&section) {
            None if named == "default" => all.remove("profile default"),
            general => general,
        };
        let secret = sections(credentials)?.remove(named);
        if general.is_none() && secret.is_none() && name.is_some() && !keys {
            return Err(ProfileError::Unknown {
                name: named.to_owned(),
                config: config.to_owned(),
                credentials: credentials.to_owned(),
            });
        }
        let mut settings = general.unwrap_or_default();
        settings.extend(secret.unwrap_or_default());
        let source = if keys {
            None
        } else {
            Source::of(named, &settings)?
        };
        Ok(Self {
            region: settings.remove("region"),
            endpoint_url: settings.remove("endpoint_url"),
            source,
        })
    }

    /// What hands out the profile's credentials, where it has any.
    pub(super) fn credentials(
        self,
    ) -> Option<Arc<dyn CredentialProvider<Credential = AwsCredential>>> {
        Some(match self.source? {
            Source::Keys(credential) => {
                Arc::new(object_store::StaticCredentialProvider::new(credential))
            }
            Source::Process(command) => Arc::new(Process {
                command,
                last: Mutex::default(),
            }),
        })
    }
}

impl Source {
    fn of(name: &str, settings: &Settings) -> Result<Option<Self>, ProfileError> {
        let half = |missing| ProfileError::Half {
            name: name.to_owned(),
            missing,
        };
        match (
            settings.get("aws_access_key_id"),
            settings.get("aws_secret_access_key"),
        ) {
            (Some(key_id), Some(secret_key)) => {
                return Ok(Some(Self::Keys(AwsCredential {
                    key_id: key_id.clone(),
                    secret_key: secret_key.clone(),
                    token: settings.get("aws_session_token").cloned(),
                })));
            }
            (Some(_), None) => return Err(half("aws_secret_access_key")),
            (None, Some(_)) => return Err(half("aws_access_key_id")),
            (None, None) => {}
        }
        if let Some(command) = settings.get("credential_process") {
            return Ok(Some(Self::Process(command.clone())));
        }
        match ["sso_session", "sso_start_url", "role_arn"]
            .into_iter()
            .find(|by| settings.contains_key(*by))
        {
            Some(by) => Err(ProfileError::Indirect {
                name: name.to_owned(),
                by: by.to_owned(),
            }),
            None => Ok(None),
        }
    }
}

/// The sections of a file; none of a file that is not there.
fn sections(path: &Path) -> Result<BTreeMap<String, Settings>, ProfileError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(ProfileError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut all: BTreeMap<String, Settings> = BTreeMap::new();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        let syntax = || ProfileError::Syntax {
            path: path.to_owned(),
            line: index + 1,
        };
        let content = line.trim();
        // An indented line belongs to the setting above it (`s3 =`).
        if content.is_empty() || content.starts_with(['#', ';']) || line.starts_with([' ', '\t']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            let (name, _) = name.split_once(']').ok_or_else(syntax)?;
            let name: Vec<&str> = name.split_whitespace().collect();
            let name = name.join(" ").replace('"', "");
            all.entry(name.clone()).or_default();
            section = Some(name);
            continue;
        }
        let (key, value) = content.split_once('=').ok_or_else(syntax)?;
        let settings = section.as_ref().and_then(|name| all.get_mut(name));
        let value = value.trim();
        let value = value.split(" #").next().unwrap_or(value).trim();
        settings
            .ok_or_else(syntax)?
            .insert(key.trim().to_lowercase(), value.to_owned());
    }
    Ok(all)
}

/// Credentials that a program prints.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
struct Process {
    command: String,
    last: Mutex<Option<(Arc<AwsCredential>, Option<SystemTime>)>>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its command may hold a secret, and what it printed is one.
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Process {
    fn call(&self) -> Result<(Arc<AwsCredential>, Option<SystemTime>), String> {
        let output = Command::new("sh")
            .args(["-c", &self.command])
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .output()
            .map_err(|error| format!("can't start the profile's `credential_process`: {error}"))?;
        if !output.status.success() {
            let status = output.status;
            return Err(format!(
                "the profile's `credential_process` failed ({status})"
            ));
        }
        // Its output is not shown: it holds the secret.
        let printed: Printed = serde_json::from_slice(&output.stdout).map_err(|_| {
            "the profile's `credential_process` printed no credentials in JSON".to_owned()
        })?;
        if printed.version != 1 {
            return Err(format!(
                "the profile's `credential_process` printed version {}, and 1 is known",
                printed.version
            ));
        }
        let credential = AwsCredential {
            key_id: printed.access_key_id,
            secret_key: printed.secret_access_key,
            token: printed.session_token,
        };
        // What can't be read is held for expired: asked for each time.
        let expires = printed.expiration.as_deref().map(|text| {
            seconds_since_1970(text).map_or(SystemTime::UNIX_EPOCH, |s| {
                SystemTime::UNIX_EPOCH + Duration::from_secs(s)
            })
        });
        Ok((Arc::new(credential), expires))
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Process {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((credential, expires)) = &*last
            && expires.is_none_or(|expires| SystemTime::now() + EARLY < expires)
        {
            return Ok(credential.clone());
        }
        let fresh = self.call().map_err(|why| Error::Unauthenticated {
            path: "credential_process".to_owned(),
            source: why.into(),
        })?;
        let credential = fresh.0.clone();
        *last = Some(fresh);
        Ok(credential)
    }
}

/// Of `2026-11-22T22:05:40Z`.
fn seconds_since_1970(text: &str) -> Option<u64> {
    let text = text
        .strip_suffix('Z')
        .or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(by).map(|part| part.parse().ok()).collect();
        parts?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days before a date, in years that begin in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(config: &str, credentials: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("config"), config).unwrap();
            std::fs::write(folder.path().join("credentials"), credentials).unwrap();
            Self(folder)
        }

        fn read(&self, name: Option<&str>, keys: bool) -> Result<Profile, ProfileError> {
            let file = |name| self.0.path().join(name);
            Profile::read(&file("config"), &file("credentials"), name, keys)
        }

        fn credential(&self, name: Option<&str>) -> Result<Arc<AwsCredential>, String> {
            let profile = self.read(name, false).map_err(|error| error.to_string())?;
            let provider = profile.credentials().ok_or("none")?;
            futures::executor::block_on(provider.get_credential()).map_err(|e| e.to_string())
        }
    }

    const CONFIG: &str = "\
# comment
[default]
region = eu-central-1
s3 =
    addressing_style = path

[profile work]
region=us-west-2 # why
endpoint_url = http://localhost:9000
[profile made]
credential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"made\", \"SecretAccessKey\": \"s3\", \"Expiration\": \"2020-01-01T00:00:00Z\"}'
[profile mute]
credential_process = false
[profile sso]
sso_session = corp
[profile half]
aws_access_key_id = AK
";

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = s1

[work]
AWS_ACCESS_KEY_ID = AKIAWORK
aws_secret_access_key = s=2
aws_session_token = t
";

    #[test]
    fn a_profile_has_its_settings_and_its_keys() {
        let files = Files::new(CONFIG, CREDENTIALS);
        let profile = files.read(None, false).unwrap();
        assert_eq!(profile.region.as_deref(), Some("eu-central-1"));
        assert_eq!(files.credential(None).unwrap().key_id, "AKIADEFAULT");

        let profile = files.read(Some("work"), false).unwrap();
        assert_eq!(profile.region.as_deref(), Some("us-west-2"));
        assert_eq!(
            profile.endpoint_url.as_deref(),
            Some("http://localhost:9000")
        );
        let credential = files.credential(Some("work")).unwrap();
        assert_eq!(credential.key_id, "AKIAWORK");
        assert_eq!(credential.secret_key, "s=2");
        assert_eq!(credential.token.as_deref(), Some("t"));
    }

    #[test]
    fn a_program_is_asked_for_credentials() {
        let files = Files::new(CONFIG, "");
        assert_eq!(files.credential(Some("made")).unwrap().key_id, "made");
        let error = files.credential(Some("mute")).unwrap_err();
        assert!(error.contains("`credential_process` failed"), "{error}");
    }

    #[test]
    fn what_can_not_be_used_is_said() {
        let files = Files::new(CONFIG, CREDENTIALS);
        for (name, says) in [
            ("nobody", "there is no profile `nobody`"),
            ("sso", "aws configure export-credentials --profile sso"),
            ("half", "without `aws_secret_access_key`"),
        ] {
            let error = files.credential(Some(name)).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        // Keys of the environment stand before any profile.
        assert!(
            files
                .read(Some("sso"), true)
                .unwrap()
                .credentials()
                .is_none()
        );
        assert!(files.read(Some("nobody"), true).is_ok());

        let error = Files::new("[default]\nregion\n", "").read(None, false);
        assert!(error.unwrap_err().to_string().contains("config`, line 2"));
        let nothing = Files::new("", "").read(None, false).unwrap();
        assert!(nothing.credentials().is_none());
    }

    #[test]
    fn times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:34:56Z", Some(951_827_696)),
            ("2026-11-22T22:05:40.123+00:00", Some(1_795_385_140)),
            ("2026-11-22", None),
            ("2026-13-22T00:00:00Z", None),
        ] {
            assert_eq!(seconds_since_1970(text), seconds, "{text}");
        }
    }
}
