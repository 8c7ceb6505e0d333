#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy finds nothing in any file that the build compiles.
#   tidy.sh BUILD_DIRECTORY [PATTERN]      PATTERN: only files whose path matches
set -eu
build=$(cd "$1" && pwd)
pattern=${2:-.}
cd "$(dirname "$0")/../.."
top=$PWD

files() {
	sed -n 's/.*"file": "\(.*\)".*/\1/p' "$build/compile_commands.json" | sort -u |
		grep -E "$pattern" || true
}
check() {
	xargs -r -P "$(nproc)" -n 2 clang-tidy --quiet -p "$build" --warnings-as-errors='*' "$@" 2>/dev/null
}

# The file that defines what analyzer.h describes cannot have it described.
files | grep -F "$top/base/error.c" | check
files | grep -vF "$top/base/error.c" |
	check --extra-arg=-include --extra-arg="$top/tests/lint/analyzer.h"
