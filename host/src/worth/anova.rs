//! [`Anova`]: functional analysis of variance of scores over hyper-parameters (Hooker,
//! "Generalized Functional ANOVA Diagnostics", JCGS 16, 2007; Hutter, Hoos and
//! Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML
//! 2014): which share of the variance over all combinations of the evaluated levels each
//! hyper-parameter explains alone, and each pair beyond that.
//!
//! Where every combination has a score, the decomposition is exact. Elsewhere it is that
//! of a random forest which learns the scores, by its trees' own marginals. `vectors.py`
//! beside the tests compares both with other implementations.

mod forest;
#[cfg(test)]
mod tests;

use serde::Serialize;

use forest::Forest;

/// The least number of candidates of which a forest learns.
const LEAST: usize = 8;

/// The most factors whose pairs are told. Threat: 10,000 pairs of 142 factors.
const PAIRED: usize = 12;

/// The levels of hyper-parameters that candidates have, and the candidates' scores.
#[derive(Clone, Debug)]
pub struct Design {
    levels: Vec<usize>,
    /// By candidate, row-major: the level of each hyper-parameter.
    cells: Vec<usize>,
    scores: Vec<f64>,
}

/// How the shares were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnovaMethod {
    /// Of the scores of all combinations.
    Exact,
    /// Of what a random forest predicts of all combinations.
    Forest,
}

/// The decomposition of the variance of scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anova {
    /// How it was found.
    pub method: AnovaMethod,
    /// By hyper-parameter.
    pub main: Vec<MainEffect>,
    /// Of each pair of hyper-parameters, the greatest first; empty where there are more
    /// than 12 of these.
    pub pairs: Vec<PairEffect>,
}

/// What one hyper-parameter does alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MainEffect {
    /// The share of the variance that it explains, of 1.
    pub importance: f64,
    /// By level: the mean score over all combinations of the others.
    pub mean: Vec<f64>,
    /// By level: the greatest score of a candidate; null where none has the level.
    pub best: Vec<Option<f64>>,
}

/// What two hyper-parameters do together, beyond what each does alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairEffect {
    /// Their numbers.
    pub of: [usize; 2],
    /// The share of the variance.
    pub importance: f64,
}

impl Design {
    /// The design of candidates. `levels` are the numbers of levels of the hyper-parameters,
    /// `cells` the level of each, by candidate. Candidates without a score are left out.
    ///
    /// # Panics
    /// If there is not one cell a candidate and hyper-parameter, or a level that is none.
    pub fn new(levels: Vec<usize>, cells: &[usize], scores: &[f64]) -> Self {
        let width = levels.len();
        assert_eq!(cells.len(), width * scores.len(), "a level each");
        let mut design = Self {
            levels,
            cells: Vec::with_capacity(cells.len()),
            scores: Vec::with_capacity(scores.len()),
        };
        for (candidate, score) in scores.iter().enumerate() {
            let row = &cells[candidate * width..][..width];
            let known = row.iter().zip(&design.levels).all(|(at, of)| at < of);
            assert!(known, "{row:?} of {:?}", design.levels);
            if score.is_finite() {
                design.cells.extend(row);
                design.scores.push(*score);
            }
        }
        design
    }

    fn row(&self, candidate: usize) -> &[usize] {
        let width = self.levels.len();
        &self.cells[candidate * width..][..width]
    }

    /// The number of combinations; `None` where it is beyond any number of candidates.
    fn combinations(&self) -> Option<usize> {
        let mut levels = self.levels.iter();
        levels.try_fold(1_usize, |all, of| all.checked_mul(*of))
    }

    /// Whether each combination is one candidate, with a score.
    fn is_full(&self) -> bool {
        if self.combinations() != Some(self.scores.len()) {
            return false;
        }
        let mut seen = vec![false; self.scores.len()];
        (0..self.scores.len()).all(|candidate| {
            let levels = self.row(candidate).iter().zip(&self.levels);
            let place = levels.fold(0, |place, (level, of)| place * of + level);
            !std::mem::replace(&mut seen[place], true)
        })
    }

    /// Whether there are scores that differ, and hyper-parameters for them to follow.
    fn varies(&self) -> bool {
        let first = self.scores.first();
        !self.levels.is_empty() && self.scores.iter().any(|score| Some(score) != first)
    }

    /// The greatest absolute score.
    fn size(&self) -> f64 {
        let sizes = self.scores.iter().map(|score| score.abs());
        sizes.fold(0.0, f64::max)
    }

    fn best(&self, factor: usize) -> Vec<Option<f64>> {
        let mut best: Vec<Option<f64>> = vec![None; self.levels[factor]];
        for (candidate, score) in self.scores.iter().enumerate() {
            let of_level = &mut best[self.row(candidate)[factor]];
            *of_level = Some(of_level.map_or(*score, |other: f64| other.max(*score)));
        }
        best
    }

