//! [`write()`]: the events of a run as a trace in Chrome's trace event format (JSON), which
//! Perfetto and `chrome://tracing` open. The first track is the run with its stages; each
//! worker has a track, or several where it runs several tasks at a time. A task that the
//! store had is a mark on the track of the run. The format:
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::run::event::{Event, StampedEvent};
use crate::task::{TaskFault, microseconds_of};

/// The process of all tracks.
const PROCESS: u32 = 1;

/// The track of the run itself. Not 0: viewers take that for the idle thread.
const RUN: u32 = 1;

/// The most by which two tasks of a worker overlap that ran one after the other, in
/// microseconds: their times come from two clocks.
const OVERLAP: u64 = 1_000;

/// An entry of a trace. Times are in microseconds.
#[derive(Debug, Serialize)]
struct Entry<'e> {
    name: &'e str,
    /// The kind: `fit`, `load`, `fault` or `run`.
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'e str,
    /// `X`: it lasts; `i`: a mark; `M`: a name of the process or of a track.
    ph: char,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<char>,
    args: Json,
}

/// What a worker did for a time.
struct Slice<'e> {
    worker: &'e str,
    name: &'e str,
    cat: &'static str,
    start: u64,
    end: u64,
    /// How long the dataset was opened, from the start.
    load: u64,
    args: Json,
}

/// Writes the events of a run, in order, as a trace.
///
/// # Errors
/// Those of `out`.
pub fn write(events: &[StampedEvent], out: &mut dyn Write) -> io::Result<()> {
    let mut trace = Trace {
        out,
        is_first: true,
    };
    trace
        .out
        .write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    trace.run(events)?;
    let mut slices: Vec<Slice<'_>> = events.iter().filter_map(slice).collect();
    slices.sort_by_key(|slice| slice.start);
    let mut tracks = Tracks::default();
    for slice in slices {
        let (track, start) = tracks.place(&slice);
        trace.lasting((slice.cat, slice.name), track, start, slice.end, slice.args)?;
        // Within the one before, as a call in a call.
        let loaded = (slice.start + slice.load).min(slice.end);
        if loaded > start {
            trace.lasting(("load", "dataset opened"), track, start, loaded, json!({}))?;
        }
    }
    let plan = events.iter().find_map(|stamped| match &stamped.event {
        Event::RunStarted { name, .. } => Some(name.as_str()),
        _ => None,
    });
    let process = format!("fanout {}", plan.unwrap_or_default());
    trace.name("process_name", RUN, json!({"name": process.trim_end()}))?;
    trace.name_of_track(RUN, "run")?;
    for (track, name) in tracks.names {
        trace.name_of_track(track, &name)?;
    }
    trace.out.write_all(b"\n]}\n")?;
    trace.out.flush()
}

struct Trace<'o> {
    out: &'o mut dyn Write,
    is_first: bool,
}

