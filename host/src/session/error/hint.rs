//! [`SessionError::hint`]: what the user can do about an error.

use super::{RetrainError, SessionError};
use crate::error::THREADS;
use crate::model::{ExportError, ServedError};
use crate::plan::PlanError;
use crate::pool::PoolError;
use crate::run::predictions::PredictionsError;
use crate::run::search::SearchError;

impl SessionError {
    /// What the user can do about it; `None` where the message says it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Plan(PlanError::Unreadable { .. }) => {
                "name the file of a plan that you may read, such as `plans/quickstart.yaml`"
            }
            // Each mistake has its own.
            Self::Plan(PlanError::NoText { .. } | PlanError::Mistakes(_)) => return None,
            Self::Dataset(error) => return owned(error.remedy()),
            Self::Store(error) => return owned(error.remedy()),
            Self::Python(error) => return error.hint(),
            Self::GuestFile { .. } => {
                "name a component file that is there: in a plan, `guest` is a path beside the plan, \
                 and an embedded trainer needs none"
            }
            Self::Guest { source, .. } | Self::Sandbox(source) => return owned(source.remedy()),
            Self::Pool(error) | Self::Search(SearchError::Pool(error)) => return of_pool(error),
            Self::UnsharedStore => "use a bucket, or a folder that all of them have",
            Self::TokenMissing { .. } => "`pool.token_env` names it: it holds the endpoint's token",
            Self::TokenMalformed { .. } => {
                "a token is one word of ASCII characters, without `Bearer`"
            }
            Self::TokenExposed { .. } => {
                "use `https://`, or set `pool.insecure: true` where nobody else is on the way"
            }
            Self::Search(
                SearchError::Raised { fault, .. } | SearchError::AllFailed { fault, .. },
            )
            | Self::Refit(fault)
            | Self::Member { fault, .. }
            | Self::SecondStage(fault)
            | Self::Explanation(fault) => return owned(fault.remedy()),
            Self::Search(SearchError::Interrupted { .. }) => {
                "the same command goes on where this one stopped"
            }
            Self::SecondDataset(_) => "run again: what is missing or damaged is made again",
            Self::NoEnsemble { .. } => {
                "the failures and the scores that are not defined say why; remove `ensemble` to \
                 have the best candidate"
            }
            Self::Predictions(PredictionsError::Store(error)) => return owned(error.remedy()),
            Self::Predictions(_) => "run again: what is missing or damaged is made again",
            Self::Assessment(_) => {
                "leave `predictions` out, and tell those who made the guest what it predicted"
            }
            Self::Chain { failure, .. } => return failure.hint.clone(),
            Self::NoPartition { .. } => "use splits such as `k_fold`, or remove `dataset.chain`",
            Self::ModelLost => "run the plan again",
            Self::ModelFile(error) => error.remedy(),
            Self::Composite(error) => error.remedy(),
            Self::ModelGuest { .. } => {
                "name its component file with `--guest`, or make it again with `fanout guest \
                 python` if it is of scikit-learn; a run without `--without-guest` writes it into \
                 the model"
            }
            Self::Served(error) => of_served(error),
            Self::Predict(error) => return owned(error.remedy()),
            Self::Export(ExportError::Guest(fault)) => return owned(fault.remedy()),
            Self::Export(ExportError::Refused(_)) => {
                "`--component FILE` takes every model: a component that answers rows over HTTP"
            }
            Self::Retrain(error) => of_retrain(error),
            Self::Files(_) => {
                "make room there or the folder writable, or name another with `--output`, and \
                 run again: every fit is kept in the store"
            }
        };
        Some(hint.to_owned())
    }
}

fn owned(hint: Option<&str>) -> Option<String> {
    hint.map(ToOwned::to_owned)
}

fn of_served(error: &ServedError) -> &'static str {
    match error {
        ServedError::Guests { .. } => {
            "export the members one by one, or search trainers of one guest: `fanout guest \
             list` says which guest offers what"
        }
        ServedError::SameName { .. } => {
            "export the models of the targets one by one: each has a file in its own folder \
             of the results"
        }
        ServedError::Guest | ServedError::Alone { .. } => {
            "run the plan again with this version of fanout, and export that model"
        }
        ServedError::Column { .. } => {
            "train on the column as numbers or text (`dataset.columns`), or without it"
        }
        ServedError::TooLarge { .. } => {
            "export it with `--package` for an endpoint, or search smaller models"
        }
    }
}

