/* SPDX-License-Identifier: Apache-2.0 */
/* How a coded picture is meant to be seen: rotation, pixel shape, and the size that follows. */
#include "extensions/ffmpeg/media_picture.h"

#include <libavutil/display.h>
#include <libavutil/mathematics.h>
#include <math.h>
#include <stdint.h>

#define ASPECT_MAX 16 /* a pixel 16 times as wide as high is damage, not cinema */

int media_picture_rotation(const AVStream *stream)
{
	size_t size = 0;
	const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
	double angle;
	int quarters;

	if (!data || size < 9 * sizeof(int32_t))
		return 0;
	/* av_display_rotation_get() is counter-clockwise, in (-180, 180] */
	angle = -av_display_rotation_get((const int32_t *)(const void *)data);
	if (isnan(angle))
		return 0;
	quarters = (int)lround(angle / 90);
	return ((quarters % 4 + 4) % 4) * 90;
}

static int at_least_one(int64_t value)
{
	if (value < 1)
		return 1;
	return value > INT32_MAX ? INT32_MAX : (int)value;
}

void media_picture_init(struct media_picture *picture, int width, int height, AVRational aspect,
			int rotation)
{
	int display_width = width;

	if (aspect.num <= 0 || aspect.den <= 0 || av_q2d(aspect) > ASPECT_MAX ||
	    av_q2d(aspect) < 1.0 / ASPECT_MAX)
		aspect = (AVRational){1, 1};
	display_width = at_least_one(av_rescale(width, aspect.num, aspect.den));
	*picture = (struct media_picture){
		.width = width,
		.height = height,
		.aspect = aspect,
		.rotation = rotation,
		.display_width = rotation % 180 == 0 ? display_width : height,
		.display_height = rotation % 180 == 0 ? height : display_width,
	};
}
