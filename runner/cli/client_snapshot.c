/* SPDX-License-Identifier: Apache-2.0 */
/* A log that the daemon has opened for this program. */
#include "runner/cli/client_snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/cli/client.h"

/* The snapshot's place for a file of that name; NULL: none of ours. */
static int *place_of(struct log_snapshot *files, const char *name)
{
	for (enum log_file file = 0; file < LOG_SECTIONS; file++)
		if (strcmp(log_name_suffix(file), name) == 0)
			return &files->files[file];
	return strcmp(log_name_suffix(LOG_FILE_SEALED), name) == 0 ? &files->sealed : NULL;
}

/* What is not wanted is closed: a daemon may know more kinds of files than this program. */
static void sort_files(const json_t *names, int *descriptors, size_t count,
		       struct log_snapshot *ret_files)
{
	*ret_files = (struct log_snapshot){
		.files = {-1, -1, -1, -1},
                  .sealed = -1
        };
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		int *place = name ? place_of(ret_files, name) : NULL;

		if (place && *place < 0)
			*place = steal_fd(&descriptors[i]);
		close_fd(&descriptors[i]);
	}
}

int client_snapshot_open(struct control_client *client, const char *run, int64_t attempt,
			 struct client_snapshot *ret_snapshot, struct berth_error *err)
{
	AUTO_JSON json_t *fields =
		json_pack("{s:s, s:I}", "run", run, "attempt", (json_int_t)attempt);
	AUTO_JSON json_t *result = NULL;
	int descriptors[CONTROL_DESCRIPTORS_MAX];
	struct client_snapshot snapshot = {0};
	size_t count;

	if (!fields)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "open a log");
	if (control_client_call(client, CONTROL_RUN_LOG_OPEN, fields, &result, err) < 0)
		return -1;
	count = control_client_take_descriptors(client, descriptors);
	sort_files(json_object_get(result, "files"), descriptors, count, &snapshot.files);
	snapshot.attempt = json_integer_value(json_object_get(result, "attempt"));
	snapshot.files.index_bytes =
		(uint64_t)json_integer_value(json_object_get(result, "indexBytes"));
	*ret_snapshot = snapshot;
	/* each file says whose it is */
	return count > 0 ? identifier_parse_number("run", client_text(result, "run"),
						   &ret_snapshot->run, err)
			 : 0;
}