impl Trace<'_> {
    /// The stages of the run, and what is about no worker.
    fn run(&mut self, events: &[StampedEvent]) -> io::Result<()> {
        for stamped in events {
            let now = stamped.time_us;
            let since = |wall: &Duration| now.saturating_sub(microseconds_of(*wall));
            match &stamped.event {
                Event::DatasetPrepared {
                    rows,
                    features,
                    reused,
                    wall,
                    ..
                } => {
                    let args = json!({"rows": rows, "features": features, "reused": reused});
                    self.lasting(("run", "dataset"), RUN, since(wall), now, args)?;
                }
                Event::RunFinished { wall } => {
                    self.lasting(("run", "search"), RUN, since(wall), now, json!({}))?;
                }
                Event::TaskFinished { reused: true, .. } => {
                    self.mark("found in the store", stamped)?
                }
                Event::TaskFinished { .. }
                | Event::TaskStarted { .. }
                | Event::CandidateScored { .. }
                | Event::BaselineFinished { .. }
                | Event::OuterFitFinished { .. }
                | Event::PartStarted { .. }
                | Event::PartFinished { .. } => {}
                other => {
                    let json = serde_json::to_value(other)?;
                    let name = json["event"].as_str().unwrap_or("event").replace('_', " ");
                    self.mark(&name, stamped)?;
                }
            }
        }
        Ok(())
    }

    fn mark(&mut self, name: &str, stamped: &StampedEvent) -> io::Result<()> {
        self.entry(&Entry {
            name,
            cat: "run",
            ph: 'i',
            ts: stamped.time_us,
            dur: None,
            pid: PROCESS,
            tid: RUN,
            // On its track alone.
            s: Some('t'),
            args: serde_json::to_value(&stamped.event)?,
        })
    }

    fn lasting(
        &mut self,
        (cat, name): (&str, &str),
        track: u32,
        start: u64,
        end: u64,
        args: Json,
    ) -> io::Result<()> {
        self.entry(&Entry {
            name,
            cat,
            ph: 'X',
            ts: start,
            dur: Some(end.saturating_sub(start)),
            pid: PROCESS,
            tid: track,
            s: None,
            args,
        })
    }

    fn name_of_track(&mut self, track: u32, name: &str) -> io::Result<()> {
        self.name("thread_name", track, json!({"name": name}))?;
        self.name("thread_sort_index", track, json!({"sort_index": track}))
    }

    fn name(&mut self, what: &str, track: u32, args: Json) -> io::Result<()> {
        self.entry(&Entry {
            name: what,
            cat: "",
            ph: 'M',
            ts: 0,
            dur: None,
            pid: PROCESS,
            tid: track,
            s: None,
            args,
        })
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *self.out, entry)?;
        Ok(())
    }
}

/// The tracks of the workers.
#[derive(Default)]
struct Tracks {
    /// By worker: its tracks, and until when each is taken.
    of_workers: BTreeMap<String, Vec<(u32, u64)>>,
    names: Vec<(u32, String)>,
}

impl Tracks {
    /// The track of a slice and its start there. Slices come in the order of their starts.
    fn place(&mut self, slice: &Slice<'_>) -> (u32, u64) {
        let tracks = self.of_workers.entry(slice.worker.to_owned()).or_default();
        let free = tracks
            .iter_mut()
            .find(|(_, until)| *until <= slice.start + OVERLAP);
        if let Some((track, until)) = free {
            let start = slice.start.max(*until);
            *until = slice.end.max(start);
            return (*track, start);
        }
        let track = RUN + 1 + self.names.len() as u32;
        let name = match tracks.len() {
            0 => slice.worker.to_owned(),
            others => format!("{} ({})", slice.worker, others + 1),
        };
        tracks.push((track, slice.end));
        self.names.push((track, name));
        (track, slice.start)
    }
}

/// What a worker did, of an event that says so.
fn slice(stamped: &StampedEvent) -> Option<Slice<'_>> {
    let event = &stamped.event;
    let (name, wall, fault, started, load) = match event {
        Event::TaskFinished {
            reused: false,
            trainer,
            wall,
            fault,
            started_us,
            load,
            ..
        } => {
            let name = match trainer.as_ref() {
                "" => "task",
                trainer => trainer,
            };
            (name, wall, fault, *started_us, *load)
        }
        Event::BaselineFinished {
            reused: false,
            wall,
            fault,
            ..
        } => ("baseline", wall, fault, None, None),
        Event::OuterFitFinished {
            reused: false,
            wall,
            fault,
            ..
        } => ("outer fit", wall, fault, None, None),
        Event::PartFinished {
            reused: false,
            wall,
            fault,
            ..
        } => ("part of a model", wall, fault, None, None),
        _ => return None,
    };
    let start = started.unwrap_or_else(|| stamped.time_us.saturating_sub(microseconds_of(*wall)));
    Some(Slice {
        worker: stamped.worker.as_deref().unwrap_or("worker"),
        name,
        cat: category(fault.as_ref()),
        start,
        end: start + microseconds_of(*wall),
        load: load.map_or(0, microseconds_of),
        args: serde_json::to_value(event).unwrap_or_default(),
    })
}

