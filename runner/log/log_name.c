/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files of an attempt's log are: names that follow from the run's number alone. */
#include "runner/log/log_name.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/identifier.h"

#define DIRECTORY_DIGITS 10

static const char *const suffixes[LOG_FILES] = {
	[LOG_FILE_INDEX] = "idx",    [LOG_FILE_STDOUT] = "out", [LOG_FILE_STDERR] = "err",
	[LOG_FILE_MESSAGES] = "log", [LOG_FILE_SEALED] = "zst", [LOG_FILE_UNFINISHED] = "zst.new",
};

const char *log_name_suffix(enum log_file file)
{
	return suffixes[file];
}

char *log_name_directory(int64_t run, char target[LOG_NAME_SIZE])
{
	time_t seconds = (time_t)(identifier_number_ms(run) / 1000);
	struct tm hour = {0};

	(void)gmtime_r(&seconds, &hour); /* 41 bits of milliseconds are a year before 2090 */
	(void)snprintf(target, LOG_NAME_SIZE, "%04d%02d%02d%02d", hour.tm_year + 1900,
		       hour.tm_mon + 1, hour.tm_mday, hour.tm_hour);
	return target;
}

char *log_name_format(int64_t run, int64_t attempt, enum log_file file, char target[LOG_NAME_SIZE])
{
	char directory[LOG_NAME_SIZE], name[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("run", run, name);
	(void)snprintf(target, LOG_NAME_SIZE, "%.10s/%s.%" PRId64 ".%s",
		       log_name_directory(run, directory), name, attempt, suffixes[file]);
	return target;
}

bool log_name_parse(const char *name, int64_t *ret_run, int64_t *ret_attempt,
		    enum log_file *ret_file)
{
	const char *dot = strchr(name, '.');
	char run[IDENTIFIER_NUMBER_SIZE], *end;
	intmax_t attempt;
	int64_t number;

	if (!dot || (size_t)(dot - name) >= sizeof(run))
		return false;
	memcpy(run, name, (size_t)(dot - name));
	run[dot - name] = '\0';
	if (identifier_parse_number("run", run, &number, NULL) < 0 || dot[1] < '1' || dot[1] > '9')
		return false;
	errno = 0;
	attempt = strtoimax(dot + 1, &end, 10);
	if (errno || *end != '.')
		return false;
	for (enum log_file file = LOG_FILE_INDEX; file < LOG_FILES; file++) {
		if (strcmp(end + 1, suffixes[file]) != 0)
			continue;
		*ret_run = number;
		*ret_attempt = attempt;
		*ret_file = file;
		return true;
	}
	return false;
}

bool log_name_is_directory(const char *name)
{
	return strspn(name, "0123456789") == DIRECTORY_DIGITS && name[DIRECTORY_DIGITS] == '\0';
}

int log_name_remove(int directory, int64_t run, int64_t attempt, bool with_sealed,
		    uint64_t *ret_removed, struct berth_error *err)
{
	static const enum log_file order[] = {LOG_FILE_UNFINISHED, LOG_FILE_STDOUT,
					      LOG_FILE_STDERR,     LOG_FILE_MESSAGES,
					      LOG_FILE_INDEX,      LOG_FILE_SEALED};
	size_t count = sizeof(order) / sizeof(order[0]) - (with_sealed ? 0 : 1);
	uint64_t removed = 0;
	char name[LOG_NAME_SIZE];

	for (size_t i = 0; i < count; i++) {
		(void)log_name_format(run, attempt, order[i], name);
		if (unlinkat(directory, name, 0) == 0)
			removed++;
		else if (errno != ENOENT)
			return berth_fail(err, BERTH_SYSTEM, errno, "remove the log %s", name);
	}
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}
