//! [`Quadrature`]: the points and weights of Gauss and Legendre on the interval from
//! 0 to 1.

use std::f64::consts::PI;

/// Integrates polynomials of a degree below twice the number of points exactly.
#[derive(Clone, Debug)]
pub(crate) struct Quadrature {
    /// The points, each with its weight. Points are within 0 and 1, weights above 0.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Quadrature {
    /// Of `number` points, by Newton's iteration for the zeros of the Legendre
    /// polynomial of that degree.
    pub(crate) fn new(number: usize) -> Self {
        let degree = number as f64;
        let points = (0..number).map(|at| {
            let mut x = libm::cos(PI * (at as f64 + 0.75) / (degree + 0.5));
            let mut slope = 1.0;
            // It converges quadratically from this start.
            for _ in 0..8 {
                let value;
                (value, slope) = legendre(number, x);
                x -= value / slope;
            }
            (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
        });
        Self {
            points: points.collect(),
        }
    }
}

/// The value and the slope of the Legendre polynomial of a degree of at least 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
        );
    }
    let slope = degree as f64 * (x * value - before) / (x * x - 1.0);
    (value, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for number in 1..40 {
            let quadrature = Quadrature::new(number);
            for degree in 0..2 * number as i32 {
                let points = quadrature.points.iter();
                let integral: f64 = points.map(|(x, weight)| weight * x.powi(degree)).sum();
                let expected = 1.0 / f64::from(degree + 1);
                assert!((integral - expected).abs() < 1e-14, "{number} {degree}");
            }
        }
    }
}
