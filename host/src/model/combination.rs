//! [`Combination`]: what the members of a model are asked of a batch of rows, and what
//! their answers become: pure functions of columns.

use std::collections::BTreeSet;

use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use fanout_contract::Column;

use super::chain::Link;
use super::predictions::Columns;
use super::{Model, ModelHead, ModelTarget, PredictionTable, Rule, Votes};
use crate::dataset::AddedFeature;

/// What is wanted of the rows that a model is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Predictions.
    Predictions {
        /// With the probability of each class.
        probabilities: bool,
    },
    /// All that the guest says, as in files of predictions.
    Outputs,
    /// What each feature adds to the outputs of the model.
    Contributions,
}

/// Why answers don't become columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Uncombined {
    /// An answer is wrong; what is wrong with it.
    Answer(String),
    /// Columns of two members would have this name.
    SameName(String),
}

/// What is taken of the answer of a member's guest.
#[derive(Clone, Debug)]
enum Taken {
    Predictions(Columns),
    Outputs,
    Contributions,
}

impl Taken {
    fn of(head: &ModelHead, wanted: Wanted) -> Self {
        match wanted {
            Wanted::Predictions { probabilities } => {
                Self::Predictions(Columns::new(head, probabilities))
            }
            Wanted::Outputs => Self::Outputs,
            Wanted::Contributions => Self::Contributions,
        }
    }

    fn table(&self, answer: &RecordBatch) -> Result<PredictionTable, String> {
        match self {
            Self::Predictions(columns) => PredictionTable::read(answer, columns),
            Self::Outputs => PredictionTable::outputs(answer),
            Self::Contributions => PredictionTable::contributions(answer),
        }
    }
}

/// How the answers of the guests of a model's members become columns.
#[derive(Clone, Debug)]
pub struct Combination {
    /// By member.
    taken: Vec<Taken>,
    /// The members in the order in which they are called.
    order: Vec<usize>,
    /// By member: the feature that it is to those behind it; empty where it is none.
    links: Vec<Link>,
    rule: Combined,
}

#[derive(Clone, Debug)]
enum Combined {
    /// The answer of the only member.
    Only,
    /// The answers of all, side by side, by the names of the targets.
    SideBySide(Vec<String>),
    /// What the members vote for, of their target.
    Voted(Votes, Vec<f64>, Box<ModelTarget>),
    /// The answer of the last member, to features of these names, made of columns of the
    /// answers of the others.
    Stacked {
        features: Vec<String>,
        columns: Vec<String>,
    },
}

impl Combination {
    /// That of a model.
    pub fn new(model: &Model, wanted: Wanted) -> Self {
        let members = model.members().iter();
        let heads: Vec<&ModelHead> = members.map(|member| &member.head).collect();
        let names = || {
            let names = heads.iter().map(|head| head.target_name().to_owned());
            names.collect()
        };
        Self {
            taken: heads.iter().map(|head| Taken::of(head, wanted)).collect(),
            order: match model.rule() {
                Some(Rule::Chain { order }) => order.clone(),
                _ => (0..heads.len()).collect(),
            },
            links: match model.rule() {
                Some(Rule::Chain { .. }) => heads.iter().map(|head| Link::of(head)).collect(),
                _ => Vec::new(),
            },
            rule: match model.rule() {
                None => Combined::Only,
                Some(Rule::Targets | Rule::Chain { .. }) => Combined::SideBySide(names()),
                Some(Rule::Voting { votes, weights }) => {
                    let target = Box::new(heads[0].target.clone());
                    Combined::Voted(*votes, weights.clone(), target)
                }
                Some(Rule::Stacking { features }) => Combined::Stacked {
                    features: features.clone(),
                    columns: heads[0].target.stacked(),
                },
            },
        }
    }

    /// That of one model, of which all is taken that its guest says.
    pub fn outputs_of_one() -> Self {
        Self {
            taken: vec![Taken::Outputs],
            order: vec![0],
            links: Vec::new(),
            rule: Combined::Only,
        }
    }

    /// Whether the members are to explain their predictions.
    pub(super) fn explains(&self) -> bool {
        matches!(self.taken.as_slice(), [Taken::Contributions, ..])
    }

    /// The members in the order in which they are called.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The features that member `member` reads behind those of the rows, made of the
    /// answers of the members that were called before, by member.
    ///
    /// # Errors
    /// What is wrong with these answers.
    pub(super) fn added(
        &self,
        member: usize,
        answers: &[Option<RecordBatch>],
    ) -> Result<Vec<(Column, ArrayRef)>, String> {
        if let Combined::Stacked { features, columns } = &self.rule
            && member + 1 == self.taken.len()
        {
            return stacked(features, columns, answers);
        }
        if self.links.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.order.iter().take_while(|before| **before != member);
        let column = |before: &usize| {
            let answer = answers[*before].as_ref();
            self.links[*before].column(answer.ok_or("a member that was not called")?)
        };
        before.map(column).collect()
    }

