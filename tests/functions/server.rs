//! Servers of other makers, which `tests/functions/setup.sh` installs: the
//! component runs in them as it would on a platform.
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

use crate::servers::{self, installed};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `jco serve`, on node: one instance for all requests.
    Jco,
    /// `wasmtime serve`: a fresh instance for each request.
    Wasmtime,
    /// The same, which keeps its instances.
    WasmtimeKeeping,
    /// `wasmtime serve` with the exceptions of WebAssembly, which Python needs.
    WasmtimeExceptions,
    /// `wasmtime serve` with 64 MiB and six seconds for a request.
    WasmtimeStrict,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts a server of the component at a port of its own.
    pub(crate) fn start(kind: Kind, component: &Path) -> Self {
        Self::start_at(kind, component, free_port())
    }

    pub(crate) fn start_at(kind: Kind, component: &Path, port: u16) -> Self {
        let mut command = match kind {
            Kind::Jco => {
                let mut command = Command::new("node");
                command
                    .arg(installed(
                        "tools/jco/node_modules/@bytecodealliance/jco/dist/jco.js",
                    ))
                    .arg("serve")
                    .args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                command
            }
            _ => {
                let limits = match kind {
                    Kind::WasmtimeStrict => "timeout=6s,max-memory-size=67108864",
                    _ => "timeout=60s,max-memory-size=1073741824",
                };
                let mut command = Command::new(installed("tools/wasmtime/bin/wasmtime"));
                command
                    .args(["serve", "--addr", &format!("127.0.0.1:{port}")])
                    .args(["-W", limits]);
                if kind == Kind::WasmtimeKeeping {
                    command.args(["--max-instance-reuse-count", "1000000"]);
                    command.args(["--idle-instance-timeout", "60s"]);
                }
                if kind == Kind::WasmtimeExceptions {
                    command.args(["-W", "exceptions=y,gc=y", "-O", "pooling-allocator=n"]);
                }
                command
            }
        };
        command.arg(component);
        // Each says on one of the two that it listens.
        let ready = match kind {
            Kind::Jco => "Server listening",
            _ => "Serving HTTP on",
        };
        let child = servers::start(command, ready);
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A port that nobody listens at now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
