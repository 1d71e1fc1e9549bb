//! [`Points`] in ONNX: sums of terms and inner products between rows and all points.

use fanout_sdk::Fault;
use fanout_sdk::onnx::{Block, Columns, Graph, Value};

use super::{CodedPoints, LANES, Metric, Points};

/// The columns by kind, as those of a matrix: the dense ones of shape (rows, dimensions),
/// and of each coded block where a row is.
struct Queries {
    dense: Option<Value>,
    inside: Vec<Value>,
}

impl Points {
    /// The sums of the terms between rows and points, of shape (rows, points). `order`
    /// has the points in the order of the result.
    ///
    /// # Errors
    /// If the columns are not those of the points.
    pub(crate) fn onnx_sums(
        &self,
        graph: &mut Graph,
        columns: &Columns,
        metric: Metric,
        order: &[usize],
    ) -> Result<Value, Fault> {
        let queries = self.onnx_queries(graph, columns)?;
        let mut sums = None;
        let mut add = |graph: &mut Graph, terms: Value| {
            sums = Some(match sums {
                Some(before) => graph.op("Add", [before, terms]),
                None => terms,
            });
        };
        // In the order of the additions of a prediction, so that equal distances are
        // equal here.
        for dimension in 0..self.dimensions {
            let own = queries
                .dense
                .map(|dense| graph.columns(dense, vec![dimension as i64]));
            let own = own.ok_or_else(damaged)?;
            let points = graph.row(self.coordinates(dimension, order).collect());
            let apart = graph.op("Sub", [own, points]);
            let terms = match metric {
                Metric::Manhattan => graph.op("Abs", [apart]),
                Metric::Euclidean => graph.op("Mul", [apart, apart]),
                Metric::Minkowski(p) => {
                    let (apart, p) = (graph.op("Abs", [apart]), graph.number(p));
                    graph.op("Pow", [apart, p])
                }
            };
            add(graph, terms);
        }
        for (block, inside) in self.coded.iter().zip(queries.inside) {
            // The terms of both columns, unless these are the same.
            let terms = &block.terms[..block.columns()];
            let of_rows = graph.row(terms.to_vec());
            let of_rows = graph.op("Mul", [inside, of_rows]);
            let own = graph.sum(of_rows, 1, true);
            let of_points = order
                .iter()
                .map(|&point| block.terms[block.codes[point] as usize]);
            let of_points = graph.row(of_points.collect());
            let both = graph.op("Add", [own, of_points]);
            let points = graph.table(order.len(), block.inside(order));
            let shared = graph.op("MatMul", [of_rows, points]);
            let shared = graph.op("Add", [shared, shared]);
            let terms = graph.op("Sub", [both, shared]);
            add(graph, terms);
        }
        sums.ok_or_else(damaged)
    }

    /// The inner products of rows and points, of shape (rows, points).
    ///
    /// # Errors
    /// As [`Self::onnx_sums`].
    pub(crate) fn onnx_products(
        &self,
        graph: &mut Graph,
        columns: &Columns,
    ) -> Result<Value, Fault> {
        let queries = self.onnx_queries(graph, columns)?;
        let order: Vec<usize> = (0..self.count).collect();
        let mut sums = None;
        let mut add = |graph: &mut Graph, products: Value| {
            sums = Some(match sums {
                Some(before) => graph.op("Add", [before, products]),
                None => products,
            });
        };
        if let Some(dense) = queries.dense {
            let points = (0..self.dimensions).flat_map(|at| self.coordinates(at, &order));
            let points = graph.table(self.count, points.collect());
            let products = graph.op("MatMul", [dense, points]);
            add(graph, products);
        }
        for (block, inside) in self.coded.iter().zip(queries.inside) {
            let products = &block.products[..block.columns()];
            let of_rows = graph.row(products.iter().map(|product| product.0).collect());
            let of_rows = graph.op("Mul", [inside, of_rows]);
            let own = graph.sum(of_rows, 1, true);
            let of_points = (block.codes[..self.count].iter())
                .map(|&code| block.outside + block.products[code as usize].0);
            let of_points = graph.row(of_points.collect());
            let apart = graph.op("Add", [own, of_points]);
            let both = graph.row(products.iter().map(|product| product.1).collect());
            let both = graph.op("Mul", [inside, both]);
            let points = graph.table(self.count, block.inside(&order));
            let shared = graph.op("MatMul", [both, points]);
            let products = graph.op("Add", [apart, shared]);
            add(graph, products);
        }
        sums.ok_or_else(damaged)
    }

    fn onnx_queries(&self, graph: &mut Graph, columns: &Columns) -> Result<Queries, Fault> {
        let (mut dense, mut inside) = (Vec::new(), Vec::new());
        let mut dimensions = 0;
        for block in columns.blocks() {
            match block {
                Block::Coded {
                    columns,
                    inside: of_block,
                } => {
                    let coded = self.coded.get(inside.len()).map(CodedPoints::columns);
                    if coded != Some(columns.len()) {
                        return Err(damaged());
                    }
                    inside.push(*of_block);
                }
                block => {
                    dimensions += block.len();
                    dense.push(block.numbers(graph)?);
                }
            }
        }
        if dimensions != self.dimensions || inside.len() != self.coded.len() {
            return Err(damaged());
        }
        Ok(Queries {
            dense: (!dense.is_empty()).then(|| graph.beside(&dense)),
            inside,
        })
    }

    /// By point of `order`: the value of a dimension.
    fn coordinates<'a>(
        &'a self,
        dimension: usize,
        order: &'a [usize],
    ) -> impl Iterator<Item = f64> + 'a {
        order.iter().map(move |&point| {
            let pack = (point / LANES * self.dimensions + dimension) * LANES;
            self.packed[pack + point % LANES]
        })
    }
}

impl CodedPoints {
    /// The number of columns.
    fn columns(&self) -> usize {
        self.terms.len() - 1
    }

    /// Of shape (columns, points): 1 where a point is in a column, else 0.
    fn inside(&self, order: &[usize]) -> Vec<f64> {
        let columns = 0..self.columns();
        let points = |column| {
            let codes = order.iter().map(|&point| self.codes[point] as usize);
            codes.map(move |code| f64::from(code == column))
        };
        columns.flat_map(points).collect()
    }
}

fn damaged() -> Fault {
    Fault::Failed("the model is damaged: its points have other columns".to_owned())
}
