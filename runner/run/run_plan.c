/* SPDX-License-Identifier: Apache-2.0 */
/* Assembles a plan step by step; each step is one thing the user may have got wrong. */
#include "runner/run/run_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "extensions/requirement.h"
#include "machines/capacity.h"
#include "runner/run/payload.h"
#include "runner/run/plan_environment.h"
#include "runner/run/plan_mounts.h"

#define DISK_INODES_MIN 64

struct planner {
	struct run_plan *plan;
	const struct run_options *options;
	const struct installation *installation;
	const struct extension *task_extension; /* of plan->task */
};

static bool needs_extensions(const struct run_options *options)
{
	return options->task || options->extensions.count;
}

static int plan_extensions(struct planner *planner, struct berth_error *err)
{
	struct run_plan *plan = planner->plan;

	if (!needs_extensions(planner->options))
		return 0;
	if (!planner->installation->extensions[0])
		return berth_fail(err, BERTH_NOT_FOUND, 0, "extensions: none are installed");
	if (extension_list_load(planner->installation->extensions, &plan->extensions, err) < 0)
		return -1;
	if (!planner->options->task)
		return 0;
	return extension_find_task(&plan->extensions, planner->options->task,
				   &planner->task_extension, &plan->task, err);
}

static bool was_given(const struct run_options *options, const char *limit)
{
	for (size_t i = 0; i < resource_limit_row_count; i++)
		if (strcmp(resource_limit_rows[i].name, limit) == 0)
			return options->limits.given & (UINT32_C(1) << i);
	return false;
}

/* A disk of another size has room for its share of files only: an inode takes room, too. */
static void scale_inodes(const struct run_options *options, const struct machine *machine,
			 struct resource_limits *limits)
{
	double share = (double)limits->disk_bytes / (double)machine->limits.disk_bytes;

	if (!was_given(options, "disk") || was_given(options, "disk_inodes"))
		return;
	limits->disk_inodes = (int64_t)((double)machine->limits.disk_inodes * share);
	if (limits->disk_inodes < DISK_INODES_MIN)
		limits->disk_inodes = DISK_INODES_MIN;
}

static int plan_machine(struct planner *planner, struct berth_error *err)
{
	const struct run_options *options = planner->options;
	struct run_plan *plan = planner->plan;
	const struct machine *machine = NULL;
	struct machine_capacity capacity;
	const char *name = MACHINE_DEFAULT;

	if (plan->task && plan->task->machine)
		name = plan->task->machine;
	if (options->machine)
		name = options->machine;
	if (machine_list_load(NULL, NULL, &plan->machines, err) < 0 ||
	    machine_find(&plan->machines, name, &machine, err) < 0)
		return -1;
	plan->machine = machine->name;
	plan->limits = machine->limits;
	limit_overrides_apply(&options->limits, &plan->limits);
	scale_inodes(options, machine, &plan->limits);
	if (machine_host_capacity(&capacity, err) < 0)
		return -1;
	return machine_check_fit(&plan->machines, options->limits.given ? NULL : machine->name,
				 &plan->limits, &capacity, err);
}

static int plan_volumes(struct planner *planner, struct berth_error *err)
{
	const struct run_options *options = planner->options;
	struct run_plan *plan = planner->plan;
	bool disk = (plan->task && plan->task->disk) || was_given(options, "disk");

	(void)err;
	plan->work = disk ? RUN_VOLUME_DISK : RUN_VOLUME_MEMORY;
	/* A task says that its files fit into memory; what a command writes is not known. Making
	 * and removing a disk volume takes 60 ms. */
	if (plan->task && plan->task->disk)
		plan->output = RUN_VOLUME_DISK;
	else if (options->output)
		plan->output = plan->task && !disk ? RUN_VOLUME_MEMORY : RUN_VOLUME_DISK;
	/* files that outlive an attempt; a task without them still has its named checkpoints */
	if (options->checkpoint || options->checkpoint_files || (plan->task && plan->task->disk) ||
	    (!plan->task && plan->attempts > 1))
		plan->checkpoint = RUN_VOLUME_DISK;
	return 0;
}

