/* SPDX-License-Identifier: Apache-2.0
 * id.h: message ids: 64 bits, shown as 13 characters people can read out (no 0/O, 1/I/L/U).
 */
#pragma once
#include "base/str.h"

enum { ID_TEXT = 14 };

/* wall_ms in 42 bits, then maker (0..255) and a counter that wraps at 16384 per maker. */
uint64_t id_make(int64_t wall_ms, unsigned maker, unsigned counter);
void id_text(uint64_t id, char dst[ID_TEXT]);
/* Case-insensitive. 0 or -EINVAL. */
int id_parse(struct str text, uint64_t *ret) MUST_USE;
