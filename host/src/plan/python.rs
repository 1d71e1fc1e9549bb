//! `trainer.python`: a class of scikit-learn, or of files of Python beside the plan.
//!
//! It is sugar: a plan says the class and the files, and behind [`EstimatorForm`] the trainer
//! has the name by which the guest of Python offers the class. Which component that
//! is, is found when guests are loaded; nothing here reads a file.

use std::path::PathBuf;
use std::slice;

use fanout_contract::TrainerDescription;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::form::{Context, Field, Form, Given, Section};
use super::mistake::{Mistake, Place};
use super::node::{Atom, Content, Node};
use super::suggest::{all_of, nearest};

/// What the component of a trainer in Python holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonPlan {
    /// The files of Python beside scikit-learn, each of which is a module.
    pub sources: Vec<PathBuf>,
}

/// What the field takes, in a message.
const TAKES: &str =
    "the path of a class, such as `sklearn.svm.NuSVC`, or a file, such as `mine.py`";

/// The ending of a file of Python.
const ENDING: &str = ".py";

/// The path of a class, a file, or a list of files.
#[derive(Debug)]
pub(super) struct PythonForm;

impl Form for PythonForm {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let is_list = matches!(given.node.content, Content::List(_));
        let mut modules = Vec::new();
        let mut files = Vec::new();
        for item in items(given.node) {
            let text = match item.atom() {
                Some(Atom::Text(text)) => text,
                _ => {
                    given.wrong(TAKES, cx);
                    return None;
                }
            };
            if !is_list && is_class(text) && !text.ends_with(ENDING) {
                return Some(json!({"sources": []}));
            }
            if !text.ends_with(ENDING) {
                let mistake = given.wrong(TAKES, cx);
                if is_list && is_class(text) {
                    mistake.hint("a list is of files alone: write the class without it");
                }
                return None;
            }
            let module = module(text);
            if !is_module(module) {
                let message = format!("`{module}` is no name of a module of Python");
                let hint = "rename the file: a letter, then letters, digits and single `_`";
                cx.note(item.place, message).hint(hint);
                return None;
            }
            if modules.contains(&module) {
                let message = format!("two files are the module `{module}`");
                cx.note(item.place, message).hint("rename one of them");
                return None;
            }
            modules.push(module);
            files.push(cx.resolve(text, item.place));
        }
        if files.is_empty() {
            let hint = "name one, such as `mine.py`";
            cx.note(given.node.place, "`python` names no file")
                .hint(hint);
            return None;
        }
        Some(json!({"sources": files}))
    }

    fn schema(&self) -> Json {
        let file = json!({"type": "string", "pattern": r"\.py$"});
        json!({"anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": file, "minItems": 1, "uniqueItems": true},
        ]})
    }
}

/// The section of an estimator; that of one in Python has its name resolved.
#[derive(Debug)]
pub(super) struct EstimatorForm(pub(super) &'static Section);

impl Form for EstimatorForm {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let mut read = self.0.read(given, cx)?;
        match resolved(given.node) {
            Some(Ok((name, _))) => read["name"] = name.into(),
            Some(Err(mistake)) => {
                cx.found.0.push(mistake);
                return None;
            }
            None => {}
        }
        Some(read)
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        self.0.fields()
    }
}

/// The trainer of an arm's tree, as guests offer it.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) place: Place,
    /// Whether it is a class of Python.
    pub(super) is_python: bool,
}

impl Named {
    /// `None` where the plan names none, or wrongly.
    pub(super) fn of(arm: &Node) -> Option<Self> {
        let trainer = arm.get(&["trainer"])?;
        if let Some(resolved) = resolved(trainer) {
            let (name, place) = resolved.ok()?;
            return Some(Self {
                name,
                place,
                is_python: true,
            });
        }
        let node = trainer.get(&["name"])?;
        match node.atom() {
            Some(Atom::Text(name)) => Some(Self {
                name: name.to_owned(),
                place: node.place,
                is_python: false,
            }),
            _ => None,
        }
    }
}

