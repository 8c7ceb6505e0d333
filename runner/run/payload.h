/* SPDX-License-Identifier: Apache-2.0 */
/* The --payload of a run: JSON on the command line, in a file, or from stdin. */
#pragma once

#include "base/error.h"

/* given is JSON, "@FILE" or "-" (descriptor stdin_fd, read to its end). The result is checked,
 * one line and the caller's. BERTH_INVALID for what is not JSON, BERTH_LIMIT for what is larger
 * than PROTOCOL_PAYLOAD_MAX. */
int payload_read(const char *given, int stdin_fd, char **ret_text, struct berth_error *err);
