/* SPDX-License-Identifier: Apache-2.0 */
/* berth status. */
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_status.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"

const struct option_table command_status_options = CLIENT_TABLE(CONTROL_STATUS, 0);

int command_status(void *record, const struct option_arguments *arguments)
{
	const struct client_record *options = record;
	AUTO_JSON json_t *fields = client_fields(&command_status_options, record);
	AUTO_JSON json_t *status = NULL;
	struct berth_error err;
	int exit_status;

	(void)arguments;
	exit_status = client_ask(&options->client, CONTROL_STATUS, fields, &status);
	if (exit_status != EXIT_DONE)
		return exit_status;
	if (options->client.json)
		return listing_print_json(json_incref(status));
	if (client_status_print(status, &err) == 0)
		return EXIT_DONE;
	complaint_print(&err, NULL);
	return EXIT_BERTH;
}
