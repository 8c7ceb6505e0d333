#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/control.md is what the table of operations prints.
#   control_page.sh CONTROL_PRINT
set -eu
if ! "$1" | diff -u "$BERTH_SOURCE_DIR/docs/control.md" -; then
	echo "docs/control.md is not what the table says: run 'ninja control-page'"
	exit 1
fi
