/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of which connection were recorded, for the connections that spoke last. */
#include "runner/log/log_keys.h"

#include <string.h>

/* count when it is not there. */
static size_t find(const struct log_keys *keys, uint64_t connection)
{
	size_t at = 0;

	while (at < keys->count && keys->rows[at].connection != connection)
		at++;
	return at;
}

bool log_keys_know(const struct log_keys *keys, const struct log_key *key)
{
	size_t at = find(keys, key->connection);

	return at < keys->count && key->sequence <= keys->rows[at].sequence;
}

void log_keys_add(struct log_keys *keys, const struct log_key *key)
{
	size_t at = find(keys, key->connection);

	if (at == keys->count) {
		if (keys->count < LOG_KEYS_MAX)
			keys->count++;
		else
			at--;
	}
	memmove(&keys->rows[1], &keys->rows[0], at * sizeof(keys->rows[0]));
	keys->rows[0] = *key;
}

bool log_keys_add_older(struct log_keys *keys, const struct log_key *key)
{
	if (find(keys, key->connection) == keys->count) {
		if (keys->count == LOG_KEYS_MAX)
			return false;
		keys->rows[keys->count++] = *key;
	}
	return true;
}
