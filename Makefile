# SPDX-License-Identifier: Apache-2.0
# A thin front over the CMake presets, for hands that type `make`.
PREFIX ?= /usr/local
DESTDIR ?=
packages = cmake/install-packages.sh

# What must not be skipped in `make test`: see tests/README.md.
export BERTH_REQUIRE_PRIVILEGED ?= 1

.PHONY: release demo test quick fuzz coverage bench install clean help

release: ## build the release into build/ (the program is build/berth)
	@$(packages) build run
	cmake --workflow --preset release

demo: ## build, fetch real media, and run the four media tasks, each in its own sandbox
	@docs/demo/demo.sh

test: ## build with sanitizers and run every test, then the release's and the static checks
	@$(packages) build run test vm demo
	cmake --workflow --preset asan
	@cmake/check-skips.sh build-asan
	cmake --workflow --preset release-test
	@cmake/check-skips.sh build
	cmake --workflow --preset tidy
	@cmake/check-skips.sh build-tidy

quick: ## build without sanitizers and run the unit tests
	@$(packages) build test
	cmake --preset debug
	cmake --build --preset debug
	ctest --preset debug -L unit

fuzz: ## search with every fuzz target for a while (needs clang)
	@$(packages) build test
	cmake --workflow --preset fuzz

coverage: ## run every test and print line coverage by file
	@$(packages) build run test coverage
	cmake --workflow --preset coverage
	gcovr --root . --exclude 'build.*' --exclude 'tests/.*' build-coverage

bench: ## print the tables that compare berth with its peers
	@$(packages) build test bench demo
	cmake --preset release-test
	cmake --build --preset release-test
	cmake --build build --target bench

install: release ## install; honours DESTDIR and PREFIX
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean: ## remove everything that was built
	rm -rf build build-*/

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
