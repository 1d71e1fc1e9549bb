//! [`thread_cpu_time`]: what a guest used of a core, since it runs on the thread that calls
//! it.

use std::time::Duration;

/// The CPU time of this thread since it began; `None` where the platform does not tell.
#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "clock_gettime has no safe form among the features that are built"
)]
pub fn thread_cpu_time() -> Option<Duration> {
    let mut time = std::mem::MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `time` is writable memory of the size that clock_gettime fills.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: clock_gettime returned 0, so it filled the whole structure.
    let time = unsafe { time.assume_init() };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

/// The CPU time of this thread since it began; `None` where the platform does not tell.
#[cfg(not(unix))]
pub fn thread_cpu_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_thread_that_works_uses_time() {
        let before = thread_cpu_time().unwrap();
        let mut sum = 0_u64;
        while thread_cpu_time().unwrap() <= before {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
