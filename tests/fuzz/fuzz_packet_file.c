/* SPDX-License-Identifier: Apache-2.0 */
/* The packet files of a transcode: any bytes are refused or read within bounds. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "extensions/ffmpeg/packet_file.h"

static void read_all(const char *path)
{
	AVPacket *packet = av_packet_alloc();
	struct packet_file_reader reader;
	int64_t records = 0;
	int result;

	if (!packet)
		abort();
	result = packet_file_open(AT_FDCWD, path, &reader, NULL);
	if (result == 0) {
		while ((result = packet_file_next(&reader, packet, NULL)) == 0) {
			av_packet_unref(packet);
			records++;
		}
		packet_file_reader_finish(&reader);
	}
	av_packet_free(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_file_state state;
	AUTO_CLOSE int fd = -1;
	char path[] = "fuzz-packet-file-XXXXXX";

	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || descriptor_write_all(fd, data, size, NULL) < 0)
		abort();
	if (packet_file_inspect(AT_FDCWD, path, &state, NULL) == 0 &&
	    (state.end_bytes > (int64_t)size || state.count < 0 || state.lost < 0))
		abort();
	read_all(path);
	(void)unlink(path);
	return 0;
}
