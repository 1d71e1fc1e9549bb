//! [`Scoreboard`], the scores as they arrive, and [`SearchResults`], what they
//! come to. Pure: it does no I/O.
