/* SPDX-License-Identifier: Apache-2.0 */
/* Filling and forwarding struct berth_error without allocating. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
	[BERTH_NONE] = "none",           [BERTH_SYSTEM] = "system",
	[BERTH_INVALID] = "invalid",     [BERTH_LIMIT] = "limit",
	[BERTH_NOT_FOUND] = "not_found", [BERTH_UNSUPPORTED] = "unsupported",
	[BERTH_DENIED] = "denied",       [BERTH_PROTOCOL] = "protocol",
	[BERTH_MEMORY] = "memory",
};

const char *berth_code_name(enum berth_code code)
{
	if ((size_t)code >= sizeof(code_names) / sizeof(code_names[0]))
		return "unknown";
	return code_names[code];
}

int berth_fail(struct berth_error *err, enum berth_code code, int errnum, const char *format, ...)
{
	va_list args;
	size_t used;
	int length;

	if (!err)
		return -1;

	err->code = code;
	err->errnum = errnum;
	va_start(args, format);
	length = vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	if (errnum && length >= 0 && (size_t)length < sizeof(err->message)) {
		used = (size_t)length;
		/* strerrordesc_np(3) is async-signal-safe and does not translate */
		(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s",
			       strerrordesc_np(errnum) ?: "unknown error");
	}
	return -1;
}

int berth_fail_context(struct berth_error *err, const char *format, ...)
{
	char context[sizeof(err->message)];
	size_t used, kept;
	va_list args;
	int length;

	if (!err)
		return -1;

	va_start(args, format);
	length = vsnprintf(context, sizeof(context) - sizeof(": "), format, args);
	va_end(args);
	if (length < 0)
		return -1;
	used = strlen(context);
	memcpy(context + used, ": ", 2);
	used += 2;
	/* a long chain of contexts is cut at its end, never overrun */
	kept = strnlen(err->message, sizeof(err->message) - used - 1);
	memmove(err->message + used, err->message, kept);
	err->message[used + kept] = '\0';
	memcpy(err->message, context, used);
	return -1;
}
