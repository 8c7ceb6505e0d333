/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files of an attempt's log are: names that follow from the run's number alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The first four are also the sections of a sealed file, in this order. */
enum log_file {
	LOG_FILE_INDEX,
	LOG_FILE_STDOUT,
	LOG_FILE_STDERR,
	LOG_FILE_MESSAGES,
	LOG_FILE_SEALED,
	LOG_FILE_UNFINISHED, /* what is being sealed */
	LOG_FILES,
};
#define LOG_SECTIONS  LOG_FILE_SEALED

#define LOG_NAME_SIZE 64

/* "idx", "out", "err", "log", "zst": what their names end with. */
const char *log_name_suffix(enum log_file file);

/* "2026112514", the hour of the run's number in UTC. Returns target. */
char *log_name_directory(int64_t run, char target[LOG_NAME_SIZE]);
/* "2026112514/run_0c2….1.idx". Returns target. */
char *log_name_format(int64_t run, int64_t attempt, enum log_file file, char target[LOG_NAME_SIZE]);

/* The inverse of log_name_format() without its directory; false: it is none of these. */
bool log_name_parse(const char *name, int64_t *ret_run, int64_t *ret_attempt,
		    enum log_file *ret_file);
bool log_name_is_directory(const char *name);

/* Removes what there is of one attempt, or all but the sealed file; the index goes after what it
 * describes, so that no bytes are there without their index. ret_removed may be NULL. */
int log_name_remove(int directory, int64_t run, int64_t attempt, bool with_sealed,
		    uint64_t *ret_removed, struct berth_error *err);
