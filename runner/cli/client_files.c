/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a request names for the daemon. */
#include "runner/cli/client_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

#define INPUTS         "inputs"
#define OUTPUT         "outputDirectory"
#define DIRECTORY_MODE 0755

static int fail_path(const char *verb, const char *path, struct berth_error *err)
{
	enum berth_code code = errno == ENOENT   ? BERTH_NOT_FOUND
			       : errno == EACCES ? BERTH_DENIED
						 : BERTH_SYSTEM;

	return berth_fail(err, code, errno, "%s %.150s", verb, path);
}

static int resolve(const char *given, json_t **ret_path, struct berth_error *err)
{
	AUTO_FREE char *path = realpath(given, NULL);

	if (!path)
		return fail_path("find", given, err);
	*ret_path = json_string(path);
	if (!*ret_path)
		return berth_fail(err, BERTH_INVALID, 0, "%.150s: the path is not UTF-8", given);
	return 0;
}

static int resolve_input(const char *given, json_t **ret_path, struct berth_error *err)
{
	if (faccessat(AT_FDCWD, given, R_OK, AT_EACCESS) < 0)
		return fail_path("read", given, err);
	return resolve(given, ret_path, err);
}

static int resolve_output(const char *given, json_t **ret_path, struct berth_error *err)
{
	struct stat facts;

	if (mkdir(given, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return fail_path("make", given, err);
	if (stat(given, &facts) < 0)
		return fail_path("find", given, err);
	if (!S_ISDIR(facts.st_mode))
		return berth_fail(err, BERTH_INVALID, 0, "%.150s: not a directory", given);
	if (faccessat(AT_FDCWD, given, W_OK | X_OK, AT_EACCESS) < 0)
		return fail_path("write to", given, err);
	return resolve(given, ret_path, err);
}

static int add_input(json_t *inputs, const char *given, struct berth_error *err)
{
	json_t *path = NULL;

	if (resolve_input(given, &path, err) < 0)
		return -1;
	return json_array_append_new(inputs, path) < 0
		       ? berth_fail(err, BERTH_MEMORY, ENOMEM, "out of memory")
		       : 0;
}

static int set(json_t *request, const char *name, json_t *value, struct berth_error *err)
{
	return json_object_set_new(request, name, value) < 0
		       ? berth_fail(err, BERTH_MEMORY, ENOMEM, "out of memory")
		       : 0;
}

int client_files_add_inputs(json_t *request, const struct string_list *paths,
			    struct berth_error *err)
{
	AUTO_JSON json_t *inputs = json_array();

	for (size_t i = 0; i < paths->count; i++)
		if (add_input(inputs, paths->items[i], err) < 0)
			return berth_fail_context(err, "--input");
	return paths->count == 0 ? 0 : set(request, INPUTS, json_incref(inputs), err);
}

int client_files_add_output(json_t *request, const char *path, struct berth_error *err)
{
	json_t *resolved = NULL;

	if (!path)
		return 0;
	if (resolve_output(path, &resolved, err) < 0)
		return berth_fail_context(err, "--output");
	return set(request, OUTPUT, resolved, err);
}

int client_files_complete(json_t *request, struct berth_error *err)
{
	const char *output = json_string_value(json_object_get(request, OUTPUT));
	json_t *inputs = json_object_get(request, INPUTS);
	json_t *resolved = NULL;

	for (size_t i = 0; i < json_array_size(inputs); i++) {
		const char *given = json_string_value(json_array_get(inputs, i));

		if (!given)
			continue;
		if (resolve_input(given, &resolved, err) < 0)
			return berth_fail_context(err, INPUTS);
		if (json_array_set_new(inputs, i, resolved) < 0)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "out of memory");
	}
	if (!output)
		return 0;
	if (resolve_output(output, &resolved, err) < 0)
		return berth_fail_context(err, OUTPUT);
	return set(request, OUTPUT, resolved, err);
}
