# `make run` brings up the shop under load; `make test` passes the tests. Both share one profile's artefacts.
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run test bench engines matrix lint

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, and bring up the whole shop with load: http://127.0.0.1:8080
	cargo build -p vitrine
	$(TARGET)/debug/vitrine up

test: ## Build and pass all tests
	cargo build -p vitrine
	@if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --workspace && cargo nextest run -p vitrine-platform-store --features mongodb -E 'test(mongodb)'; \
	else cargo test --workspace && cargo test -p vitrine-platform-store --features mongodb mongodb; fi
	cargo test --doc --workspace --quiet

bench: ## Measure everything, with goals: an hour or two; vitrine-benches --help names the parts, and their sizes
	VITRINE_COMMIT=$$(git rev-parse --short HEAD) cargo build --release -p vitrine -p vitrine-benches
	$(TARGET)/release/vitrine-benches

engines: ## Install and start NATS, PostgreSQL and Redis on this machine, on ports of their own, until Ctrl-C
	cargo build -p vitrine-tests-engines
	$(TARGET)/debug/vitrine-tests-engines vitrine-engines

matrix: ## Every behaviour under every placement and database, as a table
	cargo nextest run -p vitrine-tests-behaviour --no-capture -E 'test(the_matrix)'

lint: ## Formatting and clippy, without mercy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p vitrine --features mongodb -- -D warnings
