/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and checking the payload of image.variants beyond what its rows say. */
#include "extensions/vips/request.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "extensions/vips/format.h"

/* Hexadecimal digits, two a channel; without the fourth the colour is opaque. */
static bool colour_parse(const char *text, uint8_t ret_rgba[4])
{
	size_t length = strlen(text);
	uint8_t rgba[4] = {0, 0, 0, 255};

	if (text[0] != '#' || (length != 7 && length != 9))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	for (size_t channel = 0; channel < (length - 1) / 2; channel++) {
		const char digits[3] = {text[1 + channel * 2], text[2 + channel * 2], '\0'};

		rgba[channel] = (uint8_t)strtoul(digits, NULL, 16);
	}
	memcpy(ret_rgba, rgba, sizeof(rgba));
	return true;
}

/* File names that need no quoting anywhere and hide nothing. */
static bool name_is_plain(const char *name)
{
	if (name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	return true;
}

static int variant_check(struct variant *variant, struct berth_error *err)
{
	const struct format_row *format = &format_rows[variant->format];

	if (!name_is_plain(variant->name))
		return berth_fail(err, BERTH_INVALID, 0,
				  "name: \"%.64s\" is not made of letters, digits, dots, dashes "
				  "and underscores, starting with a letter, digit or underscore",
				  variant->name);
	if (variant->width == 0 && variant->height == 0)
		return berth_fail(err, BERTH_INVALID, 0, "width: give width, height or both");
	if (variant->effort > format->effort_max)
		return berth_fail(err, BERTH_INVALID, 0, "effort: %s takes 0 to %d, not %d",
				  format->name, format->effort_max, (int)variant->effort);
	if (variant->effort < 0)
		variant->effort = format->effort_default;
	if (variant->lossless && !format->lossless)
		return berth_fail(err, BERTH_INVALID, 0, "lossless: %s has no such choice",
				  format->name);
	if (!colour_parse(variant->background, variant->background_rgba))
		return berth_fail(err, BERTH_INVALID, 0,
				  "background: \"%.16s\" is neither #rrggbb nor #rrggbbaa",
				  variant->background);
	return 0;
}

static int variant_parse(const json_t *object, struct variant *variant, struct berth_error *err)
{
	if (!json_is_object(object))
		return berth_fail(err, BERTH_INVALID, 0, "name: missing, an object is expected");
	if (field_set_defaults(variant_rows, variant_row_count, variant, err) < 0)
		return -1;
	if (field_parse_object(object, variant_rows, variant_row_count, variant, err) < 0)
		return -1;
	return variant_check(variant, err);
}

/* Files are told apart by name and extension; a case-blind disk must not merge two. */
static int names_check(const struct request *request, size_t newest, struct berth_error *err)
{
	const struct variant *added = &request->variants[newest];

	for (size_t i = 0; i < newest; i++) {
		const struct variant *other = &request->variants[i];

		if (other->format == added->format && strcasecmp(other->name, added->name) == 0)
			return berth_fail(err, BERTH_INVALID, 0,
					  "variants[%zu].name: \"%s\" is taken by variants[%zu]",
					  newest, added->name, i);
	}
	return 0;
}

static int variants_parse(struct request *request, struct berth_error *err)
{
	size_t count = json_array_size(request->variants_json);

	if (!json_is_array(request->variants_json) || count == 0 || count > REQUEST_VARIANTS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "variants: must be a list of 1 to %d",
				  REQUEST_VARIANTS_MAX);
	for (size_t i = 0; i < count; i++) {
		const json_t *object = json_array_get(request->variants_json, i);
		struct berth_error inner = {0};

		request->variant_count = i + 1; /* request_finish() takes half-parsed ones too */
		if (variant_parse(object, &request->variants[i], &inner) < 0)
			return berth_fail(err, inner.code, 0, "variants[%zu].%s", i, inner.message);
		if (names_check(request, i, err) < 0)
			return -1;
	}
	return 0;
}

int request_parse(const json_t *payload, struct request *ret_request, struct berth_error *err)
{
	memset(ret_request, 0, sizeof(*ret_request));
	if (field_set_defaults(request_rows, request_row_count, ret_request, err) < 0)
		return -1;
	if (payload && !json_is_null(payload) &&
	    field_parse_object(payload, request_rows, request_row_count, ret_request, err) < 0)
		return -1;
	return variants_parse(ret_request, err);
}

void request_finish(struct request *request)
{
	for (size_t i = 0; i < request->variant_count; i++)
		field_finish(variant_rows, variant_row_count, &request->variants[i]);
	request->variant_count = 0;
	field_finish(request_rows, request_row_count, request);
}
