/* SPDX-License-Identifier: Apache-2.0 */
/* No presets: for the program that compiles them. */
#include "machines/presets.h"

const struct machine machine_presets[1];
const size_t machine_preset_count = 0;
