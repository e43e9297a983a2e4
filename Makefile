# Every command a person types. `make` alone lists them; each recipe is one script of deploy/ or one call of swift.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

STACK := deploy/local/stack
PEERS := Benchmarks/.venv
SWIFT_SOURCES := Sources functions tools Tests Benchmarks Package.swift
# With the functions as they are: `swift test` builds them with other flags than `make build`, and each switch takes minutes.
TEST_GRPC = deploy/local/deps grpc-tests && swift build --package-path functions/grpc --product grpc && \
	PORTFOLIO_GRPC_BUILD=debug deploy/local/with-stack /usr/bin/python3 Tests/GRPCTests/test_grpc.py

.PHONY: help deps build up down restart status logs demo grpc proto bench bench-service bench-solver bench-grpc test test-one \
	test-integration test-fault test-grpc check format lint migrate-check nginx-check proto-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages the service needs, if any is missing
	@deploy/local/deps

build: deps ## build the functions in release mode (minutes on a fresh clone, seconds after)
	@deploy/local/build

up: build ## start PostgreSQL, nginx and the functions on 127.0.0.1, and load the demo inputs
	@$(STACK) up

down: ## stop all that `make up` started and remove its state (PORTFOLIO_KEEP=1 keeps the database)
	@$(STACK) down

restart: ## replace every function, or FUNCTION=get-optimization alone, member by member: no request fails
	@$(STACK) restart $(FUNCTION)

status: ## the URLs, the database, and every process with its pid and state
	@$(STACK) status

logs: ## the last lines of every log; follows them on a terminal
	@$(STACK) logs

demo: up ## the service document's own request on real prices, and its answer as a table
	@deploy/demo/run

grpc: build ## build the gRPC function (ten minutes the first time) and start it with the rest
	swift build -c release --package-path functions/grpc --product grpc
	@$(STACK) up

proto: ## make the Swift of functions/grpc from proto/, after a change there
	@deploy/local/deps proto
	proto/generate

bench: bench-service bench-solver ## measure against what it is built from and its peers, in the same run; results go to Benchmarks/results

bench-service: build ## the service part of it: reads, round trips, waiters, waking; SCENARIO=uncached-read runs one
	@deploy/local/deps bench
	swift build -c release --product service-benchmarks
	deploy/local/with-stack .build/release/service-benchmarks $(SCENARIO)

bench-solver: deps $(PEERS)/installed ## the solver beside the fastest peers from PyPI; CASES='mv card --seeds 1' runs some (Benchmarks/README.md)
	swift build -c release --product solve-case
	$(PEERS)/bin/python Benchmarks/SolverBenchmarks/run.py $(CASES)

bench-grpc: grpc ## GetOptimization over gRPC against a Python grpcio server, both behind nginx
	@deploy/local/deps bench
	@deploy/local/deps grpc-tests
	PORTFOLIO_GRPC_BUILD=release deploy/local/with-stack /usr/bin/python3 Benchmarks/GRPCRates/rates.py

$(PEERS)/installed: Benchmarks/SolverBenchmarks/requirements.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --requirement $<
	touch $@

test: deps lint migrate-check nginx-check proto-check build ## what CI runs: lint, drift checks, release build, all tests
	swift test -c release
	$(TEST_GRPC)

test-grpc: build ## gRPC by a Python client through nginx, on a stack of its own (the first build takes minutes)
	$(TEST_GRPC)

test-one: deps ## the tests whose names match: make test-one NAME='target volatility'
	@test -n "$(NAME)" || { echo "say which: make test-one NAME='target volatility'" >&2; exit 2; }
	swift test -c release --filter "$(NAME)"

test-integration: build ## the tests that need PostgreSQL and nginx, on a stack of their own
	deploy/local/with-stack swift test -c release --filter IntegrationTests

test-fault: build ## the long fault tests, on a stack of their own: two hundred processes killed, minutes
	PORTFOLIO_FAULT_KILLS=200 swift test -c release --filter FaultTests

proto-check: ## whether the generated Swift belongs to the .proto files
	@proto/check

check: lint migrate-check nginx-check proto-check ## the quick checks alone: no build, no tests

format: ## lay out every Swift source in the house's form
	swift format --in-place --parallel -r $(SWIFT_SOURCES)

lint: ## check the form of every Swift source; prints nothing when all is well
	swift format lint --strict --parallel -r $(SWIFT_SOURCES)

migrate-check: deps ## deploy, verify, revert and deploy the migrations again on an empty database
	@deploy/local/migrate-check

nginx-check: deps ## test nginx's configuration as the stack uses it
	@deploy/local/nginx-check
