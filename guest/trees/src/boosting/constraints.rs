//! [`Constraints`]: which features a node may test, and which are monotonic.

use crate::bins::Column;
use crate::boosting::params::Growth;
use crate::random::Key;

/// Which features a tree of a dataset may test.
#[derive(Debug)]
pub(crate) struct Constraints {
    /// By feature.
    signs: Vec<i8>,
    /// By set: its features. None if all features may meet.
    sets: Option<Vec<Vec<bool>>>,
}

/// The features that a node may test.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    features: Vec<bool>,
    /// The sets that hold all features on the path.
    sets: Vec<usize>,
}

impl Allowed {
    /// The indices of the features, ascending.
    pub(crate) fn features(&self) -> impl Iterator<Item = usize> + '_ {
        let allowed = self.features.iter().enumerate();
        allowed
            .filter(|(_, allowed)| **allowed)
            .map(|(feature, _)| feature)
    }
}

impl Constraints {
    /// Finds the features that `growth` names.
    ///
    /// # Errors
    /// If one does not exist, or a monotonic one is a category; the message says
    /// which.
    pub(crate) fn new(growth: &Growth, columns: &[Column]) -> Result<Self, String> {
        let find = |param: &str, name: &String| {
            let found = columns.iter().position(|column| column.name == *name);
            found.ok_or_else(|| format!("`{param}` names `{name}`, which is not a feature"))
        };
        let mut signs = vec![0; columns.len()];
        for (name, &sign) in &growth.monotonic {
            let feature = find("monotonic_cst", name)?;
            if sign != 0 && !columns[feature].coding.is_ordered() {
                return Err(format!(
                    "`monotonic_cst` names `{name}`, which is a category"
                ));
            }
            signs[feature] = sign;
        }
        let sets = growth.interactions.as_ref().map(|given| {
            let mut sets = Vec::new();
            let mut rest = vec![true; columns.len()];
            for names in given {
                let mut set = vec![false; columns.len()];
                for name in names {
                    let feature = find("interaction_cst", name)?;
                    set[feature] = true;
                    rest[feature] = false;
                }
                sets.push(set);
            }
            if given.is_empty() {
                for feature in 0..columns.len() {
                    let mut alone = vec![false; columns.len()];
                    alone[feature] = true;
                    sets.push(alone);
                }
            } else if rest.contains(&true) {
                // As in scikit-learn, features that are not named are a set of their own.
                sets.push(rest);
            }
            Ok::<_, String>(sets)
        });
        Ok(Self {
            signs,
            sets: sets.transpose()?,
        })
    }

    /// See [`crate::boosting::split::Searched::sign`].
    pub(crate) fn sign(&self, feature: usize) -> i8 {
        self.signs[feature]
    }

    /// Draws a share of the allowed features, at least one; of all features without
    /// `of`.
    pub(crate) fn draw(&self, of: Option<&Allowed>, share: f64, key: Key) -> Allowed {
        let mut drawn = match of {
            Some(allowed) => allowed.clone(),
            None => self.all(),
        };
        if share >= 1.0 {
            return drawn;
        }
        let mut features: Vec<usize> = drawn.features().collect();
        let number = ((features.len() as f64 * share) as usize).max(1);
        let mut rng = key.rng();
        for place in 0..number.min(features.len()) {
            let other = place + rng.below((features.len() - place) as u32) as usize;
            features.swap(place, other);
        }
        for &feature in features.iter().skip(number) {
            drawn.features[feature] = false;
        }
        drawn
    }

    fn all(&self) -> Allowed {
        let mut allowed = Allowed {
            features: vec![true; self.signs.len()],
            sets: (0..self.sets.as_ref().map_or(0, Vec::len)).collect(),
        };
        self.restrict(&mut allowed);
        allowed
    }

    /// The features that the children of a node may test, which itself tests
    /// `feature`.
    pub(crate) fn below(&self, allowed: &Allowed, feature: u32) -> Allowed {
        let mut allowed = allowed.clone();
        if let Some(sets) = &self.sets {
            allowed.sets.retain(|&set| sets[set][feature as usize]);
            self.restrict(&mut allowed);
        }
        allowed
    }

    /// Leaves the features of the sets.
    fn restrict(&self, allowed: &mut Allowed) {
        if let Some(sets) = &self.sets {
            for (feature, is_allowed) in allowed.features.iter_mut().enumerate() {
                *is_allowed &= allowed.sets.iter().any(|&set| sets[set][feature]);
            }
        }
    }
}
