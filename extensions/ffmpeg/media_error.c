/* SPDX-License-Identifier: Apache-2.0 */
/* What a libav* return code means to a task: whether another attempt can help, and in which words.
 */
#include "extensions/ffmpeg/media_error.h"

#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define COMPLAINT_SIZE 160

struct error_row {
	int averror;
	enum berth_code code;
	int errnum;
};

/* ENOMEM is a limit here: a run that needs more than its machine has is killed by its cgroup, so
 * the libraries only ever see it when a file asks for an absurd size. */
static const struct error_row error_rows[] = {
	{AVERROR(ENOMEM),           BERTH_LIMIT,       ENOMEM   },
	{AVERROR(EIO),              BERTH_SYSTEM,      EIO      },
	{AVERROR(ENOSPC),           BERTH_SYSTEM,      ENOSPC   },
	{AVERROR(EDQUOT),           BERTH_SYSTEM,      EDQUOT   },
	{AVERROR(EMFILE),           BERTH_SYSTEM,      EMFILE   },
	{AVERROR(EACCES),           BERTH_SYSTEM,      EACCES   },
	{AVERROR(EROFS),            BERTH_SYSTEM,      EROFS    },
	{AVERROR(EAGAIN),           BERTH_SYSTEM,      EAGAIN   }, /* pthread_create(3) */
	{AVERROR_EXIT,              BERTH_SYSTEM,      ECANCELED},
	{AVERROR_DECODER_NOT_FOUND, BERTH_UNSUPPORTED, 0        },
	{AVERROR_ENCODER_NOT_FOUND, BERTH_UNSUPPORTED, 0        },
	{AVERROR_PATCHWELCOME,      BERTH_UNSUPPORTED, 0        },
};

/* The libraries' log is the one global the house style allows: a sink of bytes. */
static pthread_mutex_t complaint_lock = PTHREAD_MUTEX_INITIALIZER;
static char complaint[COMPLAINT_SIZE];

__attribute__((format(printf, 3, 0))) static void keep_complaint(void *object, int level,
								 const char *format, va_list args)
{
	char line[COMPLAINT_SIZE];
	size_t length;

	(void)object;
	if (level > AV_LOG_ERROR)
		return;
	if (vsnprintf(line, sizeof(line), format, args) < 0)
		return;
	length = strcspn(line, "\n");
	if (length == 0)
		return;
	(void)pthread_mutex_lock(&complaint_lock);
	(void)text_sanitize(line, length, complaint, sizeof(complaint));
	(void)pthread_mutex_unlock(&complaint_lock);
}

void media_error_capture(void)
{
	av_log_set_callback(keep_complaint);
}

static void append_complaint(struct berth_error *err)
{
	size_t used = strlen(err->message);

	(void)pthread_mutex_lock(&complaint_lock);
	if (complaint[0] && used < sizeof(err->message))
		(void)snprintf(err->message + used, sizeof(err->message) - used, " (%s)",
			       complaint);
	complaint[0] = '\0';
	(void)pthread_mutex_unlock(&complaint_lock);
}

int media_fail(struct berth_error *err, int averror, const char *format, ...)
{
	struct error_row row = {averror, BERTH_INVALID, 0};
	char what[128], reason[AV_ERROR_MAX_STRING_SIZE];
	va_list args;

	for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++)
		if (error_rows[i].averror == averror)
			row = error_rows[i];
	va_start(args, format);
	if (vsnprintf(what, sizeof(what), format, args) < 0)
		what[0] = '\0';
	va_end(args);
	if (row.errnum)
		return berth_fail(err, row.code, row.errnum, "%s", what);
	(void)av_strerror(averror, reason, sizeof(reason));
	(void)berth_fail(err, row.code, 0, "%s: %s", what, reason);
	if (err)
		append_complaint(err);
	return -1;
}

int media_fail_cancelled(struct berth_error *err)
{
	return berth_fail(err, BERTH_SYSTEM, ECANCELED, "asked to end");
}

bool media_error_is_cancelled(const struct berth_error *err)
{
	return err->errnum == ECANCELED;
}

bool media_error_is_permanent(const struct berth_error *err)
{
	return err->code != BERTH_SYSTEM && err->code != BERTH_MEMORY;
}

const char *media_error_name(const struct berth_error *err)
{
	if (media_error_is_cancelled(err))
		return "Cancelled";
	switch (err->code) {
	case BERTH_INVALID:
	case BERTH_NOT_FOUND:
		return "InvalidInput";
	case BERTH_LIMIT:
		return "LimitExceeded";
	case BERTH_UNSUPPORTED:
		return "Unsupported";
	case BERTH_MEMORY:
		return "OutOfMemory";
	case BERTH_NONE:
	case BERTH_SYSTEM:
	case BERTH_DENIED:
	case BERTH_PROTOCOL:
	default:
		return "System";
	}
}
