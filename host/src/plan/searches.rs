//! [`Plan::searches`]: the plan of the search of each target.

use fanout_contract::{Learning, Score};

use super::cv::Cv;
use super::kind::Kind;
use super::root::Plan;
use super::targets::{Learn, Stratify};

impl Plan {
    /// The plans of the searches, one for each target, in the plan's order. Each is the
    /// plan that says the same of its target alone, whatever this one says of others: with
    /// metrics and splits of the target's kind, and its folder of results; in a chain, with
    /// the targets before it there. That of a plan for one target is the plan itself.
    pub fn searches(&self) -> Vec<Self> {
        match self.dataset.targets.len() {
            0 => vec![self.clone()],
            count => (0..count).map(|index| self.of_target(index)).collect(),
        }
    }

    fn of_target(&self, index: usize) -> Self {
        let mut plan = self.clone();
        let dataset = &mut plan.dataset;
        let targets = std::mem::take(&mut dataset.targets);
        let target = &targets[index];
        let is_number = target.is_number();
        dataset.target = target.name();
        dataset.learn = target.learn;
        dataset.positive.clone_from(&target.positive);
        dataset.targets = vec![target.clone()];
        if let Some(place) = dataset
            .chain
            .iter()
            .position(|name| *name == dataset.target)
        {
            dataset.chain.truncate(place);
        }
        if dataset.features.is_none() {
            for other in &targets {
                let column = &other.column;
                if *column != target.column && !dataset.drop.contains(column) {
                    dataset.drop.push(column.clone());
                }
            }
        }
        plan.scoring = match &target.scoring {
            Some(scoring) => scoring.clone(),
            None => suited(&self.scoring, is_number),
        };
        if let Some(refit) = &mut plan.refit
            && !plan.scoring.iter().any(|score| score.name == refit.metric)
        {
            refit.metric.clone_from(&plan.scoring[0].name);
        }
        if let Some(ensemble) = plan.ensemble.as_mut().filter(|_| targets.len() > 1) {
            ensemble.of_target(is_number, &plan.scoring);
        }
        if is_number {
            plan.threshold = None;
            if self.dataset.stratify == Stratify::Each {
                plan.cv = of_numbers(&self.cv);
            }
            if let Kind::NestedCrossValidation { inner_cv } = &mut plan.kind {
                *inner_cv = of_numbers(inner_cv);
            }
        }
        if targets.len() > 1 {
            plan.output = self
                .output
                .as_ref()
                .map(|folder| folder.join(folder_name(&target.name())));
        }
        plan
    }

    /// Says of each target that it is a number where that is what `learning` says.
    pub(super) fn set_learning(&mut self, learning: &[Option<Learning>]) {
        for (target, learning) in self.dataset.targets.iter_mut().zip(learning) {
            if *learning == Some(Learning::Regression) {
                target.learn = Some(Learn::Regression);
            }
        }
    }
}

/// Those of `scoring` that are for numbers, or for classes; where there are none, the
/// default.
fn suited(scoring: &[Score], numbers: bool) -> Vec<Score> {
    let is_suited = |score: &&Score| {
        score.resolve().is_ok_and(|metric| match numbers {
            true => metric.suits(Learning::Regression),
            false => metric.suits(Learning::Binary) || metric.suits(Learning::Multiclass),
        })
    };
    let suited: Vec<Score> = scoring.iter().filter(is_suited).cloned().collect();
    match suited.is_empty() {
        true if numbers => vec!["r2".into()],
        true => vec!["accuracy".into()],
        false => suited,
    }
}

/// The splits for numbers: in place of stratified ones, those that are not, as
/// scikit-learn's `check_cv` chooses.
fn of_numbers(cv: &Cv) -> Cv {
    match cv.clone() {
        Cv::StratifiedKFold {
            n_splits,
            shuffle,
            random_state,
        } => Cv::KFold {
            n_splits,
            shuffle,
            random_state,
        },
        Cv::StratifiedGroupKFold {
            n_splits,
            shuffle,
            random_state,
        } => Cv::GroupKFold {
            n_splits,
            shuffle,
            random_state,
        },
        Cv::RepeatedStratifiedKFold {
            n_splits,
            n_repeats,
            random_state,
        } => Cv::RepeatedKFold {
            n_splits,
            n_repeats,
            random_state,
        },
        Cv::StratifiedShuffleSplit {
            n_splits,
            test_size,
            train_size,
            random_state,
        } => Cv::ShuffleSplit {
            n_splits,
            test_size,
            train_size,
            random_state,
        },
        other => other,
    }
}

/// A target's name as that of a folder: letters, digits, `_`, `-` and inner dots stay,
/// and each other byte is `%` with its two hexadecimal digits.
fn folder_name(name: &str) -> String {
    let mut folder = String::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if at > 0 => folder.push('.'),
            b'_' | b'-' => folder.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => folder.push(byte.into()),
            byte => folder.push_str(&format!("%{byte:02X}")),
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_targets_stay_inside() {
        assert_eq!(folder_name("arr_delay_above_15"), "arr_delay_above_15");
        assert_eq!(folder_name("../a b"), "%2E.%2Fa%20b");
        assert_eq!(folder_name("ü"), "%C3%BC");
    }

    #[test]
    fn metrics_go_to_the_kinds_that_they_are_for() {
        let names = |scoring: &[&str], numbers| -> Vec<String> {
            let scoring: Vec<Score> = scoring.iter().map(|name| (*name).into()).collect();
            let suited = suited(&scoring, numbers).into_iter();
            suited.map(|score| score.name).collect()
        };
        let both = ["roc_auc", "neg_mean_absolute_error", "accuracy"];
        assert_eq!(names(&both, false), ["roc_auc", "accuracy"]);
        assert_eq!(names(&both, true), ["neg_mean_absolute_error"]);
        assert_eq!(names(&["f1"], true), ["r2"]);
        assert_eq!(names(&["r2"], false), ["accuracy"]);
    }
}
