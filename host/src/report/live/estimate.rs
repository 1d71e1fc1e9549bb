//! How long the rest of a run takes, by what its tasks took so far.

use std::time::Duration;

use super::{RunState, Work};

impl RunState {
    /// The time that the tasks take that have not ended, as seen at `now_us`, microseconds
    /// since 1970-01-01 UTC; `None` as long as none was run.
    ///
    /// Tasks are expected to take what they cost by their hyper-parameters, as far as
    /// trainers describe that, in the unit that those took that were run: by trainer, where
    /// one of its own was. What the store had counts for nothing.
    pub fn time_left(&self, now_us: u64) -> Option<Duration> {
        let (cost, seconds) = self.trainers.iter().fold((0.0, 0.0), |sum, trainer| {
            (sum.0 + trainer.cost_made, sum.1 + trainer.seconds_made)
        });
        let unit_of_all = (cost > 0.0).then(|| seconds / cost)?;
        let unit = |name: &str| {
            let known = self.trainers.iter().find(|known| *known.name == *name);
            let made = known.filter(|trainer| trainer.cost_made > 0.0);
            made.map_or(unit_of_all, |trainer| {
                trainer.seconds_made / trainer.cost_made
            })
        };
        let left = self
            .trainers
            .iter()
            .map(|trainer| (trainer.cost - trainer.cost_done).max(0.0) * unit(&trainer.name));
        let mut left: f64 = left.sum();
        let mut longest: f64 = 0.0;
        for running in self.workers.values().flat_map(|worker| &worker.running) {
            if let Work::Task { trainer, cost, .. } = &running.work {
                let expected = cost * unit(trainer);
                let since = now_us.saturating_sub(running.since_us) as f64 / 1e6;
                left -= since.min(expected);
                longest = longest.max(expected - since);
            }
        }
        let slots = self.slots_now().max(1) as f64;
        let seconds = (left.max(0.0) / slots).max(longest);
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// How many tasks run at a time now: those of the workers that joined, else as many as
    /// were there at the start.
    pub fn slots_now(&self) -> usize {
        let joined = self.workers.values().filter_map(|worker| worker.slots);
        match joined.fold(0, usize::saturating_add) {
            0 => self.slots,
            joined => joined,
        }
    }

    /// The share of the work that is done, from 0 to 1: by what tasks cost, where that is
    /// known, so that a bar moves as evenly as it can.
    pub fn share_done(&self) -> f64 {
        let (cost, done) = self.trainers.iter().fold((0.0, 0.0), |sum, trainer| {
            (sum.0 + trainer.cost, sum.1 + trainer.cost_done)
        });
        let share = match cost > 0.0 && self.done < self.fits {
            true => done / cost,
            false => self.done as f64 / self.fits.max(1) as f64,
        };
        share.clamp(0.0, 1.0)
    }
}
