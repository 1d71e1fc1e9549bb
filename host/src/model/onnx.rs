//! [`joined()`]: the files of ONNX of a model's members as one, with what the rule makes of
//! their predictions. A target of several has outputs with its name behind them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ModelHead, Rule, Votes};
use graph::{DOUBLE, INT64, Joined, ModelGraph, Outputs, TEXT, Value, int, ints, tensor, texts};

mod graph;
mod proto;

/// Why members have no file of ONNX together.
fn refused(what: &str) -> String {
    format!("the model has no form in ONNX: {what}")
}

/// Whether members have trees by operators of several versions, which no file has at once: the
/// newer version has not the older operators.
pub(super) fn mix_trees(files: &[Vec<u8>]) -> bool {
    let models = files.iter().filter_map(|file| ModelGraph::read(file));
    let versions: BTreeSet<i64> = models.filter_map(|model| model.trees()).collect();
    versions.len() > 1
}

/// The file of members of which each has one, in their order.
///
/// # Errors
/// Why there is none.
pub(super) fn joined(
    name: &str,
    rule: &Rule,
    heads: &[&ModelHead],
    files: &[Vec<u8>],
) -> Result<Vec<u8>, String> {
    let models = files.iter().map(|file| ModelGraph::read(file));
    let models: Option<Vec<ModelGraph<'_>>> = models.collect();
    let models = models.ok_or_else(|| refused("a guest wrote a file that is none of ONNX"))?;
    let mut graph = Joined::of(&models);
    let mut outputs = vec![Outputs::default(); models.len()];
    let order = match rule {
        Rule::Chain { order } => order.clone(),
        _ => (0..models.len()).collect(),
    };
    let targets = rule.groups(models.len());
    let of_targets = rule.of_groups(models.len());
    for (place, member) in order.iter().enumerate() {
        let mut given = BTreeMap::new();
        if let Rule::Chain { order } = rule {
            for before in &order[..place] {
                let head = heads[*before];
                let value = link(&mut graph, head, &outputs[*before])?;
                given.insert(format!("prediction_{}", head.target_name()), value);
            }
        }
        let mut own = targets.iter().zip(&of_targets);
        let own = own.find(|(members, _)| members.end == member + 1);
        if let Some((members, Some(Rule::Stacking { features }))) = own {
            let mut values = Vec::new();
            for other in members.start..*member {
                values.extend(stacked(&mut graph, heads[other], &outputs[other])?);
            }
            given.extend(features.iter().cloned().zip(values));
        }
        outputs[*member] = graph.add(&models[*member], &given).map_err(|input| {
            refused(&format!(
                "members read the feature `{input}` as numbers and as texts"
            ))
        })?;
    }
    for (members, rule) in targets.into_iter().zip(of_targets) {
        let head = heads[members.start];
        let end = match heads.len() > members.len() {
            true => format!("_{}", head.target_name()),
            false => String::new(),
        };
        match rule {
            Some(Rule::Voting { votes, weights }) => {
                vote(
                    &mut graph,
                    (*votes, weights.as_slice()),
                    head,
                    &outputs[members],
                    &end,
                )?;
            }
            _ => {
                for (kind, value, shape) in outputs[members.end - 1].all() {
                    graph.output(&format!("{kind}{end}"), value, shape.to_vec());
                }
            }
        }
    }
    let trainers: Vec<String> = heads.iter().map(|head| head.label()).collect();
    let metadata = [
        ("fanout.rule", rule.name().to_owned()),
        ("fanout.trainers", trainers.join(", ")),
        ("fanout.features", features(&models)),
    ];
    let file = graph.finish(name, &metadata);
    file.ok_or_else(|| refused("it takes more than 2 GiB"))
}

