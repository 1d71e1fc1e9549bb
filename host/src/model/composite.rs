//! [`Composite`]: several models in one `model.fanout`, with the [`Rule`] that makes one
//! answer of their predictions; [`Model`], what any model file holds.
//!
//! The head in JSON has the rule and the head of each member; the parts are named by
//! their digests, so that what several members share, as their guest, is there once.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::chain::Link;
use super::form::{self, ModelFileError, Opened, PartStamp};
use super::rule::Rule;
use super::{ModelFile, ModelHead, Training};
use crate::digest::Digest;

/// What a composite model is, beside its members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeHead {
    /// The name of the plan that made it.
    pub name: String,
    /// What becomes of the members' predictions.
    pub rule: Rule,
}

/// Several models whose predictions a rule puts together. All read the same features of the
/// rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    head: CompositeHead,
    members: Vec<ModelFile>,
}

/// What a model file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// One model.
    One(Box<ModelFile>),
    /// Several.
    Composite(Composite),
}

/// A composite model, where one of one trainer is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model `{}` is composed of {members} models (`{rule}`), and {what} of one",
    path.display()
)]
pub struct CompositeError {
    /// The file.
    path: PathBuf,
    /// The number of members.
    members: usize,
    /// The rule.
    rule: &'static str,
    /// What is wanted, in words: `importances are`.
    what: &'static str,
}

impl CompositeError {
    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self.rule {
            "voting" | "stacking" | "ensembles" => {
                "use the model of one candidate: a plan without `ensemble` makes it"
            }
            _ => {
                "name the file of a member: of several targets, each has one in its own folder of \
                 the results"
            }
        }
    }
}

/// The head as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The version of the program that wrote it.
    fanout: String,
    composite: CompositeHead,
    members: Vec<Member>,
    parts: Vec<PartStamp>,
}

/// A member as it is written. Its guest is the part with the digest of its head.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    model: ModelHead,
    fitted: Digest,
    training: Option<Digest>,
}

impl Composite {
    /// A model of these members.
    ///
    /// # Errors
    /// If they can't be members of one model; why not.
    pub fn new(head: CompositeHead, members: Vec<ModelFile>) -> Result<Self, String> {
        if members.is_empty() {
            return Err("it has no members".to_owned());
        }
        let order = match &head.rule {
            Rule::Chain { order } => order.clone(),
            _ => (0..members.len()).collect(),
        };
        if !is_permutation(&order, members.len()) {
            return Err("its chain does not name each member once".to_owned());
        }
        let recipe = |member: usize| {
            let recipe = &members[member].head.recipe;
            (recipe.columns.clone(), recipe.features.clone())
        };
        let mut read = recipe(order[0]);
        for member in order {
            let head_of = &members[member].head;
            if recipe(member) != read {
                return Err("its members read different features".to_owned());
            }
            if let Rule::Chain { .. } = head.rule {
                let (column, feature) = Link::of(head_of).feature.recipe();
                read.0.push(column);
                read.1.push(feature);
            }
        }
        let heads: Vec<&ModelHead> = members.iter().map(|member| &member.head).collect();
        head.rule.check(&heads)?;
        let mut names = BTreeSet::new();
        let mut targets = head.rule.groups(heads.len()).into_iter();
        if !targets.all(|target| names.insert(heads[target.start].target_name())) {
            return Err("two of its members have one target".to_owned());
        }
        Ok(Self { head, members })
    }

    /// The member that reads the features of the rows alone.
    fn first(&self) -> &ModelFile {
        match &self.head.rule {
            Rule::Chain { order } => &self.members[order[0]],
            _ => &self.members[0],
        }
    }

    /// What it is.
    pub fn head(&self) -> &CompositeHead {
        &self.head
    }

    /// The members; at least one.
    pub fn members(&self) -> &[ModelFile] {
        &self.members
    }