/// The name by which the component offers the class of a trainer, and where the plan says
/// it; `None` of a trainer that is not in Python, or whose `python` is wrong by itself.
fn resolved(trainer: &Node) -> Option<Result<(String, Place), Mistake>> {
    let python = trainer.entry("python").filter(|own| !own.value.is_null())?;
    let name = trainer.entry("name").filter(|own| !own.value.is_null());
    let guest = trainer.entry("guest").filter(|own| !own.value.is_null());
    let files: Option<Vec<&str>> = items(&python.value).iter().map(Node::label).collect();
    let files = files.filter(|files| !files.is_empty())?;
    if let ([class], Content::Scalar(_)) = (&files[..], &python.value.content)
        && !class.ends_with(ENDING)
    {
        return Some(match name {
            None => Ok(((*class).to_owned(), python.value.place)),
            Some(name) => Err(Mistake::new(
                name.place,
                format!("`python` is the class `{class}`, and `name` is another"),
            )
            .with_hint("remove `name`, which is for the classes of a file")),
        });
    }
    if let Some(guest) = guest {
        let message = "`guest` is a component that is made, and files of `python` go into one";
        let hint = "remove `guest`: the component of the files is made and kept by itself";
        return Some(Err(Mistake::new(guest.place, message).with_hint(hint)));
    }
    let Some(name) = name else {
        let message = format!("`name` is missing: the class in `{}`", files[0]);
        let hint = "write such as `name: MyEstimator`";
        return Some(Err(Mistake::new(python.place, message).with_hint(hint)));
    };
    let place = name.value.place;
    Some(match name.value.label() {
        // That it is no text was noted.
        None => return None,
        Some(class) if !is_class(class) => {
            let message = format!("`{class}` is no name of a class of Python");
            let hint = "write such as `name: MyEstimator`";
            Err(Mistake::new(place, message).with_hint(hint))
        }
        Some(class) if class.contains('.') => Ok((class.to_owned(), place)),
        Some(class) if files.len() > 1 => {
            let message = format!("`{class}` may be of any of the files");
            let hint = format!("write `name: {}.{class}`", module(files[0]));
            Err(Mistake::new(place, message).with_hint(hint))
        }
        Some(class) => Ok((format!("{}.{class}", module(files[0])), place)),
    })
}

/// What is wrong with a class that the component does not offer.
pub(super) fn unknown(name: &str, trainers: &[TrainerDescription], place: Place) -> Mistake {
    let offered = trainers.iter().map(|known| known.name.as_str());
    let hint = instead(name, offered, "estimator").unwrap_or_else(|| {
        "name a classifier or a regressor by its public path, such as `sklearn.svm.NuSVC`"
            .to_owned()
    });
    let message = format!("the guest of Python has no estimator `{name}`");
    Mistake::new(place, message).with_hint(hint)
}

/// What may stand in place of a step with dots in its name, of those that guests offer;
/// `None` of another step.
pub(super) fn instead_of_step<'d>(
    name: &str,
    offered: impl Iterator<Item = &'d str> + Clone,
) -> Option<String> {
    if !is_class(name) || !name.contains('.') {
        return None;
    }
    let hint = instead(name, offered, "transformer");
    Some(hint.unwrap_or_else(|| {
        "transformers of scikit-learn are steps before a trainer `python`, such as `trainer: \
         {python: sklearn.svm.NuSVC}`"
            .to_owned()
    }))
}

/// A class of the same name elsewhere, one that is spelt alike, or those of the same module;
/// `kind` is what they are.
fn instead<'d>(
    name: &str,
    offered: impl Iterator<Item = &'d str> + Clone,
    kind: &str,
) -> Option<String> {
    let (module, class) = name.rsplit_once('.').unwrap_or(("", name));
    let path = |known: &'d str| known.rsplit_once('.').map(|(of, class)| (known, of, class));
    let all = offered.filter_map(path);
    if let Some((known, ..)) = all.clone().find(|known| known.2 == class) {
        return Some(format!("did you mean `{known}`?"));
    }
    let beside: Vec<_> = all.clone().filter(|known| known.1 == module).collect();
    // Of the same module, by the class alone: paths are alike by their modules.
    if let Some(near) = nearest(class, beside.iter().map(|known| known.2)) {
        return Some(format!("did you mean `{module}.{near}`?"));
    }
    if !beside.is_empty() {
        let names = all_of(beside.iter().map(|known| known.2));
        return Some(format!("{kind}s of `{module}` are {names}"));
    }
    let near = nearest(class, all.clone().map(|known| known.2))?;
    let mut all = all;
    all.find(|known| known.2 == near)
        .map(|(known, ..)| format!("did you mean `{known}`?"))
}

