#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy finds nothing in any file that the build compiles.
#   tidy.sh BUILD_DIRECTORY
set -eu
build=$1
sed -n 's/.*"file": "\(.*\)".*/\1/p' "$build/compile_commands.json" | sort -u |
	xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" --warnings-as-errors='*' 2>/dev/null
