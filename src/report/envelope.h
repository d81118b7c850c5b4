/* SPDX-License-Identifier: Apache-2.0
 * envelope.h: what became of a message in the portal, as JSON and in words. Called by postern
 * envelope and postern message.
 */
#pragma once
#include "report/json.h"
#include "ipc/message.h"

/* events of other envelopes are left out. */
struct json *envelope_json(const struct ipc_row_envelope *e,
                           const struct ipc_row_envelope_event *const *events, size_t n);
/* Appends. 0 or -ENOSPC. */
int envelope_text(const struct ipc_row_envelope *e,
                  const struct ipc_row_envelope_event *const *events, size_t n,
                  struct buf *out) MUST_USE;
