//! [`Usage`]: the time and memory that this process used. With the times of the
//! fits the only part of a report that differs between two runs of one plan.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Time and memory of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Wall time.
    pub wall: Duration,
    /// Processor time in the program itself, over all threads; `None` where
    /// the platform does not tell.
    pub user: Option<Duration>,
    /// Processor time in the system on the program's behalf.
    pub system: Option<Duration>,
    /// The most physical memory that the process held at once, in bytes.
    pub peak_memory: Option<u64>,
}

impl Usage {
    /// The usage of this process until now; wall time counts from `start`.
    pub fn since(start: Instant) -> Self {
        let usage = resource_usage();
        Self {
            wall: start.elapsed(),
            user: usage.map(|usage| usage.user),
            system: usage.map(|usage| usage.system),
            peak_memory: high_water_mark().or(usage.map(|usage| usage.peak_memory)),
        }
    }
}

/// In seconds and bytes.
impl Serialize for Usage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let mut took = serializer.serialize_struct("Usage", 4)?;
        took.serialize_field("wall", &self.wall.as_secs_f64())?;
        took.serialize_field("user", &seconds(self.user))?;
        took.serialize_field("system", &seconds(self.system))?;
        took.serialize_field("peak_memory", &self.peak_memory)?;
        took.end()
    }
}

#[derive(Clone, Copy)]
struct ResourceUsage {
    user: Duration,
    system: Duration,
    peak_memory: u64,
}

/// Linux counts into `ru_maxrss` what the parent held before this program
/// replaced it; the mark in `/proc` is this program's alone.
fn high_water_mark() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "getrusage has no safe form in the crates at hand"
)]
fn resource_usage() -> Option<ResourceUsage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` is writable memory of the size that getrusage fills.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: getrusage returned 0, so it filled the whole structure.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default());
        seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or_default())
    };
    // Darwin counts in bytes, the others in units of 1024.
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    Some(ResourceUsage {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or_default() * unit,
    })
}

#[cfg(not(unix))]
fn resource_usage() -> Option<ResourceUsage> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_process_uses_time_and_memory() {
        let start = Instant::now();
        let mut filled = vec![1_u8; 64 << 20];
        filled
            .iter_mut()
            .for_each(|byte| *byte = byte.wrapping_mul(3));
        let took = Usage::since(start);
        assert!(std::hint::black_box(filled).len() as u64 <= took.peak_memory.unwrap());
        assert!(took.user.unwrap() + took.system.unwrap() > Duration::ZERO);
        assert!(took.wall > Duration::ZERO);
    }
}
