/* SPDX-License-Identifier: Apache-2.0
 * domains.c: postern domains: what is known about recipient domains, their history and alarms.
 */
#include "cmd/postern/postern.h"
#include "mtasts/cache.h"
#include "policy/alarm.h"
#include "policy/policy.h"
#include "report/acts.h"
#include "sys/file.h"
#include "wire/domain.h"
#include "wire/extension.h"

#include <stdio.h>
#include <stdlib.h>

static void alarms_text(uint32_t bits, char *dst, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    for (int k = 0; k < ALARM_KIND_END; k++) {
        if (bits & 1u << k) {
            (void)!buf_printf(&text, "%s%s", buf_len(&text) ? "," : "",
                              alarm_name((enum alarm_kind)k));
        }
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

enum { NAME_WORDS = DOMAIN_NAME_MAX + DOMAIN_SHOWN_SIZE + 8 };

static struct json *domain_json(const struct ipc_row_domain *d)
{
    struct json *o = report_object(), *alarms = report_array();
    for (int k = 0; k < ALARM_KIND_END; k++) {
        if (d->alarms & 1u << k) {
            report_append_str(alarms, str_c(alarm_name((enum alarm_kind)k)));
        }
    }
    char shown[DOMAIN_SHOWN_SIZE];
    domain_show(domain_kept(d->name), shown, sizeof shown);
    report_put_str(o, "domain", d->name);
    report_put_str(o, "shown-as", str_c(shown));
    report_put_bool(o, "seen", d->seen);
    report_put_bool(o, "monitored", d->monitored && !d->probes_off);
    report_put_bool(o, "probes-off", d->probes_off);
    report_put_time(o, "last-offer", d->offered_ms);
    report_put_time(o, "unlearned", d->lowered_ms);
    report_put_time(o, "last-look", d->looked_ms);
    report_put_time(o, "helo-only-since", d->helo_ms);
    report_put_bool(o, "look-complete", d->look_complete);
    report_put_time(o, "last-mail", d->mailed_ms);
    report_put_time(o, "last-probe", d->probed_ms);
    report_put_time(o, "next-probe", d->monitored && !d->probes_off ? d->next_probe_ms : 0);
    report_put_time(o, "certificate-ends", d->not_after_ms);
    report_put_int(o, "days-without-offer", d->negative_days);
    report_put_bool(o, "waits-for-confirmation", d->await_confirm);
    report_put_str(o, "grade", str_c(grade_name(d->grade)));
    report_put_bool(o, "dane", d->tlsa);
    report_put_str(o, "mta-sts", str_c(sts_state_name(d->sts)));
    report_put(o, "alarms", alarms);
    return o;
}

/* The name as it is kept, and in its own letters where it has some. */
static void name_words(struct str name, char *dst, size_t size)
{
    char shown[DOMAIN_SHOWN_SIZE];
    domain_show(domain_kept(name), shown, sizeof shown);
    if (str_eq(str_c(shown), name)) {
        str_copy_cut(name, dst, size);
    } else {
        snprintf(dst, size, STR_FMT " (%s)", STR_ARG(name), shown);
    }
}

static void print_domain(const struct ipc_row_domain *d)
{
    char alarms[128], offered[32], probed[32], name[NAME_WORDS];
    alarms_text(d->alarms, alarms, sizeof alarms);
    name_words(d->name, name, sizeof name);
    printf("%-34s %-13s %-8s %-5s %-8s %-17s %-17s %s\n", name,
           d->seen        ? "encrypted"
           : d->looked_ms ? "may be clear"
                          : "unknown",
           d->probed_ms ? grade_name(d->grade) : "-", d->tlsa ? "yes" : "no",
           sts_state_name(d->sts), when(d->offered_ms, offered), when(d->probed_ms, probed),
           alarms);
}

static int by_name(const void *a, const void *b)
{
    const struct ipc_msg *x = a, *y = b;
    struct str one = x->row_domain.name, other = y->row_domain.name;
    size_t n = one.n < other.n ? one.n : other.n;
    int r = n > 0 ? memcmp(one.p, other.p, n) : 0;
    return r ? r : (int)one.n - (int)other.n;
}

static int domains_list(const struct options *o)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_DOMAINS, "", &a);
    if (r) {
        return r;
    }
    if (a.n > 0) {
        qsort(a.rows, a.n, sizeof *a.rows, by_name);
    }
    struct json *all = o->json ? report_array() : NULL;
    if (!o->json) {
        printf("%-34s %-13s %-8s %-5s %-8s %-17s %-17s %s\n", "domain", "mail goes", "grade",
               "DANE", "MTA-STS", "last offer", "last probe", "alarms");
    }
    for (size_t i = 0; i < a.n; i++) {
        if (o->json) {
            report_append(all, domain_json(&a.rows[i].row_domain));
        } else {
            print_domain(&a.rows[i].row_domain);
        }
    }
    if (o->json) {
        print_json(all);
    }
    return response_end(o, &a);
}

