//! [`Plan`], what a person wrote, and [`CheckedPlan`], the only form that
//! anything else accepts.

mod schema;

pub use schema::*;

/// A plan in which no mistake was found.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct CheckedPlan(Plan);

impl std::ops::Deref for CheckedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}
