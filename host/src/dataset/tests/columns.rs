//! What the columns of a dataset are.

use super::*;

#[test]
fn numbers_become_categories_where_the_plan_says() {
    let (_folder, path) = file("a.csv", "zip,size,y\n10,1.5,0\n20,2,1\n10,,0\n,1.5,1\n");
    let mut plan = plan(path, "y");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    plan.dataset.categorical = vec!["zip".to_owned(), "size".to_owned()];
    let found = prepared(&plan).unwrap();
    assert_eq!(
        kinds(&found.layout),
        [("zip", true), ("size", true), ("y", true)]
    );
    assert_eq!(
        rows(&found),
        [
            ["10", "1.5", "0"],
            ["20", "2", "1"],
            ["10", "?", "0"],
            ["?", "1.5", "1"]
        ]
    );
}

#[test]
fn a_target_is_a_class_or_a_number() {
    let of = |values: [&str; 6]| {
        let mut text = String::from("x,y\n");
        for (row, value) in values.into_iter().enumerate() {
            text.push_str(&format!("{row},{value}\n"));
        }
        let (_folder, path) = file("a.csv", text);
        let mut plan = plan(path, "y");
        plan.cv = Cv::KFold {
            n_splits: 2,
            shuffle: false,
            random_state: 0,
        };
        prepared(&plan).unwrap()
    };
    // Labels are sorted as numbers where all of them are, and written short.
    let found = of(["10", "9", "9.0", "10.0", "1e1", "9"]);
    assert_eq!(
        (found.learning, found.classes),
        (Learning::Binary, vec!["9".to_owned(), "10".to_owned()])
    );
    let found = of(["10", "9", "8", "10", "9", "8"]);
    assert_eq!(
        (found.learning, found.classes.len()),
        (Learning::Multiclass, 3)
    );
    let found = of(["True", "False", "True", "True", "False", "True"]);
    assert_eq!(found.classes, ["false", "true"]);
    let found = of(["1", "2", "3.5", "1", "2", "3.5"]);
    assert_eq!(
        (found.learning, found.classes.len()),
        (Learning::Regression, 0)
    );
    assert_eq!(kinds(&found.layout), [("x", false), ("y", false)]);
    assert_eq!(found.summary.classes, []);
}

#[test]
fn a_name_that_is_not_there_is_said_with_the_one_that_may_be_meant() {
    let (_folder, path) = file("a.csv", "month,carrier,y\n1,a,0\n2,b,1\n");
    let mut plan = plan(&path, "y");
    plan.dataset.drop = vec!["carier".to_owned()];
    assert_eq!(
        message(&prepared(&plan).unwrap_err()),
        format!(
            "`{}` has no column `carier`, which is in `drop`; did you mean `carrier`?",
            path.display()
        )
    );
    plan.dataset.drop.clear();
    plan.dataset.features = Some(vec![FeaturePlan::Concat {
        name: "both".to_owned(),
        concat: vec!["month".to_owned(), "y".to_owned()],
        separator: "_".to_owned(),
    }]);
    assert!(matches!(
        prepared(&plan),
        Err(DatasetError::Encode(
            EncodeError::TargetAmongFeatures { .. }
        ))
    ));
}
