#!/bin/sh
# Installs Optuna, its dashboard and MLflow's server, which the tests send runs to, once,
# into target/tools. MLflow with what its server needs alone: its package wants 800 MB of
# libraries. Needs python3.
set -eu
cd "$(dirname "$0")/../.."

mlflow=3.17.2
tools=$PWD/target/tools/trackers

tests/venv.sh "$tools" optuna==5.0.0 optuna-dashboard==0.21.0 "mlflow-skinny==$mlflow" \
    aiohttp==3.14.5 alembic==1.20.1 flask==3.1.3 flask-cors==6.0.5 graphene==3.4.3 huey==3.5.4 \
    pandas==3.1.1 sqlalchemy==2.1.9
if [ ! -e "$tools/bin/mlflow-$mlflow" ]; then
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "mlflow==$mlflow"
    touch "$tools/bin/mlflow-$mlflow"
fi
