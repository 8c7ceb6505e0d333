/* SPDX-License-Identifier: Apache-2.0 */
/* The image.variants payload and the plan made from it, for inputs of many shapes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "extensions/vips/loader.h"
#include "extensions/vips/plan.h"
#include "extensions/vips/request.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_step(const struct plan *plan, size_t index)
{
	const struct plan_step *step = &plan->steps[index];

	require(step->scaled_width > 0 && step->scaled_height > 0);
	require(step->area_left >= 0 && step->area_top >= 0);
	require(step->area_width > 0 && step->area_height > 0);
	require(step->area_left + step->area_width <= step->scaled_width);
	require(step->area_top + step->area_height <= step->scaled_height);
	require(step->canvas_left >= 0 && step->canvas_top >= 0);
	require(step->canvas_left + step->area_width <= step->canvas_width);
	require(step->canvas_top + step->area_height <= step->canvas_height);
	require(step->source == PLAN_FROM_BASE || step->source < index);
	if (step->source != PLAN_FROM_BASE)
		require(plan->steps[step->source].kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int sides[][2] = {
		{1,       1    },
                {1,       65500},
                {65500,   1    },
                {6028,    3391 },
		{200,     200  },
                {16383,   16383},
                {3,       2    },
                {1000000, 268  }
        };
	AUTO_JSON json_t *payload = NULL;
	struct request request = {0};
	struct plan plan;

	(void)loader_recognise(data, size);
	if (json_parse((const char *)data, size, &payload, NULL) < 0)
		return 0;
	if (request_parse(payload, &request, NULL) == 0) {
		require(request.variant_count > 0);
		for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
			if (plan_make(&request, sides[i][0], sides[i][1], &plan, NULL) < 0)
				continue;
			require(plan.base_width > 0 && plan.base_width <= sides[i][0]);
			require(plan.base_height > 0 && plan.base_height <= sides[i][1]);
			require(plan_shrink(&plan, sides[i][0], sides[i][1]) >= 1);
			for (size_t k = 0; k < plan.count; k++)
				check_step(&plan, k);
			require(plan_memory(&plan, &request, 4, 16) > 0);
		}
	}
	request_finish(&request);
	return 0;
}
