"""Opens a journal with Optuna and prints its studies as JSON: what `fanout export --optuna`
wrote, as Optuna understands it."""

import json
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

storage = JournalStorage(JournalFileBackend(sys.argv[1]))
studies = {}
for summary in optuna.get_all_study_summaries(storage):
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    best = study.best_trial
    studies[summary.study_name] = {
        "direction": study.direction.name,
        "metric": study.metric_names,
        "run": study.user_attrs["fanout:run"],
        "best": best.number,
        "trials": [
            {
                "state": trial.state.name,
                "value": trial.value,
                "params": trial.params,
                "splits": list(trial.intermediate_values.values()),
                "attrs": trial.user_attrs,
            }
            for trial in study.trials
        ],
        "importances": optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        ),
    }
json.dump(studies, sys.stdout)
