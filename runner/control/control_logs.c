/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a part of an attempt's log. */
#include "runner/control/control_logs.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_reads.h"
#include "runner/log/log_format.h"
#include "runner/log/log_storage.h"

/* Formatted once, by those who know how to make any bytes safe. */
static int append_record(const struct log_record *record, struct text *line, json_t *records,
			 struct berth_error *err)
{
	json_t *object;

	line->length = 0;
	if (log_format_json(record, line, err) < 0 ||
	    json_parse(line->data, line->length, &object, err) < 0)
		return -1;
	if (json_array_append_new(records, object) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read a log");
	return 0;
}

int control_logs_read(struct log_reader *reader, size_t most, json_t *records,
		      struct berth_error *err)
{
	AUTO_TEXT struct text line = {0};
	struct log_record record;
	size_t bytes = 0;

	for (size_t i = 0; i < most && bytes < CONTROL_LOG_BYTES; i++) {
		int status = log_reader_next(reader, &record, err);

		if (status == LOG_READER_WAIT)
			return CONTROL_LOG_WAIT;
		if (status == LOG_READER_END)
			return CONTROL_LOG_END;
		if (status < 0 || append_record(&record, &line, records, err) < 0)
			return -1;
		bytes += line.length;
	}
	return 0;
}

/* The attempt that is meant, when the run has it. */
static int choose_attempt(struct store *store, int64_t run_id, int64_t wanted, int64_t *ret_attempt,
			  struct berth_error *err)
{
	AUTO_JSON json_t *run = NULL;
	json_int_t newest;

	if (read_run(store, run_id, false, &run, err) < 0)
		return -1;
	newest = json_integer_value(json_object_get(run, "attemptCount"));
	if (wanted > newest)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no attempt %lld, only %lld",
				  (long long)wanted, (long long)newest);
	*ret_attempt = wanted ? wanted : newest;
	return 0;
}

static int read_part(struct log_reader *reader, struct control_call *call, int64_t attempt,
		     struct berth_error *err)
{
	const struct control_run_logs *logs = &call->record.run_logs;
	AUTO_JSON json_t *records = json_array();
	int status;

	if (logs->since_ms) {
		if (log_reader_seek_time(reader, logs->since_ms * CLOCK_NS_PER_MS, err) < 0)
			return -1;
	} else {
		log_reader_seek(reader, (uint64_t)logs->position);
	}
	status = control_logs_read(reader, (size_t)logs->limit, records, err);
	if (status < 0)
		return -1;
	call->result = json_pack("{s:I, s:O, s:I, s:b}", "attempt", (json_int_t)attempt, "records",
				 records, "position", (json_int_t)log_reader_position(reader),
				 "isEnd", status == CONTROL_LOG_END);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "read a log");
}

int control_run_logs(struct store *store, struct control_call *call, struct berth_error *err)
{
	const struct control_run_logs *logs = &call->record.run_logs;
	struct log_reader *reader;
	int64_t run_id, attempt;
	int status;

	if (control_parse_id("run", logs->run, &run_id, err) < 0 ||
	    choose_attempt(store, run_id, logs->attempt, &attempt, err) < 0)
		return -1;
	if (call->backend->logs_directory < 0)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "this daemon keeps no logs");
	if (log_reader_create(call->backend->logs_directory, run_id, attempt, &reader, err) < 0)
		return -1;
	status = read_part(reader, call, attempt, err);
	log_reader_destroy(reader);
	return status;
}

/* Hands a snapshot's descriptors to the call, and their names to the answer. */
static int pass_snapshot(struct control_call *call, struct log_snapshot *snapshot, json_t *names,
			 struct berth_error *err)
{
	for (enum log_file file = 0; file <= LOG_FILE_SEALED; file++) {
		int *fd = file == LOG_FILE_SEALED ? &snapshot->sealed : &snapshot->files[file];

		if (*fd < 0)
			continue;
		call->passed[call->passed_count++] = steal_fd(fd);
		if (json_array_append_new(names, json_string(log_name_suffix(file))) < 0)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "open a log");
	}
	return 0;
}

int control_run_log_open(struct store *store, struct control_call *call, struct berth_error *err)
{
	const struct control_run_log_open *fields = &call->record.run_log_open;
	struct log_snapshot snapshot = {
		.files = {-1, -1, -1, -1},
                  .sealed = -1
        };
	AUTO_JSON json_t *names = json_array();
	struct log_storage storage;
	int64_t run_id, attempt;
	int status;

	if (control_parse_id("run", fields->run, &run_id, err) < 0 ||
	    choose_attempt(store, run_id, fields->attempt, &attempt, err) < 0)
		return -1;
	if (call->backend->logs_directory < 0)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "this daemon keeps no logs");
	log_storage_init(&storage, call->backend->logs_directory, run_id, attempt);
	status = log_storage_pass(&storage, &snapshot, err);
	log_storage_finish(&storage);
	if (status < 0 || pass_snapshot(call, &snapshot, names, err) < 0)
		return -1;
	call->result = json_pack("{s:s, s:I, s:O, s:I}", "run", fields->run, "attempt",
				 (json_int_t)attempt, "files", names, "indexBytes",
				 (json_int_t)snapshot.index_bytes);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "open a log");
}