    /// What the answers of all members, in their order, become.
    ///
    /// # Errors
    /// If an answer is wrong, or two columns would have one name.
    pub(super) fn combine(&self, answers: &[RecordBatch]) -> Result<PredictionTable, Uncombined> {
        if let Combined::Voted(votes, weights, target) = &self.rule {
            let answer = votes.answer(answers, weights, target);
            let table = answer.and_then(|answer| self.taken[0].table(&answer));
            return table.map_err(Uncombined::Answer);
        }
        let tables = self.taken.iter().zip(answers);
        let tables = tables.map(|(taken, answer)| taken.table(answer));
        let mut tables = tables.map(|table| table.map_err(Uncombined::Answer));
        let targets = match &self.rule {
            Combined::Only => {
                let lacking = || Err(Uncombined::Answer("no answer".to_owned()));
                return tables.next().unwrap_or_else(lacking);
            }
            Combined::SideBySide(targets) => targets.as_slice(),
            Combined::Stacked { .. } => {
                let lacking = || Err(Uncombined::Answer("no answer".to_owned()));
                return tables.next_back().unwrap_or_else(lacking);
            }
            Combined::Voted(..) => &[],
        };
        let (mut columns, mut names) = (Vec::new(), BTreeSet::new());
        for (target, table) in targets.iter().zip(tables) {
            for (field, values) in table?.columns {
                let name = named(field.name(), target);
                if !names.insert(name.clone()) {
                    return Err(Uncombined::SameName(name));
                }
                columns.push((field.with_name(name), values));
            }
        }
        Ok(PredictionTable { columns })
    }
}

/// Features of these names, made of these columns of the answers that there are.
fn stacked(
    features: &[String],
    columns: &[String],
    answers: &[Option<RecordBatch>],
) -> Result<Vec<(Column, ArrayRef)>, String> {
    let made = answers.iter().flatten().flat_map(|answer| {
        columns.iter().map(|name| {
            let column = answer.column_by_name(name);
            let numbers = column.filter(|column| *column.data_type() == DataType::Float64);
            let numbers = numbers.cloned();
            numbers.ok_or_else(|| format!("no column `{name}` of numbers"))
        })
    });
    let made: Vec<ArrayRef> = made.collect::<Result<_, String>>()?;
    let named = features.iter().map(|name| AddedFeature {
        name: name.clone(),
        labels: Vec::new(),
    });
    Ok(named.map(|feature| feature.column()).zip(made).collect())
}

