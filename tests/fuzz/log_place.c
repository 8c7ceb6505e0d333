/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with the log of one attempt, whose files hold what the fuzzer says. */
#include "tests/fuzz/log_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "runner/log/log_format.h"
#include "runner/log/log_reader.h"
#include "runner/log/log_retention.h"

#define RECORDS_MAX (1U << 20)
#define LENGTH_MAX  (256U << 10)
#define SHOWN_EACH  64 /* the formats have their own tests */
#define SHOWN_MAX   200

void log_place_make(struct log_place *place)
{
	char name[LOG_NAME_SIZE];

	memcpy(place->path, "fuzz-log-XXXXXX", sizeof("fuzz-log-XXXXXX"));
	if (!mkdtemp(place->path))
		abort();
	place->directory = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->directory < 0 ||
	    mkdirat(place->directory, log_name_directory(LOG_PLACE_RUN, name), 0700) < 0)
		abort();
}

void log_place_write(const struct log_place *place, enum log_file file, const void *data,
		     size_t size)
{
	char name[LOG_NAME_SIZE];
	AUTO_CLOSE int fd = openat(place->directory,
				   log_name_format(LOG_PLACE_RUN, LOG_PLACE_ATTEMPT, file, name),
				   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || descriptor_write_all(fd, data, size, NULL) < 0)
		abort();
}

static void show(const struct log_record *record)
{
	AUTO_TEXT struct text text = {0};
	struct log_record shown = *record;

	if (shown.length > SHOWN_MAX)
		shown.length = SHOWN_MAX;
	if (log_format_json(&shown, &text, NULL) < 0 ||
	    log_format_text(&shown, true, &text, NULL) < 0)
		abort();
}

static void read_on(struct log_reader *reader, unsigned most)
{
	struct log_record record;
	struct berth_error err;
	unsigned count = 0;
	int result;

	while (count < most && (result = log_reader_next(reader, &record, &err)) == 0) {
		if (++count == RECORDS_MAX || record.position != log_reader_position(reader))
			abort();
		if (count % SHOWN_EACH == 1)
			show(&record);
		if (record.length > LENGTH_MAX || record.fields_length > LENGTH_MAX)
			abort();
	}
}

void log_place_read(const struct log_place *place)
{
	struct log_reader *reader = NULL;
	char bytes[4096];
	size_t length;

	if (log_reader_create(place->directory, LOG_PLACE_RUN, LOG_PLACE_ATTEMPT, &reader, NULL) <
	    0)
		abort();
	read_on(reader, RECORDS_MAX);
	for (unsigned shift = 0; shift < 64; shift += 7) {
		(void)log_reader_seek_time(reader, UINT64_MAX >> shift, NULL);
		read_on(reader, 3);
		log_reader_seek(reader, UINT64_MAX >> shift);
		read_on(reader, 3);
	}
	(void)log_reader_bytes(reader, LOG_STDOUT, 10, bytes, sizeof(bytes), &length, NULL);
	log_reader_destroy(reader);
}

void log_place_remove(struct log_place *place)
{
	if (log_delete(place->directory, LOG_PLACE_RUN, LOG_PLACE_ATTEMPT, NULL) < 0)
		abort();
	(void)close(place->directory);
	(void)rmdir(place->path);
}
