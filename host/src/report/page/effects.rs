//! [`Effects`]: which hyper-parameters of a trainer scores follow, and how, by functional
//! analysis of variance ([`Anova`]).

use serde::Serialize;
use serde_json::Value;

use super::super::Report;
use super::candidates::{Parameter, searched};
use crate::worth::{Anova, AnovaMethod, Design};

/// Numbers with more distinct values than this are put into as many ranges, where not all
/// combinations were evaluated.
const LEVELS: usize = 32;

/// Pairs that explain less of the variance are not told.
const LEAST_PAIR: f64 = 0.001;

/// The effects of the hyper-parameters of one trainer on the metric that ranks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effects {
    /// The trainer.
    pub trainer: String,
    /// How many of its candidates have a score.
    pub candidates: usize,
    /// Of all combinations of their values, or of what a forest predicts of these.
    pub method: AnovaMethod,
    /// The most important first.
    pub parameters: Vec<ParameterEffect>,
    /// What pairs do beyond what each of their hyper-parameters does, the greatest first;
    /// those of at least a thousandth of the variance.
    pub pairs: Vec<PairShare>,
}

/// The effect of one hyper-parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterEffect {
    /// Its name.
    pub name: String,
    /// As in [`Parameter`].
    pub kind: &'static str,
    /// As in [`Parameter`].
    pub log: bool,
    /// The share of the variance of scores that it explains alone.
    pub importance: f64,
    /// Its values; of ranges, their middles.
    pub levels: Vec<Value>,
    /// By level: the mean score over all combinations of the others.
    pub mean: Vec<f64>,
    /// By level: the best score of a candidate.
    pub best: Vec<Option<f64>>,
}

/// The share of the variance that two hyper-parameters explain beyond each alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairShare {
    /// Their names.
    pub of: [String; 2],
    /// The share.
    pub importance: f64,
}

/// A hyper-parameter with its levels, and the level of each candidate.
struct Factor {
    parameter: Parameter,
    levels: Vec<Value>,
    cells: Vec<usize>,
}

impl Effects {
    /// Those of every trainer of which they can be told.
    pub(super) fn all(report: &Report) -> Vec<Self> {
        let trainers = report.plan.trainer_names();
        let all = (0..report.candidates.len()).collect::<Vec<usize>>();
        let arms = trainers.into_iter().enumerate();
        let arms = arms.filter_map(|(arm, trainer)| {
            let own = all.iter().copied();
            let own = own.filter(|candidate| report.candidates.arm(*candidate) == arm);
            Self::new(report, trainer, &own.collect::<Vec<_>>())
        });
        arms.collect()
    }

    fn new(report: &Report, trainer: String, own: &[usize]) -> Option<Self> {
        let names = searched(&report.candidates);
        let parameters = names.filter_map(|name| Parameter::new(&report.candidates, name, own));
        let means = &report.results.metrics[report.ranked_by()].test.mean;
        let scores: Vec<f64> = own.iter().map(|candidate| means[*candidate]).collect();
        let factors = parameters.map(|parameter| Factor::new(report, parameter, own));
        let factors: Vec<Factor> = factors.collect();
        let (anova, factors) = match Anova::exact(&design(&factors, &scores)) {
            Some(anova) => (anova, factors),
            None => {
                let ordered = factors.into_iter().map(|factor| factor.for_forest(&scores));
                let ordered: Vec<Factor> = ordered.collect();
                (Anova::by_forest(&design(&ordered, &scores))?, ordered)
            }
        };
        let name = |of: usize| factors[of].parameter.name.clone();
        let pairs = anova.pairs.iter().map(|pair| PairShare {
            of: pair.of.map(name),
            importance: pair.importance,
        });
        let pairs = pairs.filter(|pair| pair.importance >= LEAST_PAIR).collect();
        let effects = factors.iter().zip(anova.main);
        let mut parameters: Vec<ParameterEffect> = effects
            .map(|(factor, main)| ParameterEffect {
                name: factor.parameter.name.clone(),
                kind: factor.parameter.kind,
                log: factor.parameter.log,
                importance: main.importance,
                levels: factor.levels.clone(),
                mean: main.mean,
                best: main.best,
            })
            .collect();
        parameters.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Some(Self {
            trainer,
            candidates: scores.iter().filter(|score| score.is_finite()).count(),
            method: anova.method,
            parameters,
            pairs,
        })
    }
}

fn design(factors: &[Factor], scores: &[f64]) -> Design {
    let levels = factors.iter().map(|factor| factor.levels.len()).collect();
    let rows = 0..scores.len();
    let cells = rows.flat_map(|row| factors.iter().map(move |factor| factor.cells[row]));
    Design::new(levels, &cells.collect::<Vec<_>>(), scores)
}

