/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tlsrpt.c: libFuzzer target. TLS reports of others: mail with its parts, gzip, JSON.
 */
#include "fuzz.h"
#include "tlsrpt/report.h"

static void on_row(void *arg, const struct tlsrpt_row *r)
{
    size_t *n = arg;
    *n += 1;
    must(r->organization.n <= 255 && r->domain.n <= 255 && r->details.n <= 16384);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    char problem[200];
    size_t n = 0;
    (void)!tlsrpt_read(in, on_row, &n, problem, sizeof problem);
    (void)!tlsrpt_read_json(in, on_row, &n, problem, sizeof problem);
    must(n <= 2 * TLSRPT_POLICIES_MAX);
    struct buf out = BUF_INIT(64 * 1024);
    (void)!tlsrpt_gunzip(in, &out);
    buf_free(&out);
    return 0;
}