static int plan_command(struct planner *planner, struct berth_error *err)
{
	const struct run_options *options = planner->options;
	struct run_plan *plan = planner->plan;
	const char *label = options->name;
	char *path;

	if (!plan->task) {
		for (char *const *word = options->command; *word; word++)
			if (string_list_add_borrowed(&plan->arguments, *word, err) < 0)
				return -1;
		label = label ?: plan->arguments.count ? plan->arguments.items[0] : "command";
	} else {
		path = extension_task_path(planner->task_extension, plan->task);
		if (!path)
			return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		if (string_list_add_borrowed(&plan->strings, path, err) < 0) {
			free(path);
			return -1;
		}
		if (string_list_add_borrowed(&plan->arguments, path, err) < 0)
			return -1;
		label = label ?: plan->task->id;
	}
	assert(label); /* a command has a first word */
	(void)text_sanitize(label, strlen(label), plan->label, sizeof(plan->label));
	return 0;
}

static int plan_numbers(struct planner *planner, struct berth_error *err)
{
	const struct run_options *options = planner->options;
	struct run_plan *plan = planner->plan;

	(void)err;
	plan->attempts = plan->task ? (unsigned)plan->task->attempts : 1;
	if (options->attempts)
		plan->attempts = (unsigned)options->attempts;
	plan->timeout_ms = plan->task ? plan->task->timeout_ms : 0;
	if (options->timeout_ms)
		plan->timeout_ms = options->timeout_ms;
	return 0;
}

/* Calls add for the task's extension and for every --ext, each once. */
static int for_each_extension(struct planner *planner,
			      int (*add)(struct run_plan *plan, const struct extension *extension,
					 struct berth_error *err),
			      struct berth_error *err)
{
	const struct string_list *names = &planner->options->extensions;
	const struct extension *extension;

	if (planner->task_extension && add(planner->plan, planner->task_extension, err) < 0)
		return -1;
	for (size_t i = 0; i < names->count; i++) {
		bool repeated = false;

		for (size_t j = 0; j < i; j++)
			repeated = repeated || strcmp(names->items[i], names->items[j]) == 0;
		if (extension_find(&planner->plan->extensions, names->items[i], &extension, err) <
		    0)
			return -1;
		if (!repeated && extension != planner->task_extension &&
		    add(planner->plan, extension, err) < 0)
			return -1;
	}
	return 0;
}

static int check_extension(struct run_plan *plan, const struct extension *extension,
			   struct berth_error *err)
{
	(void)plan;
	return extension_check(extension, err);
}

static int plan_root(struct planner *planner, struct berth_error *err)
{
	struct run_plan *plan = planner->plan;
	const char *image = planner->options->image ?: IMAGE_DEFAULT;

	if (image_resolve(image, &plan->image, err) < 0 || plan_mounts_add_image(plan, err) < 0 ||
	    for_each_extension(planner, check_extension, err) < 0)
		return -1;
	if (planner->installation->task_program[0] &&
	    plan_mounts_add_task_program(plan, planner->installation->task_program, err) < 0)
		return -1;
	if (for_each_extension(planner, plan_mounts_add_extension, err) < 0 ||
	    plan_mounts_add_inputs(plan, err) < 0)
		return -1;
	return plan_mounts_add_user(plan, err);
}

static int plan_environment(struct planner *planner, struct berth_error *err)
{
	if (plan_environment_add_defaults(planner->plan, err) < 0 ||
	    for_each_extension(planner, plan_environment_add_extension, err) < 0)
		return -1;
	return plan_environment_add_user(planner->plan, err);
}

static int plan_payload(struct planner *planner, struct berth_error *err)
{
	if (!planner->options->payload)
		return 0;
	return payload_read(planner->options->payload, STDIN_FILENO, &planner->plan->payload, err);
}

/* In order: later steps use what earlier ones found. */
static int (*const steps[])(struct planner *planner, struct berth_error *err) = {
	plan_extensions, plan_numbers, plan_machine,     plan_command,
	plan_volumes,    plan_root,    plan_environment, plan_payload,
};

int run_plan_create(const struct run_options *options, const struct installation *installation,
		    struct run_plan **ret_plan, struct berth_error *err)
{
	struct run_plan *plan = calloc(1, sizeof(*plan));
	struct planner planner = {.plan = plan, .options = options, .installation = installation};

	*ret_plan = plan;
	if (!plan)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	plan->options = options;
	if (identifier_create("run", plan->id, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i](&planner, err) < 0)
			return -1;
	return 0;
}

void run_plan_destroy(struct run_plan *plan)
{
	if (!plan)
		return;
	free(plan->payload);
	string_list_finish_borrowed(&plan->arguments);
	string_list_finish_owned(&plan->environment);
	string_list_finish_owned(&plan->inputs);
	string_list_finish_owned(&plan->strings);
	image_finish(&plan->image);
	extension_list_finish(&plan->extensions);
	machine_list_finish(&plan->machines);
	free(plan);
}
