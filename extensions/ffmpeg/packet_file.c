/* SPDX-License-Identifier: Apache-2.0 */
/* A file of encoded packets that survives a kill at any moment. */
#include "extensions/ffmpeg/packet_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/avutil.h>
#include <libavutil/crc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "extensions/ffmpeg/media_error.h"

#define MAGIC             "BERTHPK1"
#define RECORD_COMPLETE   0x80000000U /* the last record: no packet follows */
#define READ_BUFFER_BYTES (256 * 1024)

/* Files are read by the machine that wrote them: host byte order. */
struct file_header {
	char magic[8];
	int32_t time_base_num, time_base_den;
	int32_t delay;
	uint32_t extradata_size;
	uint32_t reserved;
	uint32_t checksum; /* of everything before it and the extradata */
};

struct file_record {
	uint32_t size;
	uint32_t flags; /* AV_PKT_FLAG_*, or RECORD_COMPLETE */
	int64_t pts, duration, index;
	uint32_t reserved;
	uint32_t checksum; /* of everything before it and the data */
};

_Static_assert(sizeof(struct file_header) == 32, "written as it is");
_Static_assert(sizeof(struct file_record) == 40, "written as it is");

static uint32_t checksum(const void *head, size_t head_size, const void *data, size_t size)
{
	const AVCRC *table = av_crc_get_table(AV_CRC_32_IEEE_LE);
	uint32_t sum = av_crc(table, UINT32_MAX, head, head_size);

	/* av_crc() walks from NULL when there is no data */
	return size > 0 ? av_crc(table, sum, data, size) : sum;
}

static int write_two(int fd, const void *head, size_t head_size, const void *data, size_t size,
		     struct berth_error *err)
{
	struct iovec vector[2] = {
		{(void *)(uintptr_t)head, head_size},
                {(void *)(uintptr_t)data, size     }
        };
	ssize_t written;

	do {
		written = writev(fd, vector, 2);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "write a checkpoint file");
	if ((size_t)written >= head_size + size)
		return 0;
	if ((size_t)written < head_size) {
		if (descriptor_write_all(fd, (const char *)head + written,
					 head_size - (size_t)written, err) < 0)
			return -1;
		written = (ssize_t)head_size;
	}
	return descriptor_write_all(fd, (const char *)data + ((size_t)written - head_size),
				    head_size + size - (size_t)written, err);
}

int packet_file_create(int directory, const char *name, const struct packet_file_format *format,
		       struct packet_file_writer *ret_writer, struct berth_error *err)
{
	struct file_header header = {
		.time_base_num = format->time_base_num,
		.time_base_den = format->time_base_den,
		.delay = format->delay,
		.extradata_size = format->extradata_size,
	};
	AUTO_CLOSE int fd = -1;

	if (format->extradata_size > PACKET_FILE_EXTRADATA_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "codec header of %u bytes",
				  format->extradata_size);
	memcpy(header.magic, MAGIC, sizeof(header.magic));
	header.checksum = checksum(&header, offsetof(struct file_header, checksum),
				   format->extradata, format->extradata_size);
	fd = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", name);
	if (write_two(fd, &header, sizeof(header), format->extradata, format->extradata_size, err) <
	    0)
		return -1;
	if (fsync(directory) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsync the directory of %s", name);
	*ret_writer = (struct packet_file_writer){.fd = steal_fd(&fd)};
	return 0;
}

int packet_file_append(struct packet_file_writer *writer, const AVPacket *packet, int64_t index,
		       struct berth_error *err)
{
	struct file_record record = {
		.size = (uint32_t)packet->size,
		.flags = (uint32_t)packet->flags & ~RECORD_COMPLETE,
		.pts = packet->pts,
		.duration = packet->duration,
		.index = index,
	};