/// The items of a list, or the one that stands for it.
fn items(node: &Node) -> &[Node] {
    match &node.content {
        Content::List(items) => items,
        _ => slice::from_ref(node),
    }
}

/// The module that a file is: its name without folders and ending.
fn module(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(ENDING).unwrap_or(name)
}

/// Whether a text is the name of a module that trainers can be of, whose names have no `__`.
pub(crate) fn is_module(text: &str) -> bool {
    is_name(text) && !text.starts_with('_') && !text.contains("__")
}

/// Whether a text is the path of a class: names with dots between.
fn is_class(text: &str) -> bool {
    text.split('.').all(is_name)
}

/// Whether a text is a name in Python, of ASCII.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    first.is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
        && chars.all(|char| char == '_' || char.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fanout_contract::StepDescription;

    use super::*;
    use crate::plan::{Draft, Plan};

    #[test]
    fn files_are_modules() {
        assert_eq!(module("mine.py"), "mine");
        assert_eq!(module("../of/mine.py"), "mine");
        assert!(is_class("sklearn.svm.NuSVC") && is_class("SVC") && is_class("_a1.B"));
        assert!(is_module("mine_2") && !is_module("_mine") && !is_module("mine__2"));
        for none in ["", ".", "a.", "1a", "my-model", "a b", "a..b", "ä"] {
            assert!(!is_class(none), "{none}");
        }
    }

    fn draft(rest: &str) -> Draft {
        let text = format!("dataset: {{source: a.csv, target: y}}\n{rest}\n");
        Draft::parse(Path::new("plans/a.yaml"), &text, &[], Path::new("/here"))
    }

    /// The plan of a text in which there is no mistake.
    #[track_caller]
    fn plan(rest: &str) -> Plan {
        let draft = draft(rest);
        assert!(draft.error().is_none(), "{}", draft.error().unwrap());
        draft.sections.plan.unwrap()
    }

    #[test]
    fn a_class_is_a_trainer_of_its_path() {
        let plan =
            plan("trainer: {python: sklearn.svm.NuSVC, params: {nu: 0.1, shape: [3, null]}}");
        let trainer = plan.trainer.unwrap();
        assert_eq!(trainer.name, "sklearn.svm.NuSVC");
        assert_eq!(trainer.python, Some(PythonPlan::default()));
        assert_eq!(trainer.guest, None);
        assert_eq!(
            json!(trainer.params),
            json!({"nu": 0.1, "shape": [3, null]})
        );
        // A manifest has it, and is read again.
        let told = json!(trainer);
        assert_eq!(told["python"], json!({"sources": []}));
        assert_eq!(
            serde_json::from_value::<super::super::TrainerPlan>(told).unwrap(),
            trainer
        );
        // Those of plans without it are as they were.
        let other = self::plan("trainer: {name: ridge}").trainer.unwrap();
        assert_eq!(json!(other).get("python"), None);
    }

    #[test]
    fn a_class_of_files_is_named_by_its_module() {
        let trainer = |text: &str| {
            let plan = plan(&format!("trainer: {text}"));
            let trainer = plan.trainer.unwrap();
            (trainer.name, trainer.python.unwrap().sources)
        };
        let (name, sources) = trainer("{python: of/mine.py, name: MyEstimator}");
        assert_eq!(name, "mine.MyEstimator");
        assert_eq!(sources, [Path::new("plans/of/mine.py")]);
        // A class of scikit-learn behind steps of the file.
        let (name, sources) = trainer("{python: mine.py, name: sklearn.svm.SVC}");
        assert_eq!(name, "sklearn.svm.SVC");
        assert_eq!(sources.len(), 1);
        let (name, sources) = trainer("{python: [a.py, b.py], name: b.B}");
        assert_eq!(name, "b.B");
        assert_eq!(sources, [Path::new("plans/a.py"), Path::new("plans/b.py")]);
    }

    #[test]
    fn every_place_of_a_trainer_takes_a_class() {
        let plan = plan(
            "trainers:\n  - trainer: {python: sklearn.svm.NuSVC}\n  - trainer: {python: mine.py, name: A}\n\
             ensemble: {method: stacking, final_estimator: {python: sklearn.linear_model.RidgeClassifierCV}}",
        );
        let names: Vec<&str> = plan.arms().map(|arm| arm.trainer.name.as_str()).collect();
        assert_eq!(names, ["sklearn.svm.NuSVC", "mine.A"]);
        let last = plan
            .ensemble
            .as_ref()
            .and_then(|ensemble| ensemble.final_estimator());
        assert_eq!(last.unwrap().name, "sklearn.linear_model.RidgeClassifierCV");
    }

    fn trainers() -> Vec<TrainerDescription> {
        let trainer = |name: &str| {
            json!({
                "name": name, "summary": "A class.", "tasks": ["binary", "multiclass"],
                "params": [
                    {"name": "nu", "kinds": [{"kind": "float", "min": 0.0, "max": 1.0, "above_min": true}],
                     "default": 0.5, "meaning": "A share."},
                    {"name": "kernel", "kinds": [{"kind": "choice", "of": ["linear", "rbf"]}],
                     "default": "rbf", "meaning": "The kernel."},
                ],
            })
        };
        let names = [
            "sklearn.svm.NuSVC",
            "sklearn.svm.SVC",
            "sklearn.ensemble.AdaBoostClassifier",
            "mine.A",
        ];
        let trainers = names
            .iter()
            .map(|name| serde_json::from_value(trainer(name)).unwrap());
        trainers.collect()
    }

    fn steps() -> Vec<StepDescription> {
        let step = json!([{
            "name": "sklearn.decomposition.KernelPCA", "summary": "A step.", "takes": "numbers",
            "missing": false, "uses_target": false,
            "params": [{"name": "n_components", "kinds": [{"kind": "null"}, {"kind": "int", "min": 1}],
                        "default": null, "meaning": "How many."}],
        }]);
        serde_json::from_value(step).unwrap()
    }

    /// The mistakes that the component shows, each with its hint.
    fn told(rest: &str) -> Vec<(String, String)> {
        let mut draft = draft(rest);
        assert!(draft.error().is_none(), "{}", draft.error().unwrap());
        draft.check_trainers(&trainers(), &steps(), &[None]);
        let found = draft.found.0.into_iter();
        let told = found.map(|mistake| (mistake.message, mistake.hint.unwrap_or_default()));
        told.collect()
    }

    #[test]
    fn what_the_component_offers_is_no_mistake() {
        let text = "trainer: {python: sklearn.svm.NuSVC}\n\
                    steps: [{name: pca, step: sklearn.decomposition.KernelPCA}]\n\
                    search: {params: {nu: {range: [0.1, 0.5], step: 0.1}, kernel: [linear, rbf], \
                    pca__n_components: [null, 2]}}";
        assert_eq!(told(text), []);
        assert_eq!(told("trainer: {python: mine.py, name: A}"), []);
    }

    #[test]
    fn unknown_classes_have_a_hint() {
        for (trainer, name, hint) in [
            (
                "{python: sklearn.svm.NuSVV}",
                "sklearn.svm.NuSVV",
                "did you mean `sklearn.svm.NuSVC`?",
            ),
            (
                "{python: sklearn.svm.Forest}",
                "sklearn.svm.Forest",
                "estimators of `sklearn.svm` are `NuSVC` and `SVC`",
            ),
            ("{python: SVC}", "SVC", "did you mean `sklearn.svm.SVC`?"),
            (
                "{python: sklearn.svm._classes.NuSVC}",
                "sklearn.svm._classes.NuSVC",
                "did you mean `sklearn.svm.NuSVC`?",
            ),
            (
                "{python: sklearn.ada.AdaboostClassifier}",
                "sklearn.ada.AdaboostClassifier",
                "did you mean `sklearn.ensemble.AdaBoostClassifier`?",
            ),
            (
                "{python: other.py, name: B}",
                "other.B",
                "name a classifier or a regressor by its public path, such as `sklearn.svm.NuSVC`",
            ),
            (
                "{python: mine.py, name: Estimator}",
                "mine.Estimator",
                "estimators of `mine` are `A`",
            ),
        ] {
            let message = format!("the guest of Python has no estimator `{name}`");
            assert_eq!(
                told(&format!("trainer: {trainer}")),
                [(message, hint.to_owned())]
            );
        }
    }

    #[test]
    fn unknown_parameters_and_wrong_values_have_a_hint() {
        let text = "trainer: {python: sklearn.svm.NuSVC, params: {nuu: 0.1, shape: 3}}\n\
                    search: {params: {kernel: [rbf, liner], nu: [0.1, 2.0, null]}}";
        let found = told(text);
        let said = |at: usize| (found[at].0.as_str(), found[at].1.as_str());
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(
            said(0),
            (
                "`sklearn.svm.NuSVC` has no hyper-parameter `nuu`",
                "did you mean `nu`?"
            )
        );
        assert_eq!(
            said(1),
            (
                "`sklearn.svm.NuSVC` has no hyper-parameter `shape`",
                "they are `nu` and `kernel`"
            )
        );
        assert_eq!(said(2).1, "did you mean `linear`?");
        assert!(said(3).0.contains("not the number `2.0`"), "{found:?}");
        assert!(said(4).0.contains("not `null`"), "{found:?}");
    }

    #[test]
    fn unknown_steps_have_a_hint() {
        let hint = |step: &str| {
            let steps = format!("steps: [{{name: pca, step: {step}}}]");
            let found = told(&format!("trainer: {{python: sklearn.svm.SVC}}\n{steps}"));
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].1.clone()
        };
        let known = "did you mean `sklearn.decomposition.KernelPCA`?";
        assert_eq!(hint("sklearn.decomposition.KernlPCA"), known);
        assert_eq!(hint("sklearn.KernelPCA"), known);
        assert_eq!(
            hint("sklearn.decomposition.Other"),
            "transformers of `sklearn.decomposition` are `KernelPCA`"
        );
        let mut draft = draft("trainer: {name: ridge}\nsteps: [{step: sklearn.cluster.KMeans}]");
        let mut builtin = steps();
        builtin[0].name = "pca".to_owned();
        draft.check_trainers(&[], &builtin, &[None]);
        let [mistake] = &draft.found.0[..] else {
            panic!("{:?}", draft.found);
        };
        assert!(
            mistake
                .hint
                .as_ref()
                .unwrap()
                .starts_with("transformers of scikit-learn are")
        );
    }

    #[test]
    fn wrong_classes_and_files_are_told_before_any_component() {
        for (trainer, message) in [
            (
                "{python: sklearn.svm.NuSVC, name: svc}",
                "`python` is the class `sklearn.svm.NuSVC`, and `name` is another",
            ),
            (
                "{python: mine.py}",
                "`name` is missing: the class in `mine.py`",
            ),
            (
                "{python: mine.py, name: A, guest: a.wasm}",
                "`guest` is a component that is made, and files of `python` go into one",
            ),
            (
                "{python: my-model.py, name: A}",
                "`my-model` is no name of a module of Python",
            ),
            (
                "{python: [a.py, of/a.py], name: a.A}",
                "two files are the module `a`",
            ),
            (
                "{python: [a.py, b.py], name: A}",
                "`A` may be of any of the files",
            ),
            (
                "{python: mine.py, name: my model}",
                "`my model` is no name of a class of Python",
            ),
            ("{python: [], name: A}", "`python` names no file"),
            ("{python: null, name: A}", "`python` has no value"),
        ] {
            let draft = draft(&format!("trainer: {trainer}"));
            let found: Vec<&str> = draft
                .found
                .0
                .iter()
                .map(|one| one.message.as_str())
                .collect();
            assert_eq!(found, [message], "{trainer}");
        }
        for trainer in [
            "{python: 3}",
            "{python: mine.wasm/}",
            "{python: [sklearn.svm.SVC]}",
            "{python: {a: b}}",
        ] {
            let draft = draft(&format!("trainer: {trainer}"));
            let [mistake] = &draft.found.0[..] else {
                panic!("{trainer}: {:?}", draft.found);
            };
            assert!(
                mistake
                    .message
                    .starts_with("`python` takes the path of a class"),
                "{mistake:?}"
            );
        }
    }
}
