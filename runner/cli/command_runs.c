/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs: the rows of its sub-verbs, and the filter that some of them share. */
#include "base/cleanup.h"
#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_date.h"

static const char *const list_synopsis[] = {"runs list [FILTER...] [--after RUN] [--limit N]",
					    NULL};
static const char *const show_synopsis[] = {"runs show RUN [--brief] [--json]", NULL};
static const char *const logs_synopsis[] = {
	"runs logs RUN [--attempt N] [--since AGO|DATE] [--limit N]", "runs logs --follow RUN",
	NULL};
static const char *const cancel_synopsis[] = {"runs cancel RUN... [--grace DURATION]",
					      "runs cancel FILTER... [--grace DURATION]", NULL};
static const char *const replay_synopsis[] = {
	"runs replay RUN [--payload JSON|@FILE|-] [--queue NAME] [--machine NAME]",
	"runs replay RUN [--input FILE]... [--output DIR]", "runs replay RUN RUN...",
	"runs replay FILTER...", NULL};
static const char *const reschedule_synopsis[] = {"runs reschedule RUN DELAY|DATE", NULL};
static const char *const tags_synopsis[] = {"runs tags RUN TAG...", NULL};

static const char list_details[] = "The newest first. A FILTER takes several values with commas.";
static const char logs_details[] =
	"The newest attempt's log, unless --attempt names another. With --follow the logs of all "
	"attempts from the first, as they are written, until the run has ended; the exit status "
	"is then that of its outcome.";
static const char cancel_details[] =
	"Cancels the runs that are named, or all that a FILTER finds, with their children. One "
	"that has ended stays as it is.";
static const char replay_details[] =
	"Triggers anew what is named, or all that a FILTER finds. Beside a single RUN --task, "
	"--queue, --machine, --version, --payload, --input and --output stand for what its replay "
	"has in place of its own; without any RUN they (but for the last three) choose which runs "
	"are replayed.";

#define OF(type) .record_size = sizeof(struct type), .usage_status = EXIT_USAGE

/* clang-format off */
const struct command_row runs_verbs[RUNS_VERBS] = {
	{.name = "runs list", .summary = "list runs", .synopsis = list_synopsis, .details = list_details, .options = &command_runs_list_options, OF(runs_options), .run = command_runs_list},
	{.name = "runs show", .summary = "show a run with its attempts, output and usage", .synopsis = show_synopsis, .options = &command_runs_show_options, OF(client_record), .run = command_runs_show, .takes_words = true},
	{.name = "runs logs", .summary = "print or follow a run's log", .synopsis = logs_synopsis, .details = logs_details, .options = &command_runs_logs_options, OF(runs_logs_options), .run = command_runs_logs, .takes_words = true},
	{.name = "runs cancel", .summary = "cancel runs", .synopsis = cancel_synopsis, .details = cancel_details, .options = &command_runs_cancel_options, OF(runs_options), .run = command_runs_cancel, .takes_words = true},
	{.name = "runs replay", .summary = "trigger anew what runs were given", .synopsis = replay_synopsis, .details = replay_details, .options = &command_runs_replay_options, OF(runs_options), .run = command_runs_replay, .takes_words = true},
	{.name = "runs reschedule", .summary = "change when a delayed run may start", .synopsis = reschedule_synopsis, .options = &command_runs_reschedule_options, OF(client_record), .run = command_runs_reschedule, .takes_words = true},
	{.name = "runs tags", .summary = "add tags to a run", .synopsis = tags_synopsis, .options = &command_runs_tags_options, OF(client_record), .run = command_runs_tags, .takes_words = true},
};
/* clang-format on */

static int add_date(json_t *fields, const char *name, const char *option, const char *given,
		    struct berth_error *err)
{
	uint64_t date_ms;

	if (!given)
		return 0;
	if (client_date_parse(given, &date_ms, err) < 0)
		return berth_fail_context(err, "option --%s", option);
	if (json_object_set_new(fields, name, json_integer((json_int_t)date_ms)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return 0;
}

json_t *runs_fields(const struct option_table *table, const struct runs_options *options,
		    struct berth_error *err)
{
	AUTO_JSON json_t *fields = client_fields(table, options);

	if (!fields) {
		(void)berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		return NULL;
	}
	if (add_date(fields, "from", "since", options->since, err) < 0 ||
	    add_date(fields, "to", "until", options->until, err) < 0)
		return NULL;
	return steal_ptr(&fields);
}
