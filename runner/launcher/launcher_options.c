/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing "--name VALUE", "--name=VALUE", up to "--". */
#include "runner/launcher/launcher_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_DEFAULT  8
#define DRAIN_DEFAULT 60

static const struct launcher_option_row *find_row(const char *name, size_t length)
{
	for (size_t i = 0; i < launcher_option_row_count; i++)
		if (strlen(launcher_option_rows[i].name) == length &&
		    memcmp(launcher_option_rows[i].name, name, length) == 0)
			return &launcher_option_rows[i];
	return NULL;
}

/* Returns how many words it took, or fails. */
static int parse_one(struct launcher_options *options, char *const *words, struct berth_error *err)
{
	const char *word = words[0], *equals, *value = NULL;
	const struct launcher_option_row *row;
	int used = 1;

	if (strncmp(word, "--", 2) != 0)
		return berth_fail(err, BERTH_INVALID, 0, "\"%.64s\" is not an option", word);
	word += 2;
	equals = strchr(word, '=');
	row = find_row(word, equals ? (size_t)(equals - word) : strlen(word));
	if (!row)
		return berth_fail(err, BERTH_INVALID, 0, "--%.64s is not an option", word);
	if (row->value) {
		value = equals ? equals + 1 : words[1];
		used += !equals;
		if (!value || !*value)
			return berth_fail(err, BERTH_INVALID, 0, "--%s needs a %s", row->name,
					  row->value);
	} else if (equals) {
		return berth_fail(err, BERTH_INVALID, 0, "--%s takes no value", row->name);
	}
	if (row->set(options, value, err) < 0)
		return berth_fail_context(err, "--%s", row->name);
	return used;
}

int launcher_options_parse(int count, char *const *argv, struct launcher_options *ret_options,
			   struct berth_error *err)
{
	struct launcher_options options = {
		.pool = POOL_DEFAULT,
		.drain_seconds = DRAIN_DEFAULT,
		.resume_fd = -1,
		.all = argv,
	};
	int at = 1;

	while (at < count && strcmp(argv[at], "--") != 0) {
		int used = parse_one(&options, argv + at, err);

		if (used < 0)
			return -1;
		at += used;
	}
	options.arguments = argv + (at < count ? at + 1 : count);
	*ret_options = options;
	return 0;
}

/* As runner/run/installation.c finds them. */
static const struct {
	const char *built, *installed;
} places[LAUNCHER_PLACES_MAX] = {
	{"extensions", "../lib/berth/extensions"},
	{"berth-task", "berth-task"             },
};

static bool find_beside(const char *directory, const char *name, char target[PATH_MAX])
{
	int length = snprintf(target, PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < PATH_MAX && access(target, F_OK) == 0;
}

int launcher_options_find_places(struct launcher_options *options, struct berth_error *err)
{
	ssize_t length = readlink("/proc/self/exe", options->program, PATH_MAX - 1);
	char directory[PATH_MAX], resolved[PATH_MAX];

	if (length < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read /proc/self/exe");
	options->program[length] = '\0';
	memcpy(directory, options->program, (size_t)length + 1);
	*strrchr(directory, '/') = '\0';
	for (size_t i = 0; i < LAUNCHER_PLACES_MAX; i++) {
		/* resolved, because sources of mounts are compared as they are written */
		if ((find_beside(directory, places[i].built, resolved) ||
		     find_beside(directory, places[i].installed, resolved)) &&
		    realpath(resolved, options->places[i]))
			continue;
		options->places[i][0] = '\0';
	}
	if (options->supervisor)
		return 0;
	if (!find_beside(directory, "berth-supervisor", options->beside))
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no %.200s/berth-supervisor",
				  directory);
	options->supervisor = options->beside;
	return 0;
}