static struct json *domains_probe_json(const struct ipc_row_probe *p)
{
    struct json *o = report_object();
    report_put_time(o, "at", p->at_ms);
    report_put_bool(o, "complete", p->complete);
    report_put_bool(o, "offered", p->offered);
    report_put_bool(o, "offered-by-all", p->all_offered);
    report_put_bool(o, "mail-would-go", p->would_send);
    report_put_str(o, "grade", str_c(grade_name(p->grade)));
    report_put_str(o, "reason", str_c(reason_name(p->reason)));
    report_put_bool(o, "dane", p->tlsa_published);
    report_put_bool(o, "dane-broken", p->tlsa_bad);
    report_put_str(o, "mta-sts", str_c(sts_state_name(p->sts)));
    report_put_str(o, "mta-sts-problem", p->sts_problem);
    report_put_time(o, "certificate-ends", p->not_after_ms);
    report_put_str(o, "hosts", p->hosts);
    return o;
}

static void print_probe(const struct ipc_row_probe *p)
{
    char at[32], until[32];
    printf("  %-17s %-8s %-8s %-7s %-8s %-17s %s\n", when(p->at_ms, at),
           p->offered    ? p->all_offered ? "yes" : "some"
           : p->complete ? "no"
                         : "?",
           p->would_send ? grade_name(p->grade) : "-",
           p->tlsa_bad         ? "BROKEN"
           : p->tlsa_published ? "yes"
                               : "no",
           sts_state_name(p->sts), p->not_after_ms ? when(p->not_after_ms, until) : "-",
           p->would_send ? "" : reason_name(p->reason));
}

static void print_memory(const struct ipc_row_domain *d)
{
    char date[32], alarms[128], name[NAME_WORDS];
    alarms_text(d->alarms, alarms, sizeof alarms);
    name_words(d->name, name, sizeof name);
    printf("%s\n  Mail there %s.\n", name,
           d->seen ? "never goes in clear: its servers offered encryption"
                   : "may go in clear when all its servers answer a new probe and none offers "
                     "encryption; while some do not\n  answer, it waits (look-incomplete; monitor "
                     "probe-patience says how long)");
    printf("  Encryption was last offered: %s\n", when(d->offered_ms, date));
    printf("  All servers were last probed: %s%s\n", when(d->looked_ms, date),
           d->looked_ms && !d->look_complete
               ? " (not all answered: it does not count for mail in clear)"
               : "");
    if (d->helo_ms) {
        printf("  Since %s it has accepted HELO but not EHLO, so whether it offers encryption is "
               "not known. If that lasts\n  (monitor ehlo-patience), it counts as a domain without "
               "encryption.\n",
               when(d->helo_ms, date));
    }
    printf("  Last mail there: %s\n", when(d->mailed_ms, date));
    printf("  Probed regularly: %s%s\n",
           d->probes_off ? "no, probes are off (monitor { probe no; }): everything here comes from "
                           "deliveries and from postern probe"
           : d->monitored ? "yes, next "
                          : "no, it is not listed and received no mail lately",
           d->monitored && !d->probes_off ? when(d->next_probe_ms, date) : "");
    if (d->lowered_ms) {
        printf("  Forgotten on %s, after seven days without any offer.\n",
               when(d->lowered_ms, date));
    }
    if (d->negative_days) {
        printf("  Days in a row without any offer: %u%s\n", d->negative_days,
               d->await_confirm ? "; an administrator must confirm (postern domains confirm), "
                                  "because mail that demanded security went there"
                                : "");
    }
    printf("  Alarms: %s\n", alarms[0] ? alarms : "none");
}

