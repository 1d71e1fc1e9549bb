//! [`EventLog`]: the events of a run as JSON lines, one
//! [`StampedEvent`] a line, for other programs.

use std::fmt;
use std::io::{self, Write};

use crate::run::event::{Event, Listener, StampedEvent};

/// The JSON Schema (draft 2020-12) of one line.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(StampedEvent).to_value()
}

/// A listener that writes events as JSON lines. The first error ends writing
/// and is returned by [`EventLog::finish`]; the run goes on.
pub struct EventLog {
    output: Box<dyn Write + Send>,
    error: Option<io::Error>,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl EventLog {
    /// A log that writes to `output`.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        Self {
            output: Box::new(output),
            error: None,
        }
    }

    /// Flushes the log. Returns the first error that occurred.
    pub fn finish(mut self) -> Option<io::Error> {
        if self.error.is_none() {
            self.error = self.output.flush().err();
        }
        self.error
    }

    fn write(&mut self, event: &StampedEvent) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, event)?;
        self.output.write_all(b"\n")?;
        // A reader that follows the file sees all but the many task events at
        // once.
        match event.event {
            Event::TaskFinished { .. } => Ok(()),
            _ => self.output.flush(),
        }
    }
}

impl Listener for EventLog {
    fn on_event(&mut self, event: &StampedEvent) {
        if self.error.is_none() {
            self.error = self.write(event).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use fanout_contract::Role;

    use super::*;
    use crate::digest::Digest;
    use crate::run::data_summary::DataColumn;
    use crate::run::event::Listeners;
    use crate::run::event::example::run_started;
    use crate::store::Key;
    use crate::task::TaskFault;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn events() -> Vec<Event> {
        let key = Key::plan(&Digest::of(b"run"));
        let column = DataColumn {
            name: "minutes".to_owned(),
            role: Role::Feature,
            reads: "number".to_owned(),
            missing: 1,
            distinct: 9,
            exact: true,
            range: Some(["0".to_owned(), "8.5".to_owned()]),
        };
        vec![
            Event::DatasetPrepared {
                rows: 10,
                features: 2,
                reused: false,
                wall: Duration::from_millis(1500),
                columns: vec![column],
            },
            Event::ObjectRepaired { key: key.clone() },
            Event::ResultDamaged { key },
            Event::TaskFinished {
                task: 3,
                split: 1,
                fits: 25,
                models: 1,
                fault: Some(TaskFault::OutOfMemory { limit: 1 << 30 }),
                wall: Duration::from_millis(250),
                reused: false,
                best: Some(0.875),
                target: 0,
                trainer: "random_forest".into(),
                cost: 0.5,
                started_us: Some(1),
                load: Some(Duration::from_millis(125)),
                cpu: None,
                memory: Some(1 << 20),
            },
            Event::CandidateScored {
                target: 0,
                candidate: 4,
                mean: Some(0.5),
                std: None,
                fit_time: Some(0.25),
                params: Arc::new([("max_depth".to_owned(), 4.into())].into()),
            },
            run_started(75),
            Event::WorkersAwaited,
            Event::RunInterrupted { done: 1, fits: 2 },
        ]
    }

    #[test]
    fn every_listener_receives_every_event_in_order_and_reads_it_back() {
        let buffer = Buffer::default();
        let mut log = EventLog::new(buffer.clone());
        let mut received = Vec::new();
        let mut collect = |event: &StampedEvent| received.push(event.clone());
        let mut listeners = Listeners::new(vec![&mut log, &mut collect]);
        for event in events() {
            listeners.emit_of(Some("worker-0".into()), event);
        }
        drop(listeners);
        assert!(log.finish().is_none());
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let read: Vec<StampedEvent> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read, received);
        let numbers: Vec<u64> = read.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(
            read.into_iter()
                .map(|event| event.event)
                .collect::<Vec<_>>(),
            events()
        );
        let line: serde_json::Value = serde_json::from_str(text.lines().nth(3).unwrap()).unwrap();
        assert_eq!(line["event"], "task_finished");
        assert_eq!(line["wall"], 0.25);
        assert_eq!(
            (&line["load"], &line["cpu"]),
            (&0.125.into(), &serde_json::Value::Null)
        );
        assert_eq!(line["fault"]["kind"], "out_of_memory");
        assert_eq!(line["worker"], "worker-0");
    }

    #[test]
    fn a_full_disk_is_reported_once_and_harms_no_run() {
        let mut log = EventLog::new(Full);
        let mut listeners = Listeners::new(vec![&mut log]);
        for event in events() {
            listeners.emit(event);
        }
        drop(listeners);
        let error = log.finish().expect("nothing could be written");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
