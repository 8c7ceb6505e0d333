/* SPDX-License-Identifier: Apache-2.0 */
/* Errors on the wire: {"code","message","status"}, the status as HTTP counts. */
#pragma once

#include <jansson.h>

#include "base/error.h"

struct control_error_row {
	const char *code; /* NULL ends the table */
	int status;
	enum berth_code berth_code;
	int errnum; /* that an error must have to be this one; 0: any */
	const char *help;
};
extern const struct control_error_row control_errors[];

/* The row of an error; never NULL. */
const struct control_error_row *control_error_find(const struct berth_error *err);

/* A new {"code","message","status"}; NULL when out of memory. */
json_t *control_error_format(const struct berth_error *err);

/* The inverse, for clients: fills err from such an object and returns -1; *ret_status may be
 * NULL. */
int control_error_parse(const json_t *object, int *ret_status, struct berth_error *err);
