/* SPDX-License-Identifier: Apache-2.0
 * fuzz_mx.c: libFuzzer target. MX records in wire format; and the whole look-up of a domain's
 * servers (dns/mx.c, dns/host.c) with a name service, ours below, that answers each question
 * with the next octets of the input: outcome, records, alias.
 */
#include "dns/mx.h"
#include "fuzz.h"

#include <arpa/inet.h>

enum { QUESTIONS_MAX = 512, RECORDS_MAX = 7 };

static struct {
    dns_fn fn;
    void *arg;
    enum dns_type type;
} questions[QUESTIONS_MAX];
static size_t n_asked, n_answered;
static struct str input;

/* In the place of the resolver's: answers come later, never inside the call. */
void dns_ask(struct dns_resolver *r, const char *name, enum dns_type type, dns_fn fn, void *arg)
{
    must(!r && strlen(name) < 256 && n_asked < QUESTIONS_MAX);
    questions[n_asked].fn = fn;
    questions[n_asked].arg = arg;
    questions[n_asked++].type = type;
}

static struct str take_octets(void)
{
    size_t n = take_octet(&input);
    n = n < input.n ? n : input.n;
    struct str found = str_slice(input, 0, n);
    input = str_slice(input, n, input.n);
    return found;
}

static void answer_next(void)
{
    struct str records[RECORDS_MAX];
    char canon[256] = "";
    uint8_t how = take_octet(&input), more = take_octet(&input);
    struct dns_answer a = {
        .outcome = (enum dns_outcome)(how % DNS_OUTCOME_END),
        .presence = (enum dns_presence)(how / 8 % 3),
        .records = records,
        .truncated = how & 0x80,
        .canon = canon,
        .ttl_s = more,
        .why = "",
    };
    bool is_read = a.presence == DNS_DATA && (a.outcome == DNS_SECURE || a.outcome == DNS_INSECURE);
    for (size_t n = is_read ? more % (RECORDS_MAX + 1) : 0; n > 0; n--) {
        records[a.n_records++] = take_octets();
    }
    if (how & 0x40) {
        str_copy_cut(take_octets(), canon, sizeof canon);
    }
    size_t i = n_answered++;
    questions[i].fn(questions[i].arg, &a);
}

static void check_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        must((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' ||
             *p == '.');
    }
}

static void check_host(const struct dns_host *h)
{
    unsigned char octets[16];
    check_name(h->name);
    for (size_t i = 0; i < h->n_addresses; i++) {
        must(inet_pton(AF_INET, h->addresses[i], octets) == 1 ||
             inet_pton(AF_INET6, h->addresses[i], octets) == 1);
    }
    size_t at = 0;
    while (h->tlsa == HOST_TLSA_FOUND && at < h->records_n) {
        must(at + 2 <= h->records_n);
        at += 2 + (size_t)((unsigned char)h->records[at] << 8 | (unsigned char)h->records[at + 1]);
    }
    must(h->tlsa != HOST_TLSA_FOUND || at == h->records_n);
}

static void on_found(void *arg, const struct mx_result *r)
{
    bool *done = arg;
    *done = true;
    must(r->outcome < MX_OUTCOME_END && r->n_hosts <= MX_HOSTS_MAX &&
         (r->outcome != MX_FOUND || r->n_hosts > 0));
    must(r->outcome != MX_FOUND || r->mx_outcome == DNS_SECURE || r->mx_outcome == DNS_INSECURE);
    for (size_t i = 0; i < r->n_hosts; i++) {
        must(i == 0 || r->hosts[i - 1].preference <= r->hosts[i].preference);
        check_host(&r->hosts[i].host);
    }
    mx_free(mx_keep(r));
}

static bool is_own(void *arg, const char *host)
{
    return strcmp(host, arg) == 0;
}

static void look_up(bool one_host)
{
    const struct mx_own own = {is_own, (void *)(uintptr_t) "mx.own.test"};
    bool done = false;
    n_asked = n_answered = 0;
    if (one_host) {
        mx_lookup_host(NULL, "mx.example.com", 25, on_found, &done);
    } else {
        mx_lookup(NULL, "example.com", 25, &own, on_found, &done);
    }
    while (n_answered < n_asked) {
        answer_next();
    }
    must(done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t preference;
    char name[256];
    input = str_from((const char *)data, size);
    if (mx_parse(input, &preference, name, sizeof name) == 0) {
        check_name(name);
    }
    look_up(take_octet(&input) & 1);
    return 0;
}
