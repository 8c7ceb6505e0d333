#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the documents point at is there: links, and `code/paths` that begin with a room's name.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

complain() {
	echo "$1 names $2, which is not there"
	status=1
}

while IFS= read -r document; do
	directory=$(dirname "$document")
	while IFS= read -r link; do
		[ -e "$directory/${link%%#*}" ] || complain "$document" "$link"
	done < <(grep -oE '\]\([^)#: ]+\)' "$document" | sed 's/^](//; s/)$//')
	while IFS= read -r path; do
		[ -e "$path" ] || [ -e "$directory/$path" ] || complain "$document" "$path"
	done < <(grep -oE '`(base|sandbox|machines|images|extensions|runner|tests|cmake|docs)/[A-Za-z0-9_./-]+`' "$document" |
		tr -d '`')
done < <(./tests/lint/sources.sh '*.md')
exit $status
