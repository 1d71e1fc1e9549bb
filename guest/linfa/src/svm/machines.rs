//! [`Machines`]: support vector machines that share their supports.

use fanout_sdk::onnx::{Columns, Graph, Value};
use fanout_sdk::{Fault, Matrix};
use serde::{Deserialize, Serialize};

use super::kernel::{Kernel, Vectors};

/// One machine: a decision is `Σ coefficientᵢ K(supportᵢ, x) - offset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Machine {
    /// By support of the model; 0 for those of other machines.
    coefficients: Vec<f64>,
    offset: f64,
}

/// The machines that share their supports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Machines {
    kernel: Kernel,
    supports: Vectors,
    machines: Vec<Machine>,
}

/// The training rows with their coefficients, and the offset.
pub(super) type Solved = (Vec<(usize, f64)>, f64);

impl Machines {
    /// The machines of solutions: by solution, the training rows with their
    /// coefficients.
    pub(super) fn new(
        kernel: Kernel,
        matrix: &Matrix,
        train: &[u32],
        solutions: Vec<Solved>,
    ) -> Self {
        let mut supports: Vec<usize> = solutions
            .iter()
            .flat_map(|(coefficients, _)| coefficients.iter().map(|(row, _)| *row))
            .collect();
        supports.sort_unstable();
        supports.dedup();
        let place = |row: usize| supports.partition_point(|&support| support < row);
        let machines = solutions.iter().map(|(of_rows, offset)| {
            let mut coefficients = vec![0.0; supports.len()];
            for &(row, coefficient) in of_rows {
                coefficients[place(row)] += coefficient;
            }
            Machine {
                coefficients,
                offset: *offset,
            }
        });
        let machines = machines.collect();
        let rows: Vec<u32> = supports.iter().map(|&row| train[row]).collect();
        Self {
            supports: Vectors::new(matrix, &rows),
            kernel,
            machines,
        }
    }

    /// The decisions of all machines, one row after the other.
    pub(super) fn decisions(&self, matrix: &Matrix, rows: &[u32]) -> Vec<f64> {
        let mut out = Vec::with_capacity(rows.len() * self.machines.len());
        let mut values = Vec::new();
        for query in crate::points::queries(matrix, rows) {
            self.supports.kernel_row(self.kernel, &query, &mut values);
            for machine in &self.machines {
                let sum = crate::algebra::dot(&machine.coefficients, &values);
                out.push(sum - machine.offset);
            }
        }
        out
    }

    /// [`Self::decisions`] of shape (rows, machines) in ONNX.
    ///
    /// # Errors
    /// If the columns are not those of the supports.
    pub(super) fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Value, Fault> {
        let machines = self.machines.iter();
        let offsets = machines.clone().map(|machine| machine.offset).collect();
        let offsets = graph.row(offsets);
        if self.supports.count() == 0 {
            // Nothing but the offset: a value of any column decides nothing.
            let value = columns.numbers(graph)?;
            let value = graph.columns(value, vec![0; self.count()]);
            let none = graph.op("Sub", [value, value]);
            return Ok(graph.op("Sub", [none, offsets]));
        }
        let kernel = self.supports.onnx(self.kernel, graph, columns)?;
        let supports = 0..self.supports.count();
        let by_support = supports.flat_map(|at| {
            machines
                .clone()
                .map(move |machine| machine.coefficients[at])
        });
        let coefficients = graph.table(self.count(), by_support.collect());
        let sums = graph.op("MatMul", [kernel, coefficients]);
        Ok(graph.op("Sub", [sums, offsets]))
    }

    /// The number of machines.
    pub(super) fn count(&self) -> usize {
        self.machines.len()
    }
}
