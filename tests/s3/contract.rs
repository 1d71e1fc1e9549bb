//! What every store keeps: one function a promise, all of them called by
//! [`every_promise`] for every kind of store.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use fanout::digest::Digest;
use fanout::store::{Key, Location, Remote, Store, StoreError};

/// Calls all promises on an empty store.
pub(crate) fn every_promise(store: &Store) {
    let promises: &[fn(&Store)] = &[
        what_was_created_is_there,
        what_was_created_stays,
        one_of_many_who_create_wins,
        what_is_not_there_is_none,
        many_come_in_order,
        a_large_object_comes_whole,
        a_listing_names_its_folder_alone,
        what_was_removed_is_gone,
        a_probe_finds_it_good,
    ];
    for promise in promises {
        promise(store);
    }
}

/// Names that differ from promise to promise.
fn key(name: &str) -> Key {
    Key::guest(&Digest::of(name.as_bytes()))
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn what_was_created_is_there(store: &Store) {
    let key = key("created");
    assert!(store.create(&key, bytes("0123456789")).unwrap());
    assert_eq!(store.get(&key).unwrap().unwrap(), "0123456789");
    assert!(store.contains(&key).unwrap());
    assert_eq!(store.size(&key).unwrap(), Some(10));
    assert_eq!(store.get_range(&key, 3..7).unwrap(), "3456");
    assert_eq!(store.get_range(&key, 4..4).unwrap(), "");
    store
        .verify(&key, b"0123456789", Digest::of(b"0123456789"))
        .unwrap();
    let damaged = store.verify(&key, b"0123456788", Digest::of(b"0123456789"));
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
}

fn what_was_created_stays(store: &Store) {
    let key = key("stays");
    assert!(store.create(&key, bytes("first")).unwrap());
    assert!(!store.create(&key, bytes("second")).unwrap());
    assert_eq!(store.get(&key).unwrap().unwrap(), "first");
}

/// Not every server is strict when many create at once, but all of them keep
/// one content whole.
fn one_of_many_who_create_wins(store: &Store) {
    let key = key("raced");
    let contents: Vec<Bytes> = (0..8u8).map(|i| Bytes::from(vec![i; 4096])).collect();
    let won = std::thread::scope(|scope| {
        let threads: Vec<_> = contents
            .iter()
            .map(|content| scope.spawn(|| store.create(&key, content.clone()).unwrap()))
            .collect();
        let won = threads.into_iter().map(|thread| thread.join().unwrap());
        won.filter(|&won| won).count()
    });
    assert!(won >= 1);
    if store.at_once() == 1 {
        assert_eq!(won, 1, "a folder is strict");
    }
    assert!(contents.contains(&store.get(&key).unwrap().unwrap()));
    assert!(!store.create(&key, bytes("late")).unwrap());
}

fn what_is_not_there_is_none(store: &Store) {
    let key = key("missing");
    assert_eq!(store.get(&key).unwrap(), None);
    assert_eq!(store.size(&key).unwrap(), None);
    assert!(!store.contains(&key).unwrap());
    store.delete(&key).unwrap();
    assert!(matches!(
        store.get_range(&key, 0..1),
        Err(StoreError::Object { .. })
    ));
}

fn many_come_in_order(store: &Store) {
    let objects: Vec<(Key, Bytes)> = (0..100)
        .map(|i| (key(&format!("many {i}")), bytes(&format!("content {i}"))))
        .collect();
    let (even, odd): (Vec<_>, Vec<_>) = objects
        .iter()
        .cloned()
        .enumerate()
        .partition(|o| o.0 % 2 == 0);
    let even: Vec<_> = even.into_iter().map(|(_, object)| object).collect();
    assert_eq!(store.create_many(&even).unwrap(), vec![true; 50]);
    let keys: Vec<Key> = objects.iter().map(|(key, _)| key.clone()).collect();
    let there = store.contains_many(&keys).unwrap();
    let got = store.get_many(&keys).unwrap();
    for (i, (_, content)) in objects.iter().enumerate() {
        assert_eq!(there[i], i % 2 == 0);
        assert_eq!(got[i].as_ref(), Some(content).filter(|_| i % 2 == 0));
    }
    let created = store.create_many(&objects).unwrap();
    let news: Vec<usize> = (0..100).filter(|&i| created[i]).collect();
    assert_eq!(news, odd.iter().map(|(i, _)| *i).collect::<Vec<_>>());
}

/// More than two parts of it, the last of them odd.
fn large() -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..(17 << 20) + 3).map(next).collect()
}

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn a_large_object_comes_whole(store: &Store) {
    let (key, content) = (key("large"), large());
    assert!(store.create_from(&key, file(&content)).unwrap());
    assert_eq!(store.size(&key).unwrap(), Some(content.len() as u64));
    assert!(store.get(&key).unwrap().unwrap() == content);
    let across = (8 << 20) - 5..(8 << 20) + 5;
    let part = store.get_range(&key, across.start as u64..across.end as u64);
    assert_eq!(part.unwrap(), content[across]);
    assert!(!store.create_from(&key, file(b"another")).unwrap());
    assert_eq!(store.size(&key).unwrap(), Some(content.len() as u64));

    // Small ones, and those of a whole number of parts, take other ways.
    for (name, length) in [("small", 5), ("empty", 0), ("even", 16 << 20)] {
        let key = self::key(name);
        assert!(store.create_from(&key, file(&content[..length])).unwrap());
        assert!(
            store.get(&key).unwrap().unwrap() == content[..length],
            "{name}"
        );
    }
}