/// The features of all models with their kinds, as a JSON object.
fn features(models: &[ModelGraph<'_>]) -> String {
    let texts = models.iter().flat_map(|model| &model.metadata);
    let texts = texts.filter(|(key, _)| key == "fanout.features");
    let mut all = serde_json::Map::new();
    for (_, text) in texts {
        if let Ok(serde_json::Value::Object(features)) = serde_json::from_str(text) {
            all.extend(features);
        }
    }
    serde_json::Value::Object(all).to_string()
}

/// An output that a member must have.
fn needed(outputs: &Outputs, name: &str, head: &ModelHead) -> Result<Value, String> {
    let lacking = || {
        refused(&format!(
            "`{}` of its members has no output `{name}` there, which others read",
            head.label()
        ))
    };
    outputs.get(name).ok_or_else(lacking)
}

/// A column of a table, of shape (rows, 1).
fn column(graph: &mut Joined, table: &Value, column: usize) -> Value {
    let place = graph.whole(&[1], &[column as i64]);
    graph.op("Gather", &[table, &place], &[int("axis", 1)])
}

fn cast(graph: &mut Joined, value: &Value, elements: i64) -> Value {
    graph.op("Cast", &[value], &[int("to", elements)])
}

fn reshaped(graph: &mut Joined, value: &Value, shape: &[i64]) -> Value {
    let shape = graph.whole(&[shape.len()], shape);
    graph.op("Reshape", &[value, &shape], &[])
}

/// What a second stage reads of a member, each of shape (rows, 1): numbers, the probability
/// of the second of two classes, or those of all classes.
fn stacked(graph: &mut Joined, head: &ModelHead, outputs: &Outputs) -> Result<Vec<Value>, String> {
    let classes = head.target.classes.len();
    if classes == 0 {
        return Ok(vec![needed(outputs, "variable", head)?]);
    }
    let table = needed(outputs, "probabilities", head)?;
    let columns = if classes == 2 { 1..2 } else { 0..classes };
    Ok(columns.map(|at| column(graph, &table, at)).collect())
}

/// What a target of a chain is to those behind it: a number, 1 for the positive of two
/// classes, or the label of one of more.
fn link(graph: &mut Joined, head: &ModelHead, outputs: &Outputs) -> Result<Value, String> {
    let target = &head.target;
    let classes = &target.classes;
    match classes.len() {
        0 => needed(outputs, "variable", head),
        2 => {
            let is_second = target.positive() == Some(classes[1].as_str());
            if let Some(table) = outputs.get("probabilities") {
                // Its own decision, whatever the threshold of the model.
                let (second, half) = (column(graph, &table, 1), graph.number(0.5));
                let found = graph.op("Greater", &[&second, &half], &[]);
                let found = match is_second {
                    true => found,
                    false => graph.op("Not", &[&found], &[]),
                };
                return Ok(cast(graph, &found, DOUBLE));
            }
            if target.threshold.is_some() {
                let what = "a target of its chain has a threshold of decisions";
                return Err(refused(what));
            }
            let label = needed(outputs, "label", head)?;
            let code = code(graph, &label, classes);
            let places = graph.whole(&[], &[i64::from(is_second)]);
            let found = graph.op("Equal", &[&code, &places], &[]);
            let found = cast(graph, &found, DOUBLE);
            Ok(reshaped(graph, &found, &[-1, 1]))
        }
        _ => {
            let label = needed(outputs, "label", head)?;
            let text = match whole(classes) {
                Some(_) => cast(graph, &label, TEXT),
                None => label,
            };
            Ok(reshaped(graph, &text, &[-1, 1]))
        }
    }
}

/// The labels of classes as whole numbers, where all are the usual text of one: so guests
/// write them.
fn whole(classes: &[String]) -> Option<Vec<i64>> {
    let number = |label: &String| {
        let whole: i64 = label.parse().ok()?;
        (whole.to_string() == *label).then_some(whole)
    };
    classes.iter().map(number).collect()
}

/// The index of the class of each label, of shape (rows).
fn code(graph: &mut Joined, label: &Value, classes: &[String]) -> Value {
    let places: Vec<i64> = (0..classes.len() as i64).collect();
    let attributes = match whole(classes) {
        Some(numbers) => [
            ints("keys_int64s", &numbers),
            ints("values_int64s", &places),
        ],
        None => [
            texts("keys_strings", classes),
            ints("values_int64s", &places),
        ],
    };
    graph.ml("LabelEncoder", label, &attributes)
}

/// The sum of values times their weights, in the order of these.
fn weighted(graph: &mut Joined, values: &[Value], weights: &[f64]) -> Value {
    let mut sum: Option<Value> = None;
    for (value, weight) in values.iter().zip(weights) {
        let weight = graph.number(*weight);
        let term = graph.op("Mul", &[value, &weight], &[]);
        sum = Some(match sum {
            None => term,
            Some(sum) => graph.op("Add", &[&sum, &term], &[]),
        });
    }
    sum.unwrap_or_else(|| graph.number(0.0))
}

/// The outputs of what members of one target vote for.
fn vote(
    graph: &mut Joined,
    (votes, weights): (Votes, &[f64]),
    head: &ModelHead,
    members: &[Outputs],
    end: &str,
) -> Result<(), String> {
    let classes = &head.target.classes;
    let total: f64 = weights.iter().sum();
    let mean = |graph: &mut Joined, values: &[Value]| {
        let (sum, total) = (weighted(graph, values, weights), graph.number(total));
        graph.op("Div", &[&sum, &total], &[])
    };
    let of_all = |name: &str| -> Result<Vec<Value>, String> {
        members
            .iter()
            .map(|outputs| needed(outputs, name, head))
            .collect()
    };
    if classes.is_empty() {
        let numbers = of_all("variable")?;
        let mean = mean(graph, &numbers);
        graph.output(&format!("variable{end}"), &mean, tensor(DOUBLE, Some(1)));
        return Ok(());
    }
    let greatest = [int("axis", 1), int("keepdims", 0)];
    let (class, probabilities) = match votes {
        Votes::Majority => {
            let labels = of_all("label")?;
            let all: Vec<i64> = (0..classes.len() as i64).collect();
            let all = graph.whole(&[1, all.len()], &all);
            let of_member = |graph: &mut Joined, label: &Value| {
                let code = code(graph, label, classes);
                let code = reshaped(graph, &code, &[-1, 1]);
                let is_own = graph.op("Equal", &[&code, &all], &[]);
                cast(graph, &is_own, DOUBLE)
            };
            let votes: Vec<Value> = labels.iter().map(|label| of_member(graph, label)).collect();
            let sums = weighted(graph, &votes, weights);
            (graph.op("ArgMax", &[&sums], &greatest), None)
        }
        Votes::Mean => {
            let tables = of_all("probabilities")?;
            if classes.len() == 2 {
                let ones: Vec<Value> = tables.iter().map(|table| column(graph, table, 1)).collect();
                let second = mean(graph, &ones);
                let (half, one) = (graph.number(0.5), graph.number(1.0));
                let is_second = graph.op("Greater", &[&second, &half], &[]);
                let class = cast(graph, &is_second, INT64);
                let first = graph.op("Sub", &[&one, &second], &[]);
                let both = graph.op("Concat", &[&first, &second], &[int("axis", 1)]);
                (reshaped(graph, &class, &[-1]), Some(both))
            } else {
                let table = mean(graph, &tables);
                (graph.op("ArgMax", &[&table], &greatest), Some(table))
            }
        }
    };
    let (labels, elements) = match whole(classes) {
        Some(numbers) => (graph.whole(&[numbers.len()], &numbers), INT64),
        None => (graph.texts(classes), TEXT),
    };
    let label = graph.op("Gather", &[&labels, &class], &[int("axis", 0)]);
    graph.output(&format!("label{end}"), &label, tensor(elements, None));
    if let Some(table) = probabilities {
        let kind = tensor(DOUBLE, Some(classes.len()));
        graph.output(&format!("probabilities{end}"), &table, kind);
    }
    Ok(())
}
