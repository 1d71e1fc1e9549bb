# `make run` runs the main job, `make test` passes the tests; both set up what
# they need first.

.PHONY: run test lint bench setup servers

run: setup
	cargo run --release --locked -- run plans/flights.yaml

test: lint servers
	cargo test --locked --manifest-path guest/Cargo.toml --workspace
	cargo test --locked --workspace

lint: setup
	cargo fmt --check
	cargo fmt --check --manifest-path guest/Cargo.toml --all
	cargo clippy --locked --manifest-path guest/Cargo.toml --workspace --all-targets -- -D warnings
	cargo clippy --locked --workspace --all-targets -- -D warnings

bench: setup
	cargo build --release --locked
	python3 bench/run.py

setup:
	@guest/setup.sh

# Other makers' servers, in which the tests run the guests.
servers:
	@tests/functions/setup.sh