static void print_acts(const struct ipc_row_act *const *acts, size_t n)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(16 * 1024 * 1024);
    if (n > 0) {
        must(buf_add(&out, STR("  Done by administrators, newest first:\n")) == 0 &&
             acts_text(acts, n, "  ", &out) == 0);
        print_buf(&out);
    }
}

static struct json *quirk_json(const struct ipc_row_quirk *x)
{
    struct json *o = report_object();
    report_put_str(o, "host", x->host);
    report_put_str(o, "address", x->address);
    report_put_str(o, "without", str_c(extension_name(x->extension)));
    report_put_time(o, "since", x->since_ms);
    report_put_time(o, "until", x->until_ms);
    report_put_str(o, "domain", x->domain);
    report_put_str(o, "why", x->why);
    return o;
}

static void print_quirk(const struct ipc_row_quirk *x)
{
    char since[32], until[32];
    printf("  " STR_FMT " [" STR_FMT "]: without %s since %s, until %s: " STR_FMT "\n",
           STR_ARG(x->host), STR_ARG(x->address), extension_name(x->extension),
           when(x->since_ms, since), when(x->until_ms, until), STR_ARG(x->why));
}

static int show_quirks(const struct options *o)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_QUIRKS, "", &a);
    if (r) {
        return r;
    }
    struct json *out = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        if (o->json) {
            report_append(out, quirk_json(&a.rows[i].row_quirk));
        } else {
            print_quirk(&a.rows[i].row_quirk);
        }
    }
    if (o->json) {
        print_json(out);
    } else if (a.ok && a.n == 0) {
        puts("As far as is known, all servers can do what they announce.");
    }
    return response_end(o, &a);
}

static int domains_show(const struct options *o, const char *domain)
{
    struct response a;
    int r = ask(o, "queue.sock", ADMIN_DOMAIN, domain, &a);
    if (r) {
        return r;
    }
    struct json *whole = NULL, *history = report_array(), *quirks = report_array();
    const struct ipc_row_act **acts = err_calloc(a.n + 1, sizeof *acts);
    size_t n_acts = 0;
    bool head = false;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_msg *m = &a.rows[i];
        if (m->type == IPC_row_domain && o->json) {
            report_free(whole);
            whole = domain_json(&m->row_domain);
        } else if (m->type == IPC_row_domain) {
            print_memory(&m->row_domain);
        } else if (m->type == IPC_row_act) {
            acts[n_acts++] = &m->row_act;
        } else if (m->type == IPC_row_quirk && o->json) {
            report_append(quirks, quirk_json(&m->row_quirk));
        } else if (m->type == IPC_row_quirk) {
            print_quirk(&m->row_quirk);
        } else if (o->json) {
            report_append(history, domains_probe_json(&m->row_probe));
        } else {
            if (!head) {
                printf("  History:\n  %-17s %-8s %-8s %-7s %-8s %-17s\n", "at", "offered", "grade",
                       "DANE", "MTA-STS", "certificate until");
                head = true;
            }
            print_probe(&m->row_probe);
        }
    }
    if (whole) {
        report_put(whole, "quirks", quirks);
        report_put(whole, "history", history);
        report_put(whole, "acts", acts_json(acts, n_acts));
        print_json(whole);
    } else {
        print_acts(acts, o->json ? 0 : n_acts); /* without a domain there is no JSON */
        report_free(history);
        report_free(quirks);
    }
    free(acts);
    return response_end(o, &a);
}

