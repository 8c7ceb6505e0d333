/* SPDX-License-Identifier: Apache-2.0 */
/* escape-probe: runs every escape attempt in a child of its own and compares with what is promised.
 */
#include "tests/escape/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ATTEMPT_SECONDS 20
#define HOST_FACTS_MAX  32

struct report {
	int result;
	char note[200];
};

enum verdict { VERDICT_OK, VERDICT_LEAK, VERDICT_MISMATCH, VERDICT_SKIPPED, VERDICTS };

static const char *const verdict_names[VERDICTS] = {"ok", "LEAK", "MISMATCH", "SKIPPED"};

static struct report current; /* of the attempt in this child */
static const char *host_facts[HOST_FACTS_MAX];
static size_t host_fact_count;

void probe_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(current.note, sizeof(current.note), format, arguments);
	va_end(arguments);
}

const char *probe_host(const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < host_fact_count; i++)
		if (!strncmp(host_facts[i], key, length) && host_facts[i][length] == '=')
			return host_facts[i] + length + 1;
	return NULL;
}

long probe_host_number(const char *key)
{
	const char *text = probe_host(key);

	return text ? strtol(text, NULL, 0) : -1;
}

static void run_child(const struct probe_row *row, int fd)
{
	(void)alarm(ATTEMPT_SECONDS);
	current.result = row->attempt(row);
	(void)!write(fd, &current, sizeof(current)); /* a short report is a crash to the parent */
	_exit(0);
}

static struct report run_attempt(const struct probe_row *row)
{
	struct report report = {.result = PROBE_CRASHED};
	int ends[2], status = 0;
	ssize_t length;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return report;
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)close(ends[0]);
		run_child(row, ends[1]);
	}
	(void)close(ends[1]);
	length = child < 0 ? -1 : read(ends[0], &report, sizeof(report));
	(void)close(ends[0]);
	if (child > 0 && waitpid(child, &status, 0) < 0)
		status = 0;
	if (length != (ssize_t)sizeof(report)) {
		report.result = PROBE_CRASHED;
		(void)snprintf(report.note, sizeof(report.note), "status 0x%x", (unsigned)status);
	}
	return report;
}

static enum verdict judge(const struct probe_row *row, int result)
{
	if (result == PROBE_SKIPPED)
		return VERDICT_SKIPPED;
	if (!strcmp(row->protection, "control"))
		return result == PROBE_LEAK ? VERDICT_OK : VERDICT_MISMATCH;
	if (result == PROBE_LEAK)
		return VERDICT_LEAK;
	for (size_t i = 0; i < PROBE_ERRNOS && row->expected[i]; i++)
		if (row->expected[i] == result)
			return VERDICT_OK;
	return VERDICT_MISMATCH;
}

static const char *result_text(const struct probe_row *row, int result)
{
	switch (result) {
	case PROBE_LEAK:
		return strcmp(row->protection, "control") ? "LEAK" : "works";
	case PROBE_HELD:
		return "held";
	case PROBE_SKIPPED:
		return "skipped";
	case PROBE_CRASHED:
		return "crashed";
	default:
		return strerrorname_np(result) ? strerrorname_np(result) : "?";
	}
}

static void expected_text(const struct probe_row *row, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	if (!strcmp(row->protection, "control"))
		(void)snprintf(text, size, "works");
	for (size_t i = 0; i < PROBE_ERRNOS && row->expected[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "",
					 result_text(row, row->expected[i]));
}

static void print_json_string(const char *name, const char *text, const char *end)
{
	printf("\"%s\":\"", name);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			printf((unsigned char)*text < ' ' ? "?" : "%c", *text);
	printf("\"%s", end);
}

static void print_json(const struct probe_group *group, const struct probe_row *row,
		       const struct report *report, enum verdict verdict)
{
	char expected[128];

	expected_text(row, expected, sizeof(expected));
	printf("{");
	print_json_string("name", row->name, ",");
	print_json_string("group", group->name, ",");
	print_json_string("protection", row->protection, ",");
	print_json_string("tries", row->tries, ",");
	print_json_string("history", row->history ? row->history : "", ",");
	print_json_string("expected", expected, report ? "," : "}\n");
	if (!report)
		return;
	print_json_string("result", result_text(row, report->result), ",");
	print_json_string("verdict", verdict_names[verdict], ",");
	print_json_string("note", report->note, "}\n");
}

static void print_row(const struct probe_row *row, const struct report *report,
		      enum verdict verdict)
{
	char expected[128];

	expected_text(row, expected, sizeof(expected));
	if (!report)
		printf("%-28s %-24s %-24s %s%s%s%s\n", row->name, row->protection, expected,
		       row->tries, row->history ? " [" : "", row->history ? row->history : "",
		       row->history ? "]" : "");
	else
		printf("%-8s %-28s %-12s %-24s %s\n", verdict_names[verdict], row->name,
		       result_text(row, report->result), expected, report->note);
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: escape-probe [--list] [--json] [--only NAME] "
			      "[--host KEY=VALUE]...\n");
	return 125;
}

int main(int argc, char **argv)
{
	size_t counts[VERDICTS] = {0};
	bool list = false, json = false;
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc)
			only = argv[++i];
		else if (!strcmp(argv[i], "--host") && i + 1 < argc &&
			 host_fact_count < HOST_FACTS_MAX)
			host_facts[host_fact_count++] = argv[++i];
		else
			return usage();
	}
	for (size_t i = 0; i < probe_group_count; i++)
		for (size_t j = 0; j < probe_groups[i]->count; j++) {
			const struct probe_row *row = &probe_groups[i]->rows[j];
			struct report report = {0};
			enum verdict verdict = VERDICT_OK;

			if (only && strcmp(only, row->name))
				continue;
			if (!list) {
				report = run_attempt(row);
				verdict = judge(row, report.result);
			}
			counts[verdict]++;
			if (json)
				print_json(probe_groups[i], row, list ? NULL : &report, verdict);
			else
				print_row(row, list ? NULL : &report, verdict);
		}
	if (!json && !list)
		printf("%zu ok, %zu leaks, %zu mismatches, %zu skipped\n", counts[VERDICT_OK],
		       counts[VERDICT_LEAK], counts[VERDICT_MISMATCH], counts[VERDICT_SKIPPED]);
	if (counts[VERDICT_LEAK] + counts[VERDICT_MISMATCH] > 100)
		return 100;
	return (int)(counts[VERDICT_LEAK] + counts[VERDICT_MISMATCH]);
}
