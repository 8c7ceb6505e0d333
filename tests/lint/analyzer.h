/* SPDX-License-Identifier: Apache-2.0 */
/* Tells clang's analyzer, which sees one file at a time, what base/error.h promises: failing
 * returns -1. clang-tidy includes it before every file. */
#pragma once

#include "base/error.h"

#define berth_fail(...)         (berth_fail(__VA_ARGS__), -1)
#define berth_fail_context(...) (berth_fail_context(__VA_ARGS__), -1)
