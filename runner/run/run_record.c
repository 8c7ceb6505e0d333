/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the parts of a record that live on the heap. */
#include "runner/run/run_record.h"

#include <stdlib.h>

void run_record_start_attempt(struct run_record *record)
{
	free(record->fail.name);
	free(record->fail.message);
	record->fail = (struct fail_record){0};
	json_decref(record->output);
	record->output = NULL;
}

void run_record_finish(struct run_record *record)
{
	run_record_start_attempt(record);
	json_decref(record->metadata);
	record->metadata = NULL;
	string_list_finish_owned(&record->channel_problems);
}
