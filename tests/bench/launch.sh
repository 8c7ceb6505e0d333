#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares what the launch bench compares with (a root directory, an OCI bundle) and runs it.
# usage: launch.sh BENCH_PROGRAM NOOP BERTH [LAUNCHES]
set -eu
program=$1 noop=$2 berth=$3
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
mkdir -p "$directory/tree/proc" "$directory/tree/dev" "$directory/tree/tmp" "$directory/bundle"
cp "$noop" "$directory/tree/noop"
chmod -R go+rX "$directory"
if command -v crun >/dev/null; then
	(cd "$directory/bundle" && crun spec)
	sed -i -e 's|"terminal": true|"terminal": false|' -e 's|"sh"|"/noop"|' \
		-e "s|\"path\": \"rootfs\"|\"path\": \"$directory/tree\"|" "$directory/bundle/config.json"
	mkdir -p "$directory/tree/sys"
fi
nproc=$(nproc)
echo "launches on $(uname -r), $nproc CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
"$program" "$directory" "$berth" ${4+"$4"}
