/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt at a transcode: look, decide, encode what is missing, join, clean up. */
#include "extensions/ffmpeg/transcode_run.h"

#include <errno.h>
#include <libavutil/mathematics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "extensions/ffmpeg/audio_encode.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/media_task.h"
#include "extensions/ffmpeg/output_mux.h"
#include "extensions/ffmpeg/profile_match.h"
#include "extensions/ffmpeg/segment_directory.h"
#include "extensions/ffmpeg/transcode_picture.h"
#include "extensions/ffmpeg/transcode_pipeline.h"
#include "extensions/ffmpeg/transcode_plan.h"
#include "extensions/ffmpeg/transcode_progress.h"
#include "extensions/ffmpeg/transcode_settings.h"
#include "extensions/ffmpeg/transcode_state.h"
#include "extensions/ffmpeg/video_encoder.h"

#define PATIENCE_NS          (60 * CLOCK_NS_PER_S)
#define TRUNCATED_US         (1 * AV_TIME_BASE)
#define TRUNCATED_PER_LENGTH 50 /* 1/50 of the duration, when that is more */

/* One attempt. */
struct attempt {
	struct berth_task *task;
	const struct transcode_settings *settings;
	const char *path;
	char *output_path;
	struct media_guard guard;
	struct media_input input;       /* for the decision, then for copying the video */
	struct media_input audio_input; /* for copying the audio */
	int video, audio;               /* streams; audio -1: none */
	int64_t duration_us;
	struct profile_match match;
	struct transcode_plan plan;
	struct transcode_state state;
	struct segment_position position; /* of earlier attempts */
	struct transcode_result result;
	struct output_mux mux;
	AVCodecContext *video_encoder, *audio_encoder; /* what the segments were encoded with */
	int directory;
	uint64_t begun_ns, encoded_ns;
};

static int64_t duration_of(const struct media_input *input, const AVStream *stream)
{
	if (stream->duration != AV_NOPTS_VALUE && stream->duration > 0)
		return av_rescale_q(stream->duration, stream->time_base,
				    (AVRational){1, AV_TIME_BASE});
	return media_input_duration(input);
}

/* An index that points behind the end of the file: the rest was never uploaded. */
static int check_index(const struct attempt *attempt, AVStream *stream, struct berth_error *err)
{
	int count = avformat_index_get_entries_count(stream);
	const AVIndexEntry *entry;

	for (int i = 0; i < count; i++) {
		entry = avformat_index_get_entry(stream, i);
		if (entry->pos + entry->size > attempt->input.size_bytes)
			return berth_fail(err, BERTH_INVALID, 0,
					  "the file is cut off: packets from %d of %d on are "
					  "behind its end",
					  i + 1, count);
	}
	return 0;
}

static int open_input(struct attempt *attempt, struct berth_error *err)
{
	AVStream *stream;

	if (media_input_init(&attempt->input, attempt->path, MEDIA_STREAMS, &attempt->guard, err) <
	    0)
		return -1;
	attempt->video = media_input_best_stream(&attempt->input, AVMEDIA_TYPE_VIDEO);
	attempt->audio = media_input_best_stream(&attempt->input, AVMEDIA_TYPE_AUDIO);
	if (attempt->video < 0)
		return berth_fail(err, BERTH_INVALID, 0, "the file has %s",
				  attempt->audio < 0 ? "neither video nor audio"
						     : "audio only, no video");
	stream = attempt->input.format->streams[attempt->video];
	if (stream->codecpar->width <= 0 || stream->codecpar->height <= 0)
		return berth_fail(err, BERTH_INVALID, 0, "the video has no picture size");
	attempt->duration_us = duration_of(&attempt->input, stream);
	if (attempt->duration_us / 1000 > (int64_t)attempt->settings->max_duration_ms)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the video lasts %lld s; max_duration allows %lld s",
				  (long long)(attempt->duration_us / AV_TIME_BASE),
				  (long long)(attempt->settings->max_duration_ms / 1000));
	if (attempt->settings->allow_truncated)
		return 0;
	return check_index(attempt, stream, err);
}

static int decide(struct attempt *attempt, struct berth_error *err)
{
	struct profile_match *match = &attempt->match;

	if (attempt->settings->force) {
		match->audio = attempt->audio < 0;
		return 0;
	}
	if (profile_match(&attempt->input, attempt->video, attempt->audio, attempt->settings, match,
			  err) < 0)
		return -1;
	if (match->video)
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO,
				      "the video meets the profile already: it is copied");
	else
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO, "the video is encoded: %s",
				      match->video_reason);
	if (!match->audio)
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO, "the audio is encoded: %s",
				      match->audio_reason);
	return 0;
}

