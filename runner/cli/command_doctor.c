/* SPDX-License-Identifier: Apache-2.0 */
/* berth doctor: the sandbox's protections, and the checks of the host and of the daemon, as one
 * list. */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/doctor_checks.h"
#include "runner/cli/doctor_daemon.h"
#include "runner/cli/listing.h"
#include "runner/run/terminal.h"
#include "sandbox/sandbox.h"

#define ROWS_MAX 64

/* How a state is said to people, and to programs. */
static const struct {
	const char *mark, *word, *colour;
} states[] = {
	[DOCTOR_OK] = {"ok", "ok",      "\033[32m"},
	[DOCTOR_MISSING] = {"NO", "missing", "\033[31m"},
	[DOCTOR_UNUSED] = {"--", "unused",  ""        },
};

const struct option_table command_doctor_options = {
	.rows = client_option_rows,
	.count = CLIENT_OPTION_COUNT,
};

/* A protection or a check, as it is shown. */
struct finding {
	const char *kind, *name, *reason, *remedy;
	enum doctor_state state;
	char detail[DOCTOR_DETAIL_SIZE];
};

struct report {
	struct finding findings[ROWS_MAX];
	size_t count, missing, unused;
};

_Static_assert(SANDBOX_PROTECTIONS + 24 <= ROWS_MAX, "every protection and check has a finding");

static struct finding *add(struct report *report)
{
	return &report->findings[report->count++];
}

static int add_protections(struct report *report, struct berth_error *err)
{
	struct sandbox_protection_state found[SANDBOX_PROTECTIONS];
	struct sandbox_host_options options = {0};
	struct sandbox_host *host = NULL;

	if (sandbox_host_open(&options, &host, err) < 0)
		return -1;
	sandbox_host_protections(host, NULL, found);
	sandbox_host_close(host);
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++) {
		const struct sandbox_protection_row *row = &sandbox_protection_rows[i];
		struct finding *finding = add(report);

		finding->kind = "protection";
		finding->name = row->name;
		finding->reason = row->reason;
		finding->remedy = row->remedy;
		finding->state =
			found[i].status != SANDBOX_UNAVAILABLE ? DOCTOR_OK : DOCTOR_MISSING;
		(void)snprintf(finding->detail, sizeof(finding->detail), "%s", found[i].detail);
	}
	return 0;
}

static void add_checks(struct report *report)
{
	for (size_t i = 0; i < doctor_check_count && report->count < ROWS_MAX; i++) {
		struct finding *finding = add(report);

		finding->kind = "check";
		finding->name = doctor_checks[i].name;
		finding->reason = doctor_checks[i].reason;
		finding->remedy = doctor_checks[i].remedy;
		finding->state = doctor_checks[i].look(finding->detail);
	}
}

static int add_daemon(struct report *report, const char *socket, struct berth_error *err)
{
	struct doctor_daemon daemon;

	if (doctor_daemon_ask(socket, &daemon, err) < 0)
		return -1;
	for (size_t i = 0; i < doctor_daemon_check_count && report->count < ROWS_MAX; i++) {
		const struct doctor_daemon_check *check = &doctor_daemon_checks[i];
		struct finding *finding = add(report);

		finding->kind = "daemon";
		finding->name = check->name;
		finding->reason = check->reason;
		finding->remedy = check->remedy;
		finding->state = DOCTOR_UNUSED;
		if (daemon.is_wanted)
			finding->state = check->look(&daemon, finding->detail);
		else
			(void)snprintf(finding->detail, sizeof(finding->detail),
				       "no daemon is set up here");
	}
	doctor_daemon_finish(&daemon);
	return 0;
}

static int print_json(const struct report *report)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];

		(void)json_array_append_new(
			findings,
			json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:s?}", "kind", finding->kind, "name",
				  finding->name, "ok", finding->state != DOCTOR_MISSING, "state",
				  states[finding->state].word, "detail", finding->detail, "reason",
				  finding->reason, "remedy",
				  finding->state == DOCTOR_MISSING ? finding->remedy : NULL));
	}
	return listing_print_json(
		json_pack("{s:b,s:o}", "ok", report->missing == 0, "findings", findings));
}

static void print_finding(const struct finding *finding, bool colours)
{
	(void)printf("%s%-4s%s %-26s%s\n", colours ? states[finding->state].colour : "",
		     states[finding->state].mark, colours ? "\033[0m" : "", finding->name,
		     finding->detail);
	if (finding->state != DOCTOR_MISSING)
		return;
	(void)printf("     without it: %s\n", finding->reason);
	if (finding->remedy && *finding->remedy)
		(void)printf("     remedy:     %s\n", finding->remedy);
}

static void print_text(const struct report *report)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);

	for (size_t i = 0; i < report->count; i++)
		print_finding(&report->findings[i], colours);
	if (report->missing)
		(void)printf("\n%zu of %zu are missing on this host; runs record which.\n",
			     report->missing, report->count - report->unused);
	else
		(void)printf("\nEverything is enforced.\n");
}

int command_doctor(void *record, const struct option_arguments *arguments)
{
	const struct client_options *options = record;
	struct report report = {0};
	struct berth_error err;

	(void)arguments;
	if (add_protections(&report, &err) < 0) {
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	add_checks(&report);
	if (add_daemon(&report, options->socket, &err) < 0)
		return client_complain_usage(&err, NULL);
	for (size_t i = 0; i < report.count; i++) {
		report.missing += report.findings[i].state == DOCTOR_MISSING;
		report.unused += report.findings[i].state == DOCTOR_UNUSED;
	}
	if (!options->json)
		print_text(&report);
	else if (print_json(&report) != EXIT_DONE)
		return EXIT_BERTH;
	return report.missing == 0 ? EXIT_DONE : EXIT_FINDING;
}
