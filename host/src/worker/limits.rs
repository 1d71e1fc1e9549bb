//! What a task may demand of this machine.

use std::time::Duration;

use crate::task::TaskLimits;

/// A guest's address space: no task uses more.
const ADDRESSES: u64 = 4 << 30;

/// The longest time of a task, where nothing else is said.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that one task may demand of a worker with so many slots on this
/// machine, where nothing else is said: nine tenths of the memory, in equal
/// shares, but no less than the default of a plan; and a day.
pub fn machine_limits(slots: usize) -> TaskLimits {
    TaskLimits {
        memory: share(total_memory(), slots),
        timeout: LONGEST,
    }
}

fn share(total: Option<u64>, slots: usize) -> u64 {
    let least = TaskLimits::default().memory;
    let share = total.map_or(ADDRESSES, |total| total / 10 * 9 / slots.max(1) as u64);
    share.clamp(least, ADDRESSES)
}

/// Bytes of memory of this machine, or of its container where that has less;
/// `None` where the platform does not tell.
pub(super) fn total_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let machine = kilobytes << 10;
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse().ok());
    Some(container.map_or(machine, |container: u64| container.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_share_the_memory_but_take_every_default_plan() {
        const GIB: u64 = 1 << 30;
        assert_eq!(share(Some(10 * GIB), 3), 3 * GIB);
        assert_eq!(share(Some(10 * GIB), 64), GIB);
        assert_eq!(share(Some(1000 * GIB), 2), 4 * GIB);
        assert_eq!(share(None, 2), 4 * GIB);
        assert_eq!(share(Some(0), 0), GIB);
    }
}
