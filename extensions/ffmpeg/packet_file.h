/* SPDX-License-Identifier: Apache-2.0 */
/* A file of encoded packets that survives a kill at any moment: every record has a checksum, and
 * what was written up to the last whole group of pictures can be continued.
 *
 * A record's index is its frame's place in display order, from 0. Encoders emit packets in decode
 * order; the first n records can be continued when their indices are exactly 0 … n-1. */
#pragma once

#include <libavcodec/packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PACKET_FILE_EXTRADATA_MAX 4096
#define PACKET_FILE_PACKET_MAX    (64 * 1024 * 1024)

struct packet_file_format {
	int32_t time_base_num, time_base_den;
	int32_t delay; /* video: reordered frames; audio: samples of priming */
	uint32_t extradata_size;
	uint8_t extradata[PACKET_FILE_EXTRADATA_MAX];
};

struct packet_file_writer {
	int fd;
	int64_t count; /* records */
};

/* Where a file that an earlier attempt left can be continued. */
struct packet_file_state {
	struct packet_file_format format;
	bool complete;
	int64_t count;     /* records that are kept */
	int64_t lost;      /* records behind them that are not */
	int64_t last_pts;  /* the latest of the kept ones */
	int64_t end_bytes; /* where the kept ones end */
};

struct packet_file_reader {
	int fd;
	struct packet_file_format format;
	uint8_t *buffer; /* of buffered reads */
	size_t used, filled;
	int64_t count;
	bool ended;
};

/* Creates or replaces directory/name. */
int packet_file_create(int directory, const char *name, const struct packet_file_format *format,
		       struct packet_file_writer *ret_writer, struct berth_error *err);

/* Reads what is there. 0: *ret_state is set; 1: there is no file, or nothing of use in it. */
int packet_file_inspect(int directory, const char *name, struct packet_file_state *ret_state,
			struct berth_error *err);

/* Opens an inspected, incomplete file behind its kept records and cuts off the rest. */
int packet_file_continue(int directory, const char *name, const struct packet_file_state *state,
			 struct packet_file_writer *ret_writer, struct berth_error *err);

int packet_file_append(struct packet_file_writer *writer, const AVPacket *packet, int64_t index,
		       struct berth_error *err);
/* What was appended is on the disk afterwards (fdatasync(2)). */
int packet_file_sync(struct packet_file_writer *writer, struct berth_error *err);
/* Marks the file complete, durably, and closes it. */
int packet_file_complete(struct packet_file_writer *writer, struct berth_error *err);
/* Closes without marking; accepts a writer whose fd is -1. */
void packet_file_close(struct packet_file_writer *writer);

/* Opens a complete file for reading from its first record. */
int packet_file_open(int directory, const char *name, struct packet_file_reader *ret_reader,
		     struct berth_error *err);
/* 0: *packet is filled (pts, duration, flags, data; dts is not stored); 1: end; a broken record
 * fails with BERTH_PROTOCOL. */
int packet_file_next(struct packet_file_reader *reader, AVPacket *packet, struct berth_error *err);
/* Accepts a zeroed reader. */
void packet_file_reader_finish(struct packet_file_reader *reader);
