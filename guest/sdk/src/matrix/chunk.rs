//! Loops over the values of columns in a [`CHUNK`] of rows. They do many numbers a
//! turn, since a sandbox looks at the clock at every turn, and keep their sums in
//! registers.

use super::CHUNK;
use super::pair::Pair;

/// The values of a column in the rows of a chunk; 0 behind the last row.
pub(super) type Chunk = [f64; CHUNK];

/// The rows of a turn, and the numbers of a [`Pair`].
const TURN: usize = 8;
const LANES: usize = 2;

/// The columns whose products are added in a turn.
const COLUMNS: usize = 4;

/// The turns that take so many rows.
fn turns(rows: usize) -> usize {
    rows.div_ceil(TURN).min(CHUNK / TURN)
}

/// Whether the entries of a list are consecutive rows, so that columns can be
/// read as slices.
pub(super) fn is_consecutive(rows: &[u32]) -> bool {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return true;
    };
    // Without an end before the last: many are looked at a time.
    let all = |all, pair: &[u32]| all & (pair[1] == pair[0].wrapping_add(1));
    last.wrapping_sub(*first) as usize == rows.len() - 1 && rows.windows(2).fold(true, all)
}

/// The values of `rows`, at most [`CHUNK`], in `buffer`.
pub(super) fn gathered<'a>(
    rows: &[u32],
    buffer: &'a mut Chunk,
    value: impl Fn(u32) -> f64,
) -> &'a Chunk {
    let (turns, rest) = buffer[..rows.len()].as_chunks_mut::<TURN>();
    let (row_turns, row_rest) = rows.as_chunks::<TURN>();
    for (cells, rows) in turns.iter_mut().zip(row_turns) {
        *cells = rows.map(&value);
    }
    for (cell, &row) in rest.iter_mut().zip(row_rest) {
        *cell = value(row);
    }
    buffer[rows.len()..].fill(0.0);
    buffer
}

/// At most [`CHUNK`] numbers as a chunk, copied to `buffer` if there are less.
pub(super) fn chunk_of_slice<'a>(slice: &'a [f64], buffer: &'a mut Chunk) -> &'a Chunk {
    if let Ok(chunk) = slice.try_into() {
        return chunk;
    }
    let (copied, rest) = buffer.split_at_mut(slice.len());
    copied.copy_from_slice(slice);
    rest.fill(0.0);
    buffer
}

/// The inner products of some columns with others, by the columns of both: for each
/// the sum of the products of the even rows and that of the odd ones, added.
pub(super) fn products<const A: usize, const B: usize>(
    left: [&Chunk; A],
    right: [&Chunk; B],
    rows: usize,
) -> [[f64; B]; A] {
    let left = left.map(|chunk| chunk.as_chunks::<LANES>().0);
    let right = right.map(|chunk| chunk.as_chunks::<LANES>().0);
    let mut sums = [[Pair::new([0.0; LANES]); B]; A];
    for turn in 0..turns(rows) {
        for part in 0..TURN / LANES {
            let at = turn * (TURN / LANES) + part;
            let right = right.map(|chunk| Pair::new(chunk[at]));
            for (sums, chunk) in sums.iter_mut().zip(left) {
                let left = Pair::new(chunk[at]);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = sum.add_product(left, right);
                }
            }
        }
    }
    sums.map(|sums| {
        sums.map(|sum| {
            let [even, odd] = sum.numbers();
            even + odd
        })
    })
}

/// The numbers of a chunk less a shift; 0 behind so many rows.
pub(super) fn shifted(values: &Chunk, shift: f64, rows: usize, out: &mut Chunk) {
    let turns = out.as_chunks_mut::<TURN>().0.iter_mut();
    for (out, values) in turns.zip(values.as_chunks::<TURN>().0) {
        *out = values.map(|value| value - shift);
    }
    out[rows..].fill(0.0);
}

/// Adds the products of columns with their coefficients, one a result, to the sums of
/// rows of each result, column after column.
pub(super) fn add_columns<const RESULTS: usize>(
    columns: &[(&Chunk, [f64; RESULTS])],
    rows: usize,
    sums: [&mut Chunk; RESULTS],
) {
    // At the end of a loop's turn a sandbox leaves no sum in a register, so that a turn
    // takes several columns.
    let (groups, rest) = columns.as_chunks::<COLUMNS>();
    let mut sums = sums.map(|sums| sums.as_chunks_mut::<TURN>().0);
    for turn in 0..turns(rows) {
        let mut of_turn = [[0.0; TURN]; RESULTS];
        for (of_turn, sums) in of_turn.iter_mut().zip(&sums) {
            *of_turn = sums[turn];
        }
        for group in groups {
            for column in group {
                add_column(column, turn, &mut of_turn);
            }
        }
        for column in rest {
            add_column(column, turn, &mut of_turn);
        }
        for (of_turn, sums) in of_turn.iter().zip(&mut sums) {
            sums[turn] = *of_turn;
        }
    }
}

