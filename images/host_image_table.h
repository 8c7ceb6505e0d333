/* SPDX-License-Identifier: Apache-2.0 */
/* The host image: the host's own /usr read-only with a generated /etc. */
#pragma once

#include <stddef.h>

#include "images/layer.h"

extern const struct image_layer host_image_layers[];
extern const size_t host_image_layer_count;