impl Factor {
    fn new(report: &Report, parameter: Parameter, own: &[usize]) -> Self {
        let value = |candidate: &usize| report.candidates.value(*candidate, &parameter.name);
        let cells = own
            .iter()
            .map(|candidate| parameter.place(value(candidate)));
        let cells: Vec<usize> = cells.collect();
        let mut levels = parameter.levels.clone();
        if cells.contains(&levels.len()) {
            levels.push(Value::String("not set".to_owned()));
        }
        Self {
            parameter,
            levels,
            cells,
        }
    }

    /// With levels as trees split them: ranges of many numbers, and texts in the order of
    /// their mean scores.
    fn for_forest(self, scores: &[f64]) -> Self {
        let numbers: Option<Vec<f64>> = self.levels.iter().map(Value::as_f64).collect();
        match numbers {
            Some(numbers) if numbers.len() > LEVELS => self.in_ranges(&numbers),
            Some(_) => self,
            None => self.by_score(scores),
        }
    }

    fn in_ranges(self, numbers: &[f64]) -> Self {
        let range = |level: usize| level * LEVELS / numbers.len();
        let middle = |of: usize| {
            let own: Vec<f64> = (0..numbers.len())
                .filter(|level| range(*level) == of)
                .map(|level| numbers[level])
                .collect();
            let middle = match (self.parameter.log, own.first(), own.last()) {
                (true, Some(low), Some(high)) => (low * high).sqrt(),
                (_, Some(low), Some(high)) => f64::midpoint(*low, *high),
                _ => f64::NAN,
            };
            Value::from(middle)
        };
        Self {
            levels: (0..LEVELS).map(middle).collect(),
            cells: self.cells.iter().map(|level| range(*level)).collect(),
            ..self
        }
    }

    fn by_score(self, scores: &[f64]) -> Self {
        let mut sums = vec![(0.0, 0.0); self.levels.len()];
        for (level, score) in self.cells.iter().zip(scores) {
            if score.is_finite() {
                sums[*level].0 += score;
                sums[*level].1 += 1.0;
            }
        }
        let mut order: Vec<usize> = (0..sums.len()).collect();
        order.sort_by(|a, b| {
            let mean = |of: &usize| sums[*of].0 / sums[*of].1;
            mean(a).total_cmp(&mean(b))
        });
        let place = |level: &usize| {
            let found = order.iter().position(|of| of == level);
            found.unwrap_or_default()
        };
        Self {
            levels: order.iter().map(|of| self.levels[*of].clone()).collect(),
            cells: self.cells.iter().map(place).collect(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn the_effects_of_a_full_grid_are_exact() {
        let report = example::grid(|depth, rate| depth + 10.0 * rate);
        let [effects] = &Effects::all(&report)[..] else {
            panic!("one trainer");
        };
        assert_eq!(effects.method, AnovaMethod::Exact);
        let names: Vec<&str> = effects
            .parameters
            .iter()
            .map(|of| of.name.as_str())
            .collect();
        assert_eq!(names, ["learning_rate", "max_depth"]);
        let all: f64 = effects.parameters.iter().map(|of| of.importance).sum();
        assert!(
            (all - 1.0).abs() < 1e-12 && effects.pairs.is_empty(),
            "{effects:?}"
        );
        let rate = &effects.parameters[0];
        assert_eq!(rate.levels, [0.1, 0.2, 0.4]);
        // The mean depth is 2.5, the greatest 4.
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 1e-12;
        assert!(
            near(rate.mean[1], 4.5) && near(rate.best[1].unwrap(), 6.0),
            "{rate:?}"
        );
    }

    #[test]
    fn pairs_that_work_together_are_told() {
        let report = example::grid(|depth, rate| if depth > 2.0 && rate > 0.3 { 1.0 } else { 0.0 });
        let effects = &Effects::all(&report)[0];
        assert_eq!(effects.pairs[0].of, ["learning_rate", "max_depth"]);
        assert!(effects.pairs[0].importance > 0.2, "{effects:?}");
    }

    #[test]
    fn what_is_no_grid_is_told_by_a_forest() {
        // Six candidates are too few.
        assert_eq!(Effects::all(&example::report()), []);
        let mut report = example::grid(|depth, _| depth);
        report.results.metrics[0].test.mean[5] = f64::NAN;
        let effects = &Effects::all(&report)[0];
        assert_eq!(
            (effects.method, effects.candidates),
            (AnovaMethod::Forest, 11)
        );
        assert_eq!(effects.parameters[0].name, "max_depth");
        assert!(effects.parameters[0].importance > 0.8, "{effects:?}");
    }
}
