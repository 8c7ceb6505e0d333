/* SPDX-License-Identifier: Apache-2.0 */
/* One line about the end, one with the remedy, by outcome. */
#include "runner/run/final_words.h"

#include <signal.h>

#include "base/amount.h"
#include "runner/run/log_sink.h"

struct remedy_row {
	enum berth_code code;
	const char *remedy;
};

/* For berth's own failures, when the message itself has none. */
static const struct remedy_row remedy_rows[] = {
	{BERTH_UNSUPPORTED, "see what this host can do with: berth doctor"},
	{BERTH_DENIED,      "see what this host can do with: berth doctor"},
	{BERTH_INVALID,     "see the options with: berth run --help"      },
	{BERTH_LIMIT,       "see the machines with: berth machines"       },
};

static void say_remedy(struct log_sink *log, const char *remedy)
{
	if (remedy)
		log_sink_notice(log, LOG_WARN, "  %s", remedy);
}

static void say_error(struct log_sink *log, const struct berth_error *error)
{
	log_sink_notice(log, LOG_ERROR, "%s", error->message);
	for (size_t i = 0; i < sizeof(remedy_rows) / sizeof(remedy_rows[0]); i++)
		if (remedy_rows[i].code == error->code)
			say_remedy(log, remedy_rows[i].remedy);
}

static void say_usage(struct log_sink *log, const struct run_plan *plan,
		      const struct attempt_record *attempt)
{
	char wall[AMOUNT_TEXT_SIZE], cpu[AMOUNT_TEXT_SIZE] = "?", memory[AMOUNT_TEXT_SIZE] = "?";
	const struct sandbox_usage *usage = &attempt->sandbox.usage;

	(void)amount_format_duration_ns(usage->wall_ns, wall);
	if (usage->cpu_ns != SANDBOX_USAGE_UNKNOWN)
		(void)amount_format_duration_ns(usage->cpu_ns, cpu);
	if (usage->memory_peak_bytes != SANDBOX_USAGE_UNKNOWN)
		(void)amount_format_bytes(usage->memory_peak_bytes, memory);
	log_sink_notice(log, plan->task ? LOG_INFO : LOG_DEBUG,
			"%s completed in %s on %s: CPU %s, peak memory %s", plan->label, wall,
			plan->machine, cpu, memory);
}

/* A command's exit status speaks for itself; so do the signals that end pipelines and Ctrl-C. */
static enum log_level level_of(const struct run_plan *plan, const struct attempt_record *attempt)
{
	const struct sandbox_outcome *sandbox = &attempt->sandbox;

	if (attempt->outcome == OUTCOME_FAILED && !sandbox->hits && !plan->task)
		return LOG_DEBUG;
	if (attempt->outcome == OUTCOME_CRASHED && !sandbox->hits &&
	    (sandbox->code == SIGPIPE || sandbox->code == SIGINT))
		return LOG_DEBUG;
	if (attempt->outcome == OUTCOME_CANCELLED)
		return LOG_INFO;
	return LOG_WARN;
}

static void say_collected(struct log_sink *log, const struct run_plan *plan,
			  const struct run_record *record)
{
	const struct collector_report *report = &record->collected;

	if (!record->has_collected)
		return;
	for (size_t i = 0; i < report->refused_count && i < COLLECTOR_REFUSED_MAX; i++)
		log_sink_notice(log, LOG_WARN, "output %s %s: not copied", report->refused[i].path,
				report->refused[i].why);
	log_sink_notice(log, LOG_DEBUG, "%llu files in %s", (unsigned long long)report->files,
			plan->options->output);
}

static void say_not_enforced(struct log_sink *log, const struct run_record *record)
{
	for (size_t i = 0; record->has_protections && i < SANDBOX_PROTECTIONS; i++)
		if (record->protections[i].status == SANDBOX_UNAVAILABLE)
			log_sink_notice(log, LOG_DEBUG, "not enforced: %s %s",
					sandbox_protection_rows[i].name,
					record->protections[i].detail);
}

void final_words_say(struct log_sink *log, const struct run_plan *plan,
		     const struct run_record *record)
{
	const struct attempt_record *last =
		record->attempt_count ? &record->attempts[record->attempt_count - 1] : NULL;

	if (record->error.code != BERTH_NONE) {
		say_error(log, &record->error);
		return;
	}
	if (!last)
		return;
	say_not_enforced(log, record);
	say_collected(log, plan, record);
	if (last->outcome == OUTCOME_COMPLETED) {
		say_usage(log, plan, last);
		return;
	}
	log_sink_notice(log, level_of(plan, last), "%s %s", plan->label, last->message);
	say_remedy(log, outcome_rows[last->outcome].remedy);
}
