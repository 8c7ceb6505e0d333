#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the project's own files whose names match the patterns, one a line, relative to the top.
#   sources.sh PATTERN...      e.g. sources.sh '*.c' '*.h'
set -eu
cd "$(dirname "$0")/../.."
for pattern; do
	find . \( -name .git -o -name node_modules -o -path './build' -o -path './build-*' \) -prune \
		-o -type f -name "$pattern" -print
done | sed 's|^\./||' | sort -u
