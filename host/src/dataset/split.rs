//! [`assign`]: the splits of a plan's rows, and the rows that are held out.
//!
//! Without shuffling, the splits are those of scikit-learn's splitters of the
//! same names. With shuffling they are drawn with ChaCha8 from the plan's seed:
//! the same plan and rows give the same splits in every version and on every
//! host.

use std::collections::BTreeSet;

use fanout_contract::Train;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::category::MISSING;
use super::parts::SplitPart;
use crate::plan::{Cv, Holdout, Kind, Plan, Stratify};
use crate::random;
use assignment::Builder;
use coded::Ranked;
use rows::TimeSeries;
use shuffle::Draw;

mod assignment;
mod coded;
mod combinations;
mod error;
mod given;
mod groups;
mod holdout;
mod inner;
mod iterative;
mod k_fold;
mod marks;
mod permutations;
mod prefixes;
mod rows;
mod shuffle;
mod sizes;

pub(super) use assignment::{Assignment, SplitColumn};
pub(super) use coded::Coded;
pub use error::SplitError;
pub(super) use marks::{Mark, Marks};

/// The target of each row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The number of rows.
    pub(super) rows: usize,
    /// The class of each row, numbered by first appearance; `None` for a
    /// regression target.
    pub(super) classes: Option<Coded<'a>>,
    /// [`MISSING`] for each row that lacks it; `None` if every row has it.
    pub(super) present: Option<&'a [u32]>,
}

impl Target<'_> {
    fn has(&self, row: usize) -> bool {
        self.present.is_none_or(|codes| codes[row] != MISSING)
    }
}

/// What the splitter reads of the table beside the target.
#[derive(Debug)]
pub(super) enum SplitterColumns<'a> {
    /// Nothing.
    None,
    /// The groups of the rows, or the folds.
    Values(Coded<'a>),
    /// The user's splits: the name of each column, and what each row is in it.
    Marks(Vec<(String, Marks)>),
}

