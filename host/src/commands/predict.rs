//! `fanout predict`: applies a model to rows.

use std::io::{self, BufWriter, IsTerminal as _, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::RecordBatch;
use clap::Args;
use fanout::dataset::RowSource;
use fanout::error::ErrorKind;
use fanout::model::{
    Combination, ModelFile, PredictError, Predicted, Predictor, RowWriter, Wanted, predict,
};
use fanout::plan::SourceFormat;
use fanout::report::files;
use fanout::report::human::{count, counted, duration};
use fanout::session::{OpenModel, SessionError};
use fanout::store::Location;
use fanout::task::{Cancel, TaskLimits};
use tempfile::NamedTempFile;

use super::{CommandError, print_warning};

/// Predict rows with a model of a run.
#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    rows: ModelRows,
    /// Write the probability of each class, too.
    #[arg(long)]
    probabilities: bool,
    /// Write all that the model says of a row: the prediction without a threshold, a
    /// class as a text, and the decisions and probabilities that it has.
    #[arg(long, conflicts_with = "probabilities")]
    outputs: bool,
}

impl Predict {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let probabilities = self.probabilities;
        self.rows.run(match self.outputs {
            true => Wanted::Outputs,
            false => Wanted::Predictions { probabilities },
        })
    }
}

/// A model and rows, what to write of each row, and where.
#[derive(Debug, Args)]
pub(crate) struct ModelRows {
    #[command(flatten)]
    data: ModelData,
    /// Columns of the rows to write first.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    keep: Vec<String>,
}

/// A model, rows, and where to write what the model says of them.
#[derive(Debug, Args)]
pub(crate) struct ModelData {
    /// The model: the file `model.fanout` of a run's results.
    model: PathBuf,
    /// The rows: a file, a folder, a glob or a URL; CSV, Parquet or Arrow IPC; `-` is
    /// standard input.
    data: String,
    /// The file to write: CSV, Parquet or Arrow IPC, by its ending; `-` is standard
    /// output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// The format to write, whatever the file's ending says. Standard output is CSV
    /// without it.
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<SourceFormat>,
    /// The number of threads that predict; by default, one a core.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// The component file of the model's guest, where the model has none.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// The most memory of each thread's guest, in bytes.
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// The store with whose settings a bucket is read: a URL.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Print nothing.
    #[arg(long, short)]
    quiet: bool,
}

/// A model that is open in its guest, and rows to read.
pub(crate) struct OpenData {
    pub(crate) model: OpenModel,
    pub(crate) rows: RowSource,
    format: SourceFormat,
    workers: usize,
    limits: TaskLimits,
    cancel: Cancel,
    /// Standard input, which is there as long as it is read.
    _input: Option<NamedTempFile>,
}

impl OpenData {
    /// The only model, and what predicts with it; `what` is wanted of it.
    pub(crate) fn only(
        &self,
        what: &'static str,
    ) -> Result<(&ModelFile, Predictor<'_>), SessionError> {
        let cancel = self.cancel.clone();
        self.model.only(what, self.limits, self.workers, cancel)
    }
}

impl ModelData {
    /// Opens the model and the rows, with columns to keep.
    pub(crate) fn open(&self, keep: &[String]) -> Result<OpenData, CommandError> {
        let cancel = Cancel::default();
        super::interrupt::on_interrupt(cancel.clone())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.unwrap_or(cores).max(1);
        let format = match (self.format, self.to_output()) {
            (Some(format), _) => format,
            (None, true) => SourceFormat::Csv,
            (None, false) => of_ending(&self.output).map_err(|error| {
                let hint = "write a file that ends in `.csv`, `.parquet` or `.arrow`, or add \
                            `--format`";
                error.hint(hint)
            })?,
        };
        if !self.to_output() {
            files::prove_writable(&self.output)?;
        }
        let model = OpenModel::read(&self.model, self.guest.as_deref(), workers)?;
        let (input, source, of_input) = match self.data.as_str() {
            "-" => {
                let (file, format) = standard_input()?;
                let path = file.path().display().to_string();
                (Some(file), path, Some(format))
            }
            data => (None, data.to_owned(), None),
        };
        let store = Location::new(self.store.as_deref().unwrap_or("memory://"));
        let head = model.model.reads();
        let source = (source.as_str(), of_input);
        let rows = RowSource::open(&head.reading, &head.recipe, source, &store, keep)?;
        let limits = TaskLimits {
            memory: self.memory.unwrap_or(TaskLimits::default().memory),
            ..TaskLimits::default()
        };
        Ok(OpenData {
            model,
            rows,
            format,
            workers,
            limits,
            cancel,
            _input: input,
        })
    }

    fn to_output(&self) -> bool {
        self.output == Path::new("-")
    }