fn of_retrain(error: &RetrainError) -> &'static str {
    match error {
        RetrainError::NoSource => {
            "name the data with `--source`; models of runs of this version say it themselves"
        }
        RetrainError::Chained { .. } => "a chain is fitted as a whole: run its plan on these data",
        RetrainError::Classes { .. } => {
            "a model of other classes is another model: run the plan on these data"
        }
        RetrainError::Undefined { .. } => {
            "hold out more rows with `--holdout`, so that all classes are among them"
        }
    }
}

fn of_pool(error: &PoolError) -> Option<String> {
    let hint = match error {
        PoolError::Store(error) => return owned(error.remedy()),
        PoolError::Missing { .. } => "run again: what is missing is made again",
        PoolError::Worker(_) => THREADS,
        PoolError::Endpoint(error) => return Some(error.remedy().into()),
        PoolError::Client(_) => "look at the proxies and certificates that the environment names",
        PoolError::Authority { .. } => "name a file of certificates in PEM with `pool.ca`",
        PoolError::Queue(error) => error.remedy(),
        PoolError::AllReturned { .. } => {
            "repair what the workers report; the same command goes on where it stopped"
        }
        PoolError::OtherGuest => "run again: what is missing or damaged is made again",
        PoolError::Unsigned { .. } => "set `pool.data: body`, or use a store of a cloud",
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::dataset::{DatasetError, NewestError, SourceError};
    use crate::error::chained;
    use crate::model::{ModelFileError, PredictError};
    use crate::sandbox::GuestError;
    use crate::store::StoreError;
    use crate::task::TaskFault;

    fn not_there() -> io::Error {
        io::Error::from(io::ErrorKind::NotFound)
    }

    /// Errors whose messages name what is wrong and not what to do.
    fn bare() -> Vec<SessionError> {
        let file = || PathBuf::from("a.csv");
        let source = |error: SourceError| SessionError::Dataset(DatasetError::Source(error));
        let fault = |message: &str| TaskFault::Trapped {
            message: message.to_owned(),
        };
        vec![
            SessionError::Plan(PlanError::Unreadable {
                path: file(),
                source: not_there(),
            }),
            source(SourceError::Missing { path: file() }),
            source(SourceError::Empty { path: file() }),
            source(SourceError::NothingAt {
                url: "https://a/b".to_owned(),
            }),
            source(SourceError::Read {
                path: file(),
                source: not_there(),
            }),
            SessionError::Dataset(DatasetError::Newest(NewestError::NoTime {
                source_name: "a.csv".to_owned(),
                name: "day".to_owned(),
            })),
            SessionError::Store(StoreError::Threads(not_there())),
            SessionError::GuestFile {
                path: file(),
                source: not_there(),
            },
            SessionError::Sandbox(GuestError::NotWasm),
            SessionError::Sandbox(GuestError::Import {
                import: "wasi:clocks".to_owned(),
            }),
            SessionError::Sandbox(GuestError::Contract { found: 1 }),
            SessionError::Pool(PoolError::Worker(not_there())),
            SessionError::Pool(PoolError::OtherGuest),
            SessionError::UnsharedStore,
            SessionError::Refit(fault("unreachable")),
            SessionError::Search(SearchError::AllFailed {
                fits: 3,
                fault: TaskFault::StackOverflowed,
            }),
            SessionError::Search(SearchError::Interrupted { done: 1, fits: 2 }),
            SessionError::Explanation(TaskFault::MalformedAnswer {
                message: "no scores".to_owned(),
            }),
            SessionError::ModelLost,
            SessionError::ModelFile(ModelFileError::Other { path: file() }),
            SessionError::Predict(PredictError::ClassesAlone),
            SessionError::Predict(PredictError::Output(not_there())),
            SessionError::Export(ExportError::Refused("no such operator".to_owned())),
            SessionError::Retrain(RetrainError::NoSource),
        ]
    }

    #[test]
    fn every_kind_of_error_says_what_to_do() {
        for error in bare() {
            let hint = error.hint();
            let hint = hint.unwrap_or_else(|| panic!("no hint: {}", chained(&error)));
            // Like messages: one sentence, without a full stop.
            assert!(!hint.ends_with('.') && !hint.contains('\n'), "{hint}");
            assert!(!hint.starts_with(char::is_uppercase), "{hint}");
        }
    }
}
