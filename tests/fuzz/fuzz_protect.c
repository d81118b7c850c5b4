/* SPDX-License-Identifier: Apache-2.0
 * fuzz_protect.c: any text as one with flags, as the lines of an inspection, as the record of a
 * protection.
 */
#include "fuzz.h"
#include "policy/flags.h"
#include "policy/inspection.h"
#include "policy/protect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {
        "[secure]",
        "[send secure]",
        "[marked for secure delivery]",
        "+encrypt+",
    };
    struct str text = str_from((const char *)data, size), rest = text, f[INSPECTION_FIELDS];
    struct flag_found found;
    for (int alone = 0; alone < 2; alone++) {
        for (size_t at = 0; flags_next(text, at, words, ARRAY_LEN(words), alone, &found);) {
            must(found.n > 0 && found.at + found.n <= size && found.at + found.n > at);
            at = found.at + found.n;
        }
    }
    while (inspection_next(&rest, NULL, f)) {
        struct buf line = BUF_INIT(INSPECTION_MAX);
        /* what was read can be written, as one line */
        must(inspection_put(&line, "x", f, INSPECTION_FIELDS) == 0);
        must(str_find(buf_str(&line), '\n', 0) == buf_len(&line) - 1);
        buf_free(&line);
    }
    struct protect_record r, again;
    struct buf out = BUF_INIT(size + 1000);
    protect_record_read(text, &r);
    must(protect_record_write(&r, &out) == 0);
    protect_record_read(buf_str(&out), &again);
    must(again.demand == r.demand && again.rung == r.rung);
    buf_free(&out);
    return 0;
}
