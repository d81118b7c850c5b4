/* SPDX-License-Identifier: Apache-2.0
 * fuzz_published.c: libFuzzer target. TXT records that a stranger publishes, read for a question
 * about ourselves: SPF (RFC 7208) and DKIM keys (RFC 6376 3.6.1); the fields of a message that
 * we sign. First line: the record, in wire form.
 */
#include "auth/dkim.h"
#include "auth/published.h"
#include "dns/dns.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    char joined[4096];
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 20);
    const struct dkim d = {STR("example.com"), STR("s1"), TLS_ED25519_SHA256, 1700000000};
    if (dns_txt_join(in, joined, sizeof joined) < 0) {
        str_copy_cut(in, joined, sizeof joined);
    }
    static const char *const addresses[] = {"192.0.2.7", "2001:db8::7"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        enum spf_says says = spf_reads(str_c(joined), str_c(addresses[i]), i > 0);
        must(says == SPF_OTHER_RECORD || str_starts_nocase(str_c(joined), STR("v=spf1")));
    }
    enum dkim_key_says key =
        dkim_key_reads(str_c(joined), TLS_ED25519_SHA256, STR("0123456789abcdef0123456789abcdef"));
    must(key != DKIM_KEY_OURS || strstr(joined, "p"));
    (void)!dkim_text(&d, in, "from:to:subject", &out);
    buf_reset(&out);
    (void)!dkim_relaxed_body(in, &out);
    return 0;
}