    /// Writes one batch.
    pub(crate) fn write(&self, open: &OpenData, batch: &RecordBatch) -> Result<(), CommandError> {
        if self.to_output() {
            let mut writer = RowWriter::new(open.format, io::stdout());
            let written = writer.write(batch).and_then(|()| writer.finish());
            let written = match written {
                // A reader that went away has what it wanted.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            };
            return Ok(written.map_err(|error| SessionError::from(PredictError::Output(error)))?);
        }
        let written = files::replace(&self.output, |output| {
            let mut writer = RowWriter::new(open.format, output);
            writer.write(batch)?;
            writer.finish()
        });
        Ok(written.map_err(SessionError::from)?)
    }
}

impl ModelRows {
    /// Writes what the model says of the rows.
    pub(crate) fn run(self, wanted: Wanted) -> Result<(), CommandError> {
        let started = Instant::now();
        let open = self.data.open(&self.keep)?;
        if wanted == Wanted::Contributions {
            open.only("what features add is told")?;
        }
        let probabilities = Wanted::Predictions {
            probabilities: true,
        };
        if wanted == probabilities && open.model.model.votes_on_classes() {
            return Err(SessionError::from(PredictError::ClassesAlone).into());
        }
        let combination = Combination::new(&open.model.model, wanted);
        let members = (open.model).predictors(open.limits, open.workers, &open.cancel);
        let (rows, format) = (&open.rows, open.format);
        let predicted = if self.data.to_output() {
            write(&members, rows, &combination, format, io::stdout())?
        } else {
            let mut result = None;
            files::replace(&self.data.output, |output| {
                let written = write(&members, rows, &combination, format, output);
                let failed = written.is_err();
                result = Some(written);
                match failed {
                    true => Err(io::Error::other("the predictions failed")),
                    false => Ok(()),
                }
            })
            .or_else(|error| match &result {
                // Its own error says more.
                Some(Err(_)) => Ok(()),
                _ => Err(error),
            })?;
            result.expect("it was written")?
        };
        self.tell(&predicted, started);
        Ok(())
    }

    fn tell(&self, predicted: &Predicted, started: Instant) {
        for (feature, (rows, label)) in &predicted.unknown {
            print_warning(&format!(
                "`{feature}` has categories that the training data did not have, in {}; the first \
                 is `{label}`",
                counted(*rows as usize, "row")
            ));
        }
        if !self.data.quiet && io::stderr().is_terminal() {
            let rows = count(predicted.rows as usize);
            let seconds = duration(started.elapsed());
            eprintln!("{rows} rows in {seconds}");
        }
    }
}

/// Writes the predictions of all rows.
fn write(
    members: &[Predictor<'_>],
    rows: &RowSource,
    combination: &Combination,
    format: SourceFormat,
    output: impl Write + Send,
) -> Result<Predicted, SessionError> {
    let mut writer = RowWriter::new(format, BufWriter::with_capacity(1 << 20, output));
    let predicted = predict(members, rows, combination, &mut |batch| {
        writer.write(&batch)
    });
    match predicted.and_then(|predicted| {
        let finished = writer.finish();
        finished.map_err(PredictError::Output)?;
        Ok(predicted)
    }) {
        // A reader that went away has what it wanted.
        Err(PredictError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Predicted::default())
        }
        written => Ok(written?),
    }
}

fn format(text: &str) -> Result<SourceFormat, String> {
    match text {
        "csv" => Ok(SourceFormat::Csv),
        "parquet" => Ok(SourceFormat::Parquet),
        "arrow" => Ok(SourceFormat::Arrow),
        _ => Err("it is `csv`, `parquet` or `arrow`".to_owned()),
    }
}

/// The format that a file's ending names.
pub(super) fn of_ending(path: &Path) -> Result<SourceFormat, CommandError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok(SourceFormat::Csv),
        Some("parquet" | "pq") => Ok(SourceFormat::Parquet),
        Some("arrow" | "arrows" | "ipc" | "feather") => Ok(SourceFormat::Arrow),
        _ => {
            let message = format!("the ending of `{}` names no format", path.display());
            let hint = "write a file that ends in `.csv`, `.parquet` or `.arrow`";
            Err(CommandError::new(ErrorKind::Usage, message).hint(hint))
        }
    }
}

/// Standard input as a temporary file, and its format, by its first bytes.
fn standard_input() -> Result<(NamedTempFile, SourceFormat), CommandError> {
    let spool = || -> io::Result<_> {
        let mut file = NamedTempFile::new()?;
        io::copy(&mut io::stdin().lock(), &mut file)?;
        file.rewind()?;
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(6).read_to_end(&mut start)?;
        let format = match start.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => SourceFormat::Parquet,
            // A file, or a stream's mark of a message.
            b"ARROW1" | [0xff, 0xff, 0xff, 0xff, ..] => SourceFormat::Arrow,
            _ => SourceFormat::Csv,
        };
        Ok((file, format))
    };
    spool().map_err(|error| {
        let message = format!("can't keep standard input in a temporary file: {error}");
        CommandError::new(ErrorKind::Internal, message)
            .hint("make room there, or name another folder with `TMPDIR`")
    })
}
