#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed SDK shows berth/task.h and nothing else, and links with jansson alone.
#   sdk_symbols.sh LIBBERTH_TASK_A C_COMPILER
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
header=$BERTH_SOURCE_DIR/extensions/task/task.h
nm --extern-only --defined-only "$1" | sed -n 's/.* T //p' | sort >"$directory/shown"
grep -o 'berth_task_[a-z_]*(' "$header" | tr -d '(' | sort -u >"$directory/declared"
# task.h speaks of calls in its comments too: only those it declares are in the library
nm --extern-only --defined-only "$1" | grep -c ' [^T] ' >"$directory/others" || :
[ "$(cat "$directory/others")" = 0 ] || { echo "more than functions is shown"; exit 1; }
diff -u "$directory/declared" "$directory/shown"
mkdir "$directory/berth"
cp "$header" "$directory/berth/task.h"
cat >"$directory/program.c" <<'PROGRAM'
#include <berth/task.h>
#include <stdio.h>
/* a name of the SDK's inside */
int text_append(void);
int text_append(void)
{
	return 1;
}
int main(void)
{
	struct berth_task_error err;
	struct berth_task *task;

	if (berth_task_open(&task, &err) < 0)
		return 1;
	printf("%s\n", berth_task_info(task)->run);
	berth_task_close(task);
	return text_append() - 1;
}
PROGRAM
"$2" -std=c11 -Wall -Wextra -Werror -I"$directory" "$directory/program.c" "$1" -ljansson -lm -o "$directory/program"
[ "$(BERTH_RUN_ID=run_x "$directory/program")" = run_x ]
