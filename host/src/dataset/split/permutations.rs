//! [`permutations`]: splits whose targets are shuffled.

use fanout_contract::{Split, TargetShuffle};
use fanout_sdk::numpy::GroupShuffle;

use super::Splitter;
use super::assignment::{Builder, SplitColumn};
use super::coded::{Coded, Ranked};
use super::error::SplitError;
use crate::dataset::parts::{PartOf, SplitPart};
use crate::plan::Cv;

/// Adds to the splits of `builder`, for each of `count` permutations of the targets, the
/// splits that scikit-learn's `permutation_test_score` takes there: the same ones with
/// the targets shuffled, or where `cv` is stratified, those of the shuffled targets.
/// `column` holds the groups.
pub(super) fn permutations(
    (count, random_state): (u32, u32),
    splitter: &Splitter<'_>,
    column: Option<Coded<'_>>,
    builder: &mut Builder<'_>,
) -> Result<Vec<SplitPart>, SplitError> {
    let Splitter {
        cv, rows, classes, ..
    } = *splitter;
    let base: Vec<Split> = builder
        .columns()
        .iter()
        .flat_map(SplitColumn::splits)
        .collect();
    let all = u128::from(count) + 1;
    let splits = base.len() as u128 * all;
    let columns = builder.columns().len() as u128 * all;
    match classes.filter(|_| cv.is_stratified()) {
        Some(_) if builder.columns().iter().all(SplitColumn::is_coded) => {
            builder.expect_marks(columns)?;
        }
        Some(_) => builder.expect_folds(splits, columns)?,
        None => builder.expect_folds(splits, 0)?,
    }
    let groups = column.filter(|_| !matches!(cv, Cv::PredefinedSplit { .. }));
    let groups = groups.map(|column| Ranked::of(column, rows).of_rows);
    let group = |number: usize| groups.as_ref().map_or(0, |groups| groups[number] as i32);
    let shuffled = builder.unsplit("shuffle", group);
    let mut shuffle = GroupShuffle::new(random_state, shuffled.unsplit_values());
    let mut part = SplitPart {
        splits: base.len() as u32,
        of: PartOf::Unshuffled,
    };
    let mut parts = vec![part.clone()];
    let (mut permuted, mut others) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut own = base.clone();
        if let Some(classes) = classes.filter(|_| cv.is_stratified()) {
            let codes = shuffle.shuffled(classes.codes);
            let mut inside = Builder::new(cv.method(), rows, codes.len());
            let mut splitter = Splitter {
                cv,
                rows,
                classes: Some(Coded {
                    codes: &codes,
                    ..classes
                }),
                rare_classes: Vec::new(),
            };
            splitter.split(column, &mut inside)?;
            let mut columns = inside.take();
            for column in &mut columns {
                column.name = format!("shuffle{number}_{}", column.name);
            }
            own = columns.iter().flat_map(SplitColumn::splits).collect();
            others.append(&mut columns);
        }
        permuted.extend(own.into_iter().map(|split| Split {
            shuffle: Some(TargetShuffle {
                column: shuffled.name.clone(),
                random_state,
                number,
            }),
            ..split
        }));
        part.of = PartOf::Permutation(number);
        parts.push(part.clone());
    }
    others.push(shuffled);
    builder.put_permuted(permuted, others);
    Ok(parts)
}
