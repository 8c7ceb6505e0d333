#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each check must be able to fail: it is run over a small tree that is wrong in just its way.
set -eu
source_tree=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
output=$(mktemp)
trap 'rm -rf "$tree" "$output"' EXIT
failures=0

# A tree in which every check passes.
fresh_tree() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/tests" "$tree/base" "$tree/sandbox" "$tree/.ci"
	cp -r "$source_tree/tests/lint" "$tree/tests/lint"
	cp "$source_tree/.clang-format" "$tree/"
	printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n' >"$tree/.ci/run"
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n\nint one(void);\n' >"$tree/base/one.h"
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "base/one.h"\n\nint one(void)\n{\n\treturn 1;\n}\n' >"$tree/base/one.c"
}

# expect pass|fail CHECK WHAT
expect() {
	outcome=pass
	"$tree/tests/lint/$2.sh" >"$output" 2>&1 || outcome=fail
	if [ "$outcome" != "$1" ]; then
		echo "lint $2 should $1 on $3:"
		cat "$output"
		failures=$((failures + 1))
	fi
}

fresh_tree
for check in layering spdx size names headers format spelling shell links; do
	expect pass "$check" "a clean tree"
done
echo '#include "sandbox/two.h"' >>"$tree/base/one.c"
expect fail layering "an upward include"
fresh_tree
echo '#include <jansson.h>' >"$tree/sandbox/two.c"
expect fail layering "JSON in the sandbox"
expect fail spdx "a source without a licence"
fresh_tree
{ printf 'int two(void)\n{\n'; yes '	one();' | head -n 101; printf '}\n'; } >>"$tree/base/one.c"
expect fail size "a function of 101 lines"
fresh_tree
yes '/* line */' | head -n 801 >>"$tree/base/one.c"
expect fail size "a file of more than 800 lines"
fresh_tree
echo >"$tree/base/utils.c"
expect fail names "utils.c"
fresh_tree
printf '/%s/someone\n' home >"$tree/base/README.md"
expect fail names "a path of one machine"
fresh_tree
echo 'int two(void) { return atoi("2"); }' >>"$tree/base/one.c"
expect fail names "a forbidden call"
fresh_tree
echo 'size_t two(void);' >>"$tree/base/one.h"
expect fail headers "a header that lacks an include"
fresh_tree
echo 'int   two ( void );' >>"$tree/base/one.h"
expect fail format "odd spaces"
fresh_tree
printf 'reci%s\n' eve >"$tree/base/README.md"
expect fail spelling "a misspelling"
fresh_tree
printf '[two](two.md)\n' >"$tree/base/README.md"
expect fail links "a link to nothing"
fresh_tree
# shellcheck disable=SC2016 # the point is what the file says
echo 'rm $1/x' >>"$tree/.ci/run"
expect fail shell "an unquoted word"

[ "$failures" -eq 0 ]
