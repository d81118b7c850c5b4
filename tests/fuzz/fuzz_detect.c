/* SPDX-License-Identifier: Apache-2.0
 * fuzz_detect.c: any text, scanned with all shipped packs. What is found lies in the text, apart
 * from each other; only what a link says stands upon findings, or upon a sentence.
 */
#include "detect/pack.h"
#include "fuzz.h"

#include <stdlib.h>

static struct detect_packs *packs(void)
{
    static struct detect_packs *p;
    if (!p) {
        struct buf problems = BUF_INIT(4096);
        p = detect_packs_new();
        must(detect_packs_load(p, "packs", NULL, 0, &problems) == 0);
        buf_free(&problems);
    }
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_free) struct buf once = BUF_INIT(1 << 20);
    struct str text = str_from((const char *)data, size);
    const struct detect_text one = {text, DETECT_BODY};
    struct detect_result r;
    must(detect_normalise(text, &once) == 0 && buf_len(&once) <= size);
    size_t end = 0;
    detect_scan(packs(), &one, 1, &r);
    for (size_t i = 0; i < r.n; i++) {
        must(r.findings[i].at + r.findings[i].n <= buf_len(&once) && r.findings[i].n > 0 &&
             r.findings[i].score <= 100);
        must(strlen(r.findings[i].masked) < DETECT_MASKED);
        const struct detect_finding *f = &r.findings[i];
        must(f->type->link || f->at >= end);
        end = f->type->link ? end : f->at + f->n;
    }
    struct detect_quotations of_answer, of_new;
    detect_quotations(text, false, &of_answer);
    detect_quotations(text, true, &of_new);
    must(of_answer.new_end <= of_new.new_end && of_new.new_end <= size);
    for (size_t i = 0; i < size; i += 1 + size / 100) {
        (void)detect_is_quoted(&of_new, i);
    }
    detect_result_free(&r);
    return 0;
}
