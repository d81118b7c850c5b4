/* SPDX-License-Identifier: Apache-2.0
 * id.c: message ids in Crockford's base 32 alphabet. Pure.
 */
#include "wire/id.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

uint64_t id_make(int64_t wall_ms, unsigned maker, unsigned counter)
{
    return ((uint64_t)wall_ms << 22) | ((uint64_t)(maker & 0xff) << 14) | (counter & 0x3fff);
}

void id_text(uint64_t id, char dst[ID_TEXT])
{
    for (int i = 12; i >= 0; i--) {
        dst[i] = alphabet[id & 31];
        id >>= 5;
    }
    dst[13] = '\0';
}

int id_parse(struct str text, uint64_t *ret)
{
    uint64_t id = 0;
    if (text.n != 13) {
        return -EINVAL;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] >= 'a' && text.p[i] <= 'z' ? (char)(text.p[i] - 32) : text.p[i];
        const char *hit = c ? strchr(alphabet, c) : NULL;
        if (!hit || (i == 0 && hit - alphabet > 15)) {
            return -EINVAL;
        }
        id = (id << 5) | (uint64_t)(hit - alphabet);
    }
    *ret = id;
    return 0;
}
