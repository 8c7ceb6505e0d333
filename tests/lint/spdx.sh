#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source and script names its licence in its first lines.
set -eu
cd "$(dirname "$0")/../.."
# CMake files, JSON and Markdown are covered by LICENSE.
status=0
for file in $(./tests/lint/sources.sh '*.c' '*.h' '*.sh' '*.py' '*.js' '*.sql' run Makefile); do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || {
		echo "$file: no SPDX line"
		status=1
	}
done
exit $status
