#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that was built without crash points has neither their code nor their names.
set -eu
status=0
for program in berth-launcher berth-supervisor; do
	if grep -qa -e crash-points -e commit-before "$BERTH_BUILD_DIR/$program"; then
		echo "$program has crash points in it"
		status=1
	fi
done
exit $status
