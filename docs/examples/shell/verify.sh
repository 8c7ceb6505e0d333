#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the files that a list of SHA-256 sums names, one after the other. After each the place in
# the list is checkpointed, so that another attempt does not read again what was read already.
set -eu
list=$(berth-task payload list)
pause=$(berth-task payload pause || echo 0) # seconds between two files, to spare the disk
total=$(wc -l <"$list")
done=$(berth-task checkpoint load place || echo 0)
[ "$done" -eq 0 ] || berth-task log info "going on behind file $done"

tail -n "+$((done + 1))" "$list" >/tmp/rest
while read -r line; do
	echo "$line" | sha256sum --check --quiet - || {
		berth-task fail --permanent Damaged "$line"
		exit 65
	}
	done=$((done + 1))
	berth-task checkpoint save place "$done"
	berth-task progress $((100 * done / total)) --message "${line#*  }"
	sleep "$pause"
done </tmp/rest
berth-task output "{\"files\": $done}"
