#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck finds nothing; what it is told to ignore has a reason in cppcheck-suppressions.txt.
#   cppcheck.sh BUILD_DIRECTORY
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
mkdir -p "$build/cppcheck"
rooms=$(for room in base sandbox machines images extensions runner; do [ ! -d "$room" ] || echo "$room"; done)
# shellcheck disable=SC2086 # a list of directories
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c -j 2 -I. -D_GNU_SOURCE -D__x86_64__ \
	--enable=warning,performance,portability --cppcheck-build-dir="$build/cppcheck" \
	--suppressions-list=tests/lint/cppcheck-suppressions.txt --library=posix,gnu $rooms
