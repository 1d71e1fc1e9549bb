//! [`Shelf`]: what a worker has ready: the runs whose tasks it had last, and
//! pools with their guests and datasets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Objects;
use crate::digest::Digest;
use crate::expand::{Data, Expansion};
use crate::pool::{LocalPool, Work};
use crate::queue::message::Order;
use crate::run::manifest::{Manifest, ManifestError};
use crate::run::record::Record;
use crate::sandbox::{Cancel, GuestError, Sandbox, TaskLimits};
use crate::store::{Key, Store, StoreError};

/// Pools that are kept: each may hold a dataset a slot.
pub(super) const KEPT: usize = 3;

/// Runs that are kept.
const RUNS: usize = 16;

/// Why a task can't be run here now.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShelfError {
    /// The store has no such run.
    #[error("the store `{store}` has no run `{run}`")]
    Unknown {
        /// The store's URL.
        store: String,
        /// The run.
        run: Digest,
    },
    /// The run's manifest can't be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The store lacks what the manifest names.
    #[error("`{key}` is not in the store")]
    Missing {
        /// Its name.
        key: Key,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The guest does not keep the contract.
    #[error("the guest `{guest}` of the run can't be used")]
    Guest {
        /// Its digest.
        guest: Digest,
        /// Why.
        #[source]
        source: GuestError,
    },
}

/// All that a task of a run needs.
pub(super) struct Bench {
    pub(super) expansion: Arc<Expansion>,
    pub(super) pool: Arc<LocalPool>,
}

struct Run {
    expansion: Arc<Expansion>,
    data: Data,
}

/// What tells one pool from another.
#[derive(Clone, PartialEq)]
struct PoolKey {
    data: Data,
    limits: TaskLimits,
    fresh: bool,
}

/// The last of each is the one that was used last.
#[derive(Default)]
struct Ready {
    runs: Vec<(Digest, Arc<Run>)>,
    pools: Vec<(PoolKey, Arc<LocalPool>)>,
}

pub(super) struct Shelf {
    sandbox: Sandbox,
    store: Store,
    objects: Option<Objects>,
    /// How many tasks a pool may be given at a time.
    slots: usize,
    cancel: Cancel,
    ready: Mutex<Ready>,
    /// Held by who gets something: two slots need not get the same.
    getting: Mutex<()>,
}

impl Shelf {
    pub(super) fn new(
        sandbox: Sandbox,
        store: Store,
        objects: Option<Objects>,
        slots: usize,
        cancel: Cancel,
    ) -> Self {
        Self {
            sandbox,
            store,
            objects,
            slots,
            cancel,
            ready: Mutex::default(),
            getting: Mutex::default(),
        }
    }

    /// What a task needs. A guest is run because the manifest of a run in the
    /// store names its digest, and for no other reason.
    pub(super) fn bench(&self, order: &Order) -> Result<Bench, ShelfError> {
        let run = match self.run(&order.run) {
            Some(run) => run,
            None => {
                let _getting = self.getting();
                match self.run(&order.run) {
                    Some(run) => run,
                    None => self.get_run(&order.run)?,
                }
            }
        };
        let key = PoolKey {
            data: run.data.clone(),
            limits: order.limits(),
            fresh: order.fresh,
        };
        let pool = match self.pool(&key) {
            Some(pool) => pool,
            None => {
                let _getting = self.getting();
                match self.pool(&key) {
                    Some(pool) => pool,
                    None => self.get_pool(key)?,
                }
            }
        };
        let expansion = Arc::clone(&run.expansion);
        Ok(Bench { expansion, pool })
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn getting(&self) -> MutexGuard<'_, ()> {
        self.getting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, run: &Digest) -> Option<Arc<Run>> {
        used(&mut self.ready().runs, run)
    }

    fn pool(&self, key: &PoolKey) -> Option<Arc<LocalPool>> {
        used(&mut self.ready().pools, key)
    }

    fn get_run(&self, id: &Digest) -> Result<Arc<Run>, ShelfError> {
        let bytes = self.store.get(&Key::plan(id))?;
        let bytes = bytes.ok_or_else(|| ShelfError::Unknown {
            store: self.store.url().to_owned(),
            run: *id,
        })?;
        let manifest = Manifest::read(&bytes, id)?;
        let run = Arc::new(Run {
            expansion: Arc::new(manifest.outline()),
            data: manifest.data,
        });
        keep(&mut self.ready().runs, *id, &run, RUNS);
        Ok(run)
    }

    fn get_pool(&self, key: PoolKey) -> Result<Arc<LocalPool>, ShelfError> {
        let data = &key.data;
        let component = self.object(Key::guest(&data.guest), data.guest)?;
        let guest = self.sandbox.load(&component, data.guest);
        let guest = guest.map_err(|source| ShelfError::Guest {
            guest: data.guest,
            source,
        })?;
        let table = self.object(Key::dataset(&data.dataset), data.dataset)?;
        let splits = self.object(Key::splits(&data.splits), data.splits)?;
        let work = Work {
            record: Record::new(self.store.clone(), key.limits, !key.fresh),
            dataset: data.dataset,
            splits: data.splits,
            cancel: self.cancel.clone(),
        };
        let pool = LocalPool::new(Arc::new(guest), work, key.limits, self.slots);
        let pool = Arc::new(pool.with_files(table, splits));
        keep(&mut self.ready().pools, key, &pool, KEPT);
        Ok(pool)
    }

    /// An object whose name is its digest, from the disk if it is there.
    fn object(&self, key: Key, digest: Digest) -> Result<Bytes, ShelfError> {
        if let Some(bytes) = self.objects.as_ref().and_then(|kept| kept.get(&digest)) {
            return Ok(bytes);
        }
        let Some(bytes) = self.store.get(&key)? else {
            return Err(ShelfError::Missing { key });
        };
        self.store.verify(&key, &bytes, digest)?;
        if let Some(objects) = &self.objects {
            objects.keep(&digest, &bytes);
        }
        Ok(bytes)
    }
}

fn used<K: PartialEq, V>(kept: &mut Vec<(K, Arc<V>)>, key: &K) -> Option<Arc<V>> {
    let at = kept.iter().position(|(known, _)| known == key)?;
    let found = kept.remove(at);
    let value = Arc::clone(&found.1);
    kept.push(found);
    Some(value)
}

fn keep<K, V>(kept: &mut Vec<(K, Arc<V>)>, key: K, value: &Arc<V>, most: usize) {
    if kept.len() >= most {
        kept.remove(0);
    }
    kept.push((key, Arc::clone(value)));
}
