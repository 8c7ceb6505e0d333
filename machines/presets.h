/* SPDX-License-Identifier: Apache-2.0 */
/* The presets of presets.json as they were compiled in. */
#pragma once

#include <stddef.h>

#include "machines/machine.h"

extern const struct machine machine_presets[];
extern const size_t machine_preset_count;
