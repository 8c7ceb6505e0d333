/* SPDX-License-Identifier: Apache-2.0 */
/* What is large of runs, their tags, and debounces. */
#include <stdlib.h>
#include <string.h>

#include "runner/store/sqlite.h"
#include "runner/store/store_runs.h"

enum statement {
	INSERT,
	READ,
	READ_INPUT,
	WRITE_INPUT,
	WRITE_OUTPUT,
	WRITE_ERROR,
	WRITE_METADATA,
	TAG_INSERT,
	TAG_COUNT,
	TAG_DELETE_ALL,
	TAGS_READ,
	DEBOUNCE_READ,
	DEBOUNCE_WRITE,
	DEBOUNCE_DELETE_RUN,
};

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO run_data (run_id, payload, payload_type, options, metadata) "
		    "VALUES (?, ?, ?, ?, ?)"},
	[READ] = {"SELECT payload, payload_type, options, metadata, error, output, output_type "
		  "FROM run_data WHERE run_id = ?"},
	[READ_INPUT] = {"SELECT payload, payload_type, options, metadata, error "
			"FROM run_data WHERE run_id = ?"},
	[WRITE_INPUT] = {"UPDATE run_data SET payload = ?, payload_type = ?, options = ?, "
			 "metadata = ? WHERE run_id = ?"},
	[WRITE_OUTPUT] = {"UPDATE run_data SET output = ?, output_type = ? WHERE run_id = ?"},
	[WRITE_ERROR] = {"UPDATE run_data SET error = ? WHERE run_id = ?"},
	[WRITE_METADATA] = {"UPDATE run_data SET metadata = ? WHERE run_id = ?"},
	[TAG_INSERT] = {"INSERT OR IGNORE INTO run_tags (tag, run_id) VALUES (?, ?)"},
	[TAG_COUNT] = {"SELECT count(*) FROM run_tags WHERE run_id = ?"},
	[TAG_DELETE_ALL] = {"DELETE FROM run_tags WHERE run_id = ?"},
	[TAGS_READ] = {"SELECT coalesce(json_group_array(tag), '[]') FROM "
		       "(SELECT tag FROM run_tags WHERE run_id = ? ORDER BY tag)"},
	[DEBOUNCE_READ] = {"SELECT run_id, latest_ns FROM debounces WHERE task_id = ? AND key = ?"},
	[DEBOUNCE_WRITE] = {"INSERT OR REPLACE INTO debounces (task_id, key, run_id, latest_ns) "
			    "VALUES (?, ?, ?, ?)"},
	[DEBOUNCE_DELETE_RUN] = {"DELETE FROM debounces WHERE run_id = ?"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_RUN_DATA, rows, index, ret_use, err);
}

void run_data_row_finish(struct run_data_row *row)
{
	free(row->payload);
	free(row->payload_type);
	free(row->options);
	free(row->metadata);
	free(row->output);
	free(row->output_type);
	free(row->error);
	memset(row, 0, sizeof(*row));
}

int store_run_data_insert(struct store *store, int64_t run_id, const struct run_data_row *row,
			  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, row->payload);
	sqlite_bind_string(&use, row->payload_type);
	sqlite_bind_string(&use, row->options);
	sqlite_bind_string(&use, row->metadata);
	return sqlite_execute(&use, err);
}

static int read_row(struct store *store, enum statement index, int64_t run_id,
		    struct run_data_row *ret_row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	AUTO_RUN_DATA struct run_data_row row = {0};
	int missing;

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	if (sqlite_column_string(&use, &row.payload, err) < 0 ||
	    sqlite_column_string(&use, &row.payload_type, err) < 0 ||
	    sqlite_column_string(&use, &row.options, err) < 0 ||
	    sqlite_column_string(&use, &row.metadata, err) < 0 ||
	    sqlite_column_string(&use, &row.error, err) < 0)
		return -1;
	if (index == READ && (sqlite_column_string(&use, &row.output, err) < 0 ||
			      sqlite_column_string(&use, &row.output_type, err) < 0))
		return -1;
	*ret_row = row;
	memset(&row, 0, sizeof(row)); /* the caller's now */
	return 0;
}

