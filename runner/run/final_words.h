/* SPDX-License-Identifier: Apache-2.0 */
/* What berth says on stderr about the end of a run: nothing where the shell would say nothing. */
#pragma once

#include "runner/run/run_plan.h"
#include "runner/run/run_record.h"

struct log_sink;

void final_words_say(struct log_sink *log, const struct run_plan *plan,
		     const struct run_record *record);
