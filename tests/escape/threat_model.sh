#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test that docs/threat-model.md names as a proof must exist: threat_model.sh PROBE ATTACK
set -eu
document=$(dirname "$0")/../../docs/threat-model.md
known=$({
	"$1" --list
	"$2" || true # without a name it prints its table and refuses
} | awk '{ print $1 }')
status=0
# shellcheck disable=SC2016 # backticks are meant literally
# The last cell of the rows of the table of attacks: names in backticks.
named=$(awk -F'|' '/^\| attack \|/ { table = 1; next } !/^\|/ { table = 0 } table { print $(NF - 1) }' "$document" |
	grep -o '[`][a-z0-9_]*[`]' | tr -d '`')
[ "$(echo "$named" | wc -l)" -gt 50 ] || { echo "the table of attacks was not found" && exit 1; }
for name in $named; do
	if ! echo "$known" | grep -qx "$name"; then
		echo "docs/threat-model.md names $name, which is no probe and no attack"
		status=1
	fi
done
exit $status
