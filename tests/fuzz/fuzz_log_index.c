/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a log: any records, also with a right check, are read, recovered and sealed within
 * bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runner/log/log_index.h"
#include "runner/log/log_seal.h"
#include "runner/log/log_writer.h"
#include "tests/fuzz/log_place.h"

#define BYTES  (128U << 10) /* of each stream */
#define RECORD LOG_INDEX_RECORD_BYTES

static void write_streams(const struct log_place *place)
{
	static char bytes[BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 77 == 0 || i % 40000 == 39999 ? '\n' : (char)(i * 7);
	log_place_write(place, LOG_FILE_STDOUT, bytes, sizeof(bytes));
	memset(bytes, 'e', sizeof(bytes)); /* an endless line */
	log_place_write(place, LOG_FILE_STDERR, bytes, sizeof(bytes));
	log_place_write(place, LOG_FILE_MESSAGES, bytes, sizeof(bytes) / 2);
}

/* Records that no fuzzer would hit: a right check, and lengths that a disk can have. */
static void mend(unsigned char *record)
{
	uint32_t hash;

	for (int field = 1; field <= 3; field++)
		memset(record + (ptrdiff_t)8 * field + 3, 0, 5);
	record[35] = record[39] = 0;
	hash = log_index_hash(record, RECORD - 4);
	memcpy(record + RECORD - 4, &hash, sizeof(hash));
}

static void write_index(const struct log_place *place, const uint8_t *data, size_t size)
{
	size_t total = RECORD + size;
	AUTO_FREE unsigned char *index = malloc(total);

	if (!index)
		abort();
	log_index_encode_header(LOG_PLACE_RUN, LOG_PLACE_ATTEMPT, index);
	memcpy(index + RECORD, data, size);
	for (size_t at = RECORD; at + RECORD <= total; at += RECORD)
		if (index[at + 43] < 0xf0) /* else it stays damaged */
			mend(index + at);
	log_place_write(place, LOG_FILE_INDEX, index, total);
}

static void go_on(const struct log_place *place)
{
	const struct log_writer_options options = {
		.directory = place->directory,
		.run = LOG_PLACE_RUN,
		.attempt = LOG_PLACE_ATTEMPT,
		.limit_bytes = BYTES,
	};
	struct log_writer *writer = NULL;

	if (log_writer_recover(&options, &writer, NULL) != 0)
		return;
	(void)log_writer_notice(writer, PROTOCOL_INFO, NULL, "recovered");
	if (log_writer_end(writer, NULL) != 0)
		abort();
	log_writer_destroy(writer);
	if (log_seal_attempt(place->directory, LOG_PLACE_RUN, LOG_PLACE_ATTEMPT, NULL) < 0)
		abort();
	log_place_read(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_place place;

	log_place_make(&place);
	write_streams(&place);
	write_index(&place, data, size);
	log_place_read(&place);
	go_on(&place);
	log_place_remove(&place);
	return 0;
}
