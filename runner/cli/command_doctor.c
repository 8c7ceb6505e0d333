/* SPDX-License-Identifier: Apache-2.0 */
/* berth doctor: the sandbox's protections and the host's checks as one list. */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/doctor_checks.h"
#include "runner/cli/listing.h"
#include "runner/run/terminal.h"
#include "sandbox/sandbox.h"

#define ROWS_MAX 64

/* A protection or a check, as it is shown. */
struct finding {
	const char *kind, *name, *reason, *remedy;
	bool ok;
	char detail[DOCTOR_DETAIL_SIZE];
};

struct report {
	struct finding findings[ROWS_MAX];
	size_t count;
	bool ok;
};

_Static_assert(SANDBOX_PROTECTIONS + 16 <= ROWS_MAX, "every protection and check has a finding");

static struct finding *add(struct report *report)
{
	return &report->findings[report->count++];
}

static int add_protections(struct report *report, struct berth_error *err)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_host_options options = {0};
	struct sandbox_host *host = NULL;

	if (sandbox_host_open(&options, &host, err) < 0)
		return -1;
	sandbox_host_protections(host, NULL, states);
	sandbox_host_close(host);
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++) {
		const struct sandbox_protection_row *row = &sandbox_protection_rows[i];
		struct finding *finding = add(report);

		finding->kind = "protection";
		finding->name = row->name;
		finding->reason = row->reason;
		finding->remedy = row->remedy;
		finding->ok = states[i].status != SANDBOX_UNAVAILABLE;
		(void)snprintf(finding->detail, sizeof(finding->detail), "%s", states[i].detail);
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
		finding->ok = doctor_checks[i].look(finding->detail) == DOCTOR_OK;
	}
}

static int print_json(const struct report *report)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];

		(void)json_array_append_new(
			findings, json_pack("{s:s,s:s,s:b,s:s,s:s,s:s?}", "kind", finding->kind,
					    "name", finding->name, "ok", finding->ok, "detail",
					    finding->detail, "reason", finding->reason, "remedy",
					    finding->ok ? NULL : finding->remedy));
	}
	return listing_print_json(json_pack("{s:b,s:o}", "ok", report->ok, "findings", findings));
}

static void print_finding(const struct finding *finding, bool colours)
{
	const char *start = "", *end = colours ? "\033[0m" : "";

	if (colours)
		start = finding->ok ? "\033[32m" : "\033[31m";
	(void)printf("%s%-4s%s %-26s%s\n", start, finding->ok ? "ok" : "NO", end, finding->name,
		     finding->detail);
	if (finding->ok)
		return;
	(void)printf("     without it: %s\n", finding->reason);
	if (finding->remedy && *finding->remedy)
		(void)printf("     remedy:     %s\n", finding->remedy);
}

static void print_text(const struct report *report)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);
	size_t missing = 0;

	for (size_t i = 0; i < report->count; i++) {
		print_finding(&report->findings[i], colours);
		missing += !report->findings[i].ok;
	}
	if (missing)
		(void)printf("\n%zu of %zu are missing on this host; runs record which.\n", missing,
			     report->count);
	else
		(void)printf("\nEverything is enforced.\n");
}

int command_doctor(void *record, const struct option_arguments *arguments)
{
	const struct listing_options *options = record;
	struct report report = {.ok = true};
	struct berth_error err;

	(void)arguments;
	if (add_protections(&report, &err) < 0) {
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	add_checks(&report);
	for (size_t i = 0; i < report.count; i++)
		report.ok = report.ok && report.findings[i].ok;
	if (!options->json)
		print_text(&report);
	else if (print_json(&report) != EXIT_DONE)
		return EXIT_BERTH;
	return report.ok ? EXIT_DONE : EXIT_FINDING;
}
