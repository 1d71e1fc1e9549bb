//! [`Server`]: an S3 server in this process, over HTTP, that checks
//! signatures.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::host::MultiDomain;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The one that the server knows.
pub(crate) const KEY: &str = "AKIAFANOUTTEST";
/// Its secret.
pub(crate) const SECRET: &str = "a-secret-that-no-message-may-show";
/// A bucket that is there.
pub(crate) const BUCKET: &str = "fits";

/// Buckets are hosts of this one too: `fits.s3.test`.
pub(crate) const DOMAIN: &str = "s3.test";

/// A running server; it ends with this.
pub(crate) struct Server {
    folder: TempDir,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    /// Over plain HTTP.
    pub(crate) fn start() -> Self {
        Self::listen(None)
    }

    /// Over TLS, with a certificate for `localhost` that no system trusts;
    /// and the certificate in PEM.
    pub(crate) fn start_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let pem = made.cert.pem();
        (Self::listen(Some(TlsAcceptor::from(Arc::new(config)))), pem)
    }

    fn listen(tls: Option<TlsAcceptor>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        if tls.is_none() {
            service.set_host(MultiDomain::new(&[DOMAIN]).unwrap());
        }
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, tls) = (service.clone(), tls.clone());
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    // A client that went away is no fault of the server's.
                    match tls {
                        None => drop(http.serve_connection(TokioIo::new(socket), service).await),
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                drop(http.serve_connection(TokioIo::new(socket), service).await);
                            }
                        }
                    }
                });
            }
        });
        Self {
            folder,
            address,
            _runtime: runtime,
        }
    }

    /// The folder of a bucket's objects.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}
