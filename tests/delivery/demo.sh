#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo ends with a table of four completed tasks, and the files it names are there.
set -euo pipefail
cd "$BERTH_SOURCE_DIR"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
docs/demo/demo.sh --built 2>&1 | tee "$output"

rows=$(grep -cE '^(video|image)\.[a-z]+ +[a-z0-9-]+ +completed +[0-9.]+ s +[0-9.]+ s +[0-9.]+ MB  build/' "$output")
[ "$rows" -eq 4 ]
# image.variants leaves three files, the others one each
files=$(sed -n '/^task  *machine/,/^$/s/.*  \(build[^,]*\),.*/\1/p' "$output")
[ "$(wc -l <<<"$files")" -eq 6 ]
while IFS= read -r file; do
	[ -s "$file" ] || {
		echo "the table names $file, which is not there"
		exit 1
	}
done <<<"$files"
