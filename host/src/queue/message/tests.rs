use proptest::prelude::*;
use serde_json::{Value, json};

use super::series::SeriesError;
use super::*;

proptest! {
    #[test]
    fn a_series_holds_its_numbers(numbers in proptest::collection::btree_set(0u32..1000, 0..50)) {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let text = write(&Series::of(&numbers));
        let series: Series = read(&text).unwrap();
        prop_assert_eq!(series.numbers(1000).unwrap(), numbers);
    }

    /// Whatever progressions a message holds: they are refused, or few, unique
    /// and ascending.
    #[test]
    fn a_forged_series_is_refused_or_ascends(
        progressions in prop::collection::vec((number(), number(), number()), 0..6),
        bound in 0usize..2000,
    ) {
        let Ok(series) = read::<Series>(&write(&progressions)) else { return Ok(()) };
        if let Some(numbers) = series.numbers(bound) {
            prop_assert!(numbers.len() <= bound);
            prop_assert!(numbers.is_sorted_by(|a, b| a < b));
            prop_assert!(numbers.iter().all(|&number| (number as usize) < bound));
            prop_assert_eq!(read::<Series>(&write(&series)).unwrap(), series);
        }
    }

    /// No bytes are a panic, and whatever is read keeps its bounds.
    #[test]
    fn forged_messages_are_refused_or_bounded(document in document(), cut in any::<u16>()) {
        let text = document.to_string();
        let text = text.as_bytes();
        for bytes in [text, &text[..text.len().min(cut.into())]] {
            if let Ok(task) = read::<TaskMessage>(bytes) {
                prop_assert!(crate::queue::is_name(&task.session));
                prop_assert!(task.fits.len() <= FITS);
                // Whatever the time is, it is one.
                prop_assert_eq!(task.limits().timeout_ms(), task.timeout_ms);
            }
            if let Ok(message) = read::<WorkerMessage>(bytes) {
                match message {
                    WorkerMessage::Done { worker, differing, .. } => {
                        is_shown(&worker, NAME)?;
                        prop_assert!(differing.len() <= PARTS);
                    }
                    WorkerMessage::Returned { worker, reason, .. } => {
                        is_shown(&worker, NAME)?;
                        is_shown(&reason, REASON)?;
                    }
                    WorkerMessage::Unbegun { .. }
                    | WorkerMessage::ConfirmRedelivery { .. }
                    | WorkerMessage::Dropped { .. } => {}
                }
            }
            if let Ok(heartbeat) = read::<Heartbeat>(bytes) {
                is_shown(&heartbeat.name, NAME)?;
                is_shown(&heartbeat.version, NAME)?;
                prop_assert!(heartbeat.slots <= SLOTS);
                prop_assert!(heartbeat.memory.unwrap_or_default() <= MEMORY);
            }
            drop(read::<Verdict>(bytes));
        }
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read::<TaskMessage>(&bytes));
        drop(read::<WorkerMessage>(&bytes));
        drop(read::<Heartbeat>(&bytes));
        drop(read::<Verdict>(&bytes));
    }

    #[test]
    fn what_is_shown_is_one_short_line(text in ".{0,300}", most in 0usize..200) {
        is_shown(&shown(&text, most), most)?;
    }
}

fn is_shown(text: &str, most: usize) -> Result<(), TestCaseError> {
    prop_assert!(text.len() <= most, "{} bytes", text.len());
    prop_assert!(
        !text.chars().any(|char| char.is_control() || turns(char)),
        "{text:?}"
    );
    Ok(())
}

/// Small and very large numbers.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()]
}

/// Any value that a field may be forged to hold.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,40}".prop_map(Value::from),
        Just(Value::from("x\u{1b}[2J\r\n".repeat(1000))),
        Just(Value::from("a > b.*.c\r\nPUB x 0")),
        Just(Value::from(Digest::of(b"any").to_string())),
        Just(Value::from("session-1")),
    ];
    let number = prop_oneof![
        number().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(u64::MAX)),
    ];
    let series = prop::collection::vec((number_of_few(), number_of_few(), number_of_few()), 0..4)
        .prop_map(|progressions| json!(progressions));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        text,
        number,
        series,
        Just(json!(["up"])),
        Just(json!("up")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn number_of_few() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..5, any::<u32>()]
}

