/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding a run of segments that follow each other, with one encoder, into one packet file each.
 */
#include "extensions/ffmpeg/segment_encode.h"

#include <errno.h>
#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/packet_file.h"
#include "extensions/ffmpeg/video_encoder.h"

#define IN_FLIGHT_MAX 1024 /* frames an encoder may hold: look-ahead, reordering and threads */

/* A frame the encoder has and has not returned. */
struct flight {
	int64_t pts, duration;
	int64_t tick;           /* what the encoder was told: frames at the nominal rate */
	int64_t segment, index; /* index: in display order within the segment */
	bool returned;
};

struct segment_run {
	const struct segment_job *job;
	AVCodecContext *encoder; /* opened with the first frame */
	struct packet_file_format format;
	AVPacket *packet;
	AVFrame *frame;
	int64_t nominal; /* a frame's duration, for those that have none */

	/* where the frames are; files are numbered without gaps, whatever the grid leaves out */
	int64_t segment, index;
	int64_t cell;      /* of the grid, that the file's frames lie in; -1: none yet */
	int64_t last_gop;  /* of the frame sent last; -1: none */
	int64_t last_tick; /* of the frame sent last */
	struct flight flights[IN_FLIGHT_MAX];
	int64_t sent, oldest; /* how many were sent, and the first that is not returned */

	/* where the packets are: behind, by what the encoder holds */
	struct packet_file_writer writer;
	int64_t writing; /* the segment of the writer */
	bool open;       /* the writer is */
};

void segment_name(int64_t segment, char ret_name[SEGMENT_NAME_SIZE])
{
	(void)snprintf(ret_name, SEGMENT_NAME_SIZE, "%06" PRId64 ".video", segment);
}

static int open_encoder(struct segment_run *run, struct berth_error *err)
{
	const struct segment_job *job = run->job;

	if (video_encoder_open(job->settings, &job->plan->picture, job->plan->gop_frames,
			       job->threads, &run->encoder, err) < 0)
		return -1;
	if (run->encoder->extradata_size <= 0 ||
	    run->encoder->extradata_size > PACKET_FILE_EXTRADATA_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "the encoder's header has %d bytes",
				  run->encoder->extradata_size);
	run->format.delay = run->encoder->has_b_frames;
	run->format.extradata_size = (uint32_t)run->encoder->extradata_size;
	memcpy(run->format.extradata, run->encoder->extradata, run->format.extradata_size);
	return 0;
}

static int open_file(struct segment_run *run, struct berth_error *err)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(run->writing, name);
	if (packet_file_create(run->job->directory, name, &run->format, &run->writer, err) < 0)
		return -1;
	run->open = true;
	return 0;
}

static int complete_file(struct segment_run *run, struct berth_error *err)
{
	if (packet_file_complete(&run->writer, err) < 0)
		return -1;
	run->open = false;
	run->writing++;
	atomic_store(&run->job->counters->segments, run->writing);
	return 0;
}

/* Finds the frame a packet belongs to. */
static struct flight *match_packet(struct segment_run *run)
{
	struct flight *flight;

	for (int64_t i = run->oldest; i < run->sent; i++) {
		flight = &run->flights[i % IN_FLIGHT_MAX];
		if (!flight->returned && flight->tick == run->packet->pts) {
			flight->returned = true;
			while (run->oldest < run->sent &&
			       run->flights[run->oldest % IN_FLIGHT_MAX].returned)
				run->oldest++;
			return flight;
		}
	}
	return NULL;
}

/* Packets come in decode order, and no frame crosses a segment's IDR: the files follow. */
static int write_packet(struct segment_run *run, struct berth_error *err)
{
	const struct flight *flight = match_packet(run);

	if (!flight || flight->segment < run->writing)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the encoder returned a frame it was not given");
	if (run->open && run->writing < flight->segment && complete_file(run, err) < 0)
		return -1;
	if (!run->open && open_file(run, err) < 0)
		return -1;
	run->packet->pts = flight->pts;
	run->packet->duration = flight->duration;
	/* a keyframe closes the group before it: that much will not have to be repeated */
	if ((run->packet->flags & AV_PKT_FLAG_KEY) && run->writer.count > 0 &&
	    packet_file_sync(&run->writer, err) < 0)
		return -1;
	if (packet_file_append(&run->writer, run->packet, flight->index, err) < 0)
		return -1;
	(void)atomic_fetch_add(&run->job->counters->frames, 1);
	return 0;
}

/* Writes what the encoder has ready. */
static int drain(struct segment_run *run, struct berth_error *err)
{
	int result;

	while ((result = avcodec_receive_packet(run->encoder, run->packet)) == 0) {
		result = write_packet(run, err);
		av_packet_unref(run->packet);
		if (result < 0)
			return -1;
	}
	if (result == AVERROR(EAGAIN) || result == AVERROR_EOF)
		return 0;
	return media_fail(err, result, "encode");
}

/* The frame's time in frames at the nominal rate. Variable rates are rounded for the encoder, whose
 * rate control needs no more, but never to the same time twice. */
static int64_t next_tick(struct segment_run *run)
{
	const struct transcode_plan *plan = run->job->plan;
	int64_t tick = av_rescale_q(run->frame->pts - plan->first_pts, plan->picture.time_base,
				    av_inv_q(plan->picture.fps));

	if (tick <= run->last_tick)
		tick = run->last_tick + 1;
	run->last_tick = tick;
	return tick;
}

