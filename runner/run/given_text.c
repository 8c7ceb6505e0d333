/* SPDX-License-Identifier: Apache-2.0 */
/* A value as the command line gives it: the text itself, @FILE, or - for stdin. */
#include "runner/run/given_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/text.h"

#define READ_SIZE 65536

int given_text_read_stream(int fd, size_t max, char **ret_text, size_t *ret_length,
			   struct berth_error *err)
{
	AUTO_TEXT struct text text = {.limit = max};
	AUTO_FREE char *buffer = malloc(READ_SIZE);

	if (!buffer || text_append(&text, "", 0, err) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (;;) {
		ssize_t count = read(fd, buffer, READ_SIZE);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read stdin");
		if (count == 0)
			break;
		if (text_append(&text, buffer, (size_t)count, err) < 0)
			return -1;
	}
	*ret_length = text.length;
	*ret_text = text.data ? text_steal(&text) : strdup("");
	return *ret_text ? 0 : berth_fail(err, BERTH_MEMORY, 0, "out of memory");
}

int given_text_read(const char *given, int stdin_fd, size_t max, char **ret_text,
		    size_t *ret_length, struct berth_error *err)
{
	if (strcmp(given, "-") == 0)
		return given_text_read_stream(stdin_fd, max, ret_text, ret_length, err);
	if (given[0] == '@')
		return descriptor_read_file(AT_FDCWD, given + 1, max, ret_text, ret_length, err);
	if (strlen(given) > max)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %zu bytes", max);
	*ret_text = strdup(given);
	if (!*ret_text)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	*ret_length = strlen(given);
	return 0;
}
