/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite would run the statements that a store has prepared. */
#pragma once

#include "runner/store/store.h"

/* Fails the test when one of them scans a table or sorts without bound (EXPLAIN QUERY PLAN,
 * https://sqlite.org/eqp.html). Returns how many there were. */
int plans_check(struct store *store);
