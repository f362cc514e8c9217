# `make run` brings up the shop under load; `make test` passes the tests. Both share one profile's artefacts.
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run test web bench engines matrix lint
# What npm keeps stands with all else that is kept, where a place is named.
NPM := npm$(if $(VITRINE_CACHE), --cache $(VITRINE_CACHE)/npm)
# Folders, too: what is deleted changes its folder.
WEB_SOURCES := $(shell find web/kit web/storefront web/widget web/console -not -path '*/node_modules*') $(wildcard web/*.mjs web/*.json)

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: web ## Build, and bring up the whole shop with load: http://127.0.0.1:8080
	cargo build -p vitrine
	$(TARGET)/debug/vitrine up

test: web ## Build and pass all tests
	cd web/console && node --test --test-reporter=dot src/
	cargo build -p vitrine
	@if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --workspace && cargo nextest run -p vitrine-platform-store --features mongodb -E 'test(mongodb)'; \
	else cargo test --workspace && cargo test -p vitrine-platform-store --features mongodb mongodb; fi
	cargo test --doc --workspace --quiet

web: web/dist/.built ## Build the pages that the program embeds; does nothing if nothing has changed

web/node_modules/.installed: web/package-lock.json
	cd web && $(NPM) ci
	touch $@

web/dist/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && node build.mjs
	touch $@

bench: ## Measure everything, with goals: an hour or two; vitrine-benches --help names the parts, and their sizes
	VITRINE_COMMIT=$$(git rev-parse --short HEAD) cargo build --release -p vitrine -p vitrine-benches
	$(TARGET)/release/vitrine-benches

engines: ## Install and start NATS, PostgreSQL and Redis on this machine, on ports of their own, until Ctrl-C
	cargo build -p vitrine-tests-engines
	$(TARGET)/debug/vitrine-tests-engines vitrine-engines

matrix: ## Every behaviour under every placement and database, as a table
	cargo nextest run -p vitrine-tests-behaviour --no-capture -E 'test(the_matrix)'

lint: web ## Formatting, clippy, types and oxlint, without mercy; and what clients of GraphQL would lose
	cd web && npm run --silent check
	cd web && node schema.mjs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p vitrine --features mongodb -- -D warnings
