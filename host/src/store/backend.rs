//! [`Backend`]: the library's object store behind a [`Location`], and what
//! drives its futures. The only place that builds one.

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use futures::executor;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};
use tokio::runtime::Runtime;

use super::StoreError;
use super::failure::Failure;
use super::folder::Folder;
use super::location::{Address, Cloud, Location, redacted};
use super::profile;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Requests that are under way at once, where there is a network between.
const AT_ONCE: usize = 64;

/// An object store of the library, with what it takes to call it.
pub(super) struct Backend {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// The same objects in a local folder.
    pub(super) folder: Option<Folder>,
    /// Where a large object goes up in parts that can be tried again.
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    /// What signs URLs, where they can be signed.
    pub(super) signer: Option<Arc<dyn Signer>>,
    /// What stands before every object's name.
    pub(super) prefix: Path,
    /// How many requests are worth making at once.
    pub(super) at_once: usize,
    driver: Driver,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By its name alone: a library's own form may hold a credential.
        f.debug_tuple("Backend")
            .field(&self.objects.to_string())
            .finish()
    }
}

/// What drives a store's futures.
#[derive(Debug)]
enum Driver {
    /// Nothing to wait for: the calling thread does the work.
    Caller,
    /// A network: threads that wait for it.
    Network(&'static Runtime),
}

impl Backend {
    pub(super) fn open(at: &Location) -> Result<Self, StoreError> {
        let setting = |error: object_store::Error| StoreError::Setting {
            url: redacted(&at.url),
            failure: match Failure::of(&error) {
                Failure::Other { why } => Failure::Setting { why },
                failure => failure,
            },
        };
        match Address::parse(&at.url)? {
            Address::Folder(path) => Self::folder(&path),
            Address::Memory => Ok(Self {
                objects: Arc::new(InMemory::new()),
                folder: None,
                parts: None,
                signer: None,
                prefix: Path::ROOT,
                at_once: 1,
                driver: Driver::Caller,
            }),
            Address::Bucket {
                cloud,
                bucket,
                path,
            } => match cloud {
                Cloud::S3 => {
                    let store = Arc::new(s3(at, &bucket)?.build().map_err(setting)?);
                    Self::cloud(store, path)
                }
                Cloud::Gs => {
                    let builder = GoogleCloudStorageBuilder::from_env()
                        .with_bucket_name(bucket)
                        .with_client_options(client(at, at.endpoint.as_deref())?)
                        .with_retry(no_retry());
                    let builder = match &at.endpoint {
                        Some(endpoint) => builder.with_base_url(endpoint),
                        None => builder,
                    };
                    let store = Arc::new(builder.build().map_err(setting)?);
                    Self::cloud(store, path)
                }
                Cloud::Az => {
                    let builder = MicrosoftAzureBuilder::from_env()
                        .with_container_name(bucket)
                        .with_client_options(client(at, at.endpoint.as_deref())?)
                        .with_retry(no_retry());
                    let builder = match &at.endpoint {
                        Some(endpoint) => builder.with_endpoint(endpoint.clone()),
                        None => builder,
                    };
                    let store = Arc::new(builder.build().map_err(setting)?);
                    Self::cloud(store, path)
                }
            },
            Address::Web { server, path } => {
                let builder = HttpBuilder::new()
                    .with_client_options(client(at, Some(&server))?)
                    .with_url(server)
                    .with_retry(no_retry());
                let store = Arc::new(builder.build().map_err(setting)?);
                Self::network(store, None, None, path)
            }
        }
    }

    fn folder(path: &FilePath) -> Result<Self, StoreError> {
        let failed = |source: &std::io::Error| StoreError::Folder {
            path: path.display().to_string(),
            failure: Failure::from(source),
        };
        std::fs::create_dir_all(path).map_err(|source| failed(&source))?;
        let local = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| failed(&std::io::Error::other(source)))?;
        Ok(Self {
            objects: Arc::new(local),
            folder: Some(Folder::new(path)),
            parts: None,
            signer: None,
            prefix: Path::ROOT,
            at_once: 1,
            driver: Driver::Caller,
        })
    }

    fn cloud<S>(store: Arc<S>, prefix: Path) -> Result<Self, StoreError>
    where
        S: ObjectStore + MultipartStore + Signer,
    {
        Self::network(store.clone(), Some(store.clone()), Some(store), prefix)
    }

