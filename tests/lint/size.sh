#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files stay below 800 lines and functions below 100; tables are exempt.
set -eu
cd "$(dirname "$0")/../.."
./tests/lint/sources.sh '*.c' '*.h' | grep -vE '_(table|groups)\.c$' | xargs awk '
	FNR == 1 { opened = 0 }
	FNR == 801 { printf "%s: more than 800 lines\n", FILENAME; bad = 1 }
	# The house style puts the brace of a function, and of nothing else inside one, at column 1.
	/^{/ { opened = FNR; name = previous }
	/^}/ && opened {
		if (FNR - opened - 1 > 100) {
			printf "%s:%d: %d lines in %s\n", FILENAME, opened, FNR - opened - 1, name
			bad = 1
		}
		opened = 0
	}
	{ previous = $0 }
	END { exit bad }
'