/// Adds the products of a column in the rows of a turn.
#[inline(always)]
fn add_column<const RESULTS: usize>(
    (values, coefficients): &(&Chunk, [f64; RESULTS]),
    turn: usize,
    of_turn: &mut [[f64; TURN]; RESULTS],
) {
    let values = &values.as_chunks::<TURN>().0[turn];
    for (sums, coefficient) in of_turn.iter_mut().zip(coefficients) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += coefficient * value;
        }
    }
}

/// Adds a constant and the sums of rows to numbers, at most [`CHUNK`].
pub(super) fn add_sums(out: &mut [f64], constant: f64, sums: &Chunk) {
    let (turns, rest) = out.as_chunks_mut::<TURN>();
    let (sum_turns, _) = sums.as_chunks::<TURN>();
    for (out, sums) in turns.iter_mut().zip(sum_turns) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out += constant + sum;
        }
    }
    let done = turns.len() * TURN;
    for (out, sum) in rest.iter_mut().zip(&sums[done..]) {
        *out += constant + sum;
    }
}

/// The sums of `values - centre`, at most [`CHUNK`], and of their squares.
pub(super) fn deviations(values: &[f64], centre: f64) -> (f64, f64) {
    let (mut first, mut second) = ([0.0; TURN], [0.0; TURN]);
    let (turns, rest) = values.as_chunks::<TURN>();
    for values in turns {
        for lane in 0..TURN {
            let deviation = values[lane] - centre;
            first[lane] += deviation;
            second[lane] += deviation * deviation;
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let deviation = value - centre;
        first[lane] += deviation;
        second[lane] += deviation * deviation;
    }
    (sum_of_lanes(&first), sum_of_lanes(&second))
}

/// Whether all numbers are finite.
pub(super) fn are_finite(values: &[f64]) -> bool {
    let mut zeros = [0.0; TURN];
    let (turns, rest) = values.as_chunks::<TURN>();
    for values in turns {
        // Of a number that is not finite it is NaN, which stays.
        for lane in 0..TURN {
            zeros[lane] += values[lane] * 0.0;
        }
    }
    zeros.iter().all(|zero| *zero == 0.0) && rest.iter().all(|value| value.is_finite())
}

/// The sum of eight sums, added in pairs.
pub(super) fn sum_of_lanes(lanes: &[f64; 8]) -> f64 {
    ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5]))
        + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
}

/// [`deviations`] times the weights of the values, behind the sum of the weights.
pub(super) fn weighted_deviations(values: &[f64], weights: &[f64], centre: f64) -> [f64; 3] {
    let mut sums = [[0.0; TURN]; 3];
    let mut add = |lane: usize, value: f64, weight: f64| {
        let deviation = value - centre;
        sums[0][lane] += weight;
        sums[1][lane] += deviation * weight;
        sums[2][lane] += deviation * deviation * weight;
    };
    let (turns, rest) = values.as_chunks::<TURN>();
    let (weight_turns, weight_rest) = weights.as_chunks::<TURN>();
    for (values, weights) in turns.iter().zip(weight_turns) {
        for lane in 0..TURN {
            add(lane, values[lane], weights[lane]);
        }
    }
    for (lane, (value, weight)) in rest.iter().zip(weight_rest).enumerate() {
        add(lane, *value, *weight);
    }
    sums.map(|sums| sum_of_lanes(&sums))
}

/// The numbers of a sample.
const SAMPLE: usize = 64;

/// The mean of at most [`SAMPLE`] of `count` numbers that are not missing, evenly
/// apart: to be taken from all before they are summed. A constant is found to the bit.
/// No more than `count / SAMPLE` times the variance is the square of its distance from
/// the mean, since the sample is a part of the numbers, so that squares about it lose
/// no more than a sum of as many numbers does.
pub(super) fn near_mean(count: usize, value: impl Fn(usize) -> f64) -> f64 {
    let sample = || {
        let step = count.div_ceil(SAMPLE).max(1);
        let values = (0..count).step_by(step).map(&value);
        values.filter(|value| value.is_finite())
    };
    let first = sample().next().unwrap_or(0.0);
    let (mut sum, mut values) = (0.0, 0.0);
    for value in sample() {
        sum += value - first;
        values += 1.0;
    }
    let mean = first + if values > 0.0 { sum / values } else { 0.0 };
    if mean.is_finite() { mean } else { 0.0 }
}
