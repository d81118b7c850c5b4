/* SPDX-License-Identifier: Apache-2.0
 * fuzz_dot.c: libFuzzer target. The reader against a byte-by-byte model of RFC 5321 4.1.1.4, in
 * pieces chosen by the input.
 */
#include "fuzz.h"
#include "wire/dot.h"

/* The plainest statement of the rule: find CRLF.CRLF (or . at the very start), undo doubled
 * dots. */
static bool model(struct str in, struct buf *out, bool *clean, size_t *used)
{
    *clean = true;
    bool line_start = true;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (line_start && c == '.') {
            if (i + 2 < in.n && in.p[i + 1] == '\r' && in.p[i + 2] == '\n') {
                *used = i + 3;
                return true;
            }
            line_start = false;
            continue;
        }
        bool after_cr = i > 0 && in.p[i - 1] == '\r';
        *clean = *clean && c != '\0' && (c != '\n' || after_cr) && (!after_cr || c == '\n');
        must(buf_append(out, &c, 1) == 0);
        line_start = c == '\n' && after_cr;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    size_t piece = (size_t)take_octet(&in), used = 0, at = 0;
    /* the last two: blocks are passed over whole */
    piece = piece < 128 ? piece % 16 + 1 : piece < 192 ? 300 : 1 << 20;
    CLEANUP(buf_free) struct buf want = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
    struct dot_reader d = {0};
    bool clean, done = model(in, &want, &clean, &used);
    while (at < in.n && !d.done) {
        struct str part = str_slice(in, at, in.n - at < piece ? in.n : at + piece), text;
        size_t n = part.n;
        while (part.n > 0 && !d.done) {
            dot_read(&d, &part, &text);
            must(buf_add(&got, text) == 0);
        }
        at += n - part.n;
    }
    must(d.done == done);
    /* a clean message: octet for octet, and nothing of what follows is eaten */
    if (done && clean) {
        must(d.problem == DOT_FINE && at == used && str_eq(buf_str(&want), buf_str(&got)));
    }
    if (done && !clean) {
        must(d.problem != DOT_FINE);
    }
    return 0;
}