    /// The marginals of the scores, one of each combination.
    fn marginals(&self) -> Marginals {
        let shape = Shape::new(&self.levels);
        let mut marginals = Marginals::zero(&shape);
        let mut cells = shape.counts();
        let all = self.scores.len() as f64;
        marginals.mean = self.scores.iter().sum::<f64>() / all;
        // Of differences: the scores may be close to each other, and far from 0.
        for (candidate, score) in self.scores.iter().enumerate() {
            let difference = score - marginals.mean;
            marginals.variance += difference * difference / all;
            let row = self.row(candidate);
            for (table, count) in shape.cells(row) {
                marginals.tables[table][count] += difference;
                cells[table][count] += 1.0;
            }
        }
        let tables = marginals.tables.iter_mut().zip(&cells);
        for (sum, count) in tables.flat_map(|(sums, counts)| sums.iter_mut().zip(counts)) {
            *sum /= *count;
        }
        marginals
    }
}

/// Which tables of marginals there are: one a factor, then one a pair of factors.
#[derive(Clone, Debug)]
struct Shape<'a> {
    levels: &'a [usize],
    pairs: Vec<[usize; 2]>,
}

impl<'a> Shape<'a> {
    fn new(levels: &'a [usize]) -> Self {
        let factors = match levels.len() {
            some if some <= PAIRED => some,
            _ => 0,
        };
        let pairs = (0..factors).flat_map(|a| (a + 1..factors).map(move |b| [a, b]));
        Self {
            levels,
            pairs: pairs.collect(),
        }
    }

    fn counts(&self) -> Vec<Vec<f64>> {
        let main = self.levels.iter().copied();
        let pairs = self.pairs.iter();
        let pairs = pairs.map(|[a, b]| self.levels[*a] * self.levels[*b]);
        main.chain(pairs).map(|cells| vec![0.0; cells]).collect()
    }

    /// The cell of a combination in each table.
    fn cells(&self, row: &[usize]) -> impl Iterator<Item = (usize, usize)> {
        let main = row.iter().copied().enumerate();
        let pairs = self.pairs.iter().enumerate();
        let pairs = pairs
            .map(move |(at, [a, b])| (self.levels.len() + at, row[*a] * self.levels[*b] + row[*b]));
        main.chain(pairs)
    }
}

/// A function of all combinations: its mean, its variance, and its mean by the levels of
/// one factor, and of two.
#[derive(Clone, Debug)]
struct Marginals {
    mean: f64,
    variance: f64,
    /// Less the mean, by [`Shape`].
    tables: Vec<Vec<f64>>,
}

impl Marginals {
    fn zero(shape: &Shape<'_>) -> Self {
        Self {
            mean: 0.0,
            variance: 0.0,
            tables: shape.counts(),
        }
    }

    /// Whether there is more variance than rounding makes, of numbers up to `size`.
    fn varies(&self, size: f64) -> bool {
        self.variance.sqrt() > size * 1e-12
    }

    /// The shares of the variance, of the factors and then of the pairs.
    fn shares(&self, shape: &Shape<'_>) -> Vec<f64> {
        let variance = |table: &Vec<f64>| {
            let squares = table.iter().map(|mean| mean * mean);
            squares.sum::<f64>() / table.len() as f64
        };
        let of: Vec<f64> = self.tables.iter().map(variance).collect();
        let (main, pairs) = of.split_at(shape.levels.len());
        let beyond = pairs.iter().zip(&shape.pairs);
        let beyond = beyond.map(|(both, [a, b])| both - main[*a] - main[*b]);
        // What is below 0 is so by rounding.
        let share = |variance: f64| (variance / self.variance).clamp(0.0, 1.0);
        main.iter().copied().chain(beyond).map(share).collect()
    }
}

impl Anova {
    /// The decomposition of the scores of all combinations; `None` where some have none, or
    /// more than one, and where all scores are the same.
    pub fn exact(design: &Design) -> Option<Self> {
        if !design.varies() || !design.is_full() {
            return None;
        }
        let marginals = design.marginals();
        if !marginals.varies(design.size()) {
            return None;
        }
        let shares = marginals.shares(&Shape::new(&design.levels));
        Some(Self::of(AnovaMethod::Exact, design, &marginals, &shares))
    }

    /// The decomposition of what a forest predicts of all combinations; `None` where all
    /// scores are the same, and where there are fewer than 8. Takes time and memory with the
    /// products of the numbers of levels of two hyper-parameters.
    pub fn by_forest(design: &Design) -> Option<Self> {
        if !design.varies() || design.scores.len() < LEAST {
            return None;
        }
        let shape = Shape::new(&design.levels);
        let (marginals, shares) = Forest::fit(design).marginals(&shape, design.size())?;
        Some(Self::of(AnovaMethod::Forest, design, &marginals, &shares))
    }

    fn of(method: AnovaMethod, design: &Design, marginals: &Marginals, shares: &[f64]) -> Self {
        let shape = Shape::new(&design.levels);
        let main = (0..design.levels.len()).map(|factor| MainEffect {
            importance: shares[factor],
            mean: marginals.tables[factor]
                .iter()
                .map(|difference| marginals.mean + difference)
                .collect(),
            best: design.best(factor),
        });
        let pairs = shape.pairs.iter().zip(&shares[design.levels.len()..]);
        let mut pairs: Vec<PairEffect> = pairs
            .map(|(of, importance)| PairEffect {
                of: *of,
                importance: *importance,
            })
            .collect();
        pairs.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Self {
            method,
            main: main.collect(),
            pairs,
        }
    }
}
