/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the verb, parses its options, prints help. */
#include "runner/cli/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"
#include "runner/cli/help.h"
#include "runner/cli/nearest.h"

static int complain_of_verb(const char *name)
{
	char hint[OPTION_HINT_SIZE] = "list the verbs with: berth --help";
	struct berth_error err;
	struct nearest nearest;

	nearest_start(&nearest, name);
	for (size_t i = 0; i < command_row_count; i++)
		nearest_offer(&nearest, command_rows[i].name);
	if (nearest.best)
		(void)snprintf(hint, sizeof(hint), "did you mean: berth %s?", nearest.best);
	(void)berth_fail(&err, BERTH_INVALID, 0, "%.100s: there is no such verb", name);
	complaint_print(&err, hint);
	return EXIT_USAGE;
}

/* What the tables cannot say: which verbs take words. */
static int check_words(const struct command_row *row, const struct option_arguments *arguments,
		       struct berth_error *err)
{
	if (arguments->words.count && !row->takes_words)
		return berth_fail(err, BERTH_INVALID, 0, "%s: takes no argument \"%.100s\"",
				  row->name, arguments->words.items[0]);
	if (arguments->command && !row->takes_command)
		return berth_fail(err, BERTH_INVALID, 0, "%s: takes no command", row->name);
	return 0;
}

static int run_verb(const struct command_row *row, int argc, char **argv)
{
	AUTO_FREE void *record = calloc(1, row->record_size);
	struct option_arguments arguments = {0};
	char hint[OPTION_HINT_SIZE] = "";
	struct berth_error err;
	int status = row->usage_status;

	if (!record) {
		(void)berth_fail(&err, BERTH_MEMORY, 0, "out of memory");
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	if (options_parse(row->options, argc, argv, record, &arguments, hint, &err) < 0 ||
	    (!arguments.help && check_words(row, &arguments, &err) < 0)) {
		if (!hint[0])
			(void)snprintf(hint, sizeof(hint), "see: berth %s --help", row->name);
		complaint_print(&err, hint);
	} else if (arguments.help) {
		help_print_verb(row, stdout);
		status = EXIT_DONE;
	} else {
		status = row->run(record, &arguments);
	}
	options_finish(row->options, record);
	option_arguments_finish(&arguments);
	return status;
}

/* The spellings people try before they know the verbs. */
static const char *translate(const char *word)
{
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return "version";
	return word;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int dispatch_command_line(int argc, char **argv)
{
	const struct command_row *row;

	if (argc < 2) {
		help_print_overview(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--dump-reference") == 0) {
		help_print_reference(stdout);
		return EXIT_DONE;
	}
	if (asks_for_help(argv[1])) {
		row = argc > 2 ? command_find(argv[2]) : NULL;
		if (argc > 2 && !row)
			return complain_of_verb(argv[2]);
		if (row)
			help_print_verb(row, stdout);
		else
			help_print_overview(stdout);
		return EXIT_DONE;
	}
	row = command_find(translate(argv[1]));
	if (!row)
		return complain_of_verb(argv[1]);
	return run_verb(row, argc - 2, argv + 2);
}