	if (packet->size <= 0 || packet->size > PACKET_FILE_PACKET_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "packet of %d bytes", packet->size);
	record.checksum = checksum(&record, offsetof(struct file_record, checksum), packet->data,
				   record.size);
	if (write_two(writer->fd, &record, sizeof(record), packet->data, record.size, err) < 0)
		return -1;
	writer->count++;
	return 0;
}

int packet_file_sync(struct packet_file_writer *writer, struct berth_error *err)
{
	if (fdatasync(writer->fd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fdatasync a checkpoint file");
	return 0;
}

int packet_file_complete(struct packet_file_writer *writer, struct berth_error *err)
{
	struct file_record record = {.flags = RECORD_COMPLETE, .index = writer->count};

	record.checksum = checksum(&record, offsetof(struct file_record, checksum), NULL, 0);
	if (write_two(writer->fd, &record, sizeof(record), NULL, 0, err) < 0)
		return -1;
	if (packet_file_sync(writer, err) < 0)
		return -1;
	packet_file_close(writer);
	return 0;
}

void packet_file_close(struct packet_file_writer *writer)
{
	close_fd(&writer->fd);
}

/* Makes `size` contiguous bytes available at the reader's position. 0: there; 1: the file ends. */
static int fill(struct packet_file_reader *reader, size_t size, struct berth_error *err)
{
	ssize_t got;

	if (reader->filled - reader->used >= size)
		return 0;
	memmove(reader->buffer, reader->buffer + reader->used, reader->filled - reader->used);
	reader->filled -= reader->used;
	reader->used = 0;
	while (reader->filled < size) {
		got = read(reader->fd, reader->buffer + reader->filled,
			   READ_BUFFER_BYTES - reader->filled);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read a checkpoint file");
		if (got == 0)
			return 1;
		reader->filled += (size_t)got;
	}
	return 0;
}

/* Copies size bytes out. 0 or 1 as fill(). */
static int take(struct packet_file_reader *reader, void *target, size_t size,
		struct berth_error *err)
{
	size_t part;
	int result;

	while (size > 0) {
		part = size < READ_BUFFER_BYTES / 2 ? size : READ_BUFFER_BYTES / 2;
		result = fill(reader, part, err);
		if (result != 0)
			return result;
		memcpy(target, reader->buffer + reader->used, part);
		reader->used += part;
		target = (char *)target + part;
		size -= part;
	}
	return 0;
}

/* 0: the header is read; 1: it is none. */
static int take_header(struct packet_file_reader *reader, struct berth_error *err)
{
	struct packet_file_format *format = &reader->format;
	struct file_header header;
	int result;

	result = take(reader, &header, sizeof(header), err);
	if (result != 0)
		return result;
	if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 ||
	    header.extradata_size > PACKET_FILE_EXTRADATA_MAX || header.time_base_num <= 0 ||
	    header.time_base_den <= 0 || header.delay < 0)
		return 1;
	result = take(reader, format->extradata, header.extradata_size, err);
	if (result != 0)
		return result;
	if (header.checksum != checksum(&header, offsetof(struct file_header, checksum),
					format->extradata, header.extradata_size))
		return 1;
	format->time_base_num = header.time_base_num;
	format->time_base_den = header.time_base_den;
	format->delay = header.delay;
	format->extradata_size = header.extradata_size;
	return 0;
}

/* 0: *ret_record and *packet are filled, or the record is RECORD_COMPLETE; 1: nothing whole. */
static int take_record(struct packet_file_reader *reader, struct file_record *ret_record,
		       AVPacket *packet, struct berth_error *err)
{
	struct file_record record;
	int result;

	result = take(reader, &record, sizeof(record), err);
	if (result != 0)
		return result;
	if (record.size > PACKET_FILE_PACKET_MAX ||
	    (record.size == 0) != ((record.flags & RECORD_COMPLETE) != 0))
		return 1;
	if (record.size > 0) {
		/* a record that claims more than it has costs no memory: the file is asked first */
		if (fill(reader, record.size < READ_BUFFER_BYTES / 2 ? record.size : 1, err) != 0)
			return 1;
		result = av_new_packet(packet, (int)record.size);
		if (result < 0)
			return media_fail(err, result, "packet of %u bytes", record.size);
		result = take(reader, packet->data, record.size, err);
	}
	if (result == 0 &&
	    record.checksum != checksum(&record, offsetof(struct file_record, checksum),
					record.size > 0 ? packet->data : NULL, record.size))
		result = 1;
	if (result != 0) {
		av_packet_unref(packet);
		return result;
	}
	packet->pts = record.pts;
	packet->dts = AV_NOPTS_VALUE;
	packet->duration = record.duration;
	packet->flags = (int)(record.flags & ~RECORD_COMPLETE);
	*ret_record = record;
	return 0;
}

/* 0: opened and the header is read; 1: no such file, or not one of ours. */
static int reader_init(struct packet_file_reader *reader, int directory, const char *name,
		       struct berth_error *err)
{
	*reader = (struct packet_file_reader){.fd = -1};
	reader->fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (reader->fd < 0 && errno == ENOENT)
		return 1;
	if (reader->fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", name);
	reader->buffer = malloc(READ_BUFFER_BYTES);
	if (!reader->buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read %s", name);
	return take_header(reader, err);
}

void packet_file_reader_finish(struct packet_file_reader *reader)
{
	if (!reader->buffer && reader->fd == 0)
		return; /* zeroed, never opened */
	free(reader->buffer);
	reader->buffer = NULL;
	close_fd(&reader->fd);
}

static int inspect_records(struct packet_file_reader *reader, AVPacket *packet,
			   struct packet_file_state *state, struct berth_error *err)
{
	int64_t highest = -1, latest = INT64_MIN, seen = 0, position;
	struct file_record record = {0};
	int result;

	position = (int64_t)sizeof(struct file_header) + reader->format.extradata_size;
	state->end_bytes = position;
	while ((result = take_record(reader, &record, packet, err)) == 0) {
		av_packet_unref(packet);
		if (record.flags & RECORD_COMPLETE) {
			state->complete = record.index == state->count && state->count == seen;
			break;
		}
		position += (int64_t)sizeof(record) + record.size;
		seen++;
		highest = record.index > highest ? record.index : highest;
		latest = record.pts > latest ? record.pts : latest;
		if (highest == seen - 1) {
			state->count = seen;
			state->last_pts = latest;
			state->end_bytes = position;
		}
	}
	state->lost = seen - state->count;
	return result < 0 ? -1 : 0;
}

int packet_file_inspect(int directory, const char *name, struct packet_file_state *ret_state,
			struct berth_error *err)
{
	struct packet_file_state state = {.last_pts = INT64_MIN};
	struct packet_file_reader reader;
	AVPacket *packet = NULL;
	int result;

	result = reader_init(&reader, directory, name, err);
	if (result == 0) {
		packet = av_packet_alloc();
		result = packet ? inspect_records(&reader, packet, &state, err)
				: berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	}
	av_packet_free(&packet);
	state.format = reader.format;
	packet_file_reader_finish(&reader);
	if (result != 0)
		return result;
	if (state.count == 0 && !state.complete)
		return 1;
	*ret_state = state;
	return 0;
}

int packet_file_continue(int directory, const char *name, const struct packet_file_state *state,
			 struct packet_file_writer *ret_writer, struct berth_error *err)
{
	AUTO_CLOSE int fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", name);
	if (ftruncate(fd, state->end_bytes) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "truncate %s", name);
	if (lseek(fd, state->end_bytes, SEEK_SET) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "seek in %s", name);
	*ret_writer = (struct packet_file_writer){.fd = steal_fd(&fd), .count = state->count};
	return 0;
}

int packet_file_open(int directory, const char *name, struct packet_file_reader *ret_reader,
		     struct berth_error *err)
{
	int result = reader_init(ret_reader, directory, name, err);

	if (result > 0)
		result = berth_fail(err, BERTH_PROTOCOL, 0, "checkpoint file %s is damaged", name);
	if (result < 0)
		packet_file_reader_finish(ret_reader);
	return result;
}

int packet_file_next(struct packet_file_reader *reader, AVPacket *packet, struct berth_error *err)
{
	struct file_record record = {0};
	int result;

	if (reader->ended)
		return 1;
	result = take_record(reader, &record, packet, err);
	if (result > 0)
		return berth_fail(err, BERTH_PROTOCOL, 0, "a checkpoint file is damaged");
	if (result < 0)
		return -1;
	if (record.flags & RECORD_COMPLETE) {
		reader->ended = true;
		if (record.index != reader->count)
			return berth_fail(err, BERTH_PROTOCOL, 0, "a checkpoint file is damaged");
		return 1;
	}
	reader->count++;
	return 0;
}
