#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format has nothing to change.
set -eu
cd "$(dirname "$0")/../.."
./tests/lint/sources.sh '*.c' '*.h' | xargs clang-format --dry-run -Werror