static int cpus_of(const struct attempt *attempt)
{
	double cpus = berth_task_info(attempt->task)->cpus;

	return cpus <= 1 ? 1 : (int)ceil(cpus - 0.01);
}

/* Takes over the earlier attempts' files, or begins anew. */
static int restore(struct attempt *attempt, struct berth_error *err)
{
	char fingerprint[TRANSCODE_FINGERPRINT_SIZE];
	int result;

	if (transcode_state_fingerprint(attempt->path, berth_task_info(attempt->task)->payload,
					fingerprint, err) < 0)
		return -1;
	result = transcode_state_restore(attempt->task, fingerprint, &attempt->state, err);
	if (result < 0)
		return -1;
	if (result > 0) {
		if (segment_directory_clear(attempt->directory, err) < 0)
			return -1;
		attempt->state = (struct transcode_state){0};
		memcpy(attempt->state.fingerprint, fingerprint, sizeof(fingerprint));
	}
	if (segment_find_position(attempt->directory, &attempt->position, err) < 0)
		return -1;
	attempt->state.attempts++;
	/* a killed attempt had no time to count its last frames */
	if (attempt->state.frames_encoded < attempt->position.held)
		attempt->state.frames_encoded = attempt->position.held;
	attempt->state.segments_done = attempt->position.segments;
	/* before the first packet: files of unknown work are of no use */
	return transcode_state_save(attempt->task, &attempt->state, err);
}

static int make_plan(struct attempt *attempt, struct berth_error *err)
{
	AVStream *stream = attempt->input.format->streams[attempt->video];
	const struct transcode_picture *picture = &attempt->plan.picture;
	int64_t start = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;

	transcode_picture_init(&attempt->plan.picture, attempt->input.format, stream,
			       attempt->settings);
	if (!attempt->match.video && picture->tone_map)
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO,
				      "the video is HDR (%s): it is tone-mapped to BT.709",
				      transcode_picture_hdr(picture->source_transfer));
	transcode_plan_init(&attempt->plan, attempt->settings, start, attempt->duration_us);
	if (!attempt->match.video && picture->level > transcode_level_number(attempt->settings))
		(void)berth_task_logf(attempt->task, BERTH_TASK_WARN,
				      "%dx%d at %.2f fps needs level %d.%d, which is used",
				      picture->width, picture->height, av_q2d(picture->fps),
				      picture->level / 10, picture->level % 10);
	if (segment_directory_open(attempt->task, &attempt->directory, err) < 0 ||
	    restore(attempt, err) < 0)
		return -1;
	if (attempt->position.held > 0)
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO,
				      "%lld segments and %lld frames are encoded already",
				      (long long)attempt->position.segments,
				      (long long)attempt->position.held);
	return 0;
}

static int encode(struct attempt *attempt, struct berth_error *err)
{
	struct transcode_progress progress = {.task = attempt->task,
					      .state = &attempt->state,
					      .frames_expected = attempt->plan.frames_expected,
					      .held = attempt->position.held};
	struct transcode_pipeline pipeline = {.path = attempt->path,
					      .settings = attempt->settings,
					      .plan = &attempt->plan,
					      .directory = attempt->directory,
					      .video = !attempt->match.video,
					      .audio = !attempt->match.audio,
					      .cpus = cpus_of(attempt),
					      .tick = transcode_progress_tick,
					      .owner = &progress};
	int result;

	transcode_progress_begin(&progress);
	result = transcode_pipeline_run(&pipeline, &attempt->position, &attempt->result, err);
	attempt->encoded_ns = clock_boottime_ns();
	if (attempt->result.deinterlaced > 0)
		(void)berth_task_logf(attempt->task, BERTH_TASK_INFO,
				      "%lld frames were deinterlaced",
				      (long long)attempt->result.deinterlaced);
	if (result == 0 || media_error_is_cancelled(err))
		transcode_progress_save(&progress, attempt->result.frames_encoded,
					attempt->result.segments);
	return result;
}

static int64_t origin_of(const struct media_input *input, int stream)
{
	if (input->format->start_time == AV_NOPTS_VALUE)
		return 0;
	return av_rescale_q(input->format->start_time, (AVRational){1, AV_TIME_BASE},
			    input->format->streams[stream]->time_base);
}

