/* SPDX-License-Identifier: Apache-2.0
 * fuzz_domain.c: libFuzzer target. A canonical name is ASCII that DNS takes, stays itself when
 * it is read again in any way in which it can be written, and what is shown of it leads back to
 * it.
 */
#include "fuzz.h"
#include "wire/domain.h"

static void must_be(struct str text, struct domain_name d)
{
    struct domain_name again;
    must(domain_parse(text, &again) == 0 && domain_eq(d, again));
}

static void look_at(struct domain_name d)
{
    char text[DOMAIN_SHOWN_SIZE];
    must(d.n > 0 && d.n <= DOMAIN_NAME_MAX && d.canonical[d.n] == '\0' &&
         strlen(d.canonical) == d.n);
    must_be(domain_str(&d), d);
    domain_show(d, text, sizeof text);
    must_be(str_c(text), d);
    if (!domain_is_name(d)) {
        return;
    }
    for (size_t i = 0; i < d.n; i++) {
        char c = d.canonical[i];
        must((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             (c == '.' && i > 0 && i + 1u < d.n));
        text[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    text[d.n] = '.';
    must_be(str_from(text, d.n + 1u), d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    struct domain_name d;
    struct domain_pattern p;
    char address[ADDRESS_KEY_SIZE], again[ADDRESS_KEY_SIZE];
    if (domain_parse(in, &d) == 0) {
        look_at(d);
    } else {
        must(domain_is_none(d));
    }
    if (domain_pattern_parse(in, &p) == 0 && p.below) {
        must(domain_covers(&p, p.name) == 0);
    }
    if (address_canonical(in, address, sizeof address) == 0 && strlen(address) > 0) {
        must(address_canonical(str_c(address), again, sizeof again) == 0 &&
             strcmp(address, again) == 0);
    }
    return 0;
}
