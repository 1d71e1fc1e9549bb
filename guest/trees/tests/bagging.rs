//! The trainers of this guest, bagged: properties that hold of every trainer.

use fanout_sdk::Guest;
use fanout_trees::Component;

#[path = "../../sdk/tests/bagging/mod.rs"]
mod bagging;

#[test]
fn families_and_parts_change_no_bit() {
    bagging::families_and_parts_change_no_bit(Component::TRAINERS);
}

#[test]
fn a_bag_of_everything_is_the_trainer() {
    bagging::a_bag_of_everything_is_the_trainer(Component::TRAINERS);
}
