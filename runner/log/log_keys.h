/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of which connection were recorded, for the connections that spoke last. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extensions/task/protocol_table.h"
#include "runner/log/log_index.h"

#define LOG_KEYS_MAX (2 * PROTOCOL_CONNECTIONS_MAX)

/* Zeroed: none. */
struct log_keys {
	size_t count;
	struct log_key rows[LOG_KEYS_MAX]; /* each connection's last, the newest first */
};

bool log_keys_know(const struct log_keys *keys, const struct log_key *key);
/* A message was recorded now; the connection that was silent longest may be forgotten. */
void log_keys_add(struct log_keys *keys, const struct log_key *key);
/* A message was recorded before all those that were added. false: there is no room for more. */
bool log_keys_add_older(struct log_keys *keys, const struct log_key *key);
