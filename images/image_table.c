/* SPDX-License-Identifier: Apache-2.0 */
/* Every image there is: one row each. */
#include "images/host_image_table.h"
#include "images/image.h"

/* clang-format off */
const struct image_row image_rows[] = {
	{.name = "host", .description = "the host's own /usr, read-only, with a generated /etc", .layers = host_image_layers, .layer_count = &host_image_layer_count},
};
/* clang-format on */

const size_t image_row_count = sizeof(image_rows) / sizeof(image_rows[0]);
