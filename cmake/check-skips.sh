#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when a test was skipped that this kind of host must be able to run.
# Reads the report that the test presets write; tests/skips-allowed.txt lists the exceptions.
#   check-skips.sh BUILD_DIRECTORY
set -eu

report=$1/tests.xml
allowed=$(dirname "$0")/../tests/skips-allowed.txt
[ -s "$report" ] || {
	echo "$0: no test report at $report" >&2
	exit 1
}
skipped=$(sed -n 's/.*<testcase name="\([^"]*\)".*status="\(notrun\|disabled\)".*/\1/p' "$report")
[ -n "$skipped" ] || exit 0

refused=
for name in $skipped; do
	reason=$(awk -v name="$name" '$1 == name { $1 = ""; print substr($0, 2) }' "$allowed")
	if [ -n "$reason" ]; then
		echo "skipped: $name ($reason)"
	else
		refused="$refused $name"
	fi
done
[ -n "$refused" ] || exit 0
echo "skipped without leave:$refused" >&2
[ "${BERTH_REQUIRE_PRIVILEGED:-0}" != 1 ] || exit 1