int store_run_data_read(struct store *store, int64_t run_id, struct run_data_row *ret_row,
			struct berth_error *err)
{
	return read_row(store, READ, run_id, ret_row, err);
}

int store_run_data_read_input(struct store *store, int64_t run_id, struct run_data_row *ret_row,
			      struct berth_error *err)
{
	return read_row(store, READ_INPUT, run_id, ret_row, err);
}

int store_run_data_write_input(struct store *store, int64_t run_id, const struct run_data_row *row,
			       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, WRITE_INPUT, &use, err) < 0)
		return -1;
	sqlite_bind_string(&use, row->payload);
	sqlite_bind_string(&use, row->payload_type);
	sqlite_bind_string(&use, row->options);
	sqlite_bind_string(&use, row->metadata);
	sqlite_bind_integer(&use, run_id);
	return sqlite_execute(&use, err);
}

/* Statements of texts and then the run's number. */
static int write_texts(struct store *store, enum statement index, int64_t run_id,
		       const char *const *texts, size_t count, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		sqlite_bind_string(&use, texts[i]);
	sqlite_bind_integer(&use, run_id);
	return sqlite_execute(&use, err);
}

int store_run_data_write_output(struct store *store, int64_t run_id, const char *output,
				const char *output_type, struct berth_error *err)
{
	const char *texts[] = {output, output_type};

	return write_texts(store, WRITE_OUTPUT, run_id, texts, 2, err);
}

int store_run_data_write_error(struct store *store, int64_t run_id, const char *error,
			       struct berth_error *err)
{
	return write_texts(store, WRITE_ERROR, run_id, &error, 1, err);
}

int store_run_data_write_metadata(struct store *store, int64_t run_id, const char *metadata,
				  struct berth_error *err)
{
	return write_texts(store, WRITE_METADATA, run_id, &metadata, 1, err);
}

int store_run_tag_insert(struct store *store, int64_t run_id, const char *tag,
			 struct berth_error *err)
{
	return write_texts(store, TAG_INSERT, run_id, &tag, 1, err);
}

int store_run_tag_count(struct store *store, int64_t run_id, int64_t *ret_count,
			struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, TAG_COUNT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	if (sqlite_step(&use, err) < 0)
		return -1;
	*ret_count = sqlite_column_integer(&use);
	return 0;
}

int store_run_tag_delete_all(struct store *store, int64_t run_id, struct berth_error *err)
{
	return write_texts(store, TAG_DELETE_ALL, run_id, NULL, 0, err);
}

int store_run_tags_read(struct store *store, int64_t run_id, char **ret_json,
			struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, TAGS_READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	if (sqlite_step(&use, err) < 0)
		return -1;
	return sqlite_column_string(&use, ret_json, err);
}

int store_debounce_read(struct store *store, int64_t task_id, const char *key, int64_t *ret_run_id,
			uint64_t *ret_latest_ns, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, DEBOUNCE_READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, task_id);
	sqlite_bind_string(&use, key);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	*ret_run_id = sqlite_column_integer(&use);
	*ret_latest_ns = (uint64_t)sqlite_column_integer(&use); /* NULL reads as 0 */
	return 0;
}

int store_debounce_write(struct store *store, int64_t task_id, const char *key, int64_t run_id,
			 uint64_t latest_ns, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, DEBOUNCE_WRITE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, task_id);
	sqlite_bind_string(&use, key);
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_optional(&use, (int64_t)latest_ns, 0);
	return sqlite_execute(&use, err);
}

int store_debounce_delete_run(struct store *store, int64_t run_id, struct berth_error *err)
{
	return write_texts(store, DEBOUNCE_DELETE_RUN, run_id, NULL, 0, err);
}
