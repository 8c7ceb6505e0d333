/* SPDX-License-Identifier: Apache-2.0 */
/* berth backup. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/listing.h"

/* the file goes with the request, as a descriptor */
const struct option_table command_backup_options = CLIENT_TABLE(CONTROL_BACKUP, 0);

static int tell(const struct client_record *options, const char *path, json_t *result)
{
	char bytes[AMOUNT_TEXT_SIZE];

	if (options->client.json)
		return listing_print_json(json_incref(result));
	(void)fprintf(
		stderr, "%s: %s\n", path,
		amount_format_bytes((uint64_t)json_integer_value(json_object_get(result, "bytes")),
				    bytes));
	return EXIT_DONE;
}

int command_backup(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	AUTO_JSON json_t *fields = client_fields(&command_backup_options, record);
	AUTO_JSON json_t *result = NULL;
	AUTO_CLOSE int file = -1;
	struct berth_error err;
	const char *path;
	int status;

	if (arguments->words.count != 1) {
		(void)berth_fail(&err, BERTH_INVALID, 0, "backup: name one file");
		return client_complain_usage(&err, "write: berth backup FILE");
	}
	path = arguments->words.items[0];
	/* an existing file is never touched: it may be the only other copy */
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0) {
		(void)berth_fail(&err, BERTH_SYSTEM, errno, "create %.150s", path);
		return client_complain_usage(&err, errno == EEXIST ? "name a new file" : NULL);
	}
	status = client_ask_with(&options->client, CONTROL_BACKUP, fields, &file, 1, &result);
	if (status == EXIT_DONE)
		return tell(options, path, result);
	(void)unlink(path); /* nothing, or half a copy */
	return status;
}
