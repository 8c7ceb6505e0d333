/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of the caller's environment is passed on unless it is named. */
#include "runner/run/plan_environment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "machines/capacity.h"

struct variable_row {
	const char *name, *value;
};

static const struct variable_row variable_rows[] = {
	{"PATH",   RUN_PROGRAMS_PATH ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	{"HOME",   RUN_WORK_PATH								    },
	{"TMPDIR", "/tmp"									   },
	{"LANG",   "C.UTF-8"									},
	{"BERTH",  "1"									      },
};

static int set_variable(struct run_plan *plan, const char *name, size_t name_length,
			const char *value, struct berth_error *err)
{
	struct string_list *list = &plan->environment;
	char *added = string_list_add_format(list, err, "%.*s=%s", (int)name_length, name, value);

	if (!added)
		return -1;
	for (size_t i = 0; i + 1 < list->count; i++) {
		if (strncmp(list->items[i], added, name_length + 1) != 0)
			continue;
		free(list->items[i]);
		list->items[i] = added;
		list->items[--list->count] = NULL;
		break;
	}
	return 0;
}

/* What the run really gets: without a limit of its own, what the host has. */
static int add_share(struct run_plan *plan, struct berth_error *err)
{
	struct machine_capacity share = {.cpu_millis = plan->limits.cpu_millis,
					 .memory_bytes = plan->limits.memory_bytes};
	struct machine_capacity host = {0};
	char text[AMOUNT_TEXT_SIZE];

	if ((!share.cpu_millis || !share.memory_bytes) && machine_host_capacity(&host, err) < 0)
		return -1;
	if (!share.cpu_millis)
		share.cpu_millis = host.cpu_millis;
	if (!share.memory_bytes)
		share.memory_bytes = host.memory_bytes;
	if (set_variable(plan, "BERTH_CPUS", 10, amount_format_cpu_millis(share.cpu_millis, text),
			 err) < 0)
		return -1;
	(void)snprintf(text, sizeof(text), "%" PRIu64, share.memory_bytes);
	return set_variable(plan, "BERTH_MEMORY_BYTES", 18, text, err);
}

int plan_environment_add_defaults(struct run_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < sizeof(variable_rows) / sizeof(variable_rows[0]); i++)
		if (set_variable(plan, variable_rows[i].name, strlen(variable_rows[i].name),
				 variable_rows[i].value, err) < 0)
			return -1;
	if (set_variable(plan, "BERTH_RUN_ID", 12, plan->id, err) < 0)
		return -1;
	return add_share(plan, err);
}

int plan_environment_add_extension(struct run_plan *plan, const struct extension *extension,
				   struct berth_error *err)
{
	for (size_t i = 0; i < extension->environment_count; i++) {
		const char *text = extension->environment[i];
		const char *equals = strchr(text, '=');

		if (equals &&
		    set_variable(plan, text, (size_t)(equals - text), equals + 1, err) < 0)
			return -1;
	}
	return 0;
}

int plan_environment_add_user(struct run_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < plan->options->environment.count; i++) {
		const char *text = plan->options->environment.items[i];
		size_t length = strcspn(text, "=");
		const char *value = text[length] ? text + length + 1 : getenv(text);

		if (length == 0)
			return berth_fail(err, BERTH_INVALID, 0,
					  "--env %.100s: write NAME=VALUE or NAME", text);
		if (value && set_variable(plan, text, length, value, err) < 0)
			return -1;
	}
	return 0;
}
