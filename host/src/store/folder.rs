//! [`Folder`]: whole objects of a local store, read and created with few system
//! calls. A search of tiny fits reads and creates one object per task, so these
//! calls are most of what a task costs; everything else of a local store is
//! done by `object_store`, over the same files.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::path::Path;

/// The folder of a local store.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// The number of the next staging file.
    staged: AtomicU64,
}

impl Folder {
    pub(super) fn new(root: &FilePath) -> Self {
        Self {
            root: root.to_owned(),
            // Processes that write the same object at once stage it under
            // different names.
            staged: AtomicU64::new(crate::jitter::random()),
        }
    }

    /// The content of an object; `None` where there is none.
    pub(super) fn read(&self, name: &Path) -> Result<Option<Bytes>> {
        match fs::read(self.root.join(name.as_ref())) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object, whole, unless it exists. Returns whether it did.
    pub(super) fn create(&self, name: &Path, bytes: &[u8]) -> Result<bool> {
        let path = self.root.join(name.as_ref());
        // The form of `object_store`'s staging files, which `fanout gc` removes
        // where a killed process left them.
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let mut staging = path.clone().into_os_string();
        staging.push(format!("#{number}"));
        let staging = PathBuf::from(staging);
        let mut file = stage(&staging)?;
        let created = file
            .write_all(bytes)
            .and_then(|()| publish(&staging, &path));
        if !matches!(created, Ok(true)) {
            // What is left is removed by `fanout gc`.
            drop(fs::remove_file(&staging));
        }
        created
    }
}

fn stage(path: &FilePath) -> Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).open(path);
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            open()
        }
        opened => opened,
    }
}

/// Gives a staged file its name, unless that is taken. Returns whether it did.
fn publish(staging: &FilePath, path: &FilePath) -> Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, staging, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            // Some file systems, and old kernels, have no such rename.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    link(staging, path)
}

/// The same by a second name and removing the first.
fn link(staging: &FilePath, path: &FilePath) -> Result<bool> {
    match fs::hard_link(staging, path) {
        Ok(()) => {
            fs::remove_file(staging)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &FilePath) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: Result<fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    #[test]
    fn an_object_is_created_once_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let name = Path::from("tasks/ab/abc.0.json");
        assert_eq!(folder.read(&name).unwrap(), None);
        assert!(folder.create(&name, b"first").unwrap());
        assert!(!folder.create(&name, b"second").unwrap());
        assert_eq!(folder.read(&name).unwrap().unwrap(), "first");
        assert_eq!(files(&root.path().join("tasks/ab")), ["abc.0.json"]);
    }

    #[test]
    fn a_file_system_without_exclusive_renames_creates_once_too() {
        let root = tempfile::tempdir().unwrap();
        let [staging, path] = ["a#1", "a"].map(|name| root.path().join(name));
        for (content, created) in [("first", true), ("second", false)] {
            fs::write(&staging, content).unwrap();
            assert_eq!(link(&staging, &path).unwrap(), created);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

    #[test]
    fn of_threads_that_create_one_object_one_does() {
        let root = tempfile::tempdir().unwrap();
        let folders = [(); 4].map(|()| Folder::new(root.path()));
        for number in 0..50 {
            let name = Path::from(format!("tasks/ab/{number}"));
            let created = std::thread::scope(|scope| {
                let create = |folder| {
                    let name = &name;
                    scope.spawn(move || Folder::create(folder, name, b"x").unwrap())
                };
                let threads = folders.each_ref().map(create);
                threads.map(|thread| thread.join().unwrap())
            });
            assert_eq!(created.iter().filter(|&&created| created).count(), 1);
        }
        assert_eq!(files(&root.path().join("tasks/ab")).len(), 50);
    }
}
