/* SPDX-License-Identifier: Apache-2.0 */
/* The formats inputs are read from. A loader that is not here is never run, whatever libvips has.
 */
#include <string.h>

#include "extensions/vips/loader.h"

enum loader_index {
	LOADER_JPEG,
	LOADER_PNG,
	LOADER_WEBP,
	LOADER_GIF,
	LOADER_TIFF,
	LOADER_HEIF,
};

/* The bytes are measured, at 16 megapixels. */
/* clang-format off */
static const struct loader_row loader_rows[] = {
	[LOADER_JPEG] = {"jpeg", "jpegload_source", LOADER_SHRINK_POWER, LOADER_HOLDS_LINES, 2, false},
	[LOADER_PNG] = {"png", "pngload_source", LOADER_SHRINK_NONE, LOADER_HOLDS_LINES, 2, false},
	[LOADER_WEBP] = {"webp", "webpload_source", LOADER_SHRINK_SCALE, LOADER_HOLDS_WHOLE, 2, false},
	[LOADER_GIF] = {"gif", "gifload_source", LOADER_SHRINK_NONE, LOADER_HOLDS_WHOLE, 2, false},
	[LOADER_TIFF] = {"tiff", "tiffload_source", LOADER_SHRINK_NONE, LOADER_HOLDS_LINES, 2, false},
	[LOADER_HEIF] = {"heif", "heifload_source", LOADER_SHRINK_NONE, LOADER_HOLDS_WHOLE, 3, true},
};

/* One or two runs of bytes at fixed places; the second is optional. */
static const struct {
	enum loader_index loader;
	uint8_t first_length, second_offset, second_length, first_offset;
	const char *first, *second;
} signatures[] = {
	{LOADER_JPEG, 3, 0, 0, 0, "\xff\xd8\xff", ""},
	{LOADER_PNG, 8, 0, 0, 0, "\x89PNG\r\n\x1a\n", ""},
	{LOADER_WEBP, 4, 8, 4, 0, "RIFF", "WEBP"},
	{LOADER_GIF, 6, 0, 0, 0, "GIF87a", ""},
	{LOADER_GIF, 6, 0, 0, 0, "GIF89a", ""},
	{LOADER_TIFF, 4, 0, 0, 0, "II*\0", ""},
	{LOADER_TIFF, 4, 0, 0, 0, "MM\0*", ""},
	{LOADER_TIFF, 4, 0, 0, 0, "II+\0", ""}, /* BigTIFF */
	{LOADER_TIFF, 4, 0, 0, 0, "MM\0+", ""},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "heic"}, /* ISO/IEC 23008-12: the brands of HEIF */
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "heix"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "heim"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "heis"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "hevc"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "mif1"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "msf1"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "avif"},
	{LOADER_HEIF, 4, 8, 4, 4, "ftyp", "avis"},
};
/* clang-format on */

const struct loader_row *loader_recognise(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		size_t first_end = (size_t)signatures[i].first_offset + signatures[i].first_length;
		size_t second_end =
			(size_t)signatures[i].second_offset + signatures[i].second_length;

		if (length < first_end || length < second_end)
			continue;
		if (memcmp(bytes + signatures[i].first_offset, signatures[i].first,
			   signatures[i].first_length) != 0)
			continue;
		if (memcmp(bytes + signatures[i].second_offset, signatures[i].second,
			   signatures[i].second_length) == 0)
			return &loader_rows[signatures[i].loader];
	}
	return NULL;
}
