/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the image.variants payload and of one entry of its variants. */
#include <stddef.h>

#include "extensions/vips/request.h"

static const char *const fit_choices[] = {"cover", "contain", "inside", NULL};
static const char *const format_choices[] = {"webp", "avif", "jpeg", "png", NULL};
static const char *const fail_on_choices[] = {"none", "truncated", "error", "warning", NULL};

/* A square for lists, a column and a full screen. */
#define DEFAULT_VARIANTS                                                                           \
	"[{\"name\":\"thumb\",\"width\":200,\"height\":200,\"fit\":\"cover\"},"                    \
	"{\"name\":\"w800\",\"width\":800},"                                                       \
	"{\"name\":\"w1920\",\"width\":1920,\"quality\":85}]"

#define AT(member) offsetof(struct request, member)

/* clang-format off */
const struct field_row request_rows[] = {
	{.name = "variants", .type = FIELD_JSON, .offset = AT(variants_json), .default_text = DEFAULT_VARIANTS, .unit = "", .help = "what to make, 1 to 32 objects of the fields below"},
	{.name = "strip", .type = FIELD_BOOL, .offset = AT(strip), .default_text = "true", .unit = "", .help = "leave EXIF, XMP and other metadata out of the variants"},
	{.name = "fail_on", .type = FIELD_ENUM, .offset = AT(fail_on), .default_text = "warning", .choices = fail_on_choices, .unit = "", .help = "how damaged an input must be to be refused; warning: at all; none fills what is missing with grey"},
	{.name = "max_pixels", .type = FIELD_INTEGER, .offset = AT(max_pixels), .min = 1, .max = 10000000000, .default_text = "268402689", .unit = "pixels", .help = "larger inputs are refused by their header, before anything is decoded"},
	{.name = "decode_limit", .type = FIELD_DURATION_MS, .offset = AT(decode_limit_ms), .min = 100, .max = 3600000, .default_text = "60s", .unit = "seconds", .help = "an input that takes longer to decode is refused"},
};
const size_t request_row_count = sizeof(request_rows) / sizeof(request_rows[0]);

#undef AT
#define AT(member) offsetof(struct variant, member)

const struct field_row variant_rows[] = {
	{.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 1, .max = REQUEST_NAME_MAX, .unit = "", .help = "file name in /output without its extension: letters, digits, dot, dash, underscore", .required = true},
	{.name = "width", .type = FIELD_INTEGER, .offset = AT(width), .min = 0, .max = REQUEST_SIDE_MAX, .default_text = "0", .unit = "pixels", .help = "width of the box; 0: follows from the height"},
	{.name = "height", .type = FIELD_INTEGER, .offset = AT(height), .min = 0, .max = REQUEST_SIDE_MAX, .default_text = "0", .unit = "pixels", .help = "height of the box; 0: follows from the width"},
	{.name = "fit", .type = FIELD_ENUM, .offset = AT(fit), .default_text = "cover", .choices = fit_choices, .unit = "", .help = "when both sides are given: fill the box and cut, fit and pad, or fit"},
	{.name = "format", .type = FIELD_ENUM, .offset = AT(format), .default_text = "webp", .choices = format_choices, .unit = "", .help = "format of the file"},
	{.name = "quality", .type = FIELD_INTEGER, .offset = AT(quality), .min = 1, .max = 100, .default_text = "80", .unit = "", .help = "lossy quality; png has none"},
	{.name = "effort", .type = FIELD_INTEGER, .offset = AT(effort), .min = -1, .max = 9, .default_text = "-1", .unit = "", .help = "time spent on a smaller file: webp 0 to 6, avif and png 0 to 9; -1: 4, and 6 for png"},
	{.name = "lossless", .type = FIELD_BOOL, .offset = AT(lossless), .default_text = "false", .unit = "", .help = "lossless webp or avif"},
	{.name = "background", .type = FIELD_STRING, .offset = AT(background), .min = 7, .max = 9, .default_text = "#ffffff", .unit = "", .help = "#rrggbb or #rrggbbaa, behind contain and behind transparency in jpeg"},
	{.name = "without_enlargement", .type = FIELD_BOOL, .offset = AT(without_enlargement), .default_text = "true", .unit = "", .help = "never make the picture larger than the input"},
};
const size_t variant_row_count = sizeof(variant_rows) / sizeof(variant_rows[0]);
/* clang-format on */
