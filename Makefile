# `make run` runs the main job, `make test` passes the tests; both set up what
# they need first.

.PHONY: run test test-s3 lint bench setup servers

run: setup
	cargo run --release --locked -- run plans/flights.yaml

test: lint servers
	cargo test --locked --manifest-path guest/Cargo.toml --workspace
	cargo test --locked --workspace

# The tests of S3 against the server that FANOUT_TEST_S3_ENDPOINT names, with
# the usual AWS variables; its bucket is FANOUT_TEST_S3_BUCKET or fanout-test.
# Without it: against the servers that the tests start.
test-s3: setup
	@tests/s3/setup.sh
	cargo test --locked --package fanout --test stores

# The host is linted on a build and not on a check: the tests need its
# dependencies built, and to check them as well takes minutes.
lint: setup
	cargo fmt --check
	cargo fmt --check --manifest-path guest/Cargo.toml --all
	cargo clippy --locked --manifest-path guest/Cargo.toml --workspace --all-targets -- -D warnings
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/clippy.sh cargo build --locked --workspace --all-targets

bench: setup
	cargo build --release --locked
	python3 bench/run.py

setup:
	@guest/setup.sh

# Other makers' servers, which the tests run, and their schemas, which the files
# of deploy/ are to fit.
servers:
	@tests/deploy/setup.sh
	@tests/functions/setup.sh
	@tests/s3/setup.sh
	@tests/nats/setup.sh

.PHONY: deny fuzz

# Licences, bans and sources of all dependencies, as deny.toml has them.
lint: deny
deny:
	@tests/deny.sh

# Every fuzz target for FUZZ_SECONDS (default 60). Not part of the tests: the
# targets are built with sanitizers, from the first dependency on.
fuzz: setup
	@fuzz/setup.sh
	fuzz/run.sh
