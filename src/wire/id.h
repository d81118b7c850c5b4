/* SPDX-License-Identifier: Apache-2.0
 * id.h: message ids: 64 bits, shown as 13 characters people can read out (no 0/O, 1/I/L/U).
 */
#pragma once
#include "base/str.h"

enum { ID_TEXT = 14 };

/* The makers are processes: their index and one of these. */
enum { ID_MAKERS_SMTPIN = 0, ID_MAKERS_SMTPOUT = 128, ID_MAKERS_WEB = 192 };

/* wall_ms in 42 bits, then maker (0..255) and a counter that wraps at 16384 per maker. */
uint64_t id_make(int64_t wall_ms, unsigned maker, unsigned counter);
static inline unsigned id_maker(uint64_t id)
{
    return id >> 14 & 0xff;
}

static inline int64_t id_ms(uint64_t id)
{
    return (int64_t)(id >> 22);
}

void id_text(uint64_t id, char dst[ID_TEXT]);
/* Case-insensitive. 0 or -EINVAL. */
int id_parse(struct str text, uint64_t *ret) MUST_USE;
