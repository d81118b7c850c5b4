/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sevenbit.c: any message, converted: ASCII without NUL and bare line ends comes out,
 * however the message is divided, and a second survey finds nothing more to do.
 */
#include "fuzz.h"
#include "wire/marks.h"
#include "wire/sevenbit.h"

static void pass(struct sevenbit_plan *plan, bool survey, struct str text, size_t piece,
                 struct buf *out)
{
    struct sevenbit *s = sevenbit_new(plan, survey);
    for (size_t at = 0; at < text.n; at += piece) {
        must(sevenbit_write(s, str_slice(text, at, at + piece < text.n ? at + piece : text.n),
                            out) == 0);
    }
    must(sevenbit_end(s, out) == 0);
    sevenbit_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_from((const char *)data + (size > 0), size - (size > 0));
    enum sevenbit_need need = size > 0 && data[0] & 1 ? SEVENBIT_LINES : SEVENBIT_ALL;
    struct sevenbit_plan plan = {.need = need}, again = {.need = need};
    struct buf one = BUF_INIT(64 * 1024 * 1024), other = BUF_INIT(64 * 1024 * 1024);
    pass(&plan, true, text, 4096, &one);
    if (plan.problem == SEVENBIT_FINE && plan.changes) {
        struct marks marks = {0};
        pass(&plan, false, text, 4096, &one);
        pass(&plan, false, text, 1 + (size > 0 ? data[0] >> 1 : 0), &other);
        must(str_eq(buf_str(&one), buf_str(&other)));
        marks_look(&marks, buf_str(&one));
        must(!marks.binary && (need == SEVENBIT_LINES || !marks.eight_bit));
        pass(&again, true, buf_str(&one), 4096, &other);
        must(again.problem == SEVENBIT_FINE && !again.changes);
    }
    sevenbit_plan_free(&plan);
    sevenbit_plan_free(&again);
    buf_free(&one);
    buf_free(&other);
    return 0;
}
