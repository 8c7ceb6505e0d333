#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares a directory that the unprivileged supervisor may enter, and runs the launcher's bench.
# usage: launcher.sh BENCH_PROGRAM NOOP LAUNCHER RELAY [LAUNCHES]
set -eu
program=$1 noop=$2 launcher=$3 relay=$4
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
mkdir "$directory/tree"
cp "$noop" "$directory/tree/noop"
cp "$launcher" "$directory/berth-launcher"
cp "$relay" "$directory/relay"
chmod -R go+rX "$directory"
nproc=$(nproc)
echo "launcher on $(uname -r), $nproc CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
"$program" "$directory" "$directory/berth-launcher" "$directory/relay" ${5+"$5"}
