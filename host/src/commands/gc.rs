//! `fanout gc`: removes from a store what no kept run names. It says first
//! what it would remove.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use fanout::report::human::{bytes, counted};
use fanout::run::history::History;
use fanout::run::sweep::{Rules, Sweep};
use fanout::store::Store;

use super::store::{StoreArgument, ago, parse_age};
use super::{CommandError, print};

/// Remove what no kept run names; without --yes, only say what.
///
/// A store of an earlier version of fanout goes as a whole. Else every run is kept
/// unless it is dropped. Objects younger than --younger
/// stay in any case, since a run that is about to begin may be writing them.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    store: StoreArgument,
    /// Drop this run: as many of its id's first digits as tell it from the
    /// others. May be repeated.
    #[arg(long, value_name = "RUN")]
    drop: Vec<String>,
    /// Drop every run that ended, or began if it never ended, longer ago.
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    older_than: Option<Duration>,
    /// What is younger than this stays.
    #[arg(long, value_name = "DURATION", value_parser = parse_age, default_value = "6h")]
    younger: Duration,
    /// Read every object too, and remove those that are damaged.
    #[arg(long)]
    damaged: bool,
    /// Remove.
    #[arg(long, short)]
    yes: bool,
}

impl Gc {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let store = self.store.open()?;
        if let Some(layout) = store.older_layout()? {
            return self.sweep_older(&store, layout);
        }
        let now = SystemTime::now();
        let history = History::open(&store)?;
        let mut drop = BTreeSet::new();
        for prefix in &self.drop {
            drop.insert(history.find(prefix)?.run);
        }
        if let Some(age) = self.older_than {
            let old = history.runs.iter().filter(|entry| {
                let last = entry.ended.unwrap_or(entry.begun).max(entry.begun);
                now.duration_since(last).is_ok_and(|since| since > age)
            });
            drop.extend(old.map(|entry| entry.run));
        }
        let rules = Rules {
            drop,
            younger: self.younger,
            damaged: self.damaged,
        };
        let sweep = Sweep::find(&store, &rules, now)?;
        let mut text = String::new();
        for entry in history.runs.iter().filter(|e| rules.drop.contains(&e.run)) {
            let (run, begun) = (entry.run.short(), ago(entry.begun, now));
            writeln!(text, "drops the run {run}, begun {begun}")?;
        }
        for key in &sweep.damaged {
            writeln!(text, "damaged: {key}")?;
        }
        for (what, (count, size)) in sweep.counts() {
            let what = counted(count, what);
            writeln!(text, "removes {what}, {}", bytes(size))?;
        }
        if sweep.spared > 0 {
            let spared = counted(sweep.spared, "object");
            writeln!(
                text,
                "leaves {spared} that no run names, but that are young (--younger)"
            )?;
        }
        let kept = counted(sweep.kept, "run");
        if sweep.is_empty() {
            writeln!(text, "nothing to remove; {kept} kept")?;
        } else if self.yes {
            print(&text);
            text.clear();
            let removed = counted(sweep.remove(&store, &rules)?, "object");
            writeln!(text, "removed {removed}; {kept} kept")?;
        } else {
            writeln!(text, "{kept} kept; nothing was removed: --yes removes")?;
        }
        print(&text);
        Ok(())
    }

    /// Removes all of a store of an earlier version.
    fn sweep_older(&self, store: &Store, layout: u64) -> Result<(), CommandError> {
        let sweep = Sweep::of_older_layout(store)?;
        let url = store.url();
        let mut text = format!(
            "the store `{url}` has layout {layout}, of an earlier version: nothing in it is read\n"
        );
        for (what, (count, size)) in sweep.counts() {
            let what = counted(count, what);
            writeln!(text, "removes {what}, {}", bytes(size))?;
        }
        if self.yes {
            let removed = counted(sweep.remove_all(store)?, "object");
            writeln!(text, "removed {removed}")?;
        } else {
            writeln!(text, "nothing was removed: --yes removes")?;
        }
        print(&text);
        Ok(())
    }
}