/* A frame of another cell of the grid begins another file. */
static void reach_cell(struct segment_run *run, int64_t cell)
{
	if (cell == run->cell)
		return;
	if (run->cell >= 0) {
		run->segment++;
		run->index = 0;
	}
	run->cell = cell;
}

/* The header may have promised less than there is. */
static int check_duration(const struct segment_run *run, struct berth_error *err)
{
	const struct transcode_plan *plan = run->job->plan;
	double seconds = ((double)run->frame->pts - (double)plan->first_pts) *
			 av_q2d(plan->picture.time_base);

	if (seconds * 1000 <= (double)run->job->settings->max_duration_ms)
		return 0;
	return berth_fail(err, BERTH_LIMIT, 0,
			  "a frame is shown at %.0f s; max_duration allows %.0f s", seconds,
			  (double)run->job->settings->max_duration_ms / 1000);
}

static int send_frame(struct segment_run *run, struct berth_error *err)
{
	const struct transcode_plan *plan = run->job->plan;
	int64_t gop = transcode_plan_gop(plan, run->frame->pts);
	int result;

	if (run->sent - run->oldest >= IN_FLIGHT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "the encoder holds %d frames",
				  IN_FLIGHT_MAX);
	if (check_duration(run, err) < 0)
		return -1;
	reach_cell(run, transcode_plan_segment(plan, run->frame->pts));
	run->flights[run->sent++ % IN_FLIGHT_MAX] = (struct flight){
		.pts = run->frame->pts,
		.tick = next_tick(run),
		.duration = run->frame->pkt_duration > 0 ? run->frame->pkt_duration : run->nominal,
		.segment = run->segment,
		.index = run->index++,
	};
	/* keyframes by the grid; the encoder's own counter agrees on it at a constant rate */
	run->frame->pict_type = gop != run->last_gop ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	run->last_gop = gop;
	run->frame->pts = run->last_tick;
	result = avcodec_send_frame(run->encoder, run->frame);
	if (result < 0)
		return media_fail(err, result, "encode a frame");
	return drain(run, err);
}

static int flush(struct segment_run *run, struct berth_error *err)
{
	int result = avcodec_send_frame(run->encoder, NULL);

	if (result < 0)
		return media_fail(err, result, "encode the last frames");
	if (drain(run, err) < 0)
		return -1;
	if (run->oldest != run->sent)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the encoder kept a frame");
	/* a file that an earlier attempt had filled to the last frame is completed too */
	return run->open ? complete_file(run, err) : 0;
}

/* Goes on behind what an earlier attempt wrote. Its header is this encoder's: the payload and the
 * library are the same, or there would be no position (transcode_state_fingerprint). */
static int continue_file(struct segment_run *run, const struct segment_position *position,
			 struct berth_error *err)
{
	struct packet_file_state state;
	char name[SEGMENT_NAME_SIZE];

	segment_name(run->segment, name);
	if (packet_file_inspect(run->job->directory, name, &state, err) != 0 ||
	    state.count != position->index)
		return berth_fail(err, BERTH_PROTOCOL, 0, "segment %s has changed", name);
	if (packet_file_continue(run->job->directory, name, &state, &run->writer, err) < 0)
		return -1;
	run->open = true;
	run->index = position->index;
	run->cell = transcode_plan_segment(run->job->plan, state.last_pts);
	return 0;
}

static int encode_run(struct segment_run *run, const struct segment_position *position,
		      struct berth_error *err)
{
	int result;

	if (open_encoder(run, err) < 0)
		return -1;
	if (position->index > 0 && continue_file(run, position, err) < 0)
		return -1;
	while ((result = frame_queue_get(run->job->frames, run->frame, err)) == 0) {
		result = send_frame(run, err);
		av_frame_unref(run->frame);
		if (result < 0)
			return -1;
	}
	return result < 0 ? -1 : flush(run, err);
}

int segment_find_position(int directory, struct segment_position *ret_position,
			  struct berth_error *err)
{
	struct segment_position position = {.resume_at = INT64_MIN};
	struct packet_file_state state;
	char name[SEGMENT_NAME_SIZE];
	int result;

	for (;;) {
		segment_name(position.segments, name);
		result = packet_file_inspect(directory, name, &state, err);
		if (result < 0)
			return -1;
		if (result > 0)
			break;
		position.held += state.count;
		if (state.count > 0)
			position.resume_at = state.last_pts + 1;
		if (!state.complete) {
			position.index = state.count;
			break;
		}
		position.segments++;
	}
	*ret_position = position;
	return 0;
}

int segment_encode(const struct segment_job *job, const struct segment_position *position,
		   struct berth_error *err)
{
	struct segment_run *run = calloc(1, sizeof(*run));
	const struct transcode_picture *picture = &job->plan->picture;
	int result = -1;

	if (!run)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "segment");
	run->job = job;
	run->segment = run->writing = position->segments;
	run->cell = run->last_gop = -1;
	run->last_tick = INT64_MIN;
	run->nominal = av_rescale_q(1, av_inv_q(picture->fps), picture->time_base);
	run->writer.fd = -1;
	run->format.time_base_num = picture->time_base.num;
	run->format.time_base_den = picture->time_base.den;
	run->packet = av_packet_alloc();
	run->frame = av_frame_alloc();
	if (run->packet && run->frame)
		result = encode_run(run, position, err);
	else
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "segment");
	packet_file_close(&run->writer);
	avcodec_free_context(&run->encoder);
	av_packet_free(&run->packet);
	av_frame_free(&run->frame);
	free(run);
	return result;
}
