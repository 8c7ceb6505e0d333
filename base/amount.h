/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, durations and CPU shares as people write them: parsing with bounds, and printing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define AMOUNT_TEXT_SIZE 48

/* "1048576", "512K", "64MiB", "1.5G", "10GB": K M G T are powers of 1024, with or without "iB" or
 * "B". At most UINT64_MAX / 2. BERTH_INVALID names the text and shows the form. */
int amount_parse_bytes(const char *text, uint64_t *ret_bytes, struct berth_error *err);

/* "90" (seconds), "250ms", "90s", "1h30m", "2d", "1w": units w d h hr m s ms in any order, each
 * at most once; a fraction is allowed on a lone unit ("1.5s"). At most 10 years. */
int amount_parse_duration_ms(const char *text, uint64_t *ret_ms, struct berth_error *err);

/* "2", "0.25", "500m" (thousandths of a CPU, as Kubernetes writes it); 1m … 4096 CPUs. */
int amount_parse_cpu_millis(const char *text, uint64_t *ret_millis, struct berth_error *err);

/* "512 MiB", "1.5 GiB", "17 B": at most one decimal. Returns target. */
char *amount_format_bytes(uint64_t bytes, char target[AMOUNT_TEXT_SIZE]);

/* "83 ms", "4.2 s", "3 m 20 s", "2 h 5 m". Returns target. */
char *amount_format_duration_ns(uint64_t ns, char target[AMOUNT_TEXT_SIZE]);

/* "0.25", "2". Returns target. */
char *amount_format_cpu_millis(uint64_t millis, char target[AMOUNT_TEXT_SIZE]);
