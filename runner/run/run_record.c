/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the parts of a record that live on the heap. */
#include "runner/run/run_record.h"

#include <stdlib.h>

static void forget_last_attempt(struct run_record *record)
{
	free(record->fail.name);
	free(record->fail.message);
	record->fail = (struct fail_record){0};
	json_decref(record->output);
	record->output = NULL;
}

int run_record_start_attempt(struct run_record *record, struct attempt_record **ret_attempt,
			     struct berth_error *err)
{
	size_t count = record->attempt_count + 1;
	struct attempt_record *grown =
		reallocarray(record->attempts, count, sizeof(*record->attempts));

	if (!grown)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	forget_last_attempt(record);
	record->attempts = grown;
	grown[count - 1] = (struct attempt_record){.number = (unsigned)count};
	*ret_attempt = &grown[count - 1];
	return 0;
}

void run_record_finish(struct run_record *record)
{
	forget_last_attempt(record);
	free(record->attempts);
	record->attempts = NULL;
	record->attempt_count = 0;
	json_decref(record->metadata);
	record->metadata = NULL;
	string_list_finish_owned(&record->channel_problems);
}