/// A true message of each kind, with some of its fields forged.
fn document() -> impl Strategy<Value = Value> {
    let digest = Digest::of(b"any");
    let documents = [
        json!({"run": digest, "task": digest, "identity": {"guest": digest},
               "fits": [{"max_depth": 1}, {}], "outputs": ["predictions"], "memory": 1 << 30, "timeout_ms": 1000, "fresh": true, "session": "abc", "tag": 1}),
        json!({"message": "done", "tag": 1, "worker": "one", "made": [[0, 2, 1]],
               "differing": [0]}),
        json!({"message": "returned", "tag": 1, "worker": "one", "reason": "why"}),
        json!({"message": "confirm_redelivery", "tag": 1}),
        json!({"message": "dropped", "tag": 1}),
        json!({"verdict": "wanted", "excused": 2}),
        json!({"verdict": "unwanted"}),
        json!({"name": "one", "version": "1", "state": "up", "slots": 2, "cores": 2,
               "memory": 5, "holding": [digest], "done": 1, "every_ms": 1000}),
    ];
    let forged = prop::collection::vec((any::<prop::sample::Index>(), value()), 0..3);
    (
        prop::sample::select(documents.to_vec()),
        forged,
        any::<bool>(),
    )
        .prop_map(|(mut document, forged, extra)| {
            let fields = document.as_object_mut().unwrap();
            let names: Vec<String> = fields.keys().cloned().collect();
            for (at, value) in forged {
                let name = match extra {
                    true => "extra".to_owned(),
                    false => at.get(&names).clone(),
                };
                fields.insert(name, value);
            }
            document
        })
}

#[test]
fn true_messages_are_read() {
    let document = |text: &str| Document::new(text.to_owned()).unwrap();
    let digest = Digest::of(b"any");
    let task = TaskMessage {
        run: digest,
        task: digest,
        identity: document(r#"{"a": 1.50}"#),
        fits: vec![document("{}"), document(r#"{"b":null}"#)],
        outputs: [Output::Predictions].into(),
        cuts: vec![4, 9],
        memory: 1,
        timeout_ms: 2,
        fresh: true,
        session: "a".to_owned(),
        tag: 3,
    };
    assert_eq!(read::<TaskMessage>(&write(&task)).unwrap(), task);
    for message in [
        WorkerMessage::Done {
            tag: 1,
            worker: "w".to_owned(),
            made: Series::of(&[0]),
            differing: vec![2],
        },
        WorkerMessage::Unbegun { tag: 1 },
        WorkerMessage::ConfirmRedelivery { tag: 1 },
        WorkerMessage::Dropped { tag: 1 },
    ] {
        assert_eq!(read::<WorkerMessage>(&write(&message)).unwrap(), message);
    }
    for verdict in [Verdict::Wanted { excused: 3 }, Verdict::Unwanted] {
        assert_eq!(read::<Verdict>(&write(&verdict)).unwrap(), verdict);
    }
}

#[test]
fn equal_steps_take_one_progression() {
    let every_third: Vec<u32> = (0..1000).map(|index| 5 + 3 * index).collect();
    assert_eq!(write(&Series::of(&every_third)), "[[5,1000,3]]");
    let ends = Series::of(&[0, u32::MAX]);
    assert_eq!(read::<Series>(&write(&ends)).unwrap(), ends);
}

#[test]
fn what_does_not_ascend_or_never_ends_is_no_series() {
    for (progressions, error) in [
        (vec![(0, 0, 1)], SeriesError::Empty),
        (vec![(0, 2, 0)], SeriesError::Empty),
        (vec![(0, 1, 0)], SeriesError::Empty),
        (vec![(u32::MAX, 2, 1)], SeriesError::Overflow),
        (vec![(1, 3, u32::MAX)], SeriesError::Overflow),
        (vec![(3, 1, 1), (3, 1, 1)], SeriesError::Order),
        (vec![(0, 5, 2), (4, 1, 1)], SeriesError::Order),
    ] {
        assert_eq!(Series::try_from(progressions), Err(error));
    }
    let all = Series::try_from(vec![(0, u32::MAX, 1)]).unwrap();
    assert_eq!(all.numbers(1000), None);
}

#[test]
fn a_document_keeps_its_text_and_fits_are_bounded() {
    let digest = Digest::of(b"any");
    let of = |fits: usize| {
        let fits = vec!["{}"; fits].join(",");
        let text = format!(
            r#"{{"run":"{digest}","task":"{digest}","identity":{{"a" : 1.50}},"fits":[{fits}],
                "memory":1,"timeout_ms":2,"session":"a","tag":3}}"#
        );
        read::<TaskMessage>(text.as_bytes())
    };
    assert_eq!(of(1).unwrap().identity.text(), r#"{"a" : 1.50}"#);
    assert_eq!(of(FITS).unwrap().fits.len(), FITS);
    let cut = |cuts: &str| {
        let text = format!(
            r#"{{"run":"{digest}","task":"{digest}","identity":{{}},"fits":[{{}}],"cuts":{cuts},
                "memory":1,"timeout_ms":2,"session":"a","tag":3}}"#
        );
        read::<TaskMessage>(text.as_bytes())
    };
    assert_eq!(cut("[64,128]").unwrap().cuts, [64, 128]);
    for wrong in ["[0,64]", "[64,64]", "[128,64]"] {
        assert!(cut(wrong).is_err(), "{wrong}");
    }
    assert!(of(FITS + 1).is_err());
}