static int set_codec(struct output_track *track, const AVCodecParameters *copied,
		     const AVCodecContext *encoder, struct berth_error *err)
{
	int result;

	track->codec = avcodec_parameters_alloc();
	if (!track->codec)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output track");
	result = copied ? avcodec_parameters_copy(track->codec, copied)
			: avcodec_parameters_from_context(track->codec, encoder);
	return result < 0 ? media_fail(err, result, "output track") : 0;
}

static int add_video(struct attempt *attempt, struct berth_error *err)
{
	struct output_track *track = &attempt->mux.tracks[attempt->mux.track_count++];
	const AVStream *stream = attempt->input.format->streams[attempt->video];

	track->like = stream;
	track->frame_rate = stream->avg_frame_rate;
	if (attempt->match.video) {
		/* the decision has read it to the end */
		media_input_finish(&attempt->input);
		if (media_input_init(&attempt->input, attempt->path, MEDIA_STREAMS, &attempt->guard,
				     err) < 0)
			return -1;
		stream = attempt->input.format->streams[attempt->video];
		track->like = stream;
		media_input_select(&attempt->input, attempt->video);
		packet_source_stream(&track->source, &attempt->input, attempt->video,
				     origin_of(&attempt->input, attempt->video));
		return set_codec(track, stream->codecpar, NULL, err);
	}
	if (video_encoder_open(attempt->settings, &attempt->plan.picture, attempt->plan.gop_frames,
			       1, &attempt->video_encoder, err) < 0)
		return -1;
	packet_source_segments(&track->source, attempt->directory, attempt->result.segments,
			       attempt->video_encoder, attempt->plan.picture.time_base);
	track->source.origin = origin_of(&attempt->input, attempt->video);
	return set_codec(track, NULL, attempt->video_encoder, err);
}

static int add_audio(struct attempt *attempt, struct berth_error *err)
{
	struct output_track *track;
	const AVStream *stream;

	if (attempt->audio < 0)
		return 0;
	track = &attempt->mux.tracks[attempt->mux.track_count++];
	stream = attempt->input.format->streams[attempt->audio];
	track->like = stream;
	if (attempt->match.audio) {
		if (media_input_init(&attempt->audio_input, attempt->path, MEDIA_STREAMS,
				     &attempt->guard, err) < 0)
			return -1;
		stream = attempt->audio_input.format->streams[attempt->audio];
		media_input_select(&attempt->audio_input, attempt->audio);
		packet_source_stream(&track->source, &attempt->audio_input, attempt->audio,
				     origin_of(&attempt->audio_input, attempt->audio));
		return set_codec(track, stream->codecpar, NULL, err);
	}
	if (audio_encoder_open(attempt->settings, stream->codecpar->ch_layout.nb_channels,
			       &attempt->audio_encoder, err) < 0)
		return -1;
	packet_source_file(&track->source, attempt->directory, attempt->audio_encoder->time_base);
	return set_codec(track, NULL, attempt->audio_encoder, err);
}

static int join(struct attempt *attempt, struct berth_error *err)
{
	attempt->mux.path = attempt->output_path;
	attempt->mux.faststart = attempt->settings->faststart;
	attempt->mux.guard = &attempt->guard;
	media_guard_renew(&attempt->guard);
	if (add_video(attempt, err) < 0 || add_audio(attempt, err) < 0)
		return -1;
	attempt->mux.metadata = attempt->input.format->metadata;
	return output_mux_write(&attempt->mux, err);
}

/* Where the written track ends, microseconds. */
static int64_t end_of(const struct output_track *track)
{
	return av_rescale_q(track->source.end_pts, track->source.time_base,
			    (AVRational){1, AV_TIME_BASE});
}

static int check_length(const struct attempt *attempt, struct berth_error *err)
{
	const struct packet_source *video = &attempt->mux.tracks[0].source;
	int64_t length, allowed;

	if (video->packets == 0)
		return berth_fail(err, BERTH_INVALID, 0, "not one frame could be decoded");
	if (attempt->settings->allow_truncated || attempt->duration_us == 0 ||
	    !attempt->input.kind->header_tells)
		return 0;
	length = av_rescale_q(video->end_pts - video->start_pts, video->time_base,
			      (AVRational){1, AV_TIME_BASE});
	allowed = attempt->duration_us / TRUNCATED_PER_LENGTH;
	if (allowed < TRUNCATED_US)
		allowed = TRUNCATED_US;
	if (length + allowed >= attempt->duration_us)
		return 0;
	return berth_fail(err, BERTH_INVALID, 0,
			  "the video ends after %.1f s of %.1f s: the file is cut off or damaged",
			  (double)length / AV_TIME_BASE,
			  (double)attempt->duration_us / AV_TIME_BASE);
}

