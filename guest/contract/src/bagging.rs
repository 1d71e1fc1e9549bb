//! Bagging: many models of one trainer, each fitted on rows and columns that are drawn
//! at random, whose predictions are averaged, as scikit-learn's `BaggingClassifier` and
//! `BaggingRegressor` do. Any trainer with [`Abilities::bagging`](crate::Abilities) has
//! it; a task asks for it by [`Task::bagging`](crate::Task).
//!
//! To a host, a bagged trainer is another trainer: [`TrainerDescription::bagged`]. Its
//! hyper-parameters are those of the trainer and, as `bagging__<name>`, those of the
//! bagging.

use serde_json::json;

use crate::{Abilities, Cost, MemoryUse, Param, ParamKind, TrainerDescription};

/// What precedes the names of bagging's own hyper-parameters.
pub const PREFIX: &str = "bagging__";

/// How many members there are: nested, and what the parts of a model count.
pub const N_ESTIMATORS: &str = "bagging__n_estimators";
/// How many rows are drawn for each member.
pub const MAX_SAMPLES: &str = "bagging__max_samples";
/// How many columns are drawn for each member.
pub const MAX_FEATURES: &str = "bagging__max_features";
/// Whether rows are drawn with replacement.
pub const BOOTSTRAP: &str = "bagging__bootstrap";
/// Whether columns are drawn with replacement.
pub const BOOTSTRAP_FEATURES: &str = "bagging__bootstrap_features";
/// Whether the model has a score of the rows that its members did not draw.
pub const OOB_SCORE: &str = "bagging__oob_score";
/// The seed of the draws and of the members.
pub const RANDOM_STATE: &str = "bagging__random_state";

/// The hyper-parameter of a trainer that bagging sets: each member has a seed of its own.
pub const SEED: &str = "random_state";

/// The members by default.
const MEMBERS: u32 = 10;

/// The name of a trainer for people: as it is, or `bagging(<name>)`.
pub fn label(trainer: &str, is_bagged: bool) -> String {
    match is_bagged {
        true => format!("bagging({trainer})"),
        false => trainer.to_owned(),
    }
}

/// Bagging's own hyper-parameters, with the names and the defaults of scikit-learn.
pub fn params() -> Vec<Param> {
    let count = || ParamKind::Int {
        min: Some(1),
        max: None,
    };
    let share = || ParamKind::Float {
        min: Some(0.0),
        max: Some(1.0),
        above_min: true,
    };
    let switch = |name, default: bool, meaning| {
        Param::new(name, vec![ParamKind::Bool], default.into(), meaning)
    };
    vec![
        Param::new(
            N_ESTIMATORS,
            vec![count()],
            MEMBERS.into(),
            "The number of members, each a model of the trainer.",
        )
        .nested()
        .costs(Cost::Linear),
        Param::new(
            MAX_SAMPLES,
            vec![ParamKind::Null, count(), share()],
            json!(null),
            "The rows that are drawn for each member: a number, a share of the training rows (of \
             the sum of their weights), or `null` for as many as there are.",
        ),
        Param::new(
            MAX_FEATURES,
            vec![count(), share()],
            json!(1.0),
            "The columns that are drawn for each member, of those that the steps leave: a number \
             or a share.",
        ),
        switch(BOOTSTRAP, true, "Whether rows are drawn with replacement."),
        switch(
            BOOTSTRAP_FEATURES,
            false,
            "Whether columns are drawn with replacement.",
        ),
        switch(
            OOB_SCORE,
            false,
            "Whether the refitted model says how well its members predict the training rows that \
             they did not draw: accuracy, or R² of numbers. Needs `bootstrap`.",
        ),
        Param::new(
            RANDOM_STATE,
            vec![ParamKind::Int {
                min: Some(0),
                max: None,
            }],
            json!(0),
            "The seed of the draws. It gives each member a `random_state` of its own, too.",
        ),
    ]
}

impl TrainerDescription {
    /// Whether this is a bagged trainer.
    pub fn is_bagged(&self) -> bool {
        self.parts.as_deref() == Some(N_ESTIMATORS)
    }

    /// The same trainer, as it is or [bagged](Self::bagged).
    #[must_use]
    pub fn chosen(&self, bagging: bool) -> Self {
        match bagging {
            true => self.bagged(),
            false => self.clone(),
        }
    }

    /// The same trainer, bagged. Members are drawn by the weights of rows, so that
    /// every bagged trainer takes these; a classifier without probabilities has the
    /// shares of its members' votes.
    #[must_use]
    pub fn bagged(&self) -> Self {
        let mut params = self.params.clone();
        params.retain(|param| param.name != SEED);
        params.extend(self::params());
        let memory = self.memory.unwrap_or_default();
        let classes = self.tasks.iter().any(|task| task.is_classes());
        Self {
            abilities: Abilities {
                weights: true,
                probabilities: self.abilities.probabilities || classes,
                ..self.abilities
            },
            probabilities_if: None,
            parts: Some(N_ESTIMATORS.to_owned()),
            effort: self.effort.map(|effort| crate::Effort {
                seconds: effort.seconds * f64::from(MEMBERS),
                ..effort
            }),
            // The matrix of which columns are drawn, the draw and the sums.
            memory: Some(MemoryUse {
                row: memory.row + 40,
                number: memory.number + 8,
                category: memory.category + 4,
                ..memory
            }),
            params,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Learning;

    #[test]
    fn a_bagged_trainer_has_the_parameters_of_both() {
        let seed = Param::new(SEED, vec![ParamKind::Null], json!(null), "");
        let depth = Param::new("max_depth", vec![ParamKind::Null], json!(null), "");
        let tasks = vec![Learning::Binary];
        let mut trainer = TrainerDescription::new("tree", "", tasks, vec![seed, depth]);
        trainer.abilities.probabilities = false;
        trainer.probabilities_if = Some("probability".to_owned());
        let bagged = trainer.effort(0.5, 1.0, 1.0).bagged();
        assert!(bagged.is_bagged());
        assert!(bagged.param("random_state").is_none());
        assert!(bagged.param("max_depth").is_some());
        assert!(bagged.abilities.weights && bagged.abilities.probabilities);
        assert_eq!(bagged.probabilities_if, None);
        assert_eq!(bagged.effort.map(|effort| effort.seconds), Some(5.0));
        for param in &params() {
            assert_eq!(bagged.param(&param.name), Some(param));
            assert!(param.name.starts_with(PREFIX));
            assert_eq!(param.check(&param.default), Ok(()));
        }
    }
}
