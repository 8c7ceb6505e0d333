#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# codespell finds nothing.
set -eu
cd "$(dirname "$0")/../.."
./tests/lint/sources.sh '*.c' '*.h' '*.md' '*.sh' '*.cmake' '*.json' '*.txt' '*.py' Makefile |
	grep -v 'corpus/' | xargs codespell --ignore-words=tests/lint/words-allowed.txt