static int show_alarms(const struct options *o, bool all)
{
    struct response a;
    char at[32], cleared[32];
    int r = ask(o, "queue.sock", ADMIN_ALARMS, all ? "all" : "", &a);
    if (r) {
        return r;
    }
    struct json *out = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_alarm *m = &a.rows[i].row_alarm;
        if (o->json) {
            struct json *j = report_object();
            report_put_time(j, "at", m->at_ms);
            report_put_str(j, "kind", str_c(alarm_name(m->kind)));
            report_put_str(j, "domain", m->domain);
            report_put_str(j, "what", str_c(alarm_sentence(m->kind)));
            report_put_str(j, "detail", m->detail);
            report_put_time(j, "over", m->cleared_ms);
            report_put_time(j, "mailed", m->mailed_ms);
            report_append(out, j);
        } else {
            printf("%s  %-12s " STR_FMT "%s%s%s%s\n", when(m->at_ms, at), alarm_name(m->kind),
                   STR_ARG(m->domain), m->domain.n ? " " : "", alarm_sentence(m->kind),
                   m->cleared_ms ? "; over since " : "",
                   m->cleared_ms ? when(m->cleared_ms, cleared) : "");
            if (m->detail.n > 0) {
                printf("                  " STR_FMT "\n",
                       STR_ARG(str_slice(m->detail, 0, str_find(m->detail, '\n', 0))));
            }
        }
    }
    if (o->json) {
        print_json(out);
    } else if (a.ok && a.n == 0) {
        puts("No alarms.");
    }
    return response_end(o, &a);
}

/* A question that a sentence answers. */
static int domains_act(const struct options *o, enum admin_verb verb, const char *argument)
{
    struct response a;
    int r = ask(o, "queue.sock", verb, argument, &a);
    if (r) {
        return r;
    }
    if (a.ok) {
        printf("%s\n", a.text);
    }
    return response_end(o, &a);
}

static int teach(const struct options *o, struct buf *names)
{
    struct response a;
    int r = ask_with(o, ADMIN_LEARN, "", buf_str(names), &a);
    buf_reset(names);
    if (r) {
        return r;
    }
    if (a.ok) {
        puts(a.text);
    }
    return response_end(o, &a);
}

/* What `domains list --json` of another gateway wrote: its domains that never go in clear. */
static int import(const struct options *o, const char *path)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(256 * 1024 * 1024), names = BUF_INIT(64 * 1024);
    char problem[200];
    size_t n = 0;
    int r = file_read(path, &text);
    struct json *all = r == 0 ? report_parse(buf_str(&text), problem, sizeof problem) : NULL;
    if (!all) {
        fprintf(stderr, "postern: %s: %s\n", path, r < 0 ? strerror(-r) : problem);
        return EXIT_USAGE;
    }
    r = 0;
    for (size_t i = 0; r == 0 && i < report_count(all); i++) {
        const struct json *d = report_item(all, i);
        struct str name = report_get_str(d, "domain");
        if (!report_get_bool(d, "seen") || name.n == 0) {
            continue;
        }
        n++;
        if (buf_len(&names) + name.n + 1 > names.max) {
            r = teach(o, &names);
        }
        must(buf_printf(&names, STR_FMT "\n", STR_ARG(name)) == 0);
    }
    r = r == 0 && buf_len(&names) > 0 ? teach(o, &names) : r;
    report_free(all);
    if (r == 0 && n == 0) {
        puts("The file names no domain that offered encryption.");
    }
    return r;
}

int command_domains(const struct options *o)
{
    const char *what = o->argc > 0 ? o->argv[0] : "list";
    bool all = o->argc == 2 && strcmp(o->argv[1], "--all") == 0;
    if (strcmp(what, "list") == 0 && o->argc <= 1) {
        return domains_list(o);
    }
    if (strcmp(what, "alarms") == 0 && (o->argc == 1 || all)) {
        return show_alarms(o, all);
    }
    if (strcmp(what, "show") == 0 && o->argc == 2) {
        return domains_show(o, o->argv[1]);
    }
    if (strcmp(what, "confirm") == 0 && o->argc == 2) {
        return domains_act(o, ADMIN_CONFIRM, o->argv[1]);
    }
    if (strcmp(what, "quirks") == 0 && o->argc == 1) {
        return show_quirks(o);
    }
    if (strcmp(what, "forget-quirks") == 0 && o->argc == 2) {
        return domains_act(o, ADMIN_FORGET_QUIRKS, o->argv[1]);
    }
    if (strcmp(what, "import") == 0 && o->argc == 2) {
        return import(o, o->argv[1]);
    }
    fputs("usage: postern domains list, show DOMAIN, alarms [--all], confirm DOMAIN, quirks, "
          "forget-quirks HOST, or import FILE\n",
          stderr);
    return EXIT_USAGE;
}
