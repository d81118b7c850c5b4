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
