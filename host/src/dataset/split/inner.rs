//! [`inner`]: splits inside the training rows of splits.

use super::assignment::{Builder, SplitColumn};
use super::coded::Coded;
use super::error::SplitError;
use super::marks::Mark;
use super::{SplitPart, Splitter};
use crate::dataset::parts::PartOf;
use crate::plan::Cv;

/// Adds to each split of `builder` those of `cv` inside its training rows: they are the
/// splits of the run, one outer split after the other. `column` holds the groups.
pub(super) fn inner(
    cv: &Cv,
    classes: Option<Coded<'_>>,
    column: Option<Coded<'_>>,
    builder: &mut Builder<'_>,
) -> Result<Vec<SplitPart>, SplitError> {
    let outer = builder.take();
    let splits = outer.iter().flat_map(SplitColumn::each).enumerate();
    let (mut parts, mut columns) = (Vec::new(), Vec::new());
    let mut count: u128 = 0;
    for (number, (of_outer, split)) in splits {
        let rows = of_outer.rows_with(split, Mark::Train);
        let mut inside = Builder::new(cv.method(), &rows, of_outer.rows());
        let mut splitter = Splitter {
            cv,
            rows: &rows,
            classes,
            all: &[],
            rare_classes: Vec::new(),
        };
        let added = splitter.split(column, &mut inside);
        added.map_err(|source| SplitError::Inside {
            outer: number,
            source: Box::new(source),
        })?;
        let mut added = inside.take();
        for column in &mut added {
            column.name = format!("outer{number}_{}", column.name);
        }
        let own = added.iter().flat_map(SplitColumn::each).count();
        parts.push(SplitPart {
            splits: own as u32,
            of: PartOf::Outer(of_outer.split(split)),
        });
        count += own as u128;
        columns.append(&mut added);
        builder.expect_folds(count, columns.len() as u128)?;
    }
    builder.put_inside(outer, columns);
    Ok(parts)
}
