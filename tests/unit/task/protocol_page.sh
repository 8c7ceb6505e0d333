#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/protocol.md is what the protocol table prints.
#   protocol_page.sh PROTOCOL_PRINT
set -eu
if ! "$1" | diff -u "$BERTH_SOURCE_DIR/docs/protocol.md" -; then
	echo "docs/protocol.md is not what the table says: run 'ninja protocol-page'"
	exit 1
fi
