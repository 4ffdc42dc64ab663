# Builds, tests and runs Mayfly; "make help" lists the targets. The work is done by CMake (presets in
# CMakePresets.json) and by the scripts named here; missing Debian packages are installed by .ci/packages.
#
# Variables: JOBS (compilers at once), FUZZ_SECONDS (for each fuzz target), PREFIX and DESTDIR (install).

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: build run test lint fuzz bench clean install help
MAKEFLAGS += --no-print-directory

FUZZ_SECONDS ?= 30
PREFIX ?= /usr/local
DESTDIR ?=

build: ## Build the programs as users get them: build/release/api/mayfly, jailer/mayfly-jailer, jailer/seccompiler
	@.ci/packages build
	@.ci/build release mayfly mayfly-jailer seccompiler

run: ## Boot a stripped Linux kernel to a shell
	@.ci/packages build kernel rootfs
	@guest/demo

test: ## Build everything and run all tests; ARGS go to ctest: make test ARGS="-L unit"
	@.ci/packages build test kernel rootfs bed
	@.ci/test $(ARGS)

lint: ## Check format, clang-tidy, layers, file sizes and scripts
	@.ci/packages build test lint
	@tests/lint/run

fuzz: ## Run every fuzz target for FUZZ_SECONDS (default 30)
	@.ci/packages build fuzz
	@.ci/build fuzz
	@tests/fuzz/run $(FUZZ_SECONDS)

bench: ## Build the release program and run the benchmarks
	@.ci/packages build test kernel rootfs bed bench
	@.ci/build release mayfly mayfly-jailer mayfly_benchmarks
	@tests/bench/run

install: build ## Install the programs and their manual pages below DESTDIR/PREFIX
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)" --strip

clean: ## Remove build/ (the cache of guest kernels and root file systems stays)
	@rm -rf build

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target text; do \
	  printf '  make %-8s %s\n' "$$target" "$$text"; done