/// Assigns the rows of a dataset, for the search of each target: first the hold-out,
/// which all have in common, then the splits of the rest that have the target, and what
/// the kind of the plan makes of these. `held_out` are the rows that are held out where the
/// plans do not say which.
pub(super) fn assign_all(
    searches: &[(&Plan, Target<'_>)],
    held_out: Option<Vec<bool>>,
    columns: &SplitterColumns<'_>,
) -> Result<Vec<Assignment>, SplitError> {
    let [(plan, Target { rows, .. }), ..] = *searches else {
        return Ok(Vec::new());
    };
    let classes = searches.iter().filter_map(|(_, target)| target.classes);
    let classes: Vec<Coded<'_>> = classes.collect();
    let held_out = match (held_out, &plan.holdout) {
        (None, Some(holdout)) => Some(hold_out(holdout, rows, &classes)?),
        (given, _) => given,
    };
    let all = match plan.dataset.stratify {
        Stratify::All => classes.as_slice(),
        Stratify::Each => &[],
    };
    let mut assignments: Vec<Assignment> = Vec::with_capacity(searches.len());
    let mut values = 0;
    for (number, (plan, target)) in searches.iter().enumerate() {
        let mut own = assign(
            (&plan.cv, &plan.kind),
            held_out.as_deref(),
            *target,
            columns,
            all,
        )?;
        let is_searched = |row: &usize| held_out.as_ref().is_none_or(|held_out| !held_out[*row]);
        let has = |row: &usize| is_searched(row) && target.has(*row);
        own.search_rows = (0..rows).filter(has).count();
        // Equal splits share their columns of the file.
        match assignments.iter().find(|other| other.has_splits_of(&own)) {
            Some(same) => own.take_names(same),
            None => {
                if number > 0 {
                    own.rename(|name| format!("target{number}_{name}"));
                }
                values += own.columns().len() as u128;
                assignment::expect_values(plan.cv.method(), values, rows)?;
            }
        }
        assignments.push(own);
    }
    Ok(assignments)
}

/// The rows that are held out.
fn hold_out(
    holdout: &Holdout,
    rows: usize,
    classes: &[Coded<'_>],
) -> Result<Vec<bool>, SplitError> {
    if u32::try_from(rows).is_err() {
        return Err(SplitError::TooManyRows { rows });
    }
    let random = generator(holdout.random_state, Purpose::Holdout);
    holdout::hold_out(holdout, rows, classes, random)
}

/// The columns of the splits file of all searches, each once.
pub(super) fn columns<'a>(
    assignments: impl Iterator<Item = &'a Assignment>,
) -> Vec<&'a SplitColumn> {
    let mut names = BTreeSet::new();
    let columns = assignments.flat_map(Assignment::columns);
    columns
        .filter(|column| names.insert(&column.name))
        .collect()
}

/// The splits of the rows that are not held out and have the target; with targets to
/// stratify by in common, of all rows that are not held out.
fn assign(
    (cv, kind): (&Cv, &Kind),
    held_out: Option<&[bool]>,
    target: Target<'_>,
    columns: &SplitterColumns<'_>,
    all: &[Coded<'_>],
) -> Result<Assignment, SplitError> {
    if u32::try_from(target.rows).is_err() {
        return Err(SplitError::TooManyRows { rows: target.rows });
    }
    let takes_part = |row: &u32| {
        let row = *row as usize;
        let is_held_out = held_out.is_some_and(|held_out| held_out[row]);
        !is_held_out && (target.has(row) || !all.is_empty())
    };
    let rows = (0..target.rows as u32).filter(takes_part);
    let rows: Vec<u32> = rows.collect();
    let mut builder = Builder::new(cv.method(), &rows, target.rows);
    if !kind.has_splits() {
        return Ok(builder.finish(held_out, Vec::new(), Vec::new()));
    }
    let mut splitter = Splitter {
        cv,
        rows: &rows,
        classes: target.classes,
        all,
        rare_classes: Vec::new(),
    };
    let column = match columns {
        SplitterColumns::Marks(columns) => {
            given::columns(columns.clone(), held_out, &mut builder)?;
            None
        }
        SplitterColumns::Values(column) => {
            splitter.split(Some(*column), &mut builder)?;
            Some(*column)
        }
        SplitterColumns::None => {
            splitter.split(None, &mut builder)?;
            None
        }
    };
    let parts = match kind {
        Kind::LearningCurve {
            train_sizes,
            shuffle,
            random_state,
        } => {
            let seed = shuffle.then_some(*random_state).or(drawn_with(cv));
            let random = seed.map(|seed| generator(seed, Purpose::TrainSizes));
            prefixes::learning_curve(train_sizes, random, &mut builder)?
        }
        Kind::NestedCrossValidation { inner_cv } => {
            inner::inner(inner_cv, target.classes, column, &mut builder)?
        }
        Kind::PermutationTest {
            n_permutations,
            random_state,
        } => {
            let seeded = (*n_permutations, *random_state);
            permutations::permutations(seeded, &splitter, column, &mut builder)?
        }
        _ => Vec::new(),
    };
    Ok(builder.finish(held_out, splitter.rare_classes, parts))
}

/// The seed of a splitter that draws the training rows of each split, so that the first of
/// them are any.
fn drawn_with(cv: &Cv) -> Option<u64> {
    match cv {
        Cv::ShuffleSplit { random_state, .. } | Cv::StratifiedShuffleSplit { random_state, .. } => {
            Some(*random_state)
        }
        _ => None,
    }
}

/// What random numbers are used for: each purpose has a stream of its own.
#[derive(Clone, Copy)]
enum Purpose {
    Folds = 0,
    Holdout = 1,
    TrainSizes = 2,
}

fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}

/// Splits the rows of a search.
struct Splitter<'a> {
    cv: &'a Cv,
    /// The rows of the search, ascending.
    rows: &'a [u32],
    classes: Option<Coded<'a>>,
    /// The targets of classes by all of which `stratified_k_fold` stratifies; none where it
    /// does so by `classes`.
    all: &'a [Coded<'a>],
    /// Classes with fewer rows than there are folds: code and number of rows.
    rare_classes: Vec<(u32, usize)>,
}

