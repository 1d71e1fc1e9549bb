//! [`package`]: a model with what its guest has to know to answer rows over HTTP.

use std::collections::BTreeSet;

use arrow_schema::{DataType, TimeUnit};
use fanout_contract::served::{
    Holds, SERVES_TOGETHER, ServedColumn, ServedCsv, ServedFeature, ServedMember, ServedMembers,
    ServedRule, ServedTarget, ServedTogether, package as package_one, package_together,
};
use fanout_contract::{CONTRACT, Served};

use super::combination::named;
use super::{Columns, Composite, Model, ModelHead, Rule, Votes};
use crate::dataset::Made;

/// Why a guest can't serve a model.
#[derive(Debug, thiserror::Error)]
pub enum ServedError {
    /// It reads a column that guests can't make features of.
    #[error(
        "the model reads the column `{name}`, which held `{data_type}`; a component reads numbers, \
         truth values, texts, dates and times, and makes no categories of times"
    )]
    Column {
        /// The column.
        name: String,
        /// Its type in the training data.
        data_type: String,
    },
    /// Its guest is of a version without the place for a model.
    #[error(
        "the model's guest has no place for a model, or a form that this program does not know"
    )]
    Guest,
    /// Its members are of several guests.
    #[error("the members of the model are of {guests} guests, and a component is one of them")]
    Guests {
        /// How many.
        guests: usize,
    },
    /// Its guest is of a version that serves one model alone.
    #[error("the model's guest serves one model alone, and this one has {members} members")]
    Alone {
        /// How many.
        members: usize,
    },
    /// Predictions of two targets would have one name.
    #[error("two columns of predictions would be called `{name}`")]
    SameName {
        /// The name.
        name: String,
    },
    /// It does not fit into a component.
    #[error("the model has {bytes} bytes; a component's memory has no room for them")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The package of a model, one or several, for its guest, whose component `guest` is, where
/// that is known.
///
/// # Errors
/// If a guest can't make its features, or not serve all its members.
pub fn package(model: &Model, guest: Option<&[u8]>) -> Result<Vec<u8>, ServedError> {
    let composite = match model {
        Model::One(file) => return Ok(package_one(&served(&file.head)?, &file.fitted)),
        Model::Composite(composite) => composite,
    };
    let members = composite.members();
    let guests: BTreeSet<_> = members.iter().map(|member| member.head.guest).collect();
    if guests.len() > 1 {
        let guests = guests.len();
        return Err(ServedError::Guests { guests });
    }
    if guest.is_some_and(|guest| memchr::memmem::find(guest, &SERVES_TOGETHER).is_none()) {
        let members = members.len();
        return Err(ServedError::Alone { members });
    }
    let together = together(model, composite)?;
    let fitted: Vec<&[u8]> = members.iter().map(|member| &member.fitted[..]).collect();
    Ok(package_together(&together, &fitted))
}

/// The document of several models.
fn together(model: &Model, composite: &Composite) -> Result<ServedTogether, ServedError> {
    let (rule, members) = (&composite.head().rule, composite.members());
    let Served {
        contract,
        columns,
        features,
        csv,
        ..
    } = served(model.reads())?;
    let of_groups = rule.groups(members.len()).into_iter();
    let groups = of_groups.zip(rule.of_groups(members.len()));
    let side_by_side = !rule.is_of_one_target();
    let (mut targets, mut names) = (Vec::new(), BTreeSet::new());
    for (group, rule) in groups {
        let head = &members[group.start].head;
        let classes = head.target.classes.iter();
        let columns = classes.map(|class| format!("probability_{class}"));
        for column in columns.chain(["prediction".to_owned()]) {
            let name = named(&column, head.target_name());
            if side_by_side && !names.insert(name.clone()) {
                return Err(ServedError::SameName { name });
            }
        }
        targets.push(ServedMembers {
            members: group.len(),
            rule: served_rule(rule, head),
        });
    }
    let members = members.iter().map(|member| {
        let head = &member.head;
        ServedMember {
            run: head.run.to_string(),
            trainer: head.label(),
            steps: head.steps.iter().map(|step| step.step.clone()).collect(),
            target: served_target(head),
            size: member.fitted.len() as u64,
        }
    });
    Ok(ServedTogether {
        contract,
        name: composite.head().name.clone(),
        columns,
        features,
        csv,
        members: members.collect(),
        targets,
        side_by_side,
        chain: match rule {
            Rule::Chain { order } => order.clone(),
            _ => Vec::new(),
        },
    })
}

fn served_rule(rule: Option<&Rule>, head: &ModelHead) -> ServedRule {
    match rule {
        Some(Rule::Voting { votes, weights }) => {
            let weights = weights.clone();
            match votes {
                // Numbers have no majority.
                Votes::Majority if !head.target.classes.is_empty() => {
                    ServedRule::Majority { weights }
                }
                _ => ServedRule::Mean { weights },
            }
        }
        Some(Rule::Stacking { features }) => ServedRule::Stacking {
            features: features.clone(),
        },
        _ => ServedRule::Only,
    }
}

fn served_target(head: &ModelHead) -> ServedTarget {
    let target = &head.target;
    ServedTarget {
        name: head.target_name().to_owned(),
        learning: target.learning,
        classes: target.classes.clone(),
        texts: Columns::new(head, false).labels_are_texts(),
        positive: target.positive().map(str::to_owned),
        threshold: target.threshold,
    }
}

