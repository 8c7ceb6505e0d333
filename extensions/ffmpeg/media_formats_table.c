/* SPDX-License-Identifier: Apache-2.0 */
/* The containers and decoders a task may hand foreign bytes to; everything else is refused.
 * Playlists, image sequences, network and device inputs are left out on purpose: they open other
 * files than the one that was given (hls, dash, concat, image2, sdp, rtsp, imf, tee …). */
#include "extensions/ffmpeg/media_formats_table.h"

#include <assert.h>
#include <string.h>

static const struct media_format formats[] = {
	{"mov",       true,  true },
        {"matroska",  true,  true },
        {"mpegts",    false, false},
	{"mpeg",      false, false},
        {"avi",       false, false},
        {"flv",       false, false},
	{"asf",       false, false},
        {"ogg",       false, false},
        {"mxf",       false, false},
	{"rm",        false, false},
        {"dv",        false, false},
        {"ivf",       false, false},
	{"nut",       false, false},
        {"gif",       false, false},
        {"h264",      false, false},
	{"hevc",      false, false},
        {"m4v",       false, false},
        {"mpegvideo", false, false},
	{"obu",       false, false},
        {"wav",       false, false},
        {"w64",       false, false},
	{"aiff",      false, false},
        {"caf",       false, false},
        {"mp3",       false, false},
	{"aac",       false, false},
        {"ac3",       false, false},
        {"eac3",      false, false},
	{"flac",      false, false},
        {"amr",       false, false},
};

const char media_decoder_whitelist[] =
	/* video */
	"h264,hevc,libdav1d,av1,vp8,vp9,mpeg1video,mpeg2video,mpeg4,h263,h263p,flv,"
	"msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,theora,mjpeg,prores,dnxhd,cfhd,dvvideo,"
	"ffv1,huffyuv,ffvhuff,utvideo,rawvideo,v210,png,gif,qtrle,rpza,cinepak,svq1,svq3,rv30,rv40,"
	"vp6,vp6f,flashsv,flashsv2,"
	/* audio */
	"aac,mp3float,mp3,mp2float,mp2,ac3,eac3,dca,truehd,mlp,opus,vorbis,flac,alac,"
	"wmav1,wmav2,wmapro,amrnb,amrwb,adpcm_ima_wav,adpcm_ms,adpcm_ima_qt,cook,nellymoser,"
	"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,pcm_s8,"
	"pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd";

const struct media_format *media_format_find(const char *demuxer_name)
{
	size_t length = strcspn(demuxer_name, ",");

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == length &&
		    strncmp(formats[i].name, demuxer_name, length) == 0)
			return &formats[i];
	return NULL;
}

void media_format_list(char ret_list[MEDIA_FORMAT_LIST_SIZE])
{
	size_t used = 0, length;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		length = strlen(formats[i].name);
		assert(used + length + 1 < MEDIA_FORMAT_LIST_SIZE);
		memcpy(ret_list + used, formats[i].name, length);
		used += length;
		ret_list[used++] = ',';
	}
	ret_list[used - 1] = '\0';
}
