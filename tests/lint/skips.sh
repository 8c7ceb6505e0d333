#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cmake/check-skips.sh reads CTest's own report: a skipped test is refused, unless it is listed.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree/cmake" "$tree/tests" "$tree/build"
cp "$top/cmake/check-skips.sh" "$tree/cmake/"
cat >"$tree/build/CTestTestfile.cmake" <<'CTEST'
add_test(passes true)
add_test(skips sh -c "exit 77")
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
CTEST
(cd "$tree/build" && ctest --output-junit tests.xml >ctest.log)

expect() {
	local status=0
	BERTH_REQUIRE_PRIVILEGED=$2 "$tree/cmake/check-skips.sh" "$tree/build" >"$tree/output" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || {
		echo "expected status $1, got $status: $3"
		cat "$tree/output"
		exit 1
	}
}
: >"$tree/tests/skips-allowed.txt"
expect 1 1 "a skipped test that nobody allowed"
expect 0 0 "the same where skips are let pass"
echo "skips because another test shows it" >"$tree/tests/skips-allowed.txt"
expect 0 1 "a skipped test that is listed"
rm "$tree/build/tests.xml"
expect 1 1 "no report at all"
