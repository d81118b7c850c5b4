/* SPDX-License-Identifier: Apache-2.0
 * sevenbit.c: a message of standard input as a server without 8BITMIME ("all") or without
 * BINARYMIME ("lines") is sent it. Called by tests/convert/compare.py. Ends with 2 and one
 * sentence where it cannot be converted.
 */
#include "wire/sevenbit.h"

#include <stdio.h>

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

int main(int argc, char **argv)
{
    static char chunk[65536];
    struct buf in = BUF_INIT(64 * 1024 * 1024), out = BUF_INIT(256 * 1024 * 1024);
    struct sevenbit_plan plan = {
        .need = argc > 1 && strcmp(argv[1], "all") == 0 ? SEVENBIT_ALL : SEVENBIT_LINES,
    };
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;) {
        must(buf_append(&in, chunk, n) == 0);
    }
    pass(&plan, true, buf_str(&in), 1000, &out);
    if (plan.problem != SEVENBIT_FINE) {
        fprintf(stderr, "%s\n", sevenbit_problem_sentence(plan.problem));
    } else if (plan.changes) {
        pass(&plan, false, buf_str(&in), 777, &out);
    } else {
        must(buf_add(&out, buf_str(&in)) == 0);
    }
    int result = plan.problem != SEVENBIT_FINE ? 2 : 0;
    fwrite(buf_str(&out).p, 1, buf_len(&out), stdout);
    sevenbit_plan_free(&plan);
    buf_free(&in);
    buf_free(&out);
    return result;
}
