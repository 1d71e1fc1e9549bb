//! Runs a plan with the library alone and prints the best candidate of each target:
//!
//! ```sh
//! cargo run --example run_plan -- plans/quickstart.yaml
//! ```
#![expect(clippy::print_stdout, reason = "this is a program")]

use std::error::Error;
use std::path::Path;

use fanout::run::event::{Event, Listeners, StampedEvent};
use fanout::session::{Options, execute, load};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("name a plan's file")?;
    let plan = load(Path::new(&file), &[])?;

    // Any number of listeners receive the events of the run.
    let mut fits = 0;
    let mut count = |stamped: &StampedEvent| {
        if let Event::TaskFinished { fits: finished, .. } = stamped.event {
            fits += finished;
        }
    };
    let mut listeners = Listeners::new(vec![&mut count]);
    let reports = execute(&plan, &Options::default(), &mut listeners)?;

    for report in &reports.targets {
        let best = report.best().ok_or("no candidate has a score")?;
        println!(
            "best of {fits} fits: {} {:.4} with {}",
            best.metric,
            best.mean,
            serde_json::to_string(&best.params)?
        );
    }
    Ok(())
}
