# `make run` runs the main job, `make test` passes the tests; both set up what
# they need first.

.PHONY: run test test-long test-s3 lint tests docs bench setup servers

# Everything of a workspace is built once, by clippy in rustc's place with its
# warnings denied, and tested as built: a build for the lints alone takes
# minutes.
linted = RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/clippy.sh cargo
guest = --manifest-path guest/Cargo.toml

run: setup
	cargo run --locked --package fanout -- run plans/flights.yaml

# What is downloaded arrives while the tests are built.
test: setup
	@$(MAKE) --no-print-directory servers & servers=$$!; \
	$(MAKE) --no-print-directory lint; lint=$$?; \
	wait $$servers && exit $$lint
	@$(MAKE) --no-print-directory tests

# The same, with many more faults in the tests that inject them.
test-long: export FANOUT_LONG = 1
test-long: test

# All of the guest of Python, from its wheel on, in a release build: two components built
# twice, three compiled, every pool, plans, the package: 10 minutes of two cores.
.PHONY: test-python-guest
test-python-guest: export FANOUT_CACHE = $(CURDIR)/target/tmp/compiled
test-python-guest: export FANOUT_TEST_PYTHON_GUEST = 1
test-python-guest: setup
	@tests/functions/setup.sh
	@tests/nats/setup.sh
	cargo build --release --locked --package fanout
	target/release/fanout guest python
	cargo test --release --locked --package fanout --test e2e -- --ignored python_guest:: python_plans::
	FANOUT=$(CURDIR)/target/release/fanout python/test.sh test_sandbox.py

# A short one on one component, in the build of the tests: 200 seconds of two cores.
.PHONY: test-python-guest-short
test-python-guest-short: setup
	$(linted) test --locked --package fanout --test e2e -- --ignored \
		python_guest::what_no python_guest::nothing_leaks python_guest::every_estimator

tests: docs
	$(linted) test --locked $(guest) --workspace --lib --bins --tests
	$(linted) test --locked --workspace --lib --bins --tests

# The pages of docs/ as a book, in target/book.
.PHONY: book
book:
	@tests/book/setup.sh
	target/tools/mdbook/bin/mdbook build docs

# The tests of S3 against the server that FANOUT_TEST_S3_ENDPOINT names, with
# the usual AWS variables; its bucket is FANOUT_TEST_S3_BUCKET or fanout-test.
# Without it: against the servers that the tests start.
test-s3: setup
	@tests/s3/setup.sh
	cargo test --locked --package fanout --test e2e stores::

lint: setup
	cargo fmt --check
	cargo fmt --check $(guest) --all
	$(linted) build --locked $(guest) --workspace --all-targets
	$(linted) build --locked --workspace --all-targets

# The documentation of both workspaces: its examples are tested, its warnings
# denied, and nothing that it needs is built for it alone.
docs: setup
	RUSTDOC=$(CURDIR)/tests/rustdoc.sh $(linted) test --locked $(guest) --workspace --doc
	RUSTDOC=$(CURDIR)/tests/rustdoc.sh $(linted) test --locked --workspace --doc

bench: setup
	cargo build --release --locked
	python3 bench/run.py

setup:
	@guest/setup.sh

# Other makers' servers, which the tests run, and their schemas, which the files
# of deploy/ are to fit.
servers:
	@tests/book/setup.sh
	@tests/dashboard/setup.sh
	@tests/deploy/setup.sh
	@tests/functions/setup.sh
	@tests/s3/setup.sh
	@tests/shell/setup.sh
	@tests/nats/setup.sh
	@tests/trackers/setup.sh

.PHONY: python python-tests

# The wheel of this machine, in target/wheels.
python: setup
	@python/build.sh release

# The wheel of the program that the tests are built with, tested as users have it.
tests: python-tests
python-tests: setup
	@python/test.sh

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
