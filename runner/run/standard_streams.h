/* SPDX-License-Identifier: Apache-2.0 */
/* berth's own stdin, stdout and stderr: never missing, and what each of them is. */
#pragma once

#include <stdbool.h>

/* A closed standard descriptor would be taken by the next open(2). Fills it with /dev/null in the
 * direction in which every use fails with EBADF, as it does on a closed one. */
void standard_streams_ensure(void);

/* true for a descriptor that cannot be written: closed by the caller (see above). */
bool standard_stream_is_closed_output(int fd);

/* true when both descriptors are one open file (2>&1, a terminal), so that what is written to them
 * has one order. */
bool standard_streams_are_one(int fd, int other_fd);

/* true when the task may have berth's own stdin: a FIFO, a file opened read-only or /dev/null, so
 * that a command that reads nothing takes nothing away. Otherwise it is relayed. */
bool standard_stream_is_plain_input(int fd);
