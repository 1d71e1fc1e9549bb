//! Sorting of many numbers by their digits, which takes a time in proportion to how
//! many there are.

/// From so many keys on it is faster than a sort by comparisons.
const MANY: usize = 4096;

/// The values of a digit, which is a byte.
const VALUES: usize = 256;

/// Sorts keys, ascending.
pub(crate) fn sort_keys(keys: &mut Vec<u64>) {
    if keys.len() < MANY {
        keys.sort_unstable();
        return;
    }
    // By digit, the lowest first, then by value: how many keys have it.
    let mut counts = [[0u32; VALUES]; 8];
    for key in &*keys {
        for (counts, digit) in counts.iter_mut().zip(key.to_le_bytes()) {
            counts[usize::from(digit)] += 1;
        }
    }
    let mut sorted = vec![0; keys.len()];
    for (digit, counts) in counts.iter().enumerate() {
        // All keys have the same one.
        if counts.iter().any(|&count| count as usize == keys.len()) {
            continue;
        }
        let mut next = [0u32; VALUES];
        let mut start = 0;
        for (next, count) in next.iter_mut().zip(counts) {
            *next = start;
            start += count;
        }
        for &key in &*keys {
            let place = &mut next[usize::from((key >> (8 * digit)) as u8)];
            sorted[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, &mut sorted);
    }
}

/// Sorts numbers in the order of [`f64::total_cmp`].
pub(crate) fn sort_numbers(numbers: &mut [f64]) {
    if numbers.len() < MANY {
        numbers.sort_unstable_by(f64::total_cmp);
        return;
    }
    const SIGN: u64 = 1 << 63;
    let key = |number: &f64| match number.to_bits() {
        bits if bits & SIGN == 0 => bits | SIGN,
        bits => !bits,
    };
    let mut keys: Vec<u64> = numbers.iter().map(key).collect();
    sort_keys(&mut keys);
    for (number, key) in numbers.iter_mut().zip(keys) {
        *number = f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of few and of many, of all bits and of some.
        #[test]
        fn digits_sort_as_comparisons_do(seed: u64, shift in 0u32..64, many: bool) {
            let count = if many { 3 * MANY } else { 100 };
            let mut state = seed;
            let mut keys: Vec<u64> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    (state ^ (state >> 29)) >> shift
                })
                .collect();
            let mut numbers: Vec<f64> = keys.iter().map(|key| f64::from_bits(*key)).collect();
            let mut expected = numbers.clone();
            expected.sort_by(f64::total_cmp);
            sort_numbers(&mut numbers);
            let bits = |numbers: &[f64]| -> Vec<u64> {
                numbers.iter().map(|number| number.to_bits()).collect()
            };
            prop_assert_eq!(bits(&numbers), bits(&expected));
            let mut expected = keys.clone();
            expected.sort();
            sort_keys(&mut keys);
            prop_assert_eq!(keys, expected);
        }
    }
}