    /// Writes the file.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let mut parts: Vec<(PartStamp, Bytes)> = Vec::new();
        let mut part = |content: Bytes| {
            let stamp = PartStamp::of(&content);
            if parts.iter().all(|(known, _)| known.digest != stamp.digest) {
                parts.push((stamp, content));
            }
            stamp.digest
        };
        let mut members = Vec::with_capacity(self.members.len());
        let mut guests = BTreeSet::new();
        for member in &self.members {
            if let Some(guest) = &member.guest
                && guests.insert(member.head.guest)
            {
                part(guest.clone());
            }
            let training = member.training.as_ref().map(serde_json::to_vec);
            members.push(Member {
                model: member.head.clone(),
                fitted: part(member.fitted.clone()),
                training: training.transpose()?.map(|bytes| part(bytes.into())),
            });
        }
        let head = Head {
            fanout: env!("CARGO_PKG_VERSION").to_owned(),
            composite: self.head.clone(),
            members,
            parts: parts.iter().map(|(stamp, _)| *stamp).collect(),
        };
        let contents = parts.iter().map(|(_, content)| content);
        form::write(form::COMPOSITE, &head, contents, output)
    }

    /// Reads the model of a file whose head is whole, and checks all its digests.
    fn of_opened(opened: &Opened<'_>, path: &Path) -> Result<Self, ModelFileError> {
        let head: Head = opened.head()?;
        let names = head.parts.iter().zip(1..);
        let names = names.map(|(stamp, number)| (*stamp, format!("part {number}")));
        let contents = opened.parts(names)?;
        let found = |digest: &Digest| {
            let mut parts = head.parts.iter().zip(&contents);
            let found = parts.find(|(stamp, _)| stamp.digest == *digest);
            found.map(|(_, content)| content.clone())
        };
        let lacking = |what: &str| ModelFileError::damaged(path, format!("it lacks {what}"));
        let mut members = Vec::with_capacity(head.members.len());
        for Member {
            model,
            fitted,
            training,
        } in &head.members
        {
            let training = match training {
                None => None,
                Some(digest) => {
                    let bytes = found(digest);
                    let bytes = bytes.ok_or_else(|| lacking("the record of a member"))?;
                    let training: Result<Training, _> = serde_json::from_slice(&bytes);
                    Some(training.map_err(|source| ModelFileError::form(path, source))?)
                }
            };
            members.push(ModelFile {
                fitted: found(fitted).ok_or_else(|| lacking("the model of a member"))?,
                guest: found(&model.guest),
                head: model.clone(),
                training,
            });
        }
        Self::new(head.composite, members).map_err(|what| ModelFileError::damaged(path, what))
    }
}

fn is_permutation(order: &[usize], members: usize) -> bool {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..members)
}

impl Model {
    /// Reads a file, and checks all its digests.
    ///
    /// # Errors
    /// If it is no model, of another version, or was changed.
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = std::fs::read(path).map_err(|source| ModelFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::of_bytes(&bytes.into(), path)
    }

