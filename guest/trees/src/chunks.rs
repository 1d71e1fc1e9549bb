//! Loops unrolled eight times. A sandbox that limits a guest's time checks a
//! counter on every iteration of a loop, so that a short loop body costs less
//! in larger pieces.

/// Calls `body` with every item, in order.
#[inline]
pub(crate) fn for_each<T: Copy>(items: &[T], mut body: impl FnMut(T)) {
    let (chunks, rest) = items.as_chunks::<8>();
    // Each item is loaded just before its call: loading all eight first would
    // take the registers that the body needs.
    for [a, b, c, d, e, f, g, h] in chunks {
        body(*a);
        body(*b);
        body(*c);
        body(*d);
        body(*e);
        body(*f);
        body(*g);
        body(*h);
    }
    for &item in rest {
        body(item);
    }
}

/// Appends `map` of every item to `into`, in order.
#[inline]
pub(crate) fn extend<T: Copy, U: Copy>(
    into: &mut Vec<U>,
    items: &[T],
    mut map: impl FnMut(T) -> U,
) {
    into.reserve(items.len());
    let (chunks, rest) = items.as_chunks::<8>();
    for chunk in chunks {
        into.extend_from_slice(&chunk.map(&mut map));
    }
    into.extend(rest.iter().map(|&item| map(item)));
}
