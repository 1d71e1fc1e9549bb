//! Tests of the order of tasks, of their groups, and of families that are divided
//! between separate values.

use fanout_contract::{Effort, TaskStep};

use super::*;

/// The candidates of each task, by task.
fn families(expansion: &Expansion) -> Vec<Vec<u32>> {
    let tasks = expansion.tasks.iter();
    tasks.map(|task| task.candidates.clone()).collect()
}

fn sizes(expansion: &Expansion) -> Vec<usize> {
    families(expansion).iter().map(Vec::len).collect()
}

fn linear_on(search: &str, folds: i32, workers: usize) -> Expansion {
    let plan = whole_plan(&format!("trainer: {{name: linear}}\n{search}"));
    expand_arms(&plan, vec![estimator(linear())], folds, workers)
}

#[test]
fn the_last_families_of_separate_values_are_divided_among_the_workers() {
    let of = |workers| linear_on("search: {params: {C: [1, 2, 3, 4, 5, 6]}}", 3, workers);
    let two = of(2);
    let all: Vec<u32> = (0..6).collect();
    // Neighbours are in different parts, which end at about the same time.
    assert_eq!(
        families(&two),
        [all.clone(), all, vec![0, 2, 4], vec![1, 3, 5]]
    );
    assert_eq!(two.tasks[2].split, 2);
    assert_eq!(two.tasks[2].id, two.tasks[3].id);
    // One task or a part at a time for each worker, and no more parts than workers.
    assert_eq!(sizes(&of(1)), [6, 6, 6]);
    assert_eq!(sizes(&of(3)), [6, 6, 6]);
    assert_eq!(sizes(&of(4)), [6, 6, 6]);
    assert_eq!(sizes(&of(8)), [3; 6]);
    assert_eq!(
        sizes(&of(16)),
        [2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    );
    assert_eq!(sizes(&of(1000)), [1; 18]);
    let alone = linear_on("search: {params: {C: [1, 2]}}\nfamilies: off", 1, 3);
    assert_eq!(sizes(&alone), [1, 1]);
}

#[test]
fn values_that_share_a_fit_are_not_divided() {
    let of = |search: &str, workers| sizes(&linear_on(search, 1, workers));
    let both = "search: {params: {C: [1, 2], k: [1, 2, 3]}}";
    assert_eq!(of(both, 2), [3, 3]);
    // More workers than separate fits are of no use.
    assert_eq!(of(both, 100), [3, 3]);
    let whole = linear_on(both, 1, 2);
    for task in &whole.tasks {
        let strength = |&member: &u32| whole.candidates.value(member as usize, "C");
        assert!(
            task.candidates
                .iter()
                .map(strength)
                .all(|c| c == strength(&task.candidates[0]))
        );
    }
    // Of a part as costly as the whole, each worker gets one, as before.
    assert_eq!(of("search: {params: {k: [1, 2, 3]}}", 2), [2, 1]);
}

#[test]
fn dividing_changes_no_name() {
    let names = |workers| {
        let expansion = linear_on("search: {params: {C: [1, 2, 3, 4, 5]}}", 3, workers);
        let mut names = BTreeSet::new();
        for task in &expansion.tasks {
            for &candidate in &task.candidates {
                let key = expansion.key(candidate as usize);
                assert!(names.insert((task.id, key, task.split, candidate)));
            }
        }
        names
    };
    assert_eq!(names(1).len(), 15);
    for workers in [2, 4, 7, 40] {
        assert_eq!(names(workers), names(1));
    }
}

const STEPS: &str = "trainers:
- trainer: {name: linear}
  steps: [{name: fill, step: fill}, {name: scale, step: [scaler, pca, none]}]
  search: {params: {fill__indicator: [true, false], max_features: [1.0, 2.0], C: [1.0, 2.0]}}
- trainer: {name: forest}
  steps: []
  search: {params: {max_features: [1.0, 2.0], criterion: [gini, entropy]}}
- trainer: {name: linear, params: {max_features: 5.0}}
  steps: [{name: fill, step: fill, params: {indicator: false}}]
";

/// How often neighbours differ, and how many different ones there are, less one.
fn changes<T: Ord>(values: &[T]) -> (usize, usize) {
    let different: BTreeSet<&T> = values.iter().collect();
    let changes = values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    (changes, different.len() - 1)
}

fn check_groups(expansion: &Expansion) {
    let mut end = 0;
    for group in &expansion.groups {
        assert_eq!(group.tasks.start, end);
        end = group.tasks.end;
        let tasks: Vec<Task> = group.tasks.clone().map(|at| expansion.task(at)).collect();
        if !group.shares_steps {
            assert_eq!(tasks.len(), 8);
            assert!(tasks.iter().all(|task| task.steps.is_empty()));
            continue;
        }
        // 12 of the first arm, and 1 of the last.
        assert_eq!(tasks.len(), 13);
        assert!(tasks.iter().all(|task| task.split == tasks[0].split));
        // All that begin alike are neighbours.
        for count in 1..=2 {
            let begins = |task: &Task| {
                let steps: Vec<&TaskStep> = task.steps.iter().take(count).collect();
                let is_of = |name: &str| {
                    let of = name.split_once("__").map(|(step, _)| step);
                    steps.iter().any(|step| Some(step.name.as_str()) == of)
                };
                let params = task.params.iter().filter(|(name, _)| is_of(name));
                json!([steps, params.collect::<Vec<_>>()]).to_string()
            };
            let begins: Vec<_> = tasks.iter().map(begins).collect();
            let (changes, different) = changes(&begins);
            assert_eq!(changes, different, "{begins:#?}");
        }
    }
    assert_eq!(end, expansion.tasks.len());
}

#[test]
fn tasks_that_share_steps_are_neighbours() {
    let mut expansion = expand_steps_on(STEPS, 2, 1);
    let shares: Vec<bool> = expansion
        .groups
        .iter()
        .map(|group| group.shares_steps)
        .collect();
    assert_eq!(shares, [true, true, false]);
    check_groups(&expansion);
    let before: HashSet<(Digest, Vec<u32>)> = named(&expansion);
    expansion.reverse_with_jitter();
    check_groups(&expansion);
    assert_eq!(named(&expansion), before);
}

fn named(expansion: &Expansion) -> HashSet<(Digest, Vec<u32>)> {
    let tasks = expansion.tasks.iter();
    tasks
        .map(|task| (task.id, task.candidates.clone()))
        .collect()
}

#[test]
fn tasks_without_steps_keep_their_order() {
    let arms = vec![estimator(trainer()), estimator(linear())];
    let expansion = expand_arms(&whole_plan(ARMS), arms, 2, 1);
    assert_eq!(expansion.groups, [TaskGroup::of_unrelated(4)]);
    // Family by family, each on all splits.
    let splits: Vec<u32> = expansion.tasks.iter().map(|task| task.split).collect();
    assert_eq!(splits, [0, 1, 0, 1]);
}

/// Of one arm and of two, where hyper-parameters are searched, set, and left out.
#[test]
fn the_costs_of_all_tasks_are_those_of_each() {
    let two = whole_plan(
        "trainers:\n\
         - trainer: {name: forest, params: {max_depth: 5}}\n\
        \x20 search: {params: [{n_estimators: [10, 50]}, {criterion: [gini, entropy]}]}\n\
         - trainer: {name: linear}\n\
        \x20 search: {params: {C: [1, 2]}}",
    );
    let arms = || vec![estimator(trainer()), estimator(linear())];
    let inputs = |arms| Inputs {
        arms,
        baseline: None,
        learning: Learning::Binary,
        data: data(),
        splits: splits(2),
        parts: Vec::new(),
    };
    let one = plan("search: {params: {max_depth: [2, 4], criterion: [gini, entropy]}}");
    for (plan, arms) in [(&two, arms()), (&one, vec![estimator(trainer())])] {
        let inputs = inputs(arms);
        let expansion = Expansion::new(plan, &inputs, 3).with_cuts(&inputs, (1000, 5), 3);
        let costs = expansion.task_costs();
        assert_eq!(costs.len(), expansion.tasks.len());
        for (index, cost) in costs.into_iter().enumerate() {
            let expected = expansion.task_cost(index) as f32;
            assert!(
                (cost - expected).abs() <= 1e-6 * expected,
                "{index}: {cost} {expected}"
            );
        }
    }
    // Without an estimate all are alike.
    assert_eq!(expand("", 2, 1).task_costs(), [1.0; 2]);
}

/// Of several candidates the search tells what a fit takes; the refit of an only one may
/// begin before it does.
#[test]
fn the_cuts_of_an_only_candidate_stay_as_they_are() {
    let expanded = |more: &str, seconds: Option<f64>| {
        let mut forest = trainer();
        forest.parts = Some("n_estimators".to_owned());
        forest.effort = seconds.map(|seconds| Effort {
            seconds,
            rows: 1.0,
            columns: 0.0,
            candidate: 0.0,
            numbers: 1.0,
        });
        let inputs = Inputs {
            arms: vec![estimator(forest)],
            baseline: None,
            learning: Learning::Binary,
            data: data(),
            splits: splits(2),
            parts: Vec::new(),
        };
        Expansion::new(&plan(more), &inputs, 2).with_cuts(&inputs, (10_000, 5), 2)
    };
    let before_and_after = |mut expansion: Expansion| {
        let before = expansion.cuts(0);
        expansion.note_times(&vec![20.0; expansion.candidates.len()]);
        (before, expansion.cuts(0))
    };
    let two = "search: {params: {criterion: [gini, entropy]}}";
    let (before, after) = before_and_after(expanded(two, Some(5.0)));
    assert!(!before.is_empty() && before.len() < after.len());
    let (one, same) = before_and_after(expanded("", Some(5.0)));
    assert_eq!((&one, &same), (&before, &before));
    // Where nothing was known, or enough for no cut, it is what the search tells.
    for seconds in [None, Some(0.1)] {
        let (one, then) = before_and_after(expanded("", seconds));
        assert_eq!((one, &then), (vec![], &after));
    }
}
