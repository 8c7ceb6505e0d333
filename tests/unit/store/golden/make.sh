#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes schema<N>.db, as the berth that has schema N as its newest wrote it: migrations 1 … N, then
# fill<N>.sql. Once a release, never again: the file is what must stay readable. Usage: make.sh N
set -eu
cd "$(dirname "$0")"
number=$1
target=schema$number.db
if [ -e "$target" ]; then
	echo "$target is there, and stays as it is" >&2
	exit 1
fi
{
	# Small pages, for most of the forty indexes hold one row.
	echo "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL; BEGIN;"
	migration=1
	while [ "$migration" -le "$number" ]; do
		cat "../../../../runner/store/migrations/$(printf %04d "$migration").sql"
		migration=$((migration + 1))
	done
	cat "fill$number.sql"
	echo "COMMIT;"
} | sqlite3 -bail "$target"
