#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No script gives ShellCheck a reason to speak (SC2016: awk programs stand in single quotes).
set -eu
cd "$(dirname "$0")/../.."
{
	./tests/lint/sources.sh '*.sh'
	echo .ci/run
} | xargs shellcheck --exclude=SC2016