fn category(fault: Option<&TaskFault>) -> &'static str {
    match fault {
        None => "fit",
        Some(_) => "fault",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::Listeners;

    fn task(wall: u64, started_us: u64) -> Event {
        let json = json!({
            "event": "task_finished", "task": 0, "split": 1, "fits": 5, "models": 1,
            "fault": null, "wall": wall as f64 / 1e6, "reused": false, "best": null,
            "trainer": "random_forest", "started_us": started_us,
        });
        serde_json::from_value(json).unwrap()
    }

    fn traced(events: Vec<(&str, Event)>) -> Vec<Json> {
        let mut stamped = Vec::new();
        let mut collect = |event: &StampedEvent| stamped.push(event.clone());
        let mut listeners = Listeners::new(vec![&mut collect]);
        for (worker, event) in events {
            listeners.emit_of(Some(worker.into()), event);
        }
        drop(listeners);
        let mut out = Vec::new();
        write(&stamped, &mut out).unwrap();
        let trace: Json = serde_json::from_slice(&out).unwrap();
        trace["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn tasks_at_a_time_have_tracks_of_their_own() {
        let entries = traced(vec![
            ("a", task(500_000, 1_000_000)),
            // Its start is before the end of the first, by less than clocks differ.
            ("a", task(500_000, 1_499_500)),
            ("a", task(500_000, 1_200_000)),
            ("b", task(500_000, 1_200_000)),
        ]);
        let lasting = entries.iter().filter(|entry| entry["ph"] == "X");
        let places: Vec<Json> = lasting
            .map(|entry| json!([entry["tid"], entry["ts"], entry["dur"]]))
            .collect();
        assert_eq!(
            places,
            [
                json!([2, 1_000_000, 500_000]),
                json!([3, 1_200_000, 500_000]),
                json!([4, 1_200_000, 500_000]),
                json!([2, 1_500_000, 499_500]),
            ]
        );
        let names = entries
            .iter()
            .filter(|entry| entry["name"] == "thread_name");
        let names: Vec<&Json> = names.map(|entry| &entry["args"]["name"]).collect();
        assert_eq!(names, ["run", "a", "a (2)", "b"]);
    }

    /// What the format's document demands of the kinds of entries that are written.
    #[test]
    fn entries_are_as_the_format_has_them() {
        let mut late = task(500_000, 1_499_500);
        if let Event::TaskFinished { load, .. } = &mut late {
            *load = Some(Duration::from_micros(200_000));
        }
        let begun = crate::run::event::example::run_started(75);
        let entries = traced(vec![
            ("a", begun),
            ("a", task(500_000, 1_000_000)),
            ("a", late),
            ("a", Event::WorkersAwaited),
        ]);
        for entry in &entries {
            assert!(
                entry["name"].is_string() && entry["args"].is_object(),
                "{entry}"
            );
            for number in ["ts", "pid", "tid"] {
                assert!(entry[number].is_u64(), "{entry}");
            }
            match entry["ph"].as_str().unwrap() {
                "X" => assert!(entry["dur"].is_u64() && entry["cat"].is_string(), "{entry}"),
                "i" => assert_eq!(entry["s"], "t"),
                "M" => assert!(
                    entry.get("dur").is_none() && entry.get("s").is_none(),
                    "{entry}"
                ),
                other => panic!("{other}"),
            }
        }
        let process = entries.iter().find(|entry| entry["name"] == "process_name");
        assert_eq!(process.unwrap()["args"]["name"], "fanout flights");
        // Of a track, one lies in another or behind it.
        let spans = entries.iter().filter(|entry| entry["ph"] == "X");
        let spans: Vec<[u64; 2]> = spans
            .map(|entry| {
                let start = entry["ts"].as_u64().unwrap();
                [start, start + entry["dur"].as_u64().unwrap()]
            })
            .collect();
        let loaded = [1_500_000, 1_699_500];
        assert_eq!(
            spans,
            [[1_000_000, 1_500_000], [1_500_000, 1_999_500], loaded]
        );
    }
}