impl<'a> Splitter<'a> {
    /// Adds the splits. `column` holds the groups or the folds.
    fn split(
        &mut self,
        column: Option<Coded<'_>>,
        builder: &mut Builder<'_>,
    ) -> Result<(), SplitError> {
        let (cv, count) = (self.cv, self.rows.len());
        let drawn = |splits: &u32, train: &Option<_>, test: &Option<_>, seed: &u64| Draw {
            splits: *splits,
            train: *train,
            test: *test,
            random: generator(*seed, Purpose::Folds),
        };
        let shuffled =
            |shuffle: &bool, seed: &u64| shuffle.then(|| generator(*seed, Purpose::Folds));
        match cv {
            Cv::KFold {
                n_splits,
                shuffle,
                random_state,
            } => {
                let mut random = shuffled(shuffle, random_state);
                let of_rows = self.k_fold(*n_splits, random.as_mut())?;
                builder.folds(&of_rows, *n_splits, Train::Rest)
            }
            Cv::StratifiedKFold {
                n_splits,
                shuffle,
                random_state,
            } => {
                let mut random = shuffled(shuffle, random_state);
                let of_rows = match self.all {
                    [] => self.stratified(*n_splits, random.as_mut(), "`k_fold`")?,
                    all => self.iterative(all, *n_splits, random.as_mut())?,
                };
                builder.folds(&of_rows, *n_splits, Train::Rest)
            }
            Cv::RepeatedKFold {
                n_splits,
                n_repeats,
                random_state,
            } => {
                expect_repeats(*n_splits, *n_repeats, builder)?;
                let mut random = generator(*random_state, Purpose::Folds);
                for _ in 0..*n_repeats {
                    let of_rows = self.k_fold(*n_splits, Some(&mut random))?;
                    builder.repeat(&of_rows, *n_splits)?;
                }
                Ok(())
            }
            Cv::RepeatedStratifiedKFold {
                n_splits,
                n_repeats,
                random_state,
            } => {
                expect_repeats(*n_splits, *n_repeats, builder)?;
                let mut random = generator(*random_state, Purpose::Folds);
                for _ in 0..*n_repeats {
                    let instead = "`repeated_k_fold`";
                    let of_rows = self.stratified(*n_splits, Some(&mut random), instead)?;
                    builder.repeat(&of_rows, *n_splits)?;
                }
                Ok(())
            }
            Cv::GroupKFold {
                n_splits,
                shuffle,
                random_state,
            } => {
                let groups = self.groups(column)?;
                let mut random = shuffled(shuffle, random_state);
                let of_rows = groups::group_k_fold(&groups, *n_splits, random.as_mut())?;
                builder.folds(&of_rows, *n_splits, Train::Rest)
            }
            Cv::StratifiedGroupKFold {
                n_splits,
                shuffle,
                random_state,
            } => {
                let groups = self.groups(column)?;
                let classes = Ranked::of(self.classes("`group_k_fold`")?, self.rows);
                self.note_rare_classes(&classes, *n_splits)?;
                let mut random = shuffled(shuffle, random_state);
                let random = random.as_mut();
                let of_rows =
                    groups::stratified_group_k_fold(&groups, &classes, *n_splits, random)?;
                builder.folds(&of_rows, *n_splits, Train::Rest)
            }
            Cv::ShuffleSplit {
                n_splits,
                test_size,
                train_size,
                random_state,
            } => {
                let draw = drawn(n_splits, train_size, test_size, random_state);
                shuffle::shuffle_split(count, draw, builder)
            }
            Cv::StratifiedShuffleSplit {
                n_splits,
                test_size,
                train_size,
                random_state,
            } => {
                let classes = self.classes("`shuffle_split`")?;
                let draw = drawn(n_splits, train_size, test_size, random_state);
                shuffle::stratified_shuffle_split(classes, self.rows, draw, builder)
            }
            Cv::GroupShuffleSplit {
                n_splits,
                test_size,
                train_size,
                random_state,
            } => {
                let groups = self.groups(column)?;
                let draw = drawn(n_splits, train_size, test_size, random_state);
                shuffle::group_shuffle_split(&groups, draw, builder)
            }
            Cv::LeaveOneOut {} => rows::leave_one_out(count, builder),
            Cv::LeavePOut { p } => rows::leave_p_out(count, *p, builder),
            Cv::LeaveOneGroupOut {} => {
                let groups = self.groups(column)?;
                let of_rows = groups::leave_one_group_out(&groups)?;
                builder.expect_folds(groups.count() as u128, 1)?;
                builder.folds(&of_rows, groups.count() as u32, Train::Rest)
            }
            Cv::LeavePGroupsOut { n_groups } => {
                groups::leave_p_groups_out(&self.groups(column)?, *n_groups, builder)
            }
            Cv::TimeSeriesSplit {
                n_splits,
                max_train_size,
                test_size,
                gap,
            } => {
                let series = TimeSeries {
                    splits: *n_splits,
                    max_train_size: *max_train_size,
                    test_size: *test_size,
                    gap: *gap,
                };
                rows::time_series(count, series, builder)
            }
            Cv::PredefinedSplit { column: name } => {
                let folds = column.ok_or_else(|| SplitError::NoFold {
                    column: name.clone(),
                })?;
                let (of_rows, folds) = given::predefined(name, folds, self.rows)?;
                builder.expect_folds(folds.into(), 1)?;
                builder.folds(&of_rows, folds, Train::Rest)
            }
            Cv::Columns { .. } => unreachable!("the user's splits are read as marks"),
        }
    }

