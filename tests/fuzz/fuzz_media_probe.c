/* SPDX-License-Identifier: Apache-2.0 */
/* What video.probe does with a file, from its first byte to the last packet. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/probe_fill.h"
#include "extensions/ffmpeg/probe_packets.h"
#include "extensions/ffmpeg/probe_stream.h"

#define INPUT_MAX (256 * 1024)

static void probe(const char *path, enum media_depth depth)
{
	struct media_guard guard = {.patience_ns = 5 * CLOCK_NS_PER_S};
	struct media_input input = {0};
	AUTO_JSON json_t *streams = json_array();
	struct berth_error err;

	media_guard_renew(&guard);
	if (media_input_init(&input, path, depth, &guard, &err) == 0 &&
	    (!input.header_sufficed || probe_fill(&input, &err) >= 0)) {
		for (unsigned i = 0; i < input.format->nb_streams; i++)
			(void)json_array_append_new(
				streams, probe_stream(input.format, input.format->streams[i]));
		(void)probe_packets(&input, streams, &err);
	}
	media_input_finish(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = -1;
	char path[64];

	if (size > INPUT_MAX)
		return 0;
	media_error_capture();
	fd = memfd_create("media", MFD_CLOEXEC);
	if (fd < 0 || descriptor_write_all(fd, data, size, NULL) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	probe(path, MEDIA_HEADER);
	probe(path, MEDIA_STREAMS);
	return 0;
}
