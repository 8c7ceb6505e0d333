/* SPDX-License-Identifier: Apache-2.0 */
/* Turns layers, manifests and options into mount operations, refusing what would undo others. */
#include "runner/run/plan_mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int add_mount(struct run_plan *plan, const struct sandbox_mount *mount,
		     struct berth_error *err)
{
	if (plan->mount_count == SANDBOX_MOUNTS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "mounts: more than %d", SANDBOX_MOUNTS_MAX);
	plan->mounts[plan->mount_count++] = *mount;
	return 0;
}

static enum sandbox_mount_kind kind_of_layer(enum image_layer_kind kind)
{
	switch (kind) {
	case IMAGE_LAYER_BIND:
		return SANDBOX_MOUNT_BIND;
	case IMAGE_LAYER_SYMLINK:
		return SANDBOX_MOUNT_SYMLINK;
	case IMAGE_LAYER_FILE:
		return SANDBOX_MOUNT_FILE;
	case IMAGE_LAYER_DIRECTORY:
		return SANDBOX_MOUNT_DIRECTORY;
	}
	return SANDBOX_MOUNT_DIRECTORY;
}

int plan_mounts_add_image(struct run_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < plan->image.layer_count; i++) {
		const struct image_layer *layer = &plan->image.layers[i];
		struct sandbox_mount mount = {
			.kind = kind_of_layer(layer->kind),
			.flags = layer->optional ? SANDBOX_MOUNT_OPTIONAL : 0,
			.source = layer->source,
			.target = layer->target,
			.content = layer->content,
		};

		if (add_mount(plan, &mount, err) < 0)
			return -1;
	}
	return 0;
}

int plan_mounts_add_task_program(struct run_plan *plan, const char *path, struct berth_error *err)
{
	struct sandbox_mount mount = {
		.kind = SANDBOX_MOUNT_BIND,
		.source = path,
		.target = RUN_PROGRAMS_PATH "/berth-task",
	};

	return add_mount(plan, &mount, err);
}

int plan_mounts_add_extension(struct run_plan *plan, const struct extension *extension,
			      struct berth_error *err)
{
	for (size_t i = 0; i < extension->mount_count; i++) {
		struct sandbox_mount mount = {
			.kind = SANDBOX_MOUNT_BIND,
			.flags = extension->mounts[i].optional ? SANDBOX_MOUNT_OPTIONAL : 0,
			.source = extension->mounts[i].source,
			.target = extension->mounts[i].target,
		};

		if (add_mount(plan, &mount, err) < 0)
			return -1;
	}
	return 0;
}

/* The host's path without links, so that a message and the result say what is really mounted. */
static const char *resolve_source(struct run_plan *plan, const char *path, const char *option,
				  struct berth_error *err)
{
	char resolved[PATH_MAX];

	if (!realpath(path, resolved)) {
		(void)berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				 "%s %.150s", option, path);
		return NULL;
	}
	return string_list_add_format(&plan->strings, err, "%s", resolved);
}

static bool is_taken(const struct string_list *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i] + sizeof(RUN_INPUT_PATH), name) == 0)
			return true;
	return false;
}

/* "clip.mp4", or "2-clip.mp4" for a second one of that name. */
const char *plan_mounts_name_input(struct string_list *names, const char *source,
				   struct berth_error *err)
{
	const char *name = strrchr(source, '/') + 1;

	if (*name && !is_taken(names, name))
		return string_list_add_format(names, err, "%s/%s", RUN_INPUT_PATH, name);
	for (size_t number = names->count + 1;; number++) {
		char numbered[NAME_MAX + 32];

		(void)snprintf(numbered, sizeof(numbered), "%zu-%s", number, name);
		if (!is_taken(names, numbered))
			return string_list_add_format(names, err, "%s/%s", RUN_INPUT_PATH,
						      numbered);
	}
}

/* What everybody may read needs no mapping: that saves some 0.3 ms, and of a directory open to all
 * (/etc) the files that are not (shadow) stay closed. */
static unsigned mapping_flag(const char *source)
{
	struct stat status;
	mode_t needed;

	if (stat(source, &status) < 0)
		return 0;
	needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
	return (status.st_mode & needed) == needed ? 0 : SANDBOX_MOUNT_MAPPED;
}

