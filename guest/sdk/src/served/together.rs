//! [`Together`]: the models of a package, and what they predict of rows together. Each reads
//! the features of the rows; some read, behind these, what others predict.

use super::columns::Features;
use crate::contract::served::{ServedRule, ServedTarget, ServedTogether};
use crate::contract::{Column, ColumnKind, Role};
use crate::trainer::{Prediction, PredictionBuf, PredictionValues};
use crate::{Fault, Guest, Model, Table, Values, votes};

/// Models that are open, in the order of the members of their document.
#[derive(Debug)]
pub(super) struct Together(Vec<Model>);

impl Together {
    /// Opens the fitted models of members.
    ///
    /// # Errors
    /// If one is not of guest `G`.
    pub(super) fn open<G: Guest>(fitted: &[&[u8]]) -> Result<Self, Fault> {
        let models = fitted.iter().map(|fitted| Model::open::<G>(fitted));
        Ok(Self(models.collect::<Result<_, _>>()?))
    }

    /// What is predicted of each target of rows with these features.
    ///
    /// # Errors
    /// If a model does not read them, or does not predict what is combined.
    pub(super) fn predict(
        &self,
        served: &ServedTogether,
        features: &Features,
    ) -> Result<Vec<PredictionBuf>, Fault> {
        let table = Table::from_columns(features.clone())?;
        let mut predicted: Vec<Option<PredictionBuf>> = vec![None; self.0.len()];
        let order = match served.chain.as_slice() {
            [] => (0..self.0.len()).collect(),
            chain => chain.to_vec(),
        };
        for (place, member) in order.iter().enumerate() {
            let added = match served.chain.as_slice() {
                [] => stacked(served, *member, &predicted)?,
                chain => chain[..place]
                    .iter()
                    .map(|before| {
                        link(&served.members[*before].target, predicted[*before].as_ref())
                    })
                    .collect::<Result<_, _>>()?,
            };
            let model = &self.0[*member];
            let own = match added.is_empty() {
                true => model.predict_table(&table)?,
                false => {
                    let all = features.iter().cloned().chain(added);
                    model.predict_table(&Table::from_columns(all.collect())?)?
                }
            };
            predicted[*member] = Some(own);
        }
        let predicted: Vec<PredictionBuf> = predicted.into_iter().flatten().collect();
        let mut rest = predicted.as_slice();
        let each = served.targets.iter().map(|target| {
            let (own, others) = rest.split_at(target.members);
            rest = others;
            combined(&target.rule, own)
        });
        each.collect()
    }
}

/// The features that the last member of a second stage reads, made of what the others
/// predict; none of any other member.
fn stacked(
    served: &ServedTogether,
    member: usize,
    predicted: &[Option<PredictionBuf>],
) -> Result<Features, Fault> {
    let mut start = 0;
    for target in &served.targets {
        let end = start + target.members;
        if let ServedRule::Stacking { features } = &target.rule
            && member + 1 == end
        {
            let others = predicted[start..member].iter().flatten();
            let mut columns = Vec::new();
            for other in others {
                columns.extend(numbers(other)?);
            }
            if columns.len() != features.len() {
                let message = "the models of a second stage don't have its features".to_owned();
                return Err(Fault::Failed(message));
            }
            let named = features.iter().zip(columns);
            return Ok(named.map(|(name, values)| number(name, values)).collect());
        }
        start = end;
    }
    Ok(Vec::new())
}

/// What a model predicts as numbers: these, the probability of the second of two classes, or
/// those of all classes.
fn numbers(predicted: &PredictionBuf) -> Result<Vec<Vec<f64>>, Fault> {
    let table = probabilities(predicted)?;
    let width = match predicted.classes.len() {
        0 | 2 => 1,
        classes => classes,
    };
    let column = |at: usize| table.iter().skip(at).step_by(width).copied().collect();
    Ok((0..width).map(column).collect())
}

/// Numbers, or probabilities.
fn probabilities(predicted: &PredictionBuf) -> Result<&[f64], Fault> {
    match predicted.as_prediction() {
        Prediction::Numbers(table)
        | Prediction::Binary(table)
        | Prediction::Multiclass(table)
        | Prediction::Decisions {
            probabilities: Some(table),
            ..
        } => Ok(table),
        _ => {
            let message = "a model predicts no probabilities to combine".to_owned();
            Err(Fault::Failed(message))
        }
    }
}

/// The feature that a target of a chain is to those behind it: a number is itself, the
/// positive of two classes 1 and the other 0, and of more classes each is a category.
fn link(
    target: &ServedTarget,
    predicted: Option<&PredictionBuf>,
) -> Result<(Column, Values), Fault> {
    let lacking = || Fault::Failed("the chain of the models has no beginning".to_owned());
    let predicted = predicted.ok_or_else(lacking)?.as_prediction();
    let name = format!("prediction_{}", target.name);
    let classes = target.classes.len();
    if let Prediction::Numbers(numbers) = predicted {
        return Ok(number(&name, numbers.to_vec()));
    }
    let codes = predicted.classes(classes);
    if classes <= 2 {
        let positive = target.positive.as_ref();
        let is_positive = |code: &u32| positive == target.classes.get(*code as usize);
        let values = codes
            .iter()
            .map(|code| f64::from(u8::from(is_positive(code))));
        return Ok(number(&name, values.collect()));
    }
    let kind = ColumnKind::Category {
        labels: target.classes.clone(),
    };
    Ok((feature(&name, kind), Values::Category(codes.into_owned())))
}

fn number(name: &str, values: Vec<f64>) -> (Column, Values) {
    (feature(name, ColumnKind::Number), Values::Number(values))
}

fn feature(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.to_owned(),
        role: Role::Feature,
        kind,
    }
}

/// What the predictions of the members of a target become.
fn combined(rule: &ServedRule, members: &[PredictionBuf]) -> Result<PredictionBuf, Fault> {
    let last = &members[members.len() - 1];
    let classes = last.classes.len();
    let values = match rule {
        ServedRule::Only | ServedRule::Stacking { .. } => return Ok(last.clone()),
        ServedRule::Mean { weights } => {
            let tables = members.iter().zip(weights);
            let tables = tables.map(|(member, weight)| Ok((probabilities(member)?, *weight)));
            let mean = votes::mean(&tables.collect::<Result<Vec<_>, Fault>>()?);
            match classes {
                0 => PredictionValues::Numbers(mean),
                2 => PredictionValues::Binary(mean),
                _ => PredictionValues::Multiclass(mean),
            }
        }
        ServedRule::Majority { weights } => {
            let codes = members.iter();
            let codes: Vec<_> = codes
                .map(|member| member.as_prediction().classes(classes).into_owned())
                .collect();
            let votes_of = codes.iter().map(Vec::as_slice).zip(weights.iter().copied());
            PredictionValues::Classes(votes::majority(&votes_of.collect::<Vec<_>>(), classes))
        }
    };
    Ok(PredictionBuf {
        classes: last.classes.clone(),
        values,
    })
}
