/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing, colour, cutting and padding, each as a step from one lazy image to the next. */
#include "extensions/vips/picture.h"

#include "extensions/vips/library.h"

#define OPAQUE 255

/* Takes over next, which an operation made with that status. */
static int replace(VipsImage **image, VipsImage *next, int status, const char *what,
		   struct berth_error *err)
{
	if (status != 0 || !next) {
		g_clear_object(&next);
		return library_fail(err, BERTH_INVALID, what);
	}
	g_object_unref(*image);
	*image = next;
	return 0;
}

int picture_keep(VipsImage **image, struct berth_error *err)
{
	VipsImage *next = vips_image_copy_memory(*image);

	return replace(image, next, next ? 0 : -1, "compute", err);
}

bool picture_is_plain(const VipsImage *image)
{
	VipsBandFormat format = vips_image_get_format(image);

	return vips_image_get_coding(image) == VIPS_CODING_NONE &&
	       (format == VIPS_FORMAT_UCHAR || format == VIPS_FORMAT_USHORT);
}

static int premultiply(VipsImage **image, struct berth_error *err)
{
	VipsImage *next = NULL;
	int status = vips_premultiply(*image, &next, NULL);

	return replace(image, next, status, "premultiply", err);
}

static int unpremultiply(VipsImage **image, VipsBandFormat format, struct berth_error *err)
{
	VipsImage *next = NULL;
	int status = vips_unpremultiply(*image, &next, NULL);

	if (replace(image, next, status, "unpremultiply", err) < 0)
		return -1;
	next = NULL;
	status = vips_cast(*image, &next, format, NULL);
	return replace(image, next, status, "unpremultiply", err);
}

int picture_resize(VipsImage **image, int width, int height, struct berth_error *err)
{
	VipsBandFormat format = vips_image_get_format(*image);
	gboolean alpha = vips_image_hasalpha(*image);
	double horizontal = (double)width / vips_image_get_width(*image);
	double vertical = (double)height / vips_image_get_height(*image);
	VipsImage *next = NULL;
	int status;

	if (vips_image_get_width(*image) == width && vips_image_get_height(*image) == height)
		return 0;
	if (alpha && premultiply(image, err) < 0)
		return -1;
	status = vips_resize(*image, &next, horizontal, "vscale", vertical, NULL);
	if (replace(image, next, status, "resize", err) < 0)
		return -1;
	return alpha ? unpremultiply(image, format, err) : 0;
}

/* false: there is no profile, or it does not fit the picture. */
static bool apply_profile(VipsImage **image)
{
	VipsImage *next = NULL;

	if (vips_image_get_typeof(*image, VIPS_META_ICC_NAME) == 0 || !picture_is_plain(*image))
		return false;
	if (vips_icc_transform(*image, &next, "srgb", "embedded", TRUE, "depth", 8, NULL) != 0) {
		vips_error_clear();
		g_clear_object(&next);
		return false;
	}
	g_object_unref(*image);
	*image = next;
	return true;
}

int picture_to_srgb(VipsImage **image, struct berth_error *err)
{
	VipsImage *next = NULL;
	int status;

	if (!apply_profile(image) && vips_image_get_typeof(*image, VIPS_META_ICC_NAME) != 0)
		g_warning("the embedded colour profile does not fit the picture and is ignored");
	if (vips_image_get_interpretation(*image) != VIPS_INTERPRETATION_sRGB ||
	    vips_image_get_format(*image) != VIPS_FORMAT_UCHAR) {
		status = vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL);
		if (replace(image, next, status, "convert to sRGB", err) < 0)
			return -1;
	}
	if (vips_image_get_bands(*image) > 4) {
		next = NULL;
		status = vips_extract_band(*image, &next, 0, "n", 4, NULL);
		return replace(image, next, status, "drop extra channels", err);
	}
	return 0;
}

int picture_cut(VipsImage **image, int left, int top, int width, int height,
		struct berth_error *err)
{
	VipsImage *next = NULL;
	int status;

	if (vips_image_get_width(*image) == width && vips_image_get_height(*image) == height)
		return 0;
	status = vips_extract_area(*image, &next, left, top, width, height, NULL);
	return replace(image, next, status, "cut", err);
}

int picture_place(VipsImage **image, int left, int top, int width, int height,
		  const uint8_t rgba[4], struct berth_error *err)
{
	double colour[4] = {rgba[0], rgba[1], rgba[2], rgba[3]};
	VipsImage *next = NULL;
	VipsArrayDouble *background;
	int status;

	if (vips_image_get_width(*image) == width && vips_image_get_height(*image) == height)
		return 0;
	if (rgba[3] != OPAQUE && !vips_image_hasalpha(*image)) {
		status = vips_addalpha(*image, &next, NULL);
		if (replace(image, next, status, "add alpha", err) < 0)
			return -1;
		next = NULL;
	}
	background = vips_array_double_new(colour, vips_image_get_bands(*image));
	status = vips_embed(*image, &next, left, top, width, height, "extend",
			    VIPS_EXTEND_BACKGROUND, "background", background, NULL);
	vips_area_unref(VIPS_AREA(background));
	return replace(image, next, status, "pad", err);
}

int picture_flatten(VipsImage **image, const uint8_t rgba[4], struct berth_error *err)
{
	double colour[3] = {rgba[0], rgba[1], rgba[2]};
	VipsImage *next = NULL;
	VipsArrayDouble *background;
	int status;

	if (!vips_image_hasalpha(*image))
		return 0;
	background = vips_array_double_new(colour, 3);
	status = vips_flatten(*image, &next, "background", background, NULL);
	vips_area_unref(VIPS_AREA(background));
	return replace(image, next, status, "flatten", err);
}
