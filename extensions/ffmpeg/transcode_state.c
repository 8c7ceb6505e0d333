/* SPDX-License-Identifier: Apache-2.0 */
/* What one attempt tells the next: the checkpoint "transcode". */
#include "extensions/ffmpeg/transcode_state.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/ffmpeg/media_error.h"

#define CHECKPOINT_NAME "transcode"
#define STATE_VERSION   2
#define SAMPLE_BYTES    (256 * 1024)

/* Hashes size bytes at offset, or as many as there are. */
static int hash_part(int fd, off_t offset, size_t size, struct AVSHA *sha, uint8_t *buffer,
		     struct berth_error *err)
{
	ssize_t got;

	do {
		got = pread(fd, buffer, size, offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the input");
	av_sha_update(sha, buffer, (size_t)got);
	return 0;
}

static int hash_file(const char *path, struct AVSHA *sha, struct berth_error *err)
{
	AUTO_FREE uint8_t *buffer = malloc(SAMPLE_BYTES);
	AUTO_CLOSE int fd = -1;
	struct stat status;

	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "fingerprint");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	av_sha_update(sha, (const uint8_t *)&status.st_size, sizeof(status.st_size));
	if (hash_part(fd, 0, SAMPLE_BYTES, sha, buffer, err) < 0)
		return -1;
	if (status.st_size <= SAMPLE_BYTES)
		return 0;
	return hash_part(fd, status.st_size - SAMPLE_BYTES, SAMPLE_BYTES, sha, buffer, err);
}

int transcode_state_fingerprint(const char *path, const char *payload,
				char ret_fingerprint[TRANSCODE_FINGERPRINT_SIZE],
				struct berth_error *err)
{
	struct AVSHA *sha = av_sha_alloc();
	unsigned version = avcodec_version();
	uint8_t digest[32];
	int result;

	if (!sha)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "fingerprint");
	(void)av_sha_init(sha, 256); /* fails only for a length it does not know */
	av_sha_update(sha, (const uint8_t *)&version, sizeof(version));
	av_sha_update(sha, (const uint8_t *)payload, strlen(payload));
	result = hash_file(path, sha, err);
	av_sha_final(sha, digest);
	av_free(sha);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(ret_fingerprint + 2 * i, 3, "%02x", digest[i]);
	return result;
}

static int parse_state(const char *text, const char *fingerprint, struct transcode_state *state)
{
	AUTO_JSON json_t *object = NULL;
	json_int_t version, attempts, done, frames, cpu_ns;
	const char *hash;

	if (json_parse(text, strlen(text), &object, NULL) < 0)
		return 1;
	if (json_unpack(object, "{sI ss sI sI sI sI}", "version", &version, "fingerprint", &hash,
			"attempts", &attempts, "segments_done", &done, "frames_encoded", &frames,
			"cpu_ns", &cpu_ns) < 0)
		return 1;
	if (version != STATE_VERSION || strcmp(hash, fingerprint) != 0)
		return 1;
	*state = (struct transcode_state){.attempts = attempts,
					  .segments_done = done,
					  .frames_encoded = frames,
					  .cpu_ns = (uint64_t)cpu_ns};
	(void)snprintf(state->fingerprint, sizeof(state->fingerprint), "%s", fingerprint);
	return 0;
}

int transcode_state_restore(struct berth_task *task, const char *fingerprint,
			    struct transcode_state *ret_state, struct berth_error *err)
{
	struct berth_task_error task_error = {0};
	AUTO_FREE char *text = NULL;

	if (berth_task_restore(task, CHECKPOINT_NAME, &text, &task_error) < 0)
		return berth_fail(err, BERTH_SYSTEM, task_error.errnum, "restore: %s",
				  task_error.message);
	if (!text)
		return 1;
	return parse_state(text, fingerprint, ret_state);
}

int transcode_state_save(struct berth_task *task, const struct transcode_state *state,
			 struct berth_error *err)
{
	struct berth_task_error task_error = {0};
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *text = NULL;

	object = json_pack("{si ss sI sI sI sI}", "version", STATE_VERSION, "fingerprint",
			   state->fingerprint, "attempts", (json_int_t)state->attempts,
			   "segments_done", (json_int_t)state->segments_done, "frames_encoded",
			   (json_int_t)state->frames_encoded, "cpu_ns", (json_int_t)state->cpu_ns);
	text = object ? json_format_compact(object) : NULL;
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "checkpoint");
	if (berth_task_checkpoint(task, CHECKPOINT_NAME, text, &task_error) < 0)
		return berth_fail(err, BERTH_SYSTEM, task_error.errnum, "checkpoint: %s",
				  task_error.message);
	return 0;
}
