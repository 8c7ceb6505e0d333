/* SPDX-License-Identifier: Apache-2.0 */
/* The error object every fallible function fills: one code, one errno, one sentence. */
#pragma once

#include <stddef.h>

enum berth_code {
	BERTH_NONE = 0,
	BERTH_SYSTEM,      /* a system call failed; errnum is set */
	BERTH_INVALID,     /* the caller's or user's input is wrong */
	BERTH_LIMIT,       /* a named limit was exceeded */
	BERTH_NOT_FOUND,   /* the named thing does not exist */
	BERTH_UNSUPPORTED, /* this host cannot do it */
	BERTH_DENIED,      /* policy or permission refuses it */
	BERTH_PROTOCOL,    /* a peer broke the protocol */
	BERTH_MEMORY,      /* allocation failed */
};

/* Fixed size and free of pointers, so that it crosses clone(2) and pipes unchanged. */
struct berth_error {
	enum berth_code code;
	int errnum; /* 0 when no system call was involved */
	char message[256];
};

/* Fills *err (err may be NULL) and returns -1, so that callers can `return berth_fail(...)`.
 * errnum, when not 0, is appended to the message as its strerror text. Allocates nothing. */
int berth_fail(struct berth_error *err, enum berth_code code, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

/* Puts "<context>: " before the message of an error that is being forwarded; returns -1. */
int berth_fail_context(struct berth_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* The code's name as used in JSON output, e.g. "not_found"; never NULL. */
const char *berth_code_name(enum berth_code code);
