#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keeps what documents quote of the programs true. Between
#     <!-- reference: PROGRAM ARGUMENT... -->   and   <!-- end -->
# stands what that command prints, as a code block (reference-markdown: as it is).
#
#   reference.sh update BUILD_DIRECTORY     writes it
#   reference.sh check BUILD_DIRECTORY      fails when a document says something else
set -euo pipefail

mode=$1
build=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
PATH=$build:$PATH

# The document on stdin, with every reference filled in.
fill_references() {
	local line command fence inside=no
	while IFS= read -r line; do
		if [[ $line =~ ^'<!-- reference'(-markdown)?': '(.*)' -->'$ ]]; then
			fence=$([ -n "${BASH_REMATCH[1]}" ] || echo '```')
			command=${BASH_REMATCH[2]}
			printf '%s\n' "$line" "" ${fence:+"$fence"}
			# shellcheck disable=SC2086 # words of a command
			$command </dev/null | expand | sed 's/ *$//' || {
				echo "$0: failed: $command" >&2
				return 1
			}
			printf '%s\n' ${fence:+"$fence"} ""
			inside=yes
		elif [ "$line" = '<!-- end -->' ]; then
			inside=no
			printf '%s\n' "$line"
		elif [ "$inside" = no ]; then
			printf '%s\n' "$line"
		fi
	done
}

status=0
filled=$(mktemp)
documents=$(mktemp)
trap 'rm -f "$filled" "$documents"' EXIT
grep -lE '^<!-- reference(-markdown)?: ' README.md docs/*.md docs/man/*.md >"$documents"
while IFS= read -r document; do
	fill_references <"$document" >"$filled"
	if [ "$mode" = update ]; then
		cmp -s "$filled" "$document" || cp "$filled" "$document"
	elif ! diff -u --label "$document" --label "$document, as the programs say" "$document" "$filled"; then
		echo "$document: run docs/reference.sh update BUILD_DIRECTORY"
		status=1
	fi
done <"$documents"
exit $status
