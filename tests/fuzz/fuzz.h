/* SPDX-License-Identifier: Apache-2.0
 * fuzz.h: what the fuzz targets share.
 */
#pragma once
#include "base/buf.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the first octet off the input; 0 at its end. */
static inline uint8_t take_octet(struct str *in)
{
    uint8_t c = in->n > 0 ? (uint8_t)in->p[0] : 0;
    *in = in->n > 0 ? str_slice(*in, 1, in->n) : *in;
    return c;
}

/* Appends `from` to `to`, changed as the script says: threes of after how many octets, what, and
 * with which octet; the rest as it is. */
static inline void change(struct str from, struct str *script, struct buf *to)
{
    while (from.n > 0) {
        size_t n = script->n >= 3 ? take_octet(script) : from.n;
        uint8_t what = take_octet(script), with = take_octet(script);
        n = n < from.n ? n : from.n;
        (void)!buf_add(to, str_slice(from, 0, n));
        from = str_slice(from, n, from.n);
        size_t some = from.n < with ? from.n : with;
        switch (what % 6) {
        case 1: /* one octet is another */
            (void)!(from.n > 0 && buf_append(to, &(char){(char)(from.p[0] ^ with)}, 1) == 0);
            from = str_slice(from, from.n > 0, from.n);
            break;
        case 2: /* some more */
            for (unsigned i = 0; i < with; i++) {
                (void)!buf_append(to, &(char){(char)i}, 1);
            }
            break;
        case 3: /* some are lost */
            from = str_slice(from, some, from.n);
            break;
        case 4: /* some come twice */
            (void)!buf_add(to, str_slice(from, 0, some));
            break;
        }
    }
}
