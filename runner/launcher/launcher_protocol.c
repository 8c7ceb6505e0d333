/* SPDX-License-Identifier: Apache-2.0 */
/* Checking packets against their rows, and sorting their descriptors. */
#include "runner/launcher/launcher_protocol.h"

#include <string.h>

#include "base/cleanup.h"

#define TOKEN_DIGITS (LAUNCHER_TOKEN_SIZE - 1)

const struct launcher_message_row *launcher_message_find(uint16_t kind)
{
	for (size_t i = 0; i < launcher_message_count; i++)
		if (launcher_messages[i].kind == kind)
			return &launcher_messages[i];
	return NULL;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Exactly 32 digits, or nothing at all. */
static bool is_token(const char token[LAUNCHER_TOKEN_SIZE])
{
	if (!token[0])
		return is_zero((const uint8_t *)token, LAUNCHER_TOKEN_SIZE);
	return memchr(token, '\0', LAUNCHER_TOKEN_SIZE) == token + TOKEN_DIGITS &&
	       strspn(token, "0123456789abcdef") == TOKEN_DIGITS;
}

static int check_name(const struct launcher_header *header, const struct launcher_message_row *row,
		      struct berth_error *err)
{
	bool may_name =
		row->names_run || row->kind == LAUNCHER_DISCARD || row->kind == LAUNCHER_REFUSED;

	if (!is_zero(header->reserved, sizeof(header->reserved)))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: reserved bytes are set", row->name);
	if (!is_token(header->token))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: the token is not 32 digits",
				  row->name);
	if (header->run < 0 || (header->run > 0 && !may_name))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: it names a run", row->name);
	if (row->names_run && (header->run == 0 || !header->token[0]))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: it names no run", row->name);
	if (row->kind == LAUNCHER_DISCARD && (header->run == 0 || header->token[0]))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: it names a run and no token",
				  row->name);
	return 0;
}

static unsigned passed(const void *packet, const struct launcher_message_row *row)
{
	uint32_t value = row->must_pass;

	if (row->passed_at)
		memcpy(&value, (const char *)packet + row->passed_at, sizeof(value));
	return value;
}

static int check_descriptors(const void *packet, const struct launcher_message_row *row,
			     size_t count, struct berth_error *err)
{
	unsigned list = passed(packet, row);

	if (list & ~row->may_pass)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: it may not pass descriptors %#x",
				  row->name, list & ~row->may_pass);
	if ((size_t)__builtin_popcount(list) != count)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: %zu descriptors instead of %d",
				  row->name, count, __builtin_popcount(list));
	return 0;
}

int launcher_packet_check(const void *packet, size_t length, size_t descriptor_count,
			  enum launcher_direction direction,
			  const struct launcher_message_row **ret_row, struct berth_error *err)
{
	const struct launcher_message_row *row;
	struct launcher_header header;

	if (length < sizeof(header))
		return berth_fail(err, BERTH_PROTOCOL, 0, "a packet of %zu bytes has no header",
				  length);
	memcpy(&header, packet, sizeof(header));
	if (header.version != LAUNCHER_PROTOCOL_VERSION)
		return berth_fail(err, BERTH_PROTOCOL, 0, "protocol version %u instead of %d",
				  header.version, LAUNCHER_PROTOCOL_VERSION);
	row = launcher_message_find(header.kind);
	if (!row || row->direction != direction)
		return berth_fail(err, BERTH_PROTOCOL, 0, "message %u does not exist %s",
				  header.kind,
				  direction == LAUNCHER_UP ? "towards the launcher"
							   : "towards the supervisor");
	if (header.bytes != length || length < row->bytes || (length > row->bytes && !row->is_open))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s: %zu bytes, said to be %u, of %u",
				  row->name, length, header.bytes, row->bytes);
	if (check_name(&header, row, err) < 0 ||
	    check_descriptors(packet, row, descriptor_count, err) < 0)
		return -1;
	*ret_row = row;
	return 0;
}

void launcher_packet_sort(const void *packet, const struct launcher_message_row *row,
			  const int *fds, struct launcher_descriptors *ret_descriptors)
{
	unsigned list = passed(packet, row);
	size_t next = 0;

	launcher_descriptors_init(ret_descriptors);
	for (size_t i = 0; i < LAUNCHER_PASS_COUNT; i++)
		if (list & (1U << i))
			ret_descriptors->fds[i] = fds[next++];
}

unsigned launcher_descriptors_list(const struct launcher_descriptors *descriptors,
				   int ret_fds[LAUNCHER_PASS_COUNT], size_t *ret_count)
{
	unsigned list = 0;
	size_t count = 0;

	for (size_t i = 0; i < LAUNCHER_PASS_COUNT; i++) {
		if (descriptors->fds[i] < 0)
			continue;
		list |= 1U << i;
		ret_fds[count++] = descriptors->fds[i];
	}
	*ret_count = count;
	return list;
}

void launcher_descriptors_init(struct launcher_descriptors *descriptors)
{
	for (size_t i = 0; i < LAUNCHER_PASS_COUNT; i++)
		descriptors->fds[i] = -1;
}

void launcher_descriptors_close(struct launcher_descriptors *descriptors)
{
	for (size_t i = 0; i < LAUNCHER_PASS_COUNT; i++)
		close_fd(&descriptors->fds[i]);
}

struct launcher_header launcher_header_make(uint16_t kind, size_t bytes, int64_t run,
					    const char *token)
{
	struct launcher_header header = {
		.version = LAUNCHER_PROTOCOL_VERSION,
		.kind = kind,
		.bytes = (uint32_t)bytes,
		.run = run,
	};

	if (token)
		memcpy(header.token, token, strnlen(token, TOKEN_DIGITS));
	return header;
}
