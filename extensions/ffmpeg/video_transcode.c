/* SPDX-License-Identifier: Apache-2.0 */
/* The task video.transcode: H.264 and AAC in an MP4 file that any player takes. */
#include "extensions/ffmpeg/media_task.h"
#include "extensions/ffmpeg/transcode_run.h"
#include "extensions/ffmpeg/transcode_settings.h"

int main(int argc, char **argv)
{
	const struct media_task definition = {
		.id = "video.transcode",
		.description = "Encode a video as H.264 and AAC in MP4, resumable; copy it when it "
			       "is that already",
		.output = "the file, its size, duration and frames, and what was copied, encoded "
			  "and resumed",
		.rows = transcode_rows,
		.row_count = transcode_row_count,
		.record_size = sizeof(struct transcode_settings),
		.run = transcode_run,
	};

	return media_task_main(&definition, argc, argv);
}
