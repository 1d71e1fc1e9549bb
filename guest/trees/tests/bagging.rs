//! The trainers of this guest, bagged: properties that hold of every trainer.

use std::any::Any;
use std::sync::Arc;

use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::equal::EqualParts;
use fanout_sdk::offer::{Offer, Offered};
use fanout_sdk::{Guest, Job, Table, Target, Values};
use fanout_trees::trainers::Model;
use fanout_trees::{Component, DecisionTreeRegressor};

#[path = "../../sdk/tests/bagging/mod.rs"]
mod bagging;

#[test]
fn families_and_parts_change_no_bit() {
    bagging::families_and_parts_change_no_bit(&Component::trainers());
}

#[test]
fn a_bag_of_everything_is_the_trainer() {
    bagging::a_bag_of_everything_is_the_trainer(&Component::trainers());
}

/// The numbers of two columns, of which the second is drawn from anew by `seed`.
fn table(seed: u32) -> Table {
    let column = |name: &str, seed: u32| {
        let column = Column {
            name: name.to_owned(),
            role: Role::Feature,
            kind: ColumnKind::Number,
        };
        let number = |row: u32| f64::from((row * 7 + seed * row % 5) % 23);
        (column, Values::Number((0..60).map(number).collect()))
    };
    Table::from_columns(vec![column("a", 0), column("b", seed)]).unwrap()
}

/// The members of a bag have the bin edges of a feature in memory once.
#[test]
fn equal_features_of_models_that_are_opened_are_one() {
    let target = Target::Numbers((0..60).map(|row| f64::from(row % 11)).collect());
    let train: Vec<u32> = (0..60).collect();
    let fitted = |offer: &dyn Offer, seed: u32| {
        let params = offer.description().params.into_iter();
        let job = Job {
            candidates: &[params.map(|param| (param.name, param.default)).collect()],
            target: &target,
            weights: None,
            part: None,
            train: &train,
            test: &[],
        };
        let prepared = offer.prepare(&table(seed)).unwrap();
        offer.fit_and_write(&*prepared, &job).unwrap().bytes
    };
    let tree = Offered::<DecisionTreeRegressor>::OFFER;
    let mut parts = EqualParts::default();
    let models = [1, 1, 2].map(|seed| tree.open_beside(&fitted(&tree, seed), &mut parts).unwrap());
    let columns = |at: usize| {
        let model: &Model = models[at].downcast_ref().unwrap();
        model.forest.columns().to_vec()
    };
    let are_one = |one: usize, other: usize, column: usize| {
        Arc::ptr_eq(&columns(one)[column], &columns(other)[column])
    };
    assert!(are_one(0, 1, 0) && are_one(0, 1, 1));
    assert!(are_one(0, 2, 0) && !are_one(0, 2, 1));
    // They are those of models that are opened alone.
    for (model, seed) in models.iter().zip([1, 1, 2]) {
        let alone = tree.open(&fitted(&tree, seed)).unwrap();
        let predicted =
            |model: &dyn Any| format!("{:?}", tree.predict(model, &table(seed)).unwrap());
        assert_eq!(predicted(&**model), predicted(&*alone));
        assert_eq!(model.downcast_ref::<Model>(), alone.downcast_ref::<Model>());
    }
}
