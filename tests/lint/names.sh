#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No file without a home, no path of somebody's machine, no fixed number of a moving thing.
set -eu
cd "$(dirname "$0")/../.."
status=0
homeless=$(./tests/lint/sources.sh '*.c' '*.h' |
	grep -E '(^|/)(utils?|misc|common|helpers?|stuff|linux)\.[ch]$' || true)
if [ -n "$homeless" ]; then
	echo "files without a home: $homeless"
	status=1
fi
# The pattern is split so that this file does not match itself.
paths='/wo''rk/(main|wt|shared)|/tmp/bui''ld-|/tmp/bri''ef|(^|[^A-Za-z0-9_.}])/(ro''ot/|ho''me/[a-z])'
if ./tests/lint/sources.sh '*' | grep -vE '\.(png|jpg|jpeg|webp|avif|mp4|bin)$|corpus/' |
	xargs grep -nIE "$paths"; then
	echo "paths of one machine in the tree"
	status=1
fi
# The calls that the house style forbids, outside of tests.
if ./tests/lint/sources.sh '*.c' '*.h' | grep -v '^tests/' |
	xargs grep -nE '[^a-z_](strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\('; then
	echo "a call that the house style forbids"
	status=1
fi
exit $status
