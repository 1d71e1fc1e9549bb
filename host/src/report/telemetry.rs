//! [`Telemetry`]: a listener that sends a run to a collector of OpenTelemetry, by OTLP over
//! HTTP, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. A run is a trace: its span, one for each
//! stage, and one for each task that was run, from its worker's beginning to its end. The
//! metrics are counters of fits, models and failures, and a histogram of the tasks' times.
//!
//! | metric | unit | attributes |
//! | --- | --- | --- |
//! | `fanout.fits` | fits | `trainer`, `outcome`: `scored`, `failed`; `reused` |
//! | `fanout.models` | models that were fitted | `trainer` |
//! | `fanout.task.duration` | seconds | `trainer` |
//! | `fanout.failures` | fits | `kind` |
//!
//! Spans and numbers wait in bounded queues and leave on threads of their own: a collector
//! that is slow or gone costs what it does not take, and the run nothing but two seconds at
//! its end at most. The usual variables of OpenTelemetry hold: `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and the rest.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::metrics::{Counter, Histogram, MeterProvider as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::trace::{SpanBuilder, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};

use crate::run::event::{Event, Listener, StampedEvent};
use crate::task::TaskFault;

/// The variable that turns it on.
pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The most spans that wait for the collector. Threat: a collector that takes seconds for
/// each batch while tasks end by the thousand.
const WAITING: usize = 1 << 16;

/// The spans of a request.
const BATCH: usize = 1 << 12;

/// How often metrics are sent.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long the end of a run waits for the collector.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends the events of a run to a collector. Its last spans leave when it is dropped.
pub struct Telemetry {
    tracing: SdkTracerProvider,
    metering: SdkMeterProvider,
    tracer: SdkTracer,
    instruments: Instruments,
    /// The run's span, once it began.
    run: Option<Context>,
    /// The span of the stage that goes on.
    stage: Option<opentelemetry_sdk::trace::Span>,
}

struct Instruments {
    fits: Counter<u64>,
    models: Counter<u64>,
    failures: Counter<u64>,
    duration: Histogram<f64>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// A listener for the collector that the environment names; `None` if it names none.
    ///
    /// # Errors
    /// If the endpoint is no URL.
    pub fn of_environment() -> Option<Result<Self, String>> {
        let named = std::env::var(ENDPOINT).is_ok_and(|endpoint| !endpoint.is_empty());
        named.then(|| {
            crate::store::install_tls();
            let spans = SpanExporter::builder().with_http().build();
            let metrics = MetricExporter::builder().with_http().build();
            match (spans, metrics) {
                (Ok(spans), Ok(metrics)) => Ok(Self::new(spans, metrics)),
                (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
            }
        })
    }

    fn new(spans: SpanExporter, metrics: MetricExporter) -> Self {
        let mut resource = Resource::builder();
        // OTEL_SERVICE_NAME goes before.
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("fanout");
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = resource.with_attribute(version).build();
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING)
            .with_max_export_batch_size(BATCH)
            .build();
        let processor = BatchSpanProcessor::builder(spans)
            .with_batch_config(config)
            .build();
        let tracing = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource.clone())
            .build();
        let reader = PeriodicReader::builder(metrics)
            .with_interval(INTERVAL)
            .build();
        let metering = SdkMeterProvider::builder()
            .with_reader(reader)
            .with_resource(resource)
            .build();
        let meter = metering.meter("fanout");
        let counter = |name| meter.u64_counter(name);
        let instruments = Instruments {
            fits: counter("fanout.fits").with_unit("{fit}").build(),
            models: counter("fanout.models").with_unit("{model}").build(),
            failures: counter("fanout.failures").with_unit("{fit}").build(),
            duration: meter
                .f64_histogram("fanout.task.duration")
                .with_unit("s")
                .build(),
        };
        Self {
            tracer: tracing.tracer("fanout"),
            tracing,
            metering,
            instruments,
            run: None,
            stage: None,
        }
    }

    fn parent(&self) -> Context {
        self.run.clone().unwrap_or_default()
    }

    /// A span that is over.
    fn over(&self, span: SpanBuilder, fault: Option<&TaskFault>, end: SystemTime) {
        let mut span = self.tracer.build_with_context(span, &self.parent());
        if let Some(fault) = fault {
            span.set_status(Status::error(fault.to_string()));
        }
        span.end_with_timestamp(end);
    }

    /// Ends the stage that goes on, and begins another.
    fn stage(&mut self, name: Option<&'static str>, now: SystemTime) {
        if let Some(mut stage) = self.stage.take() {
            stage.end_with_timestamp(now);
        }
        self.stage = name.map(|name| {
            let span = self.tracer.span_builder(name).with_start_time(now);
            self.tracer.build_with_context(span, &self.parent())
        });
    }

    /// Begins the span of the run, where it has not begun.
    fn begin(&mut self, start: SystemTime) {
        if self.run.is_none() {
            let span = self
                .tracer
                .span_builder("fanout run")
                .with_start_time(start);
            let span = self.tracer.build_with_context(span, &Context::new());
            self.run = Some(Context::new().with_span(span));
        }
    }

    fn finish(&mut self, failure: Option<String>, now: SystemTime) {
        self.stage(None, now);
        if let Some(run) = self.run.take() {
            let span = run.span();
            if let Some(failure) = failure {
                span.set_status(Status::error(failure));
            }
            span.end_with_timestamp(now);
        }
    }
}

