//! Where the time of preparing goes.

use super::*;
use crate::plan::Kind;

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn measure_flights() {
    let plan = flights();
    let time = |name: &str, run: &mut dyn FnMut()| {
        let mut best = f64::MAX;
        for _ in 0..7 {
            let start = std::time::Instant::now();
            run();
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
        println!("{name:<12} {best:8.2} ms");
        best
    };
    time("prepare", &mut || {
        let store = Store::open("memory://").unwrap();
        let prepared = prepare(&plan, &store).unwrap();
        assert_eq!(prepared.rows, 336_776);
    });
    let store = Store::open("memory://").unwrap();
    let prepared = prepare(&plan, &store).unwrap();
    println!(
        "{} bytes, splits {} bytes",
        prepared.dataset_bytes,
        prepared.splits_content.len()
    );
    println!("{:#?}", prepared.summary);
    for warning in &prepared.summary.warnings {
        println!("{warning}");
    }
    let source = Source::open(&plan.dataset, &here(), CHUNK_BYTES).unwrap();
    let projection = Encoder::new(&source, &plan.dataset, &plan.cv, &plan.kind, 16_384)
        .unwrap()
        .projection()
        .to_vec();
    time("read", &mut || {
        source
            .batches(&projection, 16_384)
            .for_each(|batch| drop(batch.unwrap()));
    });
    let batches: Vec<_> = source
        .batches(&projection, 16_384)
        .map(Result::unwrap)
        .collect();
    let mut kept = Vec::new();
    time("encode", &mut || {
        kept.clear();
        let mut encoder =
            Encoder::new(&source, &plan.dataset, &plan.cv, &plan.kind, 16_384).unwrap();
        kept.extend(batches.iter().map(|batch| encoder.encode(batch).unwrap()));
    });
    time("summary", &mut || {
        let mut summary = SummaryBuilder::new(12, Some(336_776));
        kept.iter().for_each(|batch| summary.update(batch));
    });
    let mut keys = Vec::new();
    time("keys", &mut || {
        for batch in &kept {
            batch
                .columns
                .iter()
                .for_each(|c| statistics::value_keys(c, &mut keys));
        }
    });
    time("statistics", &mut || {
        let mut columns: Vec<_> = (0..12)
            .map(|_| statistics::ColumnStatistics::new(16_384))
            .collect();
        for batch in &kept {
            for (column, statistics) in batch.columns.iter().zip(&mut columns) {
                statistics::value_keys(column, &mut keys);
                statistics.update(&keys, batch.classes.as_ref().unwrap());
            }
        }
    });
    time("duplicates", &mut || {
        let mut duplicates = statistics::DuplicateRows::new(1 << 20, 336_776);
        for batch in &kept {
            let mut hashes = vec![0; batch.columns[0].len()];
            for column in &batch.columns {
                statistics::value_keys(column, &mut keys);
                statistics::DuplicateRows::hash_column(&mut hashes, &keys);
            }
            duplicates.update(&mut hashes);
        }
    });
    let schema = Encoder::new(&source, &plan.dataset, &plan.cv, &plan.kind, 16_384)
        .unwrap()
        .schema();
    let mut bytes = Bytes::new();
    time("write", &mut || {
        let mut writer = DatasetWriter::new(schema.clone(), true);
        kept.iter()
            .for_each(|batch| writer.write(&batch.columns).unwrap());
        bytes = writer.finish(None).unwrap().content.bytes().unwrap();
    });
    time("digest", &mut || {
        std::hint::black_box(Digest::of(&bytes));
    });
    time("decode", &mut || {
        let reader =
            ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes.clone());
        reader
            .unwrap()
            .with_batch_size(65_536)
            .build()
            .unwrap()
            .for_each(|b| drop(b.unwrap()));
    });
    let classes: Vec<u32> = kept
        .iter()
        .flat_map(|b| b.classes.clone().unwrap())
        .collect();
    let set = labels::LabelSet {
        labels: vec!["0".to_owned(), "1".to_owned()],
        texts: false,
    };
    let target = Target {
        rows: classes.len(),
        classes: Some(Coded::of(&classes, &set)),
    };
    let mut assignment = None;
    time("assign", &mut || {
        assignment = Some(
            split::assign(
                &plan.cv,
                &Kind::default(),
                None,
                target,
                SplitterColumns::None,
            )
            .unwrap(),
        )
    });
    time("splits", &mut || {
        drop(writer::write_splits(&assignment.as_ref().unwrap().columns()).unwrap())
    });
}

/// The splits file of 1,000 shuffled splits of 100,000 rows.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn measure_shuffled_splits() {
    for (train_size, test_size) in [(None, 0.1), (Some(SplitSize::Fraction(0.5)), 0.25)] {
        let cv = Cv::ShuffleSplit {
            n_splits: 1000,
            test_size: Some(SplitSize::Fraction(test_size)),
            train_size,
            random_state: 0,
        };
        let target = Target {
            rows: 100_000,
            classes: None,
        };
        let start = std::time::Instant::now();
        let found =
            split::assign(&cv, &Kind::default(), None, target, SplitterColumns::None).unwrap();
        let assigned = start.elapsed();
        let file = writer::write_splits(&found.columns()).unwrap();
        println!(
            "test {test_size}, train {train_size:?}: {} bytes, {:.3} bits a value; drawn in {:.1} s, \
             written in {:.1} s",
            file.size,
            file.size as f64 * 8.0 / 1e8,
            assigned.as_secs_f64(),
            (start.elapsed() - assigned).as_secs_f64()
        );
    }
}
