/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher tells the operator: lines on stderr, which is the journal under systemd. */
#pragma once

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