    /// Reads the bytes of a file; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_bytes(bytes: &Bytes, path: &Path) -> Result<Self, ModelFileError> {
        let opened = Opened::new(bytes, path)?;
        match opened.version {
            form::COMPOSITE => Composite::of_opened(&opened, path).map(Self::Composite),
            _ => ModelFile::of_opened(&opened, path).map(|file| Self::One(file.into())),
        }
    }

    /// The models that it has: the only one, or the members.
    pub fn members(&self) -> &[ModelFile] {
        match self {
            Self::One(file) => std::slice::from_ref(file),
            Self::Composite(composite) => composite.members(),
        }
    }

    /// The head that says which features are made of the rows.
    pub fn reads(&self) -> &ModelHead {
        match self {
            Self::One(file) => &file.head,
            Self::Composite(composite) => &composite.first().head,
        }
    }

    /// Whether it predicts classes without probabilities, by the votes of its members.
    pub fn votes_on_classes(&self) -> bool {
        let Some(rule) = self.rule() else {
            return false;
        };
        let members = self.members();
        let targets = rule.groups(members.len()).into_iter();
        let mut targets = targets.zip(rule.of_groups(members.len()));
        targets.any(|(target, rule)| {
            let is_of_classes = !members[target.start].head.target.classes.is_empty();
            is_of_classes && rule.is_some_and(Rule::is_majority)
        })
    }

    /// The models that it has: the only one, or the members.
    pub fn into_members(self) -> Vec<ModelFile> {
        match self {
            Self::One(file) => vec![*file],
            Self::Composite(composite) => composite.members,
        }
    }

    /// What becomes of the members' predictions; `None` for one model.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::One(_) => None,
            Self::Composite(composite) => Some(&composite.head.rule),
        }
    }

    /// The only model of the file at `path`; `what` is wanted of it, as `importances are`.
    ///
    /// # Errors
    /// If it is a composite one.
    pub fn only(&self, path: &Path, what: &'static str) -> Result<&ModelFile, CompositeError> {
        match self {
            Self::One(file) => Ok(file),
            Self::Composite(composite) => Err(CompositeError {
                path: path.to_owned(),
                members: composite.members.len(),
                rule: composite.head.rule.name(),
                what,
            }),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use fanout_contract::{Learning, Params};

    use super::super::{ModelTarget, TargetMembers, Votes};
    use super::*;
    use crate::dataset::{FeatureRecipe, Made, Recipe, SourceType};
    use crate::plan::{DatasetPlan, defaults};

    /// A model of the class `no` or `yes` of `target`, by the guest `guest`.
    pub(in crate::model) fn member(target: &str, guest: &[u8]) -> ModelFile {
        let source = |name: &str, kind: &str| SourceType {
            name: name.to_owned(),
            data_type: kind.to_owned(),
        };
        let draft = defaults(&[]).unwrap();
        let head = ModelHead {
            name: "sample".to_owned(),
            run: Digest::of(target.as_bytes()),
            guest: Digest::of(guest),
            trainer: "random_forest".to_owned(),
            bagging: false,
            params: Params::new(),
            steps: Vec::new(),
            target: ModelTarget {
                learning: Learning::Binary,
                classes: vec!["no".to_owned(), "yes".to_owned()],
                positive: None,
                threshold: None,
            },
            recipe: Recipe {
                columns: vec![source("x", "Float64")],
                features: vec![FeatureRecipe {
                    name: "x".to_owned(),
                    of: vec!["x".to_owned()],
                    made: Made::Number,
                }],
                target: source(target, "Utf8"),
            },
            reading: DatasetPlan {
                target: target.to_owned(),
                ..draft.dataset().unwrap().clone()
            },
            rows: 10,
            scores: BTreeMap::new(),
            holdout: None,
            oob_score: None,
            plan: serde_json::Map::new(),
        };
        let fitted = Bytes::from(format!("the model of {target}"));
        ModelFile::new(head, fitted, Some(Bytes::copy_from_slice(guest)), None)
    }

    pub(in crate::model) fn composite(members: Vec<ModelFile>) -> Result<Composite, String> {
        with_rule(Rule::Targets, members)
    }

    fn with_rule(rule: Rule, members: Vec<ModelFile>) -> Result<Composite, String> {
        let name = "sample".to_owned();
        Composite::new(CompositeHead { name, rule }, members)
    }

    /// A chain of `c`, `a` and `b`; `c` is of three classes, and `b` a number.
    pub(in crate::model) fn chain() -> Composite {
        let mut members = ["a", "b", "c"].map(|name| member(name, b"guest"));
        members[1].head.target.learning = Learning::Regression;
        members[1].head.target.classes.clear();
        members[2].head.target.learning = Learning::Multiclass;
        members[2].head.target.classes = ["high", "low", "no"].map(str::to_owned).to_vec();
        let order = vec![2, 0, 1];
        let mut added = Vec::new();
        for member in &order {
            let head = &mut members[*member].head;
            for (column, feature) in &added {
                head.recipe.columns.push(SourceType::clone(column));
                head.recipe.features.push(FeatureRecipe::clone(feature));
            }
            added.push(Link::of(head).feature.recipe());
        }
        with_rule(Rule::Chain { order }, members.to_vec()).unwrap()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Bytes {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        bytes.into()
    }

    fn read(bytes: &Bytes) -> Result<Model, ModelFileError> {
        Model::of_bytes(bytes, Path::new("model.fanout"))
    }

    #[test]
    fn a_file_has_its_members_and_a_shared_guest_once() {
        let guest = [7_u8; 4096];
        let other = [8_u8; 4096];
        let members = vec![
            member("a", &guest),
            member("b", &guest),
            member("c", &other),
        ];
        let of_two = composite(members[..2].to_vec()).unwrap();
        let of_three = composite(members).unwrap();
        let two = written(|out| of_two.write(out));
        let three = written(|out| of_three.write(out));
        assert_eq!(read(&two).unwrap(), Model::Composite(of_two));
        assert_eq!(read(&three).unwrap(), Model::Composite(of_three));
        let found = |bytes: &Bytes, guest: &[u8]| memchr::memmem::find_iter(bytes, guest).count();
        assert_eq!((found(&two, &guest), found(&two, &other)), (1, 0));
        assert_eq!((found(&three, &guest), found(&three, &other)), (1, 1));
    }

    #[test]
    fn a_file_of_one_model_is_of_the_first_version() {
        let file = member("a", b"guest");
        let bytes = written(|out| file.write(out));
        assert_eq!(&bytes[..8], b"fanoutM\x01");
        assert_eq!(read(&bytes).unwrap(), Model::One(file.into()));
    }

    #[test]
    fn a_guest_may_be_left_out() {
        let mut members = vec![member("a", b"one"), member("b", b"two")];
        members[1].guest = None;
        let model = composite(members).unwrap();
        let bytes = written(|out| model.write(out));
        assert_eq!(read(&bytes).unwrap(), Model::Composite(model));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let model = composite(vec![member("a", b"guest"), member("b", b"guest")]).unwrap();
        let bytes = written(|out| model.write(out));
        for place in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            let error = read(&changed.into()).unwrap_err();
            let is_told = match place {
                0..7 => matches!(error, ModelFileError::Other { .. }),
                7 => matches!(error, ModelFileError::Version { version: 3, .. }),
                _ => matches!(error, ModelFileError::Damaged { .. }),
            };
            assert!(is_told, "{place}: {error:?}");
        }
        for end in 0..bytes.len() {
            assert!(read(&bytes.slice(..end)).is_err(), "{end}");
        }
        let more = Bytes::from([&bytes[..], b"x"].concat());
        let error = read(&more).unwrap_err().to_string();
        assert!(error.contains("it goes on behind its end"), "{error}");
    }

    #[test]
    fn a_head_that_names_parts_that_are_not_there_is_refused() {
        let model = composite(vec![member("a", b"guest"), member("b", b"guest")]).unwrap();
        let head = Head {
            fanout: String::new(),
            composite: model.head.clone(),
            members: vec![Member {
                model: model.members[0].head.clone(),
                fitted: Digest::of(b"nowhere"),
                training: None,
            }],
            parts: Vec::new(),
        };
        let bytes = written(|out| form::write(form::COMPOSITE, &head, [], out));
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains("it lacks the model of a member"), "{error}");
    }

    #[test]
    fn members_read_the_same_features_and_have_targets_of_their_own() {
        let (a, mut b) = (member("a", b"guest"), member("b", b"guest"));
        assert!(composite(Vec::new()).is_err());
        let refused = composite(vec![a.clone(), a.clone()]).unwrap_err();
        assert_eq!(refused, "two of its members have one target");
        b.head.recipe.features[0].name = "z".to_owned();
        let refused = composite(vec![a, b]).unwrap_err();
        assert_eq!(refused, "its members read different features");
    }
    #[test]
    fn members_of_a_chain_read_those_before_them() {
        let chain = chain();
        let bytes = written(|out| chain.write(out));
        let read = read(&bytes).unwrap();
        assert_eq!(read, Model::Composite(chain.clone()));
        assert_eq!(read.reads().target_name(), "c");
        for order in [vec![0, 2, 1], vec![2, 0], vec![2, 0, 0], vec![2, 0, 1, 3]] {
            let members = chain.members.clone();
            let refused = with_rule(
                Rule::Chain {
                    order: order.clone(),
                },
                members,
            );
            assert!(refused.is_err(), "{order:?}");
        }
        let refused = with_rule(Rule::Targets, chain.members).unwrap_err();
        assert_eq!(refused, "its members read different features");
    }

    #[test]
    fn members_of_a_vote_have_one_target_and_a_weight_each() {
        let voting = |weights: &[f64]| Rule::Voting {
            votes: Votes::Mean,
            weights: weights.to_vec(),
        };
        let same = vec![member("a", b"one"), member("a", b"two")];
        let model = with_rule(voting(&[2.0, 0.5]), same.clone()).unwrap();
        let bytes = written(|out| model.write(out));
        assert_eq!(read(&bytes).unwrap(), Model::Composite(model));
        for weights in [&[1.0][..], &[1.0, 0.0], &[1.0, f64::NAN], &[1.0; 3]] {
            let refused = with_rule(voting(weights), same.clone()).unwrap_err();
            assert_eq!(refused, "its weights are not those of its members");
        }
        let others = vec![member("a", b"one"), member("b", b"one")];
        let refused = with_rule(voting(&[1.0, 1.0]), others).unwrap_err();
        assert_eq!(refused, "its members have different targets");
        let stacking = |count: usize| Rule::Stacking {
            features: vec!["x".to_owned(); count],
        };
        assert!(with_rule(stacking(1), same.clone()).is_ok());
        let refused = with_rule(stacking(2), same).unwrap_err();
        assert_eq!(refused, "its features are not those of its members");
    }

    /// Of `a` two votes, of `b` one model, and of `c` a model that learns from another.
    pub(in crate::model) fn ensembles() -> Composite {
        let names = ["a", "a", "b", "c", "c"];
        let members = names.map(|name| member(name, b"guest")).to_vec();
        with_rule(rule_of_ensembles(2), members).unwrap()
    }

    fn rule_of_ensembles(of_first: usize) -> Rule {
        let target = |members: usize, rule: Option<Rule>| TargetMembers {
            members,
            rule: rule.map(Box::new),
        };
        let voting = Rule::Voting {
            votes: Votes::Mean,
            weights: vec![1.0, 3.0],
        };
        let features = vec!["candidate_0".to_owned()];
        let targets = vec![
            target(of_first, Some(voting)),
            target(1, None),
            target(2, Some(Rule::Stacking { features })),
        ];
        Rule::Ensembles { targets }
    }

    #[test]
    fn targets_have_members_of_their_own() {
        let model = ensembles();
        let bytes = written(|out| model.write(out));
        assert_eq!(read(&bytes).unwrap(), Model::Composite(model.clone()));
        let named = "its targets don't have the members named";
        let refused = |rule: Rule, members: Vec<ModelFile>| with_rule(rule, members).unwrap_err();
        for of_first in [0, 1, 3, usize::MAX] {
            let made = with_rule(rule_of_ensembles(of_first), model.members.clone());
            assert!(made.is_err(), "{of_first}");
        }
        let mut more = model.members.clone();
        more.push(member("d", b"guest"));
        assert_eq!(refused(rule_of_ensembles(2), more), named);
        let mut twice = model.members.clone();
        twice[2] = twice[0].clone();
        let told = refused(rule_of_ensembles(2), twice);
        assert_eq!(told, "two of its members have one target");
        let mut mixed = model.members.clone();
        mixed[1] = member("d", b"guest");
        let told = refused(rule_of_ensembles(2), mixed);
        assert_eq!(told, "its members have different targets");
        let nested = TargetMembers {
            members: 5,
            rule: Some(Box::new(Rule::Targets)),
        };
        let targets = vec![nested];
        assert_eq!(refused(Rule::Ensembles { targets }, model.members), named);
    }
}
