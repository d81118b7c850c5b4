/* SPDX-License-Identifier: Apache-2.0
 * acts.h: what administrators did, as a list. Rows are borrowed.
 */
#pragma once
#include "base/buf.h"
#include "report/json.h"
#include "ipc/message.h"

/* Appends a line for each: when, what, who, about what; `before` begins each line. 0 or -ENOSPC. */
int acts_text(const struct ipc_row_act *const *rows, size_t n, const char *before,
              struct buf *out) MUST_USE;
struct json *acts_json(const struct ipc_row_act *const *rows, size_t n);