    fn network(
        objects: Arc<dyn ObjectStore>,
        parts: Option<Arc<dyn MultipartStore>>,
        signer: Option<Arc<dyn Signer>>,
        prefix: Path,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            objects,
            folder: None,
            parts,
            signer,
            prefix,
            at_once: AT_ONCE,
            driver: Driver::Network(runtime()?),
        })
    }

    /// Blocks on a future. Not to be called from a future.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        match self.driver {
            Driver::Caller => executor::block_on(future),
            Driver::Network(runtime) => runtime.block_on(future),
        }
    }

    /// Whether there is a network between, and failures that pass.
    pub(super) fn is_network(&self) -> bool {
        matches!(self.driver, Driver::Network(_))
    }

    /// The whole name of the object `name`.
    pub(super) fn locate(&self, name: &Path) -> Path {
        self.prefix.parts().chain(name.parts()).collect()
    }
}

/// One for all stores of the process, made with the first that needs it. Its
/// threads only wait; the work is done by those who call.
fn runtime() -> Result<&'static Runtime, StoreError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("store")
        .enable_all()
        .build()
        .map_err(StoreError::Threads)?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// [`super::retry::Retry`] does it, for whole operations.
fn no_retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: Duration::ZERO,
    }
}

/// Tells the TLS library what it encrypts with; it wants to be told. If the
/// program has told it already, that stands.
pub(crate) fn install_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// What every client of a server at `endpoint` (`None`: the cloud's own) is
/// given.
fn client(at: &Location, endpoint: Option<&str>) -> Result<ClientOptions, StoreError> {
    install_tls();
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut options = ClientOptions::new()
        .with_allow_http(plain)
        .with_timeout(at.timeout)
        .with_connect_timeout(CONNECT.min(at.timeout));
    let bundle = std::env::var_os("AWS_CA_BUNDLE").map(PathBuf::from);
    if let Some(file) = at.ca.clone().or(bundle) {
        for certificate in certificates(at, &file)? {
            options = options.with_root_certificate(certificate);
        }
    } else if plain && std::env::var_os("AWS_ROLE_ARN").is_none() {
        // None are needed, and a small container has none.
        options = options.with_no_system_certificates(true);
    }
    Ok(options)
}

fn certificates(at: &Location, file: &FilePath) -> Result<Vec<Certificate>, StoreError> {
    let wrong = |why: String| StoreError::Setting {
        url: redacted(&at.url),
        failure: Failure::Setting {
            why: format!("can't use the certificates of `{}`: {why}", file.display()),
        },
    };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|_| wrong("it is no PEM file of certificates".to_owned()))?;
    if certificates.is_empty() {
        return Err(wrong("it holds none".to_owned()));
    }
    Ok(certificates)
}

/// An S3 bucket, with its settings from where the aws tools take them: the
/// plan, the environment, the profile, in this order.
fn s3(at: &Location, bucket: &str) -> Result<AmazonS3Builder, StoreError> {
    let wrong = |error: profile::ProfileError| StoreError::Setting {
        url: redacted(&at.url),
        failure: Failure::Setting {
            why: error.to_string(),
        },
    };
    let profile = profile::Profile::from_environment().map_err(wrong)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = at
        .endpoint
        .clone()
        .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| variable("AWS_ENDPOINT"))
        .or_else(|| profile.endpoint_url.clone());
    let region = at
        .region
        .clone()
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| profile.region.clone());
    let virtual_hosted = variable("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
        .map(|value| value.eq_ignore_ascii_case("true") || value == "1");
    // A name with a dot fits no certificate of `*.s3.amazonaws.com`.
    let fallback = endpoint.is_some() || bucket.contains('.');
    let path_style = at
        .path_style
        .or(virtual_hosted.map(|virtual_hosted| !virtual_hosted))
        .unwrap_or(fallback);
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client(at, endpoint.as_deref())?)
        .with_retry(no_retry());
    if let Some(endpoint) = endpoint {
        let endpoint = endpoint.trim_end_matches('/');
        let endpoint = match endpoint.split_once("://") {
            Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
            Some(_) => endpoint.to_owned(),
            None => {
                return Err(StoreError::Setting {
                    url: redacted(&at.url),
                    failure: Failure::Setting {
                        why: format!(
                            "the endpoint `{endpoint}` is no URL such as `http://localhost:9000`"
                        ),
                    },
                });
            }
        };
        // The one of the service goes before the general one.
        builder = builder
            .with_config(
                object_store::aws::AmazonS3ConfigKey::S3Endpoint,
                endpoint.clone(),
            )
            .with_endpoint(endpoint);
    }
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(credentials) = profile.credentials() {
        builder = builder.with_credentials(credentials);
    }
    Ok(builder)
}
