/* SPDX-License-Identifier: Apache-2.0
 * doctor_names.c: names that postern doctor looks up in the DNS, one question at a time, waiting
 * for each. The gateway's own forwarder is asked, else the machine's (/etc/resolv.conf): no server
 * that is not asked anyway. Called by the other files of postern doctor.
 *
 * What can go wrong: nobody answers, or DNSSEC of the name is broken: the name's state is not
 * known, never "absent".
 */
#include "base/clock.h"
#include "cmd/postern/doctor.h"
#include "dns/dns.h"
#include "sys/file.h"
#include "sys/loop.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { QUESTION_MS = 5000, TEXT_MAX = 4000 };

/* One question and its answer. */
struct question {
    struct loop *loop;
    enum dns_type type;
    struct buf *out; /* a line for each record */
    enum name_state state;
    char why[200];
};

static void doctor_names_keep(struct question *q, struct str record)
{
    char text[TEXT_MAX] = "";
    bool v6 = q->type == DNS_TYPE_AAAA;
    if (q->type == DNS_TYPE_TXT && dns_txt_join(record, text, sizeof text) < 0) {
        return; /* longer than any that is looked for */
    }
    if (q->type != DNS_TYPE_TXT &&
        (record.n != (v6 ? 16 : 4) ||
         !inet_ntop(v6 ? AF_INET6 : AF_INET, record.p, text, sizeof text))) {
        return;
    }
    (void)!buf_printf(q->out, "%s\n", text);
}

static void doctor_names_on_answer(void *arg, const struct dns_answer *a)
{
    struct question *q = arg;
    bool known = a->outcome == DNS_SECURE || a->outcome == DNS_INSECURE;
    q->state = !known ? NAME_UNKNOWN : a->presence == DNS_DATA ? NAME_THERE : NAME_ABSENT;
    for (size_t i = 0; q->state == NAME_THERE && i < a->n_records; i++) {
        doctor_names_keep(q, a->records[i]);
    }
    if (!known) {
        str_copy_cut(str_c(a->why), q->why, sizeof q->why);
    }
    loop_stop(q->loop);
}

/* "192.0.2.53@53": the gateway's, else the machine's own; "" there is none. */
static void forwarder(struct doctor *d, char *dst, size_t size)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(64 * 1024);
    struct str rest, line;
    *dst = '\0';
    if (*d->c->resolver.forward) {
        str_copy_cut(str_c(d->c->resolver.forward), dst, size);
        return;
    }
    if (file_read("/etc/resolv.conf", &text) < 0) {
        return;
    }
    rest = buf_str(&text);
    while (!*dst && rest.n > 0 && str_split(&rest, '\n', &line)) {
        struct str word, value = line;
        if (str_split(&value, ' ', &word) && str_eq(word, STR("nameserver"))) {
            value = str_trim(value);
            snprintf(dst, size, STR_FMT "@53",
                     STR_ARG(str_slice(value, 0, str_find(value, '%', 0))));
        }
    }
}

/* The resolver's library answers for names under test. itself, with "no such name": nobody was
 * asked. */
static bool is_never_asked(const struct doctor *d, const char *name)
{
    struct str s = str_c(name);
    s = s.n > 0 && s.p[s.n - 1] == '.' ? str_slice(s, 0, s.n - 1) : s;
    return !d->c->resolver.test_zones &&
           (str_eq_nocase(s, STR("test")) || str_ends_nocase(s, STR(".test")));
}