impl Listener for Telemetry {
    fn on_event(&mut self, stamped: &StampedEvent) {
        let now = UNIX_EPOCH + Duration::from_micros(stamped.time_us);
        let before = |wall: &Duration| now.checked_sub(*wall).unwrap_or(now);
        match &stamped.event {
            Event::DatasetPrepared {
                rows,
                features,
                reused,
                wall,
                ..
            } => {
                self.begin(before(wall));
                let span = self
                    .tracer
                    .span_builder("dataset")
                    .with_start_time(before(wall))
                    .with_attributes([
                        KeyValue::new("fanout.rows", *rows as i64),
                        KeyValue::new("fanout.features", *features as i64),
                        KeyValue::new("fanout.reused", *reused),
                    ]);
                self.over(span, None, now);
            }
            Event::RunStarted {
                run,
                name,
                candidates,
                splits,
                fits,
                tasks,
                workers,
                ..
            } => {
                self.begin(now);
                if let Some(context) = &self.run {
                    let span = context.span();
                    span.set_attributes([
                        KeyValue::new("fanout.run", run.to_string()),
                        KeyValue::new("fanout.plan", name.clone()),
                        KeyValue::new("fanout.candidates", *candidates as i64),
                        KeyValue::new("fanout.splits", *splits as i64),
                        KeyValue::new("fanout.fits", *fits as i64),
                        KeyValue::new("fanout.tasks", *tasks as i64),
                        KeyValue::new("fanout.workers", *workers as i64),
                    ]);
                }
                self.stage(Some("search"), now);
            }
            Event::TaskFinished {
                task,
                split,
                fits,
                models,
                fault,
                wall,
                reused,
                trainer,
                started_us,
                target,
                ..
            } => {
                let outcome = if fault.is_some() { "failed" } else { "scored" };
                let trainer = KeyValue::new("trainer", trainer.to_string());
                let labels = [
                    trainer.clone(),
                    KeyValue::new("outcome", outcome),
                    KeyValue::new("reused", *reused),
                ];
                self.instruments.fits.add(*fits as u64, &labels);
                if let Some(fault) = fault {
                    let kind = [KeyValue::new("kind", fault.kind())];
                    self.instruments.failures.add(*fits as u64, &kind);
                }
                if *reused {
                    return;
                }
                let of_trainer = std::slice::from_ref(&trainer);
                self.instruments.models.add((*models).into(), of_trainer);
                self.instruments
                    .duration
                    .record(wall.as_secs_f64(), of_trainer);
                let start = started_us.map(|us| UNIX_EPOCH + Duration::from_micros(us));
                let start = start.unwrap_or_else(|| before(wall));
                let worker = stamped.worker.as_deref().unwrap_or_default().to_owned();
                let span = self
                    .tracer
                    .span_builder("task")
                    .with_kind(SpanKind::Internal)
                    .with_start_time(start)
                    .with_attributes([
                        trainer,
                        KeyValue::new("fanout.task", *task as i64),
                        KeyValue::new("fanout.split", i64::from(*split)),
                        KeyValue::new("fanout.target", *target as i64),
                        KeyValue::new("fanout.fits", *fits as i64),
                        KeyValue::new("fanout.models", i64::from(*models)),
                        KeyValue::new("fanout.worker", worker),
                    ]);
                self.over(span, fault.as_ref(), start + *wall);
            }
            Event::RunFinished { .. } => self.stage(None, now),
            Event::RefitStarted => self.stage(Some("refit"), now),
            Event::EnsembleStarted => self.stage(Some("ensemble"), now),
            Event::MembersRefitStarted { .. } => self.stage(Some("refit of members"), now),
            Event::SecondStageStarted => self.stage(Some("second stage"), now),
            Event::ExplanationStarted => self.stage(Some("explanation"), now),
            Event::RunInterrupted { .. } => self.finish(Some("interrupted".to_owned()), now),
            Event::RunClosed { failure } => self.finish(failure.clone(), now),
            _ => {}
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.finish(None, SystemTime::now());
        // What does not arrive is lost; the run is not.
        drop(self.tracing.shutdown_with_timeout(PATIENCE));
        drop(self.metering.shutdown_with_timeout(PATIENCE));
    }
}