/// The name of a column of a target's predictions beside those of others: the target
/// stands behind the kind, `prediction_late`, `probability_late_yes`.
fn named(column: &str, target: &str) -> String {
    match column.split_once('_') {
        Some((kind, class)) => format!("{kind}_{target}_{class}"),
        None => format!("{column}_{target}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Float64Type;
    use arrow_array::{Array as _, Float64Array, StringArray};

    use super::super::composite::tests::{chain, composite, member};
    use super::*;

    /// What a guest says of two rows: the classes, and the probabilities of `yes`.
    fn answer(classes: [&str; 2], yes: [f64; 2]) -> RecordBatch {
        let no = yes.map(|yes| 1.0 - yes);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("prediction", Arc::new(StringArray::from(classes.to_vec()))),
            ("probability_no", Arc::new(Float64Array::from(no.to_vec()))),
            (
                "probability_yes",
                Arc::new(Float64Array::from(yes.to_vec())),
            ),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn model(targets: [&str; 2]) -> Model {
        let members = targets.map(|target| member(target, b"guest"));
        Model::Composite(composite(members.to_vec()).unwrap())
    }

    fn names(table: &PredictionTable) -> Vec<&str> {
        let columns = table.columns.iter();
        columns.map(|(field, _)| field.name().as_str()).collect()
    }

    const PROBABILITIES: Wanted = Wanted::Predictions {
        probabilities: true,
    };

    #[test]
    fn predictions_of_targets_stand_side_by_side() {
        let answers = [
            answer(["no", "yes"], [0.25, 0.75]),
            answer(["yes", "yes"], [0.625, 0.5]),
        ];
        let model = model(["late", "far_off"]);
        let alone = Wanted::Predictions {
            probabilities: false,
        };
        let table = Combination::new(&model, alone).combine(&answers).unwrap();
        assert_eq!(names(&table), ["prediction_late", "prediction_far_off"]);
        let labels = table.columns[0].1.as_string::<i32>();
        assert_eq!((labels.value(0), labels.value(1)), ("no", "yes"));
        let table = Combination::new(&model, PROBABILITIES).combine(&answers);
        let table = table.unwrap();
        let expected = [
            "prediction_late",
            "probability_late_no",
            "probability_late_yes",
            "prediction_far_off",
            "probability_far_off_no",
            "probability_far_off_yes",
        ];
        assert_eq!(names(&table), expected);
        let yes = table.columns[5].1.as_primitive::<Float64Type>();
        assert_eq!(yes.values()[..], [0.625, 0.5]);
        let outputs = Combination::new(&model, Wanted::Outputs).combine(&answers);
        assert_eq!(names(&outputs.unwrap()), expected);
    }

    #[test]
    fn a_threshold_decides_of_its_own_target_alone() {
        let mut members = ["a", "b"].map(|target| member(target, b"guest"));
        members[1].head.target.threshold = Some(0.625);
        let model = Model::Composite(composite(members.to_vec()).unwrap());
        let same = || answer(["no", "yes"], [0.25, 0.5]);
        let table = Combination::new(&model, PROBABILITIES).combine(&[same(), same()]);
        let table = table.unwrap();
        let label = |column: usize| {
            table.columns[column]
                .1
                .as_string::<i32>()
                .value(1)
                .to_owned()
        };
        assert_eq!((label(0), label(3)), ("yes".to_owned(), "no".to_owned()));
    }

    #[test]
    fn one_model_has_the_names_of_its_guest() {
        let model = Model::One(member("late", b"guest").into());
        let answers = [answer(["no", "yes"], [0.25, 0.75])];
        let table = Combination::new(&model, PROBABILITIES).combine(&answers);
        let table = table.unwrap();
        assert_eq!(
            names(&table),
            ["prediction", "probability_no", "probability_yes"]
        );
        assert_eq!(table.columns[0].1.len(), 2);
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        // `probability_a_no_yes` is of the target `a`, or of `a_no`.
        let mut members = ["a", "a_no"].map(|target| member(target, b"guest"));
        members[0].head.target.classes = vec!["no".to_owned(), "no_yes".to_owned()];
        let model = Model::Composite(composite(members.to_vec()).unwrap());
        let first = answer(["no", "no"], [0.25, 0.75]);
        let columns = first.columns().to_vec();
        let names = ["prediction", "probability_no", "probability_no_yes"];
        let first = RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap();
        let answers = [first, answer(["no", "yes"], [0.25, 0.75])];
        let made = Combination::new(&model, PROBABILITIES).combine(&answers);
        let name = "probability_a_no_yes".to_owned();
        assert_eq!(made.unwrap_err(), Uncombined::SameName(name));
    }

    #[test]
    fn an_answer_that_lacks_a_column_is_refused() {
        let lacking = answer(["no", "yes"], [0.25, 0.75]).project(&[0]).unwrap();
        let whole = answer(["no", "yes"], [0.25, 0.75]);
        let made = Combination::new(&model(["a", "b"]), PROBABILITIES).combine(&[whole, lacking]);
        let what = "no column `probability_no` of numbers".to_owned();
        assert_eq!(made.unwrap_err(), Uncombined::Answer(what));
    }
    #[test]
    fn members_of_a_chain_read_what_those_before_them_predict() {
        let combination = Combination::new(&Model::Composite(chain()), Wanted::Outputs);
        assert_eq!(combination.order(), [2, 0, 1]);
        let mut answers = vec![None, None, None];
        assert_eq!(combination.added(2, &answers).unwrap(), Vec::new());
        assert!(combination.added(0, &answers).is_err());
        let labels: ArrayRef = Arc::new(StringArray::from(vec!["no", "high"]));
        answers[2] = Some(RecordBatch::try_from_iter([("prediction", labels)]).unwrap());
        let read = combination.added(0, &answers).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].0.name, "prediction_c");
        let codes = read[0].1.as_primitive::<arrow_array::types::Int32Type>();
        assert_eq!(codes.values()[..], [2, 0]);
        answers[0] = Some(answer(["no", "yes"], [0.25, 0.75]));
        let read = combination.added(1, &answers).unwrap();
        let names: Vec<&str> = read
            .iter()
            .map(|(column, _)| column.name.as_str())
            .collect();
        assert_eq!(names, ["prediction_c", "prediction_a"]);
        let ones = read[1].1.as_primitive::<Float64Type>();
        assert_eq!(ones.values()[..], [0.0, 1.0]);
        let other: ArrayRef = Arc::new(StringArray::from(vec!["no", "maybe"]));
        answers[0] = Some(RecordBatch::try_from_iter([("prediction", other)]).unwrap());
        let refused = combination.added(1, &answers).unwrap_err();
        assert_eq!(refused, "a prediction that is no class");
    }
}