/// The document of a model.
///
/// # Errors
/// If a guest can't make its features.
fn served(head: &ModelHead) -> Result<Served, ServedError> {
    let (recipe, reading) = (&head.recipe, &head.reading);
    let columns = recipe.columns.iter().map(|column| {
        let mut readers = recipe.readers(&column.name);
        let is_label = readers.any(|feature| feature.made != Made::Number);
        let plan = reading.columns.get(&column.name);
        let holds = column.arrow().and_then(|kind| holds(&kind));
        let is_time = |holds: &Holds| {
            !matches!(
                holds,
                Holds::Number | Holds::Truth | Holds::Text | Holds::Date
            )
        };
        // The texts of dates in milliseconds have a time of the day.
        let is_long = column.arrow() == Some(DataType::Date64);
        let holds = holds.filter(|holds| !is_label || !(is_time(holds) || is_long));
        let holds = holds.ok_or_else(|| ServedError::Column {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        })?;
        Ok(ServedColumn {
            name: column.name.clone(),
            holds,
            decimal: plan.and_then(|plan| plan.decimal).or(reading.csv.decimal),
            thousands: plan
                .and_then(|plan| plan.thousands)
                .or(reading.csv.thousands),
        })
    });
    let features = recipe.features.iter().map(|feature| {
        let place = |name: &String| {
            recipe
                .columns
                .iter()
                .position(|column| column.name == *name)
        };
        ServedFeature {
            name: feature.name.clone(),
            of: feature.of.iter().filter_map(place).collect(),
            made: feature.made.clone(),
        }
    });
    Ok(Served {
        contract: CONTRACT,
        name: head.name.clone(),
        run: head.run.to_string(),
        trainer: head.label(),
        steps: head.steps.iter().map(|step| step.step.clone()).collect(),
        target: served_target(head),
        features: features.collect(),
        columns: columns.collect::<Result<_, _>>()?,
        csv: ServedCsv {
            delimiter: reading.csv.delimiter,
            header: reading.csv.header,
            names: reading.csv.names.clone(),
            null_values: reading.csv.null_values.clone(),
        },
    })
}

fn holds(kind: &DataType) -> Option<Holds> {
    Some(match kind {
        DataType::Boolean => Holds::Truth,
        DataType::Utf8 => Holds::Text,
        DataType::Date32 | DataType::Date64 => Holds::Date,
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => Holds::Seconds,
            TimeUnit::Millisecond => Holds::Milliseconds,
            TimeUnit::Microsecond => Holds::Microseconds,
            TimeUnit::Nanosecond => Holds::Nanoseconds,
        },
        // A column without a value.
        DataType::Null => Holds::Number,
        kind if kind.is_numeric() => Holds::Number,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use fanout_contract::served::unpack;

    use super::super::composite::tests::{chain, composite, ensembles, member};
    use super::*;

    #[test]
    fn a_package_of_several_models_has_what_a_guest_makes_of_them() {
        let model = Model::Composite(ensembles());
        let bytes = package(&model, Some(&SERVES_TOGETHER)).unwrap();
        let (together, fitted) = unpack(&bytes).unwrap();
        let expected: Vec<&[u8]> = model
            .members()
            .iter()
            .map(|file| &file.fitted[..])
            .collect();
        assert_eq!(fitted, expected);
        assert!(together.side_by_side && together.chain.is_empty());
        let weights = vec![1.0, 3.0];
        let features = vec!["candidate_0".to_owned()];
        let rules: Vec<_> = together
            .targets
            .into_iter()
            .map(|target| target.rule)
            .collect();
        let expected = [
            ServedRule::Mean { weights },
            ServedRule::Only,
            ServedRule::Stacking { features },
        ];
        assert_eq!(rules, expected);
        let bytes = package(&Model::Composite(chain()), None).unwrap();
        let (together, _) = unpack(&bytes).unwrap();
        assert_eq!(together.chain, [2, 0, 1]);
        // What the first of the chain reads, and not what others predict.
        let names: Vec<&str> = together
            .features
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names, ["x"]);
        let bytes = package(&Model::One(member("a", b"guest").into()), None).unwrap();
        let (one, fitted) = unpack(&bytes).unwrap();
        assert!(!one.side_by_side && one.members.len() == 1);
        assert_eq!(fitted, [b"the model of a"]);
    }

    #[test]
    fn what_no_guest_serves_as_a_whole_is_refused() {
        let refused = |members: Vec<crate::model::ModelFile>, guest: Option<&[u8]>| {
            let model = Model::Composite(composite(members).unwrap());
            package(&model, guest).unwrap_err().to_string()
        };
        let of_two = vec![member("a", b"one"), member("b", b"two")];
        let told = refused(of_two, None);
        assert_eq!(
            told,
            "the members of the model are of 2 guests, and a component is one of them"
        );
        let same = || ["a", "b"].map(|name| member(name, b"one")).to_vec();
        let told = refused(same(), Some(b"a guest of before"));
        assert_eq!(
            told,
            "the model's guest serves one model alone, and this one has 2 members"
        );
        let mut clash = vec![member("a", b"one"), member("a_no", b"one")];
        clash[0].head.target.classes = vec!["no".to_owned(), "no_yes".to_owned()];
        let told = refused(clash, None);
        assert_eq!(
            told,
            "two columns of predictions would be called `probability_a_no_yes`"
        );
    }
}