int plan_mounts_add_inputs(struct run_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < plan->options->inputs.count; i++) {
		struct sandbox_mount mount = {.kind = SANDBOX_MOUNT_BIND,
					      .flags = SANDBOX_MOUNT_NOEXEC};
		const char *given = plan->options->inputs.items[i];
		const char *last = strrchr(given, '/');

		mount.source = resolve_source(plan, given, "--input", err);
		if (!mount.source)
			return -1;
		mount.flags |= mapping_flag(mount.source);
		/* the name the user wrote, where it is one, not that of what a link leads to */
		last = last ? last + 1 : given;
		if (*last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0) {
			const char *shown =
				string_list_add_format(&plan->strings, err, "/%s", last);

			mount.target =
				shown ? plan_mounts_name_input(&plan->inputs, shown, err) : NULL;
		} else {
			mount.target = plan_mounts_name_input(&plan->inputs, mount.source, err);
		}
		if (!mount.target || add_mount(plan, &mount, err) < 0)
			return -1;
	}
	return 0;
}

struct reserved_row {
	const char *path;
	bool below_only; /* the place itself may be mounted over */
	const char *why;
};

static const struct reserved_row reserved_rows[] = {
	{"/proc",             false, "berth masks it"                         },
	{"/sys",              false, "berth masks it"                         },
	{"/dev",              false, "berth provides a minimal one"           },
	{"/run/berth",        false, "the task channel is there"              },
	{"/opt/berth",        false, "berth's own programs are there"         },
	{RUN_WORK_PATH,       true,  "the run's own files would hide it"      },
	{RUN_INPUT_PATH,      false, "inputs are there: use --input"          },
	{RUN_OUTPUT_PATH,     false, "the output is there: use --output"      },
	{RUN_CHECKPOINT_PATH, false, "checkpoints are there: use --checkpoint"},
};

static int check_target(const char *target, struct berth_error *err)
{
	for (size_t i = 0; i < sizeof(reserved_rows) / sizeof(reserved_rows[0]); i++) {
		const struct reserved_row *row = &reserved_rows[i];
		size_t length = strlen(row->path);

		if (strncmp(target, row->path, length) != 0)
			continue;
		if (target[length] == '/' || (target[length] == '\0' && !row->below_only))
			return berth_fail(err, BERTH_INVALID, 0, "--mount: not at %.100s: %s",
					  target, row->why);
	}
	return 0;
}

/* Splits SRC:DST[:ro|rw] in place. The last colon before a slash divides, so that sources may
 * hold colons. */
static int split_mount(char *text, char **ret_target, bool *ret_writable, struct berth_error *err)
{
	size_t length = strlen(text);
	bool writable = length > 3 && strcmp(text + length - 3, ":rw") == 0;
	char *colon = NULL;

	if (writable || (length > 3 && strcmp(text + length - 3, ":ro") == 0))
		text[length - 3] = '\0';
	for (char *at = strstr(text, ":/"); at; at = strstr(at + 1, ":/"))
		colon = at;
	/* a colon in DST is a misspelt ro or rw */
	if (!colon || colon == text || strchr(colon + 1, ':'))
		return berth_fail(err, BERTH_INVALID, 0,
				  "--mount %.100s: write SRC:DST, SRC:DST:ro or SRC:DST:rw with an "
				  "absolute DST",
				  text);
	*colon = '\0';
	for (length = strlen(colon + 1); length > 1 && colon[length] == '/'; length--)
		colon[length] = '\0';
	*ret_target = colon + 1;
	*ret_writable = writable;
	return 0;
}

int plan_mounts_add_user(struct run_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < plan->options->mounts.count; i++) {
		struct sandbox_mount mount = {.kind = SANDBOX_MOUNT_BIND};
		bool writable = false;
		char *text, *target = NULL;

		text = string_list_add_format(&plan->strings, err, "%s",
					      plan->options->mounts.items[i]);
		if (!text || split_mount(text, &target, &writable, err) < 0 ||
		    check_target(target, err) < 0)
			return -1;
		mount.source = resolve_source(plan, text, "--mount", err);
		if (!mount.source)
			return -1;
		mount.target = target;
		mount.flags = writable ? SANDBOX_MOUNT_WRITABLE : mapping_flag(mount.source);
		if (strcmp(target, RUN_WORK_PATH) == 0)
			plan->work = RUN_VOLUME_NONE;
		if (add_mount(plan, &mount, err) < 0)
			return -1;
	}
	return 0;
}
