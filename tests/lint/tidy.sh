#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy finds nothing in any file that the build compiles.
#   tidy.sh BUILD_DIRECTORY [PATTERN]      PATTERN: only files whose path matches
set -eu
build=$(cd "$1" && pwd)
pattern=${2:-.}
cd "$(dirname "$0")/../.."
top=$PWD
clang-tidy --version >/dev/null
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

files() {
	sed -n 's/.*"file": "\(.*\.c\)".*/\1/p' "$build/compile_commands.json" | sort -u |
		grep -E "$pattern" || true
}
# Its status is ignored: what it prints decides.
check() {
	xargs -r -P "$(nproc)" -n 2 clang-tidy --quiet -p "$build" --warnings-as-errors='*' "$@" \
		2>/dev/null || true
}

[ -n "$(files)" ] || {
	echo "no file matches $pattern"
	exit 1
}
{
	# The file that defines what analyzer.h describes cannot have it described.
	files | grep -F "$top/base/error.c" | check
	files | grep -vF "$top/base/error.c" |
		check --extra-arg=-include --extra-arg="$top/tests/lint/analyzer.h"
} | grep -E '(error|warning): ' |
	# The analyzer does not know __attribute__((cleanup)), so AUTO_FREE looks like a leak to it; the
	# leak sanitizer sees the real ones.
	grep -vE 'Potential leak of memory pointed to by .*clang-analyzer-unix.Malloc' |
	sort -u >"$findings" || true
sed "s|^$top/||" "$findings"
[ ! -s "$findings" ]