static json_t *describe(const struct attempt *attempt)
{
	const struct output_track *video = &attempt->mux.tracks[0];
	const char *slash = strrchr(attempt->output_path, '/');
	struct stat status = {0};
	int64_t end_us = end_of(video);
	bool remuxed = attempt->match.video && attempt->match.audio;

	if (attempt->mux.track_count > 1 && end_of(&attempt->mux.tracks[1]) > end_us)
		end_us = end_of(&attempt->mux.tracks[1]);
	(void)stat(attempt->output_path, &status); /* 0 bytes say that it is gone already */
	return json_pack(
		"{ss ss sI sf sf sI si si si sb ss ss sI sI sI sI sI sI ss? sf sf sI}", "file",
		slash ? slash + 1 : attempt->output_path, "path", attempt->output_path, "bytes",
		(json_int_t)status.st_size, "duration", (double)end_us / AV_TIME_BASE,
		"video_duration",
		(double)av_rescale_q(video->source.end_pts - video->source.start_pts,
				     video->source.time_base, (AVRational){1, AV_TIME_BASE}) /
			AV_TIME_BASE,
		"frames", (json_int_t)video->source.packets, "width", video->codec->width, "height",
		video->codec->height, "level", video->codec->level, "remuxed", remuxed, "video",
		attempt->match.video ? "copied" : "encoded", "audio",
		attempt->audio < 0     ? "none"
		: attempt->match.audio ? "copied"
				       : "encoded",
		"segments", (json_int_t)attempt->result.segments, "segments_resumed",
		(json_int_t)attempt->position.segments, "frames_resumed",
		(json_int_t)attempt->position.held, "attempts", (json_int_t)attempt->state.attempts,
		"frames_encoded", (json_int_t)attempt->state.frames_encoded, "frames_deinterlaced",
		(json_int_t)attempt->result.deinterlaced, "tone_mapped",
		!attempt->match.video && attempt->plan.picture.tone_map
			? transcode_picture_hdr(attempt->plan.picture.source_transfer)
			: NULL,
		"encode_seconds",
		attempt->encoded_ns > 0
			? (double)(attempt->encoded_ns - attempt->begun_ns) / (double)CLOCK_NS_PER_S
			: 0.0,
		"cpu_seconds", (double)attempt->state.cpu_ns / (double)CLOCK_NS_PER_S,
		"damaged_packets", (json_int_t)attempt->result.damaged);
}

static int run_attempt(struct attempt *attempt, json_t **ret_output, struct berth_error *err)
{
	if (open_input(attempt, err) < 0 || decide(attempt, err) < 0)
		return -1;
	if (!attempt->match.video || !attempt->match.audio)
		if (make_plan(attempt, err) < 0 || encode(attempt, err) < 0)
			return -1;
	if (join(attempt, err) < 0)
		return -1;
	if (check_length(attempt, err) < 0) {
		(void)remove(attempt->output_path); /* the error says what is wrong with it */
		return -1;
	}
	*ret_output = describe(attempt);
	if (!*ret_output)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	return attempt->directory >= 0 ? segment_directory_clear(attempt->directory, err) : 0;
}

int transcode_run(struct berth_task *task, const void *settings, json_t **ret_output,
		  struct berth_error *err)
{
	struct attempt attempt = {.task = task,
				  .settings = settings,
				  .directory = -1,
				  .begun_ns = clock_boottime_ns()};
	int result;

	media_task_guard(task, PATIENCE_NS, &attempt.guard);
	if (media_task_input(task, &attempt.path, err) < 0 ||
	    media_task_output_path(task, attempt.settings->name, "mp4", &attempt.output_path, err) <
		    0)
		return -1;
	result = run_attempt(&attempt, ret_output, err);
	output_mux_finish(&attempt.mux);
	avcodec_free_context(&attempt.video_encoder);
	avcodec_free_context(&attempt.audio_encoder);
	media_input_finish(&attempt.audio_input);
	media_input_finish(&attempt.input);
	close_fd(&attempt.directory);
	free(attempt.output_path);
	return result;
}
