#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every man page becomes a page that groff formats without a complaint.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=$(mktemp)
trap 'rm -f "$page"' EXIT
for source in docs/man/*.md; do
	pandoc --standalone --to man --output "$page" "$source"
	complaints=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null || true)
	[ -z "$complaints" ] || {
		echo "$source: $complaints"
		exit 1
	}
	[[ $(groff -man -Tascii -P-cbou "$page") == *NAME* ]] || {
		echo "$source: has no NAME"
		exit 1
	}
done
