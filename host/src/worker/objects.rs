//! [`Objects`]: datasets and guests of the store on this machine's disk, under
//! the digests of their content. What does not have its digest is not there.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use crate::digest::Digest;

/// A folder of objects, as large as it may grow.
#[derive(Clone, Debug)]
pub struct Objects {
    folder: PathBuf,
    most: u64,
}

impl Objects {
    /// Objects in `folder`, at most so many bytes of them; it is made when it
    /// is first needed.
    pub fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most }
    }

    /// The object with this digest, if it is there and whole.
    pub(super) fn get(&self, digest: &Digest) -> Option<Bytes> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) != *digest {
            drop(fs::remove_file(&path));
            return None;
        }
        // The oldest goes first where there is no room. A file that can't be
        // touched is only older than it is.
        let file = fs::File::open(&path);
        drop(file.and_then(|file| file.set_modified(SystemTime::now())));
        Some(bytes.into())
    }

    /// Keeps an object. One that can't be kept is got again from the store.
    pub(super) fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 <= self.most {
            self.make_room(bytes.len() as u64);
            drop(self.write(&self.path(digest), bytes));
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }

    fn make_room(&self, bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let about = entry.metadata().ok()?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut all: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if all + bytes <= self.most {
                return;
            }
            // One that another process has removed makes room all the same.
            drop(fs::remove_file(path));
            all -= len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::new(folder.path().join("objects"), 10);
        let mut age = 300;
        let [one, two, three] = [&b"oneone"[..], b"two", b"three"].map(|bytes| {
            let digest = Digest::of(bytes);
            objects.keep(&digest, bytes);
            let then = SystemTime::now() - std::time::Duration::from_secs(age);
            let file = fs::File::open(objects.path(&digest)).unwrap();
            file.set_modified(then).unwrap();
            age -= 100;
            digest
        });
        assert_eq!(objects.get(&one), None);
        assert_eq!(objects.get(&two).unwrap(), "two");
        assert_eq!(objects.get(&three).unwrap(), "three");
        objects.keep(&one, &[0; 11]);
        assert!(objects.get(&two).is_some());
    }

    #[test]
    fn what_has_another_digest_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::new(folder.path().to_owned(), 100);
        let digest = Digest::of(b"whole");
        objects.keep(&digest, b"whole");
        fs::write(objects.path(&digest), b"wholf").unwrap();
        assert_eq!(objects.get(&digest), None);
        assert!(!objects.path(&digest).exists());
    }
}
