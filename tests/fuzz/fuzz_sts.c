/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sts.c: libFuzzer target. MTA-STS: TXT records (in wire format), policies, matching; the
 * record that says where TLS reports go.
 */
#include "dns/dns.h"
#include "fuzz.h"
#include "mtasts/policy.h"
#include "tlsrpt/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    char joined[1024], id[STS_ID_MAX], rua[TLSRPT_RUA_MAX], problem[200] = "";
    if (dns_txt_join(in, joined, sizeof joined) == 0) {
        const char *texts[] = {joined, "v=spf1"};
        if (sts_record_find(texts, 2, id) == STS_RECORD_ONE) {
            must(id[0] && strlen(id) <= 32);
        }
        if (tlsrpt_record_find(texts, 2, rua)) {
            char to[320];
            must(rua[0]);
            (void)!tlsrpt_mailto(str_c(rua), to, sizeof to);
        }
    }
    struct sts_policy p;
    if (sts_policy_parse(in, &p, problem, sizeof problem) == 0) {
        must(p.mode < STS_MODE_END && p.max_age_s <= STS_MAX_AGE_S &&
             (p.mx[0] || p.mode == STS_MODE_NONE));
        (void)sts_policy_covers(str_c(p.mx), domain_from(STR("mx.example.com")));
        sts_policy_clear(&p);
    } else {
        must(problem[0]);
    }
    return 0;
}