fn a_listing_names_its_folder_alone(store: &Store) {
    let digest = Digest::of(b"listed");
    let inside = Key::dataset(&digest);
    store.create(&inside, bytes("table")).unwrap();
    let listed = store.list("datasets").unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].bytes), (&inside, 5));
    let age = listed[0].modified.elapsed().unwrap_or_default();
    assert!(age.as_secs() < 3600, "{age:?}");
    assert_eq!(store.list(&format!("datasets/{digest}")).unwrap(), listed);
    // A folder's name is whole, and not the beginning of one.
    assert_eq!(store.list("data").unwrap(), []);
    assert_eq!(store.list("nothing").unwrap(), []);
}

fn what_was_removed_is_gone(store: &Store) {
    let keys: Vec<Key> = (0..10).map(|i| key(&format!("removed {i}"))).collect();
    for key in &keys {
        store.create(key, bytes("content")).unwrap();
    }
    store.delete(&keys[0]).unwrap();
    assert_eq!(store.get(&keys[0]).unwrap(), None);
    assert!(store.contains(&keys[1]).unwrap());
    store.delete_many(&keys).unwrap();
    assert_eq!(store.contains_many(&keys).unwrap(), vec![false; 10]);
    assert!(store.create(&keys[0], bytes("again")).unwrap());
}

fn a_probe_finds_it_good(store: &Store) {
    store.probe().unwrap();
    store.probe().unwrap();
    store.probe_well().unwrap();
    assert_eq!(
        store.list("probe").unwrap().len(),
        1,
        "no more is left behind"
    );
}

/// What a source in a bucket keeps; `at` is an empty folder of it.
pub(crate) fn every_promise_of_sources(at: &Location) {
    let store = Store::open(at).unwrap();
    let digests: Vec<Digest> = (0..3u8).map(|i| Digest::of(&[i])).collect();
    for (i, digest) in digests.iter().enumerate() {
        let guest = Key::guest(digest);
        store.create(&guest, bytes(&format!("guest {i}"))).unwrap();
        store.create(&Key::dataset(digest), bytes("table")).unwrap();
    }
    let find = |path: &str| -> Vec<Remote> {
        Remote::find(&at.source(&format!("{}/{path}", at.url))).unwrap()
    };
    let mut guests: Vec<String> = digests
        .iter()
        .map(|digest| format!("{}/guests/{digest}.wasm", at.url))
        .collect();
    guests.sort();
    let names = |found: Vec<Remote>| -> Vec<String> {
        found
            .iter()
            .map(|remote| remote.name().to_owned())
            .collect()
    };
    assert_eq!(names(find("guests")), guests);
    assert_eq!(names(find("guests/")), guests);
    assert_eq!(names(find("guests/*.wasm")), guests);
    assert_eq!(names(find("guests/*.csv")), [""; 0]);
    assert_eq!(names(find("*")), [""; 0], "a star stays in its folder");
    assert_eq!(find("*/*/dataset.parquet").len(), 3);
    assert_eq!(names(find("nothing")), [""; 0]);

    let content = large();
    let digest = Digest::of(b"large");
    store
        .create_from(&Key::guest(&digest), file(&content))
        .unwrap();
    let found = find(&format!("guests/{digest}.wasm"));
    let [one] = found.as_slice() else {
        panic!("one file has this name")
    };
    assert_eq!(one.size(), content.len() as u64);
    assert_eq!(one.read(100..200).unwrap(), content[100..200]);
    let mut whole = Vec::new();
    one.reader(0).read_to_end(&mut whole).unwrap();
    assert!(whole == content);
    let mut reader = one.reader(5);
    let mut four = [0; 4];
    reader.read_exact(&mut four).unwrap();
    assert_eq!(four, content[5..9]);
    reader.seek(SeekFrom::Current(3)).unwrap();
    reader.read_exact(&mut four).unwrap();
    assert_eq!(four, content[12..16]);
    reader.seek(SeekFrom::End(-2)).unwrap();
    whole.clear();
    reader.read_to_end(&mut whole).unwrap();
    assert_eq!(whole, content[content.len() - 2..]);
}
