//! [`WorkerCache`]: the runs whose tasks a worker had last, and the pools with
//! their guests and datasets.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Objects;
use crate::digest::Digest;
use crate::expand::{Data, Expansion};
use crate::pool::{LocalPool, PoolContext};
use crate::queue::message::TaskMessage;
use crate::run::manifest::{Manifest, ManifestError};
use crate::run::record::Record;
use crate::sandbox::{Guest, GuestError, Sandbox};
use crate::store::{Key, Store, StoreError};
use crate::task::{Cancel, TaskLimits};

/// Pools that are cached: each may hold a dataset per slot.
pub(super) const POOLS: usize = 3;

/// Runs that are cached.
const RUNS: usize = 16;

/// Why a task can't be run here now.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerCacheError {
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

/// What the tasks of a run need.
pub(super) struct TaskContext {
    pub(super) expansion: Arc<Expansion>,
    pub(super) pool: Arc<LocalPool>,
}

struct Run {
    expansion: Arc<Expansion>,
    data: Data,
    arms: Vec<(Digest, String)>,
    /// See [`Inputs::share_prepared`](crate::expand::Inputs::share_prepared).
    is_shared: bool,
}

/// What distinguishes two pools.
#[derive(Clone, PartialEq)]
struct PoolKey {
    data: Data,
    /// The guest and the name of each trainer.
    arms: Vec<(Digest, String)>,
    is_shared: bool,
    limits: TaskLimits,
    fresh: bool,
}

/// What is cached; the last of each was used last.
#[derive(Default)]
struct Entries {
    runs: Vec<(Digest, Arc<Run>)>,
    pools: Vec<(PoolKey, Arc<LocalPool>)>,
}

pub(super) struct WorkerCache {
    sandbox: Sandbox,
    store: Store,
    objects: Option<Objects>,
    /// How many tasks a pool runs at a time.
    slots: usize,
    cancel: Cancel,
    entries: Mutex<Entries>,
    /// Held while something is loaded, so that two slots do not load the same.
    loading: Mutex<()>,
}

impl WorkerCache {
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
            entries: Mutex::default(),
            loading: Mutex::default(),
        }
    }

    /// What a task needs. A guest is run only because the manifest of a run in
    /// the store names its digest.
    pub(super) fn context(&self, task: &TaskMessage) -> Result<TaskContext, WorkerCacheError> {
        let run = match self.run(&task.run) {
            Some(run) => run,
            None => {
                let _loading = self.loading();
                match self.run(&task.run) {
                    Some(run) => run,
                    None => self.load_run(&task.run)?,
                }
            }
        };
        let key = PoolKey {
            data: run.data.clone(),
            arms: run.arms.clone(),
            is_shared: run.is_shared,
            limits: task.limits(),
            fresh: task.fresh,
        };
        let pool = match self.pool(&key) {
            Some(pool) => pool,
            None => {
                let _loading = self.loading();
                match self.pool(&key) {
                    Some(pool) => pool,
                    None => self.load_pool(key)?,
                }
            }
        };
        let expansion = Arc::clone(&run.expansion);
        Ok(TaskContext { expansion, pool })
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, run: &Digest) -> Option<Arc<Run>> {
        used(&mut self.entries().runs, run)
    }

    fn pool(&self, key: &PoolKey) -> Option<Arc<LocalPool>> {
        used(&mut self.entries().pools, key)
    }

    fn load_run(&self, id: &Digest) -> Result<Arc<Run>, WorkerCacheError> {
        let bytes = self.store.get(&Key::plan(id))?;
        let bytes = bytes.ok_or_else(|| WorkerCacheError::Unknown {
            store: self.store.url().to_owned(),
            run: *id,
        })?;
        let manifest = Manifest::read(&bytes, id)?;
        let arms = manifest.inputs.arms.iter();
        let arms = arms.map(|arm| (arm.guest, arm.trainer.name.clone()));
        let run = Arc::new(Run {
            expansion: Arc::new(manifest.outline()),
            is_shared: manifest.inputs.share_prepared(),
            arms: arms.collect(),
            data: manifest.inputs.data,
        });
        keep(&mut self.entries().runs, *id, &run, RUNS);
        Ok(run)
    }

    fn load_pool(&self, key: PoolKey) -> Result<Arc<LocalPool>, WorkerCacheError> {
        let data = &key.data;
        let each: BTreeSet<Digest> = key.arms.iter().map(|(guest, _)| *guest).collect();
        let guests = each.into_iter().map(|guest| {
            let component = self.object(Key::guest(&guest), guest)?;
            let loaded = self.sandbox.load(&component, guest);
            let loaded = loaded.map_err(|source| WorkerCacheError::Guest { guest, source })?;
            Ok(Arc::new(loaded))
        });
        let guests: Vec<Arc<Guest>> = guests.collect::<Result<_, WorkerCacheError>>()?;
        let table = self.object(Key::dataset(&data.dataset), data.dataset)?;
        let splits = self.object(Key::splits(&data.splits), data.splits)?;
        let context = PoolContext {
            record: Record::new(self.store.clone(), key.limits, !key.fresh),
            dataset: data.dataset,
            splits: data.splits,
            cancel: self.cancel.clone(),
        };
        let pool = LocalPool::new(guests, context, key.limits, self.slots);
        let pool = pool.with_files(table, splits);
        let pool = Arc::new(match key.is_shared {
            true => pool,
            false => pool.unshared(),
        });
        keep(&mut self.entries().pools, key, &pool, POOLS);
        Ok(pool)
    }

    /// An object whose name is its digest, from the disk or the store.
    fn object(&self, key: Key, digest: Digest) -> Result<Bytes, WorkerCacheError> {
        if let Some(bytes) = self.objects.as_ref().and_then(|kept| kept.get(&digest)) {
            return Ok(bytes);
        }
        let Some(bytes) = self.store.get(&key)? else {
            return Err(WorkerCacheError::Missing { key });
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
