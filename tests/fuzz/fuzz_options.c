/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of `berth run`, one word a line: parsed, and their mounts, inputs and variables
 * planned against an installation that has nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runner/cli/commands.h"
#include "runner/run/plan_environment.h"
#include "runner/run/plan_mounts.h"
#include "runner/run/run_options.h"

#define WORDS_MAX 256

static void plan(struct run_options *options)
{
	struct run_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		abort();
	plan->options = options;
	plan->limits = options->limits.values;
	if (plan_mounts_add_inputs(plan, NULL) == 0 && plan_mounts_add_user(plan, NULL) == 0 &&
	    plan_environment_add_user(plan, NULL) == 0)
		for (size_t i = 0; i < plan->mount_count; i++)
			if (plan->mounts[i].target[0] != '/')
				abort();
	run_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = malloc(size + 1);
	struct option_arguments arguments;
	char hint[OPTION_HINT_SIZE];
	struct run_options options = {0};
	char *words[WORDS_MAX + 1];
	struct berth_error err;
	int count = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *word = text; word && count < WORDS_MAX;) {
		char *end = strchr(word, '\n');

		if (end)
			*end = '\0';
		words[count++] = word;
		word = end ? end + 1 : NULL;
	}
	words[count] = NULL;
	if (options_parse(&command_run_options, count, words, &options, &arguments, hint, &err) ==
		    0 &&
	    !arguments.help)
		plan(&options);
	options_finish(&command_run_options, &options);
	option_arguments_finish(&arguments);
	return 0;
}
