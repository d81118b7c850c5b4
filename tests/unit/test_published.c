/* SPDX-License-Identifier: Apache-2.0
 * test_published.c: SPF and DKIM records as they are published. Right values: RFC 7208 (its own
 * examples in appendix A), RFC 6376, RFC 8463 appendix A (key and record), openssl's
 * openssl-pkey(1) for RSA.
 */
#include "auth/published.h"
#include "check.h"
#include "wire/base64.h"

static void spf(void **state)
{
    static const struct {
        const char *record, *ip;
        bool is_of_name;
        enum spf_says right;
    } rows[] = {
        {"v=spf1 +all", "192.0.2.10", false, SPF_PERMITS}, /* RFC 7208 A.1 */
        {"v=spf1 a -all", "192.0.2.10", true, SPF_PERMITS},
        {"v=spf1 a:example.org -all", "192.0.2.10", true, SPF_LEADS_ON},
        {"v=spf1 mx -all", "192.0.2.129", true, SPF_LEADS_ON},
        {"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", false, SPF_LEADS_ON},
        {"v=spf1 ptr -all", "192.0.2.10", false, SPF_LEADS_ON},
        {"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", false, SPF_PERMITS},
        {"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", false, SPF_FORBIDS},
        /* A.2 */
        {"v=spf1 include:example.com include:example.net -all", "192.0.2.1", false, SPF_LEADS_ON},
        {"v=spf1 redirect=_spf.example.com", "192.0.2.1", false, SPF_LEADS_ON},
        {"v=spf1 -all", "192.0.2.1", true, SPF_FORBIDS},
        {"v=spf1", "192.0.2.1", true, SPF_FORBIDS}, /* neutral (4.7): not permitted */
        {"v=spf1 ?all", "192.0.2.1", true, SPF_FORBIDS},
        {"v=spf1 ~all", "192.0.2.1", true, SPF_FORBIDS},
        /* 4.5, 4.6.1: in any case, one or more blanks */
        {"V=SPF1  IP4:192.0.2.1  -ALL", "192.0.2.1", false, SPF_PERMITS},
        {"v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", false, SPF_FORBIDS},
        /* 5.6: host bits are ignored */
        {"v=spf1 ip4:192.0.2.77/24 -all", "192.0.2.1", false, SPF_PERMITS},
        {"v=spf1 ip4:0.0.0.0/0 -all", "203.0.113.1", false, SPF_PERMITS},
        {"v=spf1 ip6:2001:db8::/32 -all", "2001:db8:1::1", false, SPF_PERMITS},
        {"v=spf1 ip6:2001:db8::/32 -all", "192.0.2.1", false, SPF_FORBIDS},
        {"v=spf1 ip4:192.0.2.1 include:x.example -all", "192.0.2.1", false, SPF_PERMITS},
        /* 6: modifiers have no say */
        {"v=spf1 exp=e.example a -all", "192.0.2.1", true, SPF_PERMITS},
        {"v=spf1 ipv4:192.0.2.1 -all", "192.0.2.1", false, SPF_BROKEN},
        {"v=spf1 ip4 -all", "192.0.2.1", false, SPF_BROKEN},
        {"v=spf1 ip4:192.0.2.1/33 -all", "192.0.2.1", false, SPF_BROKEN},
        {"v=spf1 ip4:2001:db8::1 -all", "2001:db8::1", false, SPF_BROKEN},
        {"v=spf1 ip4:192.0.2.1/ -all", "192.0.2.1", false, SPF_BROKEN},
        {"v=spf1 include -all", "192.0.2.1", false, SPF_BROKEN},
        {"v=spf10 +all", "192.0.2.1", true, SPF_OTHER_RECORD},
        {"v=spf2.0/pra +all", "192.0.2.1", true, SPF_OTHER_RECORD}, /* RFC 4406's, another's */
        {"v=DMARC1; p=none", "192.0.2.1", true, SPF_OTHER_RECORD},
        {"", "192.0.2.1", true, SPF_OTHER_RECORD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum spf_says got = spf_reads(str_c(rows[i].record), str_c(rows[i].ip), rows[i].is_of_name);
        if (got != rows[i].right) {
            fail_msg("\"%s\" of %s: %d", rows[i].record, rows[i].ip, got);
        }
    }
}

/* RFC 8463 appendix A: the key and its record. */
#define ED_P "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
static const char ed_pem[] = "-----BEGIN PRIVATE "
                             "KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/"
                             "VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

static void ed25519_keys(void **state)
{
    static const struct {
        const char *record;
        enum dkim_key_says right;
    } rows[] = {
        {"v=DKIM1; k=ed25519; p=" ED_P, DKIM_KEY_OURS},
        /* RFC 6376 3.2: blanks */
        {"v=DKIM1;k=ed25519;p= 11qYAYKxCrfVS/7TyWQH \t Og7hcvPapiMlrwIaaPcHURo= ;", DKIM_KEY_OURS},
        {"k=ed25519; p=" ED_P, DKIM_KEY_OURS},
        {"v=DKIM1; p=" ED_P, DKIM_KEY_ANOTHER}, /* k= not said: RSA */
        {"v=DKIM1; k=ed25519; p=21qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DKIM_KEY_ANOTHER},
        {"v=DKIM1; k=ed25519; p=", DKIM_KEY_REVOKED},
        {"v=DKIM1; k=ed25519", DKIM_KEY_OTHER_RECORD},
        {"v=DKIM2; k=ed25519; p=" ED_P, DKIM_KEY_OTHER_RECORD},
        {"v=spf1 -all", DKIM_KEY_OTHER_RECORD},
        {"", DKIM_KEY_OTHER_RECORD},
    };
    CLEANUP(buf_free) struct buf public_key = BUF_INIT(1000), wanted = BUF_INIT(1000);
    struct tls_signer *s;
    char problem[200];
    assert_int_equal(tls_signer_new(str_c(ed_pem), problem, sizeof problem, &s), 0);
    assert_int_equal(tls_signer_public(s, &public_key), 0);
    assert_int_equal(base64_read(STR(ED_P), &wanted), 0);
    assert_true(str_eq(buf_str(&public_key), buf_str(&wanted)));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum dkim_key_says got =
            dkim_key_reads(str_c(rows[i].record), TLS_ED25519_SHA256, buf_str(&public_key));
        if (got != rows[i].right) {
            fail_msg("\"%s\": %d", rows[i].record, got);
        }
    }
    tls_signer_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spf), cmocka_unit_test(ed25519_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
