//! [`Combination`]: what the members of a model are asked of a batch of rows, and what
//! their answers become: pure functions of columns.

use std::collections::BTreeSet;
use std::ops::Range;

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
    /// What is predicted, by target.
    targets: Vec<Combined>,
    /// The names of the targets, where their predictions stand side by side.
    names: Option<Vec<String>>,
}

/// A target, and the members that predict it.
#[derive(Clone, Debug)]
struct Combined {
    members: Range<usize>,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// The answer of the only member.
    Only,
    /// What the members vote for, of their target.
    Voted(Votes, Vec<f64>, Box<ModelTarget>),
    /// The answer of the last member, to features of these names, made of columns of the
    /// answers of the others.
    Stacked {
        features: Vec<String>,
        columns: Vec<String>,
    },
}

impl How {
    /// `rule` is of members of one target.
    fn new(rule: Option<&Rule>, target: &ModelTarget) -> Self {
        match rule {
            Some(Rule::Voting { votes, weights }) => {
                Self::Voted(*votes, weights.clone(), Box::new(target.clone()))
            }
            Some(Rule::Stacking { features }) => Self::Stacked {
                features: features.clone(),
                columns: target.stacked(),
            },
            _ => Self::Only,
        }
    }
}

impl Combined {
    /// What the answers of all members of a model become of this target.
    fn table(&self, taken: &[Taken], answers: &[RecordBatch]) -> Result<PredictionTable, String> {
        let lacking = || "no answer".to_owned();
        let own = answers.get(self.members.clone()).ok_or_else(lacking)?;
        match &self.how {
            How::Voted(votes, weights, target) => {
                let answer = votes.answer(own, weights, target)?;
                taken[self.members.start].table(&answer)
            }
            How::Only | How::Stacked { .. } => {
                let answer = own.last().ok_or_else(lacking)?;
                taken[self.members.end - 1].table(answer)
            }
        }
    }
}

impl Combination {
    /// That of a model.
    pub fn new(model: &Model, wanted: Wanted) -> Self {
        let members = model.members().iter();
        let heads: Vec<&ModelHead> = members.map(|member| &member.head).collect();
        let rule = model.rule();
        let groups = rule.map_or_else(
            || vec![(0..1, None)],
            |rule| {
                let groups = rule.groups(heads.len()).into_iter();
                groups.zip(rule.of_groups(heads.len())).collect()
            },
        );
        let name = |members: &Range<usize>| heads[members.start].target_name().to_owned();
        let names: Vec<String> = groups.iter().map(|(members, _)| name(members)).collect();
        let is_of_one = matches!(
            rule,
            None | Some(Rule::Voting { .. } | Rule::Stacking { .. })
        );
        let targets = groups.into_iter().map(|(members, rule)| Combined {
            how: How::new(rule, &heads[members.start].target),
            members,
        });
        Self {
            taken: heads.iter().map(|head| Taken::of(head, wanted)).collect(),
            order: match rule {
                Some(Rule::Chain { order }) => order.clone(),
                _ => (0..heads.len()).collect(),
            },
            links: match rule {
                Some(Rule::Chain { .. }) => heads.iter().map(|head| Link::of(head)).collect(),
                _ => Vec::new(),
            },
            targets: targets.collect(),
            names: (!is_of_one).then_some(names),
        }
    }

    /// That of one model, of which all is taken that its guest says.
    pub fn outputs_of_one() -> Self {
        Self {
            taken: vec![Taken::Outputs],
            order: vec![0],
            links: Vec::new(),
            targets: vec![Combined {
                members: 0..1,
                how: How::Only,
            }],
            names: None,
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
        let mut targets = self.targets.iter();
        let own = targets.find(|target| target.members.contains(&member));
        if let Some(Combined { members, how }) = own
            && let How::Stacked { features, columns } = how
            && member + 1 == members.end
        {
            return stacked(features, columns, &answers[members.start..member]);
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
        let tables = self.targets.iter();
        let mut tables = tables.map(|target| {
            let table = target.table(&self.taken, answers);
            table.map_err(Uncombined::Answer)
        });
        let Some(names) = &self.names else {
            let lacking = || Err(Uncombined::Answer("no answer".to_owned()));
            return tables.next().unwrap_or_else(lacking);
        };
        let (mut columns, mut known) = (Vec::new(), BTreeSet::new());
        for (target, table) in names.iter().zip(tables) {
            for (field, values) in table?.columns {
                let name = named(field.name(), target);
                if !known.insert(name.clone()) {
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
pub(super) fn named(column: &str, target: &str) -> String {
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

    use super::super::composite::tests::{chain, composite, ensembles, member};
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
    fn targets_have_ensembles_of_their_own() {
        let model = Model::Composite(ensembles());
        let combination = Combination::new(&model, PROBABILITIES);
        let of = |yes: f64| answer(["no", "yes"], [yes, 1.0 - yes]);
        let mut answers: Vec<_> = [0.0, 1.0, 0.25, 0.75].map(|yes| Some(of(yes))).to_vec();
        for member in 0..4 {
            assert_eq!(combination.added(member, &answers).unwrap(), Vec::new());
        }
        // The last one reads what the member before it predicts, and no other.
        let read = combination.added(4, &answers).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].0.name, "candidate_0");
        assert_eq!(
            read[0].1.as_primitive::<Float64Type>().values()[..],
            [0.75, 0.25]
        );
        answers.push(Some(of(0.125)));
        let answers: Vec<RecordBatch> = answers.into_iter().flatten().collect();
        let table = combination.combine(&answers).unwrap();
        let expected = ["a", "b", "c"].map(|name| {
            let of_class = |class: &str| format!("probability_{name}_{class}");
            [
                format!("prediction_{name}"),
                of_class("no"),
                of_class("yes"),
            ]
        });
        assert_eq!(names(&table), expected.concat());
        let yes = |target: usize| {
            let column = table.columns[3 * target + 2]
                .1
                .as_primitive::<Float64Type>();
            column.values().to_vec()
        };
        assert_eq!(yes(0), [0.75, 0.25]);
        assert_eq!(yes(1), [0.25, 0.75]);
        assert_eq!(yes(2), [0.125, 0.875]);
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
