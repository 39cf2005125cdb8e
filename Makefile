# SPDX-License-Identifier: Apache-2.0
# The front door: `make run`, `make test`; `make help` lists the rest. CMake does the building (CMakePresets.json). Every target sets up
# what it needs and no more (tools/setup.sh). Works with GNU make 3.81 (macOS) and newer.

MODEL := sentence-transformers/all-MiniLM-L6-v2
PREFIX ?= /usr/local
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?=
PYTEST_ARGS ?=
LOAD_ARGS ?=
SETUP := sh tools/setup.sh

.DEFAULT_GOAL := build
.PHONY: embedded build run test model bench bench-models load asan tsan coverage fuzz valgrind arm64 zig-macos oracle hub-long clients schemathesis page combos chroot lint format install help clean

build: ## build/wick and the libraries
	@$(SETUP) build
	@[ -f build/build.ninja ] || cmake --preset release -DWICK_TESTS=OFF
	@cmake --build build -j $(JOBS)

model: ## get the model into the Hugging Face cache (VERIFY=1: hash every file again)
	@sh tools/get-model.sh --look || { [ $$? = 3 ] && $(MAKE) --no-print-directory build && $(SETUP) download && sh tools/get-model.sh; }

run: build model ## set up, build, get the model, embed three sentences and print their similarity
	@build/wick similarity --model $(MODEL) \
	  "The ferry leaves the harbour at dawn." \
	  "A boat departs from the port early in the morning." \
	  "Sourdough needs flour, water, salt and patience."

embedded: build model ## build-embedded/wick: the command with the model inside, in int8; checked in an empty folder
	@build/wick pack $(MODEL) --dtype int8 --output build/model.wick --force
	@cmake --preset release -B build-embedded -DWICK_TESTS=OFF -DWICK_EMBED_MODEL=$(CURDIR)/build/model.wick >/dev/null
	@cmake --build build-embedded -j $(JOBS) --target wick
	@sh tools/check-embedded.sh build-embedded/wick build/wick $(MODEL)

test: ## the same set-up, then every test
	@$(SETUP) build test
	@grep -qs '^WICK_TESTS:BOOL=ON' build/CMakeCache.txt || cmake --preset release -DWICK_TESTS=ON
	@$(MAKE) --no-print-directory build model
	@sh tools/run-tests.sh build

bench: ## Wick beside its peers (sets up its own virtual environment)
	@$(MAKE) --no-print-directory build model
	@$(SETUP) python
	@bash bench/run.sh

bench-models: ## Wick beside torch and ONNX Runtime on a BERT base and a Qwen3 0.6B with random weights (BENCH_ARGS="--models bert-base")
	@$(MAKE) --no-print-directory build
	@$(SETUP) python
	@BENCH_SCRIPT=models.py bash bench/run.sh

load: ## the server under load, faults and overload, in short; LOAD_ARGS="rates --seconds 30" for some parts, longer
	@$(SETUP) build test load
	@cmake --preset release -DWICK_BENCH=ON >/dev/null
	@$(MAKE) --no-print-directory build model
	@.venv/bin/python bench/serve/load.py --seconds 3 --count 20 --minutes 0.5 $(LOAD_ARGS)

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(SETUP) build test
	@$(MAKE) --no-print-directory model
	@cmake --preset asan && cmake --build build-asan -j $(JOBS)
	@sh tools/run-tests.sh build-asan

tsan: ## the tests under ThreadSanitizer
	@$(SETUP) build test
	@$(MAKE) --no-print-directory model
	@cmake --preset tsan && cmake --build build-tsan -j $(JOBS)
	@sh tools/run-tests.sh build-tsan

coverage: ## the tests with line coverage of src/; fails below 85 %
	@$(SETUP) build test coverage
	@$(MAKE) --no-print-directory model
	@cmake --preset coverage && cmake --build build-coverage -j $(JOBS)
	@sh tools/coverage.sh build-coverage 85

fuzz: ## every fuzz target for FUZZ_SECONDS (600), two at a time; findings in build-fuzz/findings
	@$(SETUP) build fuzz
	@cmake --preset fuzz && cmake --build build-fuzz -j $(JOBS)
	@sh tools/fuzz.sh build-fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

valgrind: ## the C tests under valgrind's memcheck
	@$(SETUP) build test valgrind
	@$(MAKE) --no-print-directory model
	@cmake --preset valgrind && cmake --build build-valgrind -j $(JOBS)
	@sh tools/run-valgrind.sh build-valgrind

arm64: ## cross build for Linux arm64; the C tests and the mock provider under qemu-user
	@$(SETUP) build test arm64
	@$(MAKE) --no-print-directory model
	@sh tools/check-arm64.sh $(JOBS)

zig-macos: ## compile for macOS ARM every source that macOS would compile
	@$(SETUP) build python
	@sh tools/check-macos.sh

oracle: ## the long tests against the tokenizers package and sentence-transformers
	@$(SETUP) build test
	@grep -qs '^WICK_TESTS:BOOL=ON' build/CMakeCache.txt || cmake --preset release -DWICK_TESTS=ON
	@$(MAKE) --no-print-directory build model
	@sh tools/run-oracle.sh build $(PYTEST_ARGS)

hub-long: ## the hub's long tests: 200 kills, every hostile name, files of 2 GB, speed beside huggingface_hub (PYTEST_ARGS=-s prints it)
	@$(SETUP) build test
	@$(MAKE) --no-print-directory build
	@.venv/bin/python -m pytest -q -p no:cacheprovider tests/hub/long $(PYTEST_ARGS)

clients: ## the official Python clients of OpenAI, Hugging Face, Ollama, LangChain and LlamaIndex against wick serve
	@$(SETUP) build python
	@$(MAKE) --no-print-directory build model
	@sh tools/run-clients.sh build $(PYTEST_ARGS)

schemathesis: ## requests made from /openapi.json, right and wrong ones; every reply must be as described
	@$(SETUP) build python
	@$(MAKE) --no-print-directory build
	@sh tools/run-schemathesis.sh build

combos: ## every combination of the providers' build options builds and passes its tests
	@$(SETUP) build test
	@$(MAKE) --no-print-directory model
	@sh tools/check-combos.sh $(JOBS)

page: ## the server's page in headless Chromium (PYTEST_ARGS=--screenshots: the pictures in docs/images)
	@$(MAKE) --no-print-directory build model
	@$(SETUP) test page
	@sh tools/run-page.sh build $(PYTEST_ARGS)

chroot: ## `make run && make test` of HEAD in a fresh Debian 12 (needs root and debootstrap)
	@$(SETUP) debootstrap
	@bash tools/check-bare-debian.sh

lint: ## clang-format, and clang-tidy where there is one
	@$(SETUP) build lint
	@sh tools/lint.sh

format: ## lay every source out as .clang-format says
	@$(SETUP) lint
	@sh tools/lint.sh --fix

install: build ## install under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install build --prefix "$(PREFIX)"

clean: ## remove every build folder; the model's cache stays
	rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
