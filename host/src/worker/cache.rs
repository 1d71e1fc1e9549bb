//! [`WorkerCache`]: the runs whose tasks a worker had last, and the pools with
//! their guests and datasets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Objects;
use crate::digest::Digest;
use crate::expand::TaskIdentity;
use crate::pool::{LocalPool, PoolContext};
use crate::queue::message::TaskMessage;
use crate::run::manifest::{Manifest, ManifestError, Scope};
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
    /// The run's manifest does not name what the task is of.
    #[error("the run `{run}` names no such guest, trainer, step, target or data")]
    Unnamed {
        /// The run.
        run: Digest,
    },
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

/// What distinguishes two pools.
#[derive(Clone, PartialEq)]
struct PoolKey {
    scope: Arc<Scope>,
    limits: TaskLimits,
    fresh: bool,
}

/// What is cached; the last of each was used last.
#[derive(Default)]
struct Entries {
    runs: Vec<(Digest, Arc<Scope>)>,
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

    /// The pool for a task. A guest is run only because the manifest of a run in
    /// the store names its digest.
    pub(super) fn pool_of(
        &self,
        task: &TaskMessage,
        identity: &TaskIdentity,
    ) -> Result<Arc<LocalPool>, WorkerCacheError> {
        let scope = match self.run(&task.run) {
            Some(scope) => scope,
            None => {
                let _loading = self.loading();
                match self.run(&task.run) {
                    Some(scope) => scope,
                    None => self.load_run(&task.run)?,
                }
            }
        };
        if !scope.includes(identity) {
            return Err(WorkerCacheError::Unnamed { run: task.run });
        }
        let key = PoolKey {
            scope,
            limits: task.limits(),
            fresh: task.fresh,
        };
        if let Some(pool) = self.pool(&key) {
            return Ok(pool);
        }
        let _loading = self.loading();
        match self.pool(&key) {
            Some(pool) => Ok(pool),
            None => self.load_pool(key),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, run: &Digest) -> Option<Arc<Scope>> {
        used(&mut self.entries().runs, run)
    }

    fn pool(&self, key: &PoolKey) -> Option<Arc<LocalPool>> {
        used(&mut self.entries().pools, key)
    }

    fn load_run(&self, id: &Digest) -> Result<Arc<Scope>, WorkerCacheError> {
        let bytes = self.store.get(&Key::plan(id))?;
        let bytes = bytes.ok_or_else(|| WorkerCacheError::Unknown {
            store: self.store.url().to_owned(),
            run: *id,
        })?;
        let scope = Arc::new(Manifest::read(&bytes, id)?.scope());
        keep(&mut self.entries().runs, *id, &scope, RUNS);
        Ok(scope)
    }

    fn load_pool(&self, key: PoolKey) -> Result<Arc<LocalPool>, WorkerCacheError> {
        let data = &key.scope.data;
        let guests = key.scope.guests().into_iter().map(|guest| {
            let component = self.object(Key::guest(&guest), guest, || self.store.guest(guest))?;
            let loaded = self.sandbox.load(&component, guest);
            let loaded = loaded.map_err(|source| WorkerCacheError::Guest { guest, source })?;
            Ok(Arc::new(loaded))
        });
        let guests: Vec<Arc<Guest>> = guests.collect::<Result<_, WorkerCacheError>>()?;
        let file = |key: Key, digest| {
            let fetch = || self.store.get_verified(&key, digest);
            self.object(key.clone(), digest, fetch)
        };
        let table = file(Key::dataset(&data.dataset), data.dataset)?;
        let splits = file(Key::splits(&data.splits), data.splits)?;
        let context = PoolContext {
            record: Record::new(self.store.clone(), key.limits, !key.fresh),
            dataset: data.dataset,
            splits: data.splits,
            cancel: self.cancel.clone(),
        };
        let pool = LocalPool::new(guests, context, key.limits, self.slots);
        let pool = pool.with_files(table, splits);
        let pool = Arc::new(match key.scope.share_prepared {
            true => pool,
            false => pool.unshared(),
        });
        keep(&mut self.entries().pools, key, &pool, POOLS);
        Ok(pool)
    }

    /// An object whose name is its digest, from the disk, or as `fetch` finds it in the store.
    fn object(
        &self,
        key: Key,
        digest: Digest,
        fetch: impl FnOnce() -> Result<Option<Bytes>, StoreError>,
    ) -> Result<Bytes, WorkerCacheError> {
        if let Some(bytes) = self.objects.as_ref().and_then(|kept| kept.get(&digest)) {
            return Ok(bytes);
        }
        let Some(bytes) = fetch()? else {
            return Err(WorkerCacheError::Missing { key });
        };
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
