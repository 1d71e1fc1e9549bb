//! Features that a stored dataset gets behind its others.

use super::*;

#[test]
fn a_dataset_with_a_further_feature_is_another_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("rows.csv");
    // More rows than are copied at a time.
    let rows = (1 << 14) + 100;
    let mut csv = "colour,x,y,late\n".to_owned();
    for row in 0..rows {
        let colour = ["red", "blue", ""][row % 3];
        csv += &format!("{colour},{row},{}.5,{}\n", row % 7, row % 2);
    }
    std::fs::write(&source, csv).unwrap();
    let mut plan = plan(&source, "late");
    plan.dataset.drop = vec!["y".to_owned()];
    let store = Store::open(Location::new("memory://")).unwrap();
    let prepared = prepare(&plan, &store).unwrap().remove(0);
    let content = prepared.dataset_content.clone().unwrap();

    let number = AddedFeature {
        name: "prediction_y".to_owned(),
        labels: Vec::new(),
    };
    let values: Vec<f64> = (0..rows).map(|row| row as f64 / 8.0).collect();
    let one = prepared.with_feature(&number, &values, &content, &store);
    let one = one.unwrap();
    assert_eq!(one.feature_names(), ["colour", "x", "prediction_y"]);
    assert_ne!(one.dataset, prepared.dataset);
    assert!(!one.reused);
    let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
    let category = AddedFeature {
        name: "kind".to_owned(),
        labels: labels.clone(),
    };
    let places: Vec<f64> = (0..rows).map(|row| (row % 3) as f64).collect();
    let file = one.dataset_content.clone().unwrap();
    let two = one.with_feature(&category, &places, &file, &store).unwrap();
    assert_eq!(two.feature_names(), ["colour", "x", "prediction_y", "kind"]);
    assert_eq!(two.features(), 4);
    assert_eq!(two.recipe.features.len(), 4);

    // The others are as they were, and the target is where it was: behind the features.
    let file = store.get(&Key::dataset(&two.dataset)).unwrap().unwrap();
    assert_eq!(Digest::of(&file), two.dataset);
    assert_eq!(feature_names(&file).unwrap(), two.feature_names());
    for name in ["colour", "x", "late"] {
        let (before, after) = (column_values(&content, name), column_values(&file, name));
        assert_eq!(before.unwrap(), after.unwrap(), "{name}");
    }
    assert_eq!(two.layout.columns.last().unwrap().role, Role::Target);
    let numbers = column_values(&file, "prediction_y").unwrap();
    assert_eq!(numbers, ColumnValues::Numbers(values.clone()));
    let codes = (0..rows as u32).map(|row| Some(row % 3)).collect();
    let kinds = column_values(&file, "kind").unwrap();
    assert_eq!(kinds, ColumnValues::Labels { labels, codes });

    // The same again is the same, and other values are another.
    let again = prepared.with_feature(&number, &values, &content, &store);
    let again = again.unwrap();
    assert!(again.reused);
    assert_eq!(again.dataset, one.dataset);
    let zeros = vec![0.0; rows];
    let other = prepared.with_feature(&number, &zeros, &content, &store);
    assert_ne!(other.unwrap().dataset, one.dataset);
}

#[test]
fn a_second_stage_learns_from_what_is_added_and_from_features_where_they_pass_through() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("rows.csv");
    std::fs::write(&source, "x,late\n5,0\n6,1\n7,0\n8,1\n9,0\n10,1\n").unwrap();
    let store = Store::open(Location::new("memory://")).unwrap();
    let prepared = prepare(&plan(&source, "late"), &store).unwrap().remove(0);
    let content = prepared.dataset_content.clone().unwrap();
    let values = [0.5, 0.25, 0.75, 1.0, 0.0, 0.125];
    let feature = |name: &str| AddedFeature {
        name: name.to_owned(),
        labels: Vec::new(),
    };
    let added = ["one", "two"].map(|name| (feature(name), values.to_vec()));
    for (passes, names) in [
        (false, &["one", "two"][..]),
        (true, &["one", "two", "x"][..]),
    ] {
        let second = prepared.second_stage(&added, passes, &content, &store);
        let second = second.unwrap();
        let file = store.get(&Key::dataset(&second.dataset)).unwrap().unwrap();
        assert_eq!(feature_names(&file).unwrap(), names);
        let numbers = column_values(&file, "two").unwrap();
        assert_eq!(numbers, ColumnValues::Numbers(values.to_vec()));
        let target = |file| column_values(file, "late").unwrap();
        assert_eq!(target(&file), target(&content));
        assert_eq!(second.layout.columns.last().unwrap().role, Role::Target);
    }
}
