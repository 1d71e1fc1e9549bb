//! Estimators as trainers: linear models, nearest neighbours, naive Bayes, support
//! vector machines, partial least squares, and linfa's decision tree.
//!
//! Parameters, defaults and definitions are scikit-learn's; `docs/estimators.md`
//! lists them with the differences.

mod algebra;
mod classes;
mod descent;
mod describe;
pub mod elastic_net;
pub mod label;
pub mod linear;
pub mod linear_regression;
pub mod linear_svc;
pub mod logistic;
pub mod naive_bayes;
pub mod neighbors;
mod onnx;
pub mod pls_regression;
pub mod points;
pub mod ridge;
mod rows;
pub mod svm;
#[cfg(test)]
mod tests;
pub mod tree;

use fanout_sdk::Dense;

pub use classes::Occurring;
pub use elastic_net::{ElasticNet, Lasso};
pub use linear_regression::LinearRegression;
pub use linear_svc::LinearSvc;
pub use logistic::LogisticRegression;
pub use naive_bayes::{GaussianNaiveBayes, MultinomialNaiveBayes};
pub use neighbors::Neighbors;
pub use pls_regression::PlsRegression;
pub use ridge::{Ridge, RidgeClassifier};
pub use svm::{Svc, Svr};
pub use tree::LinfaDecisionTree;

fanout_sdk::export! {
    guest: concat!("linfa ", env!("CARGO_PKG_VERSION")),
    trainers: [
        LinfaDecisionTree,
        Dense<LinearRegression>,
        Dense<Ridge>,
        Dense<RidgeClassifier>,
        Dense<Lasso>,
        Dense<ElasticNet>,
        Dense<LogisticRegression>,
        Dense<Neighbors>,
        Dense<GaussianNaiveBayes>,
        Dense<MultinomialNaiveBayes>,
        Dense<LinearSvc>,
        Dense<PlsRegression>,
        Dense<Svc>,
        Dense<Svr>,
    ],
}
