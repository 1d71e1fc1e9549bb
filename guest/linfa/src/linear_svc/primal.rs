//! [`minimise`]: Newton's method on the squared hinge loss (Keerthi, DeCoste, 2005).

use super::Problem;
use crate::algebra::{Cholesky, add, dot};

/// The greatest number of columns whose products are factorised. With more, the
/// systems are solved by conjugate gradients.
const COLUMNS: usize = 1500;

/// The greatest number of conjugate gradients of a step.
const GRADIENTS: usize = 500;

/// The coefficients, and that of the constant column behind them.
pub(super) fn minimise(problem: &Problem<'_>) -> Vec<f64> {
    let mut point = vec![0.0; problem.matrix.columns() + 1];
    let mut outputs = vec![0.0; problem.rows.len()];
    let first = norm(&gradient(problem, &point, &active(problem, &outputs)));
    let count = |sign: f64| problem.signs.iter().filter(|&&s| s == sign).count();
    let rarer = count(1.0).min(count(-1.0)).max(1) as f64;
    let enough = problem.tol * rarer / problem.rows.len() as f64 * first;
    for _ in 0..problem.steps {
        let active = active(problem, &outputs);
        let gradient = gradient(problem, &point, &active);
        if norm(&gradient) <= enough {
            break;
        }
        let is_factorised = gradient.len() <= COLUMNS;
        let direction = direction(problem, &gradient, &active, is_factorised);
        let slope = dot(&gradient, &direction);
        if slope >= 0.0 || slope.is_nan() {
            break;
        }
        let change = multiply(problem, problem.rows, &direction);
        let length = search(problem, &point, &outputs, &direction, &change);
        if length == 0.0 {
            break;
        }
        add(&mut point, length, &direction);
        add(&mut outputs, length, &change);
    }
    point
}

/// The rows within the margin, with twice their cost and the excess of their output
/// over its sign.
struct Active {
    rows: Vec<u32>,
    weights: Vec<f64>,
    excess: Vec<f64>,
}

