//! [`guarded`]: a call of another crate's reader whose panic is an error.
//!
//! The readers of Arrow and Parquet check most of what a file says, and panic
//! on the rest. A malformed file is a mistake in the input, and not of the
//! program: it gets the message that any unreadable file gets.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is caught here.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls `read`. If it panics, returns what `malformed` makes of the panic's
/// message; nothing is printed. The reader must not be used again then.
pub(crate) fn guarded<T, E>(
    read: impl FnOnce() -> Result<T, E>,
    malformed: impl FnOnce(String) -> E,
) -> Result<T, E> {
    // Hooks are the process's. This one changes nothing but the panics here.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                hook(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(outer);
    result.unwrap_or_else(|panic| {
        let message = match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(panic) => match panic.downcast_ref::<&str>() {
                Some(message) => (*message).to_owned(),
                None => "no message".to_owned(),
            },
        };
        Err(malformed(message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let number = 3;
        let read = || -> Result<(), String> { panic!("offset {number}") };
        assert_eq!(guarded(read, |why| why), Err("offset 3".to_owned()));
        let read = || -> Result<(), String> { panic!("plain") };
        assert_eq!(guarded(read, |why| why), Err("plain".to_owned()));
        assert!(!GUARDED.get());
    }

    #[test]
    fn results_pass() {
        assert_eq!(guarded(|| Ok::<_, String>(1), |why| why), Ok(1));
        let failed = guarded(|| Err::<(), _>("error".to_owned()), |why| why);
        assert_eq!(failed, Err("error".to_owned()));
    }
}
