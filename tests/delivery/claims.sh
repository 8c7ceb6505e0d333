#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every claim in docs/claims.md names tests, and every one of them exists in this build.
set -euo pipefail
cd "$BERTH_SOURCE_DIR"
known=$(ctest --test-dir "$BERTH_BUILD_DIR" -N | sed -n 's/^ *Test *#[0-9]*: //p')
status=0
rows=0
while IFS='|' read -r _ claim tests _; do
	names=$(grep -o '`[^`]*`' <<<"$tests" | tr -d '`') || {
		echo "no test for:$claim"
		status=1
		continue
	}
	rows=$((rows + 1))
	for name in $names; do
		grep -qxF "$name" <<<"$known" || {
			echo "no such test: $name, for:$claim"
			status=1
		}
	done
done < <(sed -n '/^|---/,$p' docs/claims.md | grep '^|' | grep -v '^|---')
[ "$rows" -ge 10 ] || {
	echo "docs/claims.md has only $rows rows"
	status=1
}
exit $status