    fn k_fold(&self, folds: u32, random: Option<&mut ChaCha8Rng>) -> Result<Vec<i32>, SplitError> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        if let Some(random) = random {
            random::shuffle(&mut order, random);
        }
        k_fold::k_fold(&order, folds)
    }

    fn stratified(
        &mut self,
        folds: u32,
        random: Option<&mut ChaCha8Rng>,
        instead: &'static str,
    ) -> Result<Vec<i32>, SplitError> {
        let classes = self.classes(instead)?.codes;
        let classes: Vec<u32> = self.rows.iter().map(|row| classes[*row as usize]).collect();
        self.rare_classes.clear();
        k_fold::stratified(&classes, folds, random, &mut self.rare_classes)
    }

    fn iterative(
        &self,
        all: &[Coded<'_>],
        folds: u32,
        random: Option<&mut ChaCha8Rng>,
    ) -> Result<Vec<i32>, SplitError> {
        let rows = self.rows.len();
        if folds as usize > rows {
            return Err(SplitError::TooFewRows { folds, rows });
        }
        let sizes = iterative::fold_sizes(rows, folds);
        Ok(iterative::iterative(self.rows, all, &sizes, random))
    }

    /// The classes; what to use where the target has none.
    fn classes(&self, instead: &'static str) -> Result<Coded<'a>, SplitError> {
        self.classes.ok_or_else(|| SplitError::NotClasses {
            what: format!("`{}`", self.cv.method()),
            instead,
        })
    }

    fn groups(&self, column: Option<Coded<'_>>) -> Result<Ranked, SplitError> {
        let method = self.cv.method();
        let column = column.ok_or(SplitError::NoGroups { method })?;
        Ok(Ranked::of(column, self.rows))
    }

    /// Notes classes with fewer rows than folds; that all have fewer is an error,
    /// as in scikit-learn.
    fn note_rare_classes(&mut self, classes: &Ranked, folds: u32) -> Result<(), SplitError> {
        let most = classes.sizes.iter().copied().max().unwrap_or_default();
        if most < folds as usize {
            return Err(SplitError::TooFewOfEachClass { folds, most });
        }
        let rows = classes.codes.iter().zip(&classes.sizes);
        let rare = rows.filter(|(_, size)| **size < folds as usize);
        self.rare_classes = rare.map(|(code, size)| (*code, *size)).collect();
        Ok(())
    }
}

fn expect_repeats(folds: u32, repeats: u32, builder: &Builder<'_>) -> Result<(), SplitError> {
    builder.expect_folds(u128::from(folds) * u128::from(repeats), repeats.into())
}

/// The splits of one target without a plan.
#[cfg(test)]
pub(super) fn assign_one(
    cv: &Cv,
    kind: &Kind,
    holdout: Option<&Holdout>,
    target: Target<'_>,
    columns: SplitterColumns<'_>,
) -> Result<Assignment, SplitError> {
    let classes: Vec<Coded<'_>> = target.classes.into_iter().collect();
    let held_out = holdout.map(|holdout| hold_out(holdout, target.rows, &classes));
    let held_out = held_out.transpose()?;
    assign((cv, kind), held_out.as_deref(), target, &columns, &[])
}

#[cfg(test)]
mod tests;
