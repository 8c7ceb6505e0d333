/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, bounds and checks a payload before anything is started for it. */
#include "runner/run/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"
#include "extensions/task/protocol_table.h"

#define READ_SIZE 65536

static int read_to_end(int fd, struct text *text, struct berth_error *err)
{
	AUTO_FREE char *buffer = malloc(READ_SIZE);

	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (;;) {
		ssize_t count = read(fd, buffer, READ_SIZE);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read stdin");
		if (count == 0)
			return 0;
		if (text_append(text, buffer, (size_t)count, err) < 0)
			return -1;
	}
}

int payload_read(const char *given, int stdin_fd, char **ret_text, struct berth_error *err)
{
	AUTO_TEXT struct text text = {.limit = PROTOCOL_PAYLOAD_MAX};
	AUTO_JSON json_t *value = NULL;
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *compact = NULL;
	size_t length;
	int result;

	if (strcmp(given, "-") == 0) {
		result = read_to_end(stdin_fd, &text, err);
		if (result == 0)
			result = json_parse(text.data ?: "", text.length, &value, err);
	} else if (given[0] == '@') {
		result = descriptor_read_file(AT_FDCWD, given + 1, PROTOCOL_PAYLOAD_MAX, &file,
					      &length, err);
		if (result == 0)
			result = json_parse(file, length, &value, err);
	} else {
		result = json_parse(given, strlen(given), &value, err);
	}
	if (result < 0)
		return berth_fail_context(err, "--payload");
	compact = json_format_compact(value);
	if (!compact)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (strlen(compact) > PROTOCOL_PAYLOAD_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "--payload: more than %d bytes",
				  PROTOCOL_PAYLOAD_MAX);
	*ret_text = steal_ptr(&compact);
	return 0;
}