static enum name_state ask_dns(struct doctor *d, const char *name, enum dns_type type,
                               struct buf *out, char *why, size_t size)
{
    char server[300];
    int64_t begun_ms = clock_mono_ms();
    struct question q = {.loop = loop_new(), .type = type, .out = out, .state = NAME_UNKNOWN};
    struct dns_resolver *r = NULL;
    forwarder(d, server, sizeof server);
    str_copy_cut(str_c(d->dns_silent), q.why, sizeof q.why);
    const struct dns_config config = {
        .forward = server,
        .trust_anchor = "",
        .timeout_ms = QUESTION_MS,
        .test_zones = d->c->resolver.test_zones,
    };
    if (!*server) {
        str_copy_cut(STR("there is no forwarder, and no nameserver in /etc/resolv.conf"), q.why,
                     sizeof q.why);
    } else if (is_never_asked(d, name)) {
        str_copy_cut(STR("names under test. are for tests (RFC 6761) and no name server was asked"),
                     q.why, sizeof q.why);
    } else if (!d->dns_silent[0] &&
               dns_resolver_new(q.loop, &config, q.why, sizeof q.why, &r) == 0) {
        dns_ask(r, name, type, doctor_names_on_answer, &q);
        loop_run(q.loop);
        dns_resolver_free(r);
    }
    loop_free(q.loop);
    if (q.state == NAME_UNKNOWN && clock_mono_ms() - begun_ms >= QUESTION_MS) {
        str_copy_cut(str_c(q.why), d->dns_silent, sizeof d->dns_silent);
    }
    str_copy_cut(str_c(q.why), why, size);
    return q.state;
}

enum name_state doctor_addresses(struct doctor *d, const char *name, struct name_addresses *ret,
                                 char *why, size_t size)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(64 * 1024);
    char why_not[200];
    struct str rest, line;
    ret->n = 0;
    enum name_state four = ask_dns(d, name, DNS_TYPE_A, &text, why, size);
    enum name_state six = ask_dns(d, name, DNS_TYPE_AAAA, &text, why_not, sizeof why_not);
    rest = buf_str(&text);
    while (ret->n < DOCTOR_ADDRESSES_MAX && rest.n > 0 && str_split(&rest, '\n', &line)) {
        str_copy_cut(line, ret->ip[ret->n++], sizeof ret->ip[0]);
    }
    if (ret->n > 0) {
        return NAME_THERE;
    }
    if (four != NAME_UNKNOWN && six == NAME_UNKNOWN) {
        str_copy_cut(str_c(why_not), why, size);
    }
    return four == NAME_UNKNOWN || six == NAME_UNKNOWN ? NAME_UNKNOWN : NAME_ABSENT;
}

enum name_state doctor_texts(struct doctor *d, const char *name, struct buf *out, char *why,
                             size_t size)
{
    return ask_dns(d, name, DNS_TYPE_TXT, out, why, size);
}

void doctor_tell_name(struct doctor *d, const char *what, const char *name, enum name_state state,
                      const char *why, const char *advice)
{
    char text[700];
    if (state == NAME_UNKNOWN) {
        snprintf(text, sizeof text, "%s cannot be looked up now: %s", name, why);
        doctor_tell(d, CARE, what, text,
                    "Whether it is right is not known: see to the name service first.");
        return;
    }
    snprintf(text, sizeof text, "%s has no address", name);
    doctor_tell(d, ILL, what, text, advice);
}

/* --- the resolver itself ------------------------------------------------ */

struct self_test {
    struct loop *loop;
    struct dns_self_test result;
    bool done;
};

static void doctor_names_on_self_test(void *arg, const struct dns_self_test *t)
{
    struct self_test *x = arg;
    x->result = *t;
    x->done = true;
    loop_stop(x->loop);
}

static void doctor_names_give_up(void *arg)
{
    loop_stop(((struct self_test *)arg)->loop);
}

bool doctor_resolver_works(struct doctor *d, bool *ret_answers, char *text, size_t size)
{
    const struct dns_config config = {
        .forward = d->c->resolver.forward,
        .trust_anchor = d->c->resolver.trust_anchor,
        .timeout_ms = d->c->resolver.timeout,
        .test_zones = d->c->resolver.test_zones,
    };
    struct self_test x = {.loop = loop_new()};
    struct dns_resolver *r = NULL;
    if (dns_resolver_new(x.loop, &config, text, size, &r) < 0) {
        loop_free(x.loop);
        return false;
    }
    struct timer *t = timer_new(x.loop, doctor_names_give_up, &x);
    timer_start(t, d->c->resolver.timeout * 2 + 2000);
    dns_self_test(r, doctor_names_on_self_test, &x);
    loop_run(x.loop);
    timer_free(t);
    dns_resolver_free(r);
    loop_free(x.loop);
    *ret_answers = x.done && x.result.answers;
    str_copy_cut(str_c(x.done ? x.result.text : "no answer"), text, size);
    return true;
}
