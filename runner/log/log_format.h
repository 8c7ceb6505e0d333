/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a record to people and to programs; whatever the task wrote, the result is safe to print:
 * well-formed UTF-8 without control bytes, anything else as "\xHH". */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/log/log_record.h"

/* Appends one line: {"time":…,"source":…,"level":…,"message":…[,"fields":…][,"partial":true]
 * [,"cut":true][,"recovered":true][,"damaged":true],"position":…} */
int log_format_json(const struct log_record *record, struct text *text, struct berth_error *err);

/* Appends one line: the local time, the level of messages, the text, the fields as name=value. */
int log_format_text(const struct log_record *record, bool colours, struct text *text,
		    struct berth_error *err);
