//! Support vector machines with kernels: [`Svc`] and [`Svr`].

mod classifier;
mod kernel;
mod machines;
mod params;
mod platt;
mod regressor;
mod solver;

pub use classifier::{Svc, SvcModel};
pub use kernel::{Kernel, Vectors};
pub use regressor::{Svr, SvrModel};