fn active(problem: &Problem<'_>, outputs: &[f64]) -> Active {
    let mut active = Active {
        rows: Vec::new(),
        weights: Vec::new(),
        excess: Vec::new(),
    };
    for (row, (&output, &sign)) in outputs.iter().zip(&problem.signs).enumerate() {
        if output * sign < 1.0 && problem.costs[row] > 0.0 {
            active.rows.push(problem.rows[row]);
            active.weights.push(2.0 * problem.costs[row]);
            active.excess.push(output - sign);
        }
    }
    active
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

fn multiply(problem: &Problem<'_>, rows: &[u32], point: &[f64]) -> Vec<f64> {
    let (columns, last) = point.split_at(point.len() - 1);
    let constant = last[0] * problem.constant;
    problem.matrix.multiply(rows, columns, constant)
}

fn transposed_multiply(problem: &Problem<'_>, rows: &[u32], vector: &[f64]) -> Vec<f64> {
    let mut products = problem.matrix.transposed_multiply(rows, vector);
    products.push(problem.constant * vector.iter().sum::<f64>());
    products
}

fn gradient(problem: &Problem<'_>, point: &[f64], active: &Active) -> Vec<f64> {
    let weighted = active.excess.iter().zip(&active.weights);
    let weighted: Vec<f64> = weighted.map(|(excess, weight)| excess * weight).collect();
    let mut gradient = transposed_multiply(problem, &active.rows, &weighted);
    add(&mut gradient, 1.0, point);
    gradient
}

/// Solves `(I + Xᵀ W X) d = -gradient` for the active rows.
fn direction(
    problem: &Problem<'_>,
    gradient: &[f64],
    active: &Active,
    is_factorised: bool,
) -> Vec<f64> {
    let size = gradient.len();
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    if is_factorised {
        let gram = problem
            .matrix
            .gram(&active.rows, Some(&active.weights), &[], None);
        let columns = size - 1;
        let mut hessian = vec![0.0; size * size];
        for (row, products) in gram.products().chunks_exact(columns).enumerate() {
            hessian[row * size..][..columns].copy_from_slice(products);
        }
        for (column, sum) in gram.sums.iter().enumerate() {
            hessian[columns * size + column] = sum * problem.constant;
        }
        hessian[size * size - 1] = gram.weight * problem.constant * problem.constant;
        for column in 0..size {
            hessian[column * size + column] += 1.0;
        }
        if let Some(factor) = Cholesky::new(size, hessian) {
            factor.solve(&mut direction);
            return direction;
        }
    }
    let mut residual = direction;
    let mut search = residual.clone();
    let mut direction = vec![0.0; size];
    let mut square = dot(&residual, &residual);
    let enough = 1e-6 * square;
    for _ in 0..GRADIENTS {
        let mut along = multiply(problem, &active.rows, &search);
        for (along, weight) in along.iter_mut().zip(&active.weights) {
            *along *= weight;
        }
        let mut product = transposed_multiply(problem, &active.rows, &along);
        add(&mut product, 1.0, &search);
        let length = square / dot(&search, &product);
        add(&mut direction, length, &search);
        add(&mut residual, -length, &product);
        let next = dot(&residual, &residual);
        if next.is_nan() || next <= enough {
            break;
        }
        for (search, residual) in search.iter_mut().zip(&residual) {
            *search = residual + next / square * *search;
        }
        square = next;
    }
    direction
}

/// The length of the step to the least value along a direction. The derivative is
/// piecewise linear and rises: Newton's method on it, kept within what is known to
/// hold its zero.
fn search(
    problem: &Problem<'_>,
    point: &[f64],
    outputs: &[f64],
    direction: &[f64],
    change: &[f64],
) -> f64 {
    let linear = dot(point, direction);
    let square = dot(direction, direction);
    let slope = |length: f64| {
        let (mut first, mut second) = (linear + length * square, square);
        let rows = outputs.iter().zip(change).zip(&problem.signs);
        for (((output, change), sign), cost) in rows.zip(&problem.costs) {
            let excess = output + length * change - sign;
            if excess * sign < 0.0 {
                first += 2.0 * cost * excess * change;
                second += 2.0 * cost * change * change;
            }
        }
        (first, second)
    };
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut length = 1.0;
    let (start, _) = slope(0.0);
    for _ in 0..50 {
        let (first, second) = slope(length);
        if first.abs() <= 1e-8 * start.abs() {
            break;
        }
        if first < 0.0 {
            low = length;
        } else {
            high = length;
        }
        let next = length - first / second;
        length = if next > low && next < high {
            next
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * length
        };
    }
    length
}

#[cfg(test)]
mod tests {
    use fanout_sdk::Matrix;
    use fanout_sdk::matrix::Block;

    use super::*;

    #[test]
    fn conjugate_gradients_find_the_direction_of_a_factorisation() {
        let column = |factor: usize| {
            (0..90)
                .map(|row| (row * factor % 17) as f64 / 5.0)
                .collect()
        };
        let blocks = vec![Block::number("a", column(3)), Block::number("b", column(7))];
        let matrix = Matrix::new(90, blocks);
        let rows = matrix.all_rows();
        let problem = Problem {
            matrix: &matrix,
            rows: &rows,
            signs: (0..90)
                .map(|row| if row % 3 == 0 { 1.0 } else { -1.0 })
                .collect(),
            costs: (0..90).map(|row| f64::from(row % 4)).collect(),
            constant: 1.0,
            tol: 1e-4,
            steps: 10,
        };
        let active = active(&problem, &[0.2; 90]);
        let gradient = gradient(&problem, &[0.3, -0.1, 0.2], &active);
        let exact = direction(&problem, &gradient, &active, true);
        let found = direction(&problem, &gradient, &active, false);
        for (found, exact) in found.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-6, "{found}, {exact}");
        }
    }
}
