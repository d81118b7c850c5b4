/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tlsa.c: libFuzzer target. TLSA RDATA, as a set and one by one.
 */
#include "fuzz.h"
#include "tls/dane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dane_set set;
    char text[300];
    if (dane_read(str_from((const char *)data, size), &set) == 0) {
        size_t usable = 0;
        for (size_t i = 0; i < set.n; i++) {
            const struct dane_record *r = &set.records[i];
            usable += r->usable;
            must(!r->usable ||
                 ((r->usage == 2 || r->usage == 3) && r->selector <= 1 && r->matching <= 2));
            must(!r->usable || r->matching != 1 || r->data.n == 32);
            (void)dane_text(r, text, sizeof text);
        }
        must(usable == set.n_usable);
    }
    return 0;
}
