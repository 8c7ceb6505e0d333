#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles on its own: it includes what it uses.
set -eu
cd "$(dirname "$0")/../.."
compiler=${CC:-cc}
flags=$(pkg-config --cflags jansson libseccomp libcap libavformat libavcodec libavfilter vips 2>/dev/null ||
	pkg-config --cflags jansson)
status=0
for header in $(./tests/lint/sources.sh '*.h' | grep -v '^tests/'); do
	# shellcheck disable=SC2086 # a list of flags
	"$compiler" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror \
		-fsyntax-only -I. $flags -include "$header" -x c /dev/null || status=1
done
exit $status
