//! `polynomial_features`: products of columns.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{DENSE_LIMIT, Fit, Step, at_least, check_dense, describe, switch};
use crate::contract::{Param, ParamKind, StepDescription};
use crate::matrix::Block;
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix};

/// Products of columns, the columns themselves among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PolynomialFeatures {
    /// By output column: the columns that are multiplied, ascending; none for the
    /// constant 1.
    products: Vec<Vec<u32>>,
}

impl Step for PolynomialFeatures {
    const NAME: &'static str = "polynomial_features";

    fn description() -> StepDescription {
        let range = ParamKind::Pair {
            min: Some(0.0),
            max: None,
        };
        StepDescription {
            missing: false,
            ..describe::<Self>(
                "Adds all products of columns up to a degree.",
                vec![
                    Param::new(
                        "degree",
                        vec![at_least(0), range],
                        json!(2),
                        "The greatest degree of a product, or the least and the greatest.",
                    ),
                    switch(
                        "interaction_only",
                        false,
                        "Whether products of a column with itself are left out.",
                    ),
                    switch("include_bias", true, "Whether a column of 1 is added."),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let (least, greatest) = match fit.params.whole("degree") {
            Some(degree) => (0, degree),
            None => {
                let (least, greatest) = fit.params.pair("degree");
                (least as usize, greatest as usize)
            }
        };
        let mut products = Vec::new();
        if fit.params.is("include_bias") {
            products.push(Vec::new());
        }
        if greatest == 0 && products.is_empty() {
            return Err(Fault::InvalidParams(
                "a `degree` of 0 without `include_bias` leaves no column".to_owned(),
            ));
        }
        let rows = fit.matrix.rows();
        // One more than the limit allows, so that the check finds it.
        let most = DENSE_LIMIT / (rows.max(1) * 8) + 1;
        let columns = fit.matrix.columns() as u32;
        let distinct = u32::from(fit.params.is("interaction_only"));
        for degree in least.max(1)..=greatest {
            add_products(
                &mut products,
                &mut Vec::new(),
                0,
                columns,
                degree,
                distinct,
                most,
            );
            check_dense(rows, products.len())?;
        }
        Ok(Self { products })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        check_dense(matrix.rows(), self.products.len())?;
        let rows = matrix.all_rows();
        let columns: Vec<Vec<f64>> = matrix
            .places()
            .into_iter()
            .map(|place| matrix.blocks()[place.block].values(place.column, &rows))
            .collect();
        let names: Vec<&str> = matrix.names().collect();
        let blocks = self.products.iter().map(|product| {
            let mut values = vec![1.0; rows.len()];
            for &column in product {
                let factor = &columns[column as usize];
                values
                    .iter_mut()
                    .zip(factor)
                    .for_each(|(value, x)| *value *= x);
            }
            Block::number(name(product, &names), values)
        });
        let blocks = blocks.collect();
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        // Behind the columns one of 1, the factor of what has fewer factors than others.
        let value = columns.numbers(graph)?;
        let table = graph.padded(value, 1.0);
        let one = columns.len() as i64;
        let most = self.products.iter().map(Vec::len).max().unwrap_or(0);
        let factors = (0..most.max(1)).map(|at| {
            let factor = |product: &Vec<u32>| product.get(at).map_or(one, |&column| column.into());
            graph.columns(table, self.products.iter().map(factor).collect())
        });
        let factors: Vec<onnx::Value> = factors.collect();
        let product = factors.into_iter().reduce(|a, b| graph.op("Mul", [a, b]));
        let names = columns.names();
        let names = self.products.iter().map(|product| name(product, &names));
        Ok(Columns::of_numbers(
            names.collect(),
            product.expect("there is a factor"),
        ))
    }
}

/// Adds all products of `degree` more columns, of those from `first` on, to the
/// product `begun`, in lexicographic order. Stops at `most` products. `distinct` is 1
/// if a column occurs only once, else 0.
fn add_products(
    products: &mut Vec<Vec<u32>>,
    begun: &mut Vec<u32>,
    first: u32,
    columns: u32,
    degree: usize,
    distinct: u32,
    most: usize,
) {
    if products.len() >= most {
        return;
    }
    if degree == 0 {
        products.push(begun.clone());
        return;
    }
    for column in first..columns {
        begun.push(column);
        add_products(
            products,
            begun,
            column + distinct,
            columns,
            degree - 1,
            distinct,
            most,
        );
        begun.pop();
    }
}

/// `a`, `a^2`, `a b`; `1` for the constant.
fn name(product: &[u32], names: &[&str]) -> String {
    if product.is_empty() {
        return "1".to_owned();
    }
    let factors = product.chunk_by(|a, b| a == b);
    let factors = factors.map(|equal| match (names[equal[0] as usize], equal.len()) {
        (name, 1) => name.to_owned(),
        (name, power) => format!("{name}^{power}"),
    });
    factors.collect::<Vec<_>>().join(" ")
}
