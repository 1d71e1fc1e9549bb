//! [`Selection`]: the columns of a source that a plan makes features and target
//! of, and those that its splitter reads.

use super::splitter::SplitterInputs;
use super::{EncodeError, one_of};
use crate::dataset::source::SourceColumn;
use crate::plan::{Cv, DatasetPlan, FeaturePlan, Kind};

/// The chosen columns, as indices into the source's.
pub(super) struct Selection<'p> {
    pub(super) features: Vec<Feature<'p>>,
    pub(super) target: usize,
    /// The column of the weights.
    pub(super) weight: Option<usize>,
    /// Those that the splitter reads.
    pub(super) splitter: SplitterInputs,
    /// Those that the plan calls categorical.
    pub(super) categorical: Vec<usize>,
    /// The names of those that are the index of a table, and so no features.
    pub(super) indices: Vec<String>,
}

/// A feature of the dataset.
pub(super) struct Feature<'p> {
    pub(super) name: String,
    /// The columns that it is made of: one, unless they are concatenated.
    pub(super) parts: Vec<usize>,
    /// What stands between concatenated texts.
    pub(super) separator: Option<&'p str>,
}

impl<'p> Selection<'p> {
    /// Finds the plan's columns among the source's.
    pub(super) fn of(
        columns: &[SourceColumn],
        source_name: &str,
        plan: &'p DatasetPlan,
        splits: (&Cv, &Kind),
    ) -> Result<Self, EncodeError> {
        let find = |name: &str, role| {
            let index = columns.iter().position(|column| column.name == name);
            index.ok_or_else(|| EncodeError::NoColumn {
                source_name: source_name.to_owned(),
                name: name.to_owned(),
                role,
                hint: suggestion(name, columns),
            })
        };
        let find_all = |names: &[String], role| {
            let found = names.iter().map(|name| find(name, role));
            found.collect::<Result<Vec<usize>, _>>()
        };
        let target = find(&plan.target, "the target")?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let splitter = SplitterInputs::of(&names, plan, splits, find)?;
        // Where the splitter takes no groups, their column is no feature either.
        let groups = plan.groups.as_deref();
        let groups = groups.map(|name| find(name, "the column of the groups"));
        let groups = groups.transpose()?;
        let weight = plan.weight.as_deref();
        let weight = weight.map(|name| find(name, "the column of the weights"));
        let weight = weight.transpose()?;
        let dropped = find_all(&plan.drop, "in `drop`")?;
        let categorical = find_all(&plan.categorical, "in `categorical`")?;
        let (mut features, mut indices) = (Vec::new(), Vec::new());
        match &plan.features {
            None => {
                for (index, column) in columns.iter().enumerate() {
                    let of_rows = Some(index) == groups || Some(index) == weight;
                    let of_splitter = splitter.all().contains(&index);
                    if index == target || of_splitter || of_rows || dropped.contains(&index) {
                        continue;
                    }
                    let name = column.name.clone();
                    // An index is a feature where the plan names it.
                    let named = plan.columns.contains_key(&name) || categorical.contains(&index);
                    if column.index && !named {
                        indices.push(name);
                    } else {
                        features.push(Feature {
                            name,
                            parts: vec![index],
                            separator: None,
                        });
                    }
                }
            }
            Some(planned) => {
                for feature in planned {
                    features.push(match feature {
                        FeaturePlan::Column(name) => Feature {
                            name: name.clone(),
                            parts: vec![find(name, "a feature")?],
                            separator: None,
                        },
                        FeaturePlan::Concat {
                            name,
                            concat,
                            separator,
                        } => Feature {
                            name: name.clone(),
                            parts: find_all(concat, "a part of a feature")?,
                            separator: Some(separator),
                        },
                    });
                }
            }
        }
        if features.is_empty() {
            let source_name = source_name.to_owned();
            return Err(EncodeError::NoFeatures { source_name });
        }
        for (index, Feature { name, parts, .. }) in features.iter().enumerate() {
            if parts.contains(&target) || *name == plan.target {
                let name = plan.target.clone();
                return Err(EncodeError::TargetAmongFeatures { name });
            }
            if features[..index].iter().any(|other| other.name == *name) {
                return Err(EncodeError::DuplicateFeature { name: name.clone() });
            }
        }
        Ok(Self {
            features,
            target,
            weight,
            splitter,
            categorical,
            indices,
        })
    }

    /// The columns that are read, ascending.
    pub(super) fn projection(&self) -> Vec<usize> {
        let parts = self.features.iter().flat_map(|feature| &feature.parts);
        let mut projection: Vec<usize> = parts
            .copied()
            .chain([self.target])
            .chain(self.weight)
            .chain(self.splitter.all().iter().copied())
            .collect();
        projection.sort_unstable();
        projection.dedup();
        projection
    }
}

/// The column with the most similar name, or the columns that there are.
fn suggestion(name: &str, columns: &[SourceColumn]) -> String {
    let close = columns
        .iter()
        .map(|column| (strsim::jaro_winkler(name, &column.name), &column.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match close {
        Some((score, close)) if score >= 0.8 => format!("; did you mean `{close}`?"),
        _ => {
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            format!("; a column is {}", one_of(&names))
        }
    }
}
