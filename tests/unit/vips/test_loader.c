/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are told by their first bytes, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/vips/loader.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct {
	const char *name; /* NULL: refused */
	const uint8_t *bytes;
	size_t length;
} inputs[] = {
	{"jpeg", BYTES("\xff\xd8\xff\xe0")               },
	{"jpeg", BYTES("\xff\xd8\xff")                   },
	{NULL,   BYTES("\xff\xd8")                       },
	{"png",  BYTES("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")},
	{NULL,   BYTES("\x89PNG\n\x1a\n")                },
	{"webp", BYTES("RIFF\x01\x02\x03\x04WEBPVP8 ")   },
	{NULL,   BYTES("RIFF\x01\x02\x03\x04WAVEfmt ")   },
	{NULL,   BYTES("RIFF\x01\x02\x03\x04WEB")        },
	{"gif",  BYTES("GIF87a")                         },
	{"gif",  BYTES("GIF89a\x01")                     },
	{NULL,   BYTES("GIF88a")                         },
	{"tiff", BYTES("II*\0\x08\0\0\0")                },
	{"tiff", BYTES("MM\0*\0\0\0\x08")                },
	{"tiff", BYTES("II+\0\x08\0\0\0")                },
	{"heif", BYTES("\0\0\0\x20"
		       "ftypavif")       },
	{"heif", BYTES("\0\0\0\x20"
		       "ftypheic")       },
	{"heif", BYTES("\0\0\0\x20"
		       "ftypmif1")       },
	{NULL,   BYTES("\0\0\0\x20"
		     "ftypisom")           }, /* MP4 */
	{NULL,   BYTES("")			       },
	{NULL,   BYTES("%PDF-1.7")                       },
	{NULL,   BYTES("<svg xmlns=")                    },
	{NULL,   BYTES("<?xml version=")                 },
	{NULL,   BYTES("%!PS-Adobe-3.0")                 },
	{NULL,   BYTES("push graphic-con")               }, /* MVG, ImageMagick's own language */
	{NULL,   BYTES("P6\n1 1\n255\n")                 },
	{NULL,   BYTES("\xff\x0a")                       }, /* JPEG XL */
	{NULL,   BYTES("8BPS\0\x01")                     },
	{NULL,   BYTES("#?RADIANCE\n")                   },
	{NULL,   BYTES("\xb6\xa6\xf2\x08")               }, /* libvips' own */
};

static void test_first_bytes_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		const struct loader_row *row = loader_recognise(inputs[i].bytes, inputs[i].length);

		if (!inputs[i].name)
			assert_null(row);
		else if (!row)
			fail_msg("row %zu, %s, is not recognised", i, inputs[i].name);
		else
			assert_string_equal(row->name, inputs[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_bytes_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
