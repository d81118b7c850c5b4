/* SPDX-License-Identifier: Apache-2.0
 * tlsrpt.c: TLS reports (RFC 8460): counts each session under each policy in force; writes the
 * day's report of a domain and sends it (https through lookup, mail signed through keys); reads
 * the reports of others, for which a delivery ends here. Called by outcome.c for each session, and
 * by job.c for reports to write.
 *
 * Sessions that carry our own reports are not counted (RFC 8460 3: no loops). What can go wrong: a
 * report that cannot be sent is tried again by the queue for a day.
 */
#include "auth/dkim.h"
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "store/tlsrpt.h"
#include "tlsrpt/record.h"
#include "tlsrpt/report.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    REPORT_ARENA = 4 * 1024 * 1024,
    FAILURES_MAX = 1000,
    MAIL_MAX = 1024 * 1024,
    POLICIES = 64,
    WRITINGS_MAX = 1000,
    DAYS_MAX = 1000000,
    POST_MAX = 128 * 1024
};
#define DAY_MS (24LL * 60 * 60 * 1000)
#define SIGNED_FIELDS \
    "From:To:Subject:Date:Message-ID:MIME-Version:Content-Type:TLS-Report-Domain:TLS-Report-" \
    "Submitter"

/* --- counting ----------------------------------------------------------- */

static const char *certificate_result(const struct tls_facts *f)
{
    switch (f->check_reason) {
    case TLS_CHECK_NAME:
        return "certificate-host-mismatch";
    case TLS_CHECK_DATES:
        return "certificate-expired";
    case TLS_CHECK_FINE:
    case TLS_CHECK_TRUST:
        break;
    }
    return "certificate-not-trusted";
}

/* What no TLS at all counts as; NULL when there was a session. */
static const char *no_tls_result(enum sess sess)
{
    return sess == SESS_NOADV || sess == SESS_REFUSED ? "starttls-not-supported"
           : sess == SESS_HSFAIL                      ? "validation-failure"
                                                      : NULL;
}

static const char *tlsa_result(const struct delivery *d, enum sess sess, const struct tls_facts *f)
{
    if (d->facts.tlsa == TLSA_ERROR) {
        return "dnssec-invalid";
    }
    const char *none = no_tls_result(sess);
    return none                                                          ? none
           : d->facts.tlsa == TLSA_USABLE && f && f->dane != TLS_DANE_OK ? "tlsa-invalid"
                                                                         : NULL;
}

static const char *sts_result(const struct delivery *d, const char *host, enum sess sess,
                              const struct tls_facts *f)
{
    if (!sts_policy_covers(str_c(d->route.policy.mx), domain_from(str_c(host)))) {
        return "validation-failure";
    }
    const char *none = no_tls_result(sess);
    return none ? none : f && f->check != TLS_CHECK_OK ? certificate_result(f) : NULL;
}

static void tlsa_strings(const struct route_host *h, char *dst, size_t size)
{
    struct dane_set set;
    struct buf text = BUF_INIT(size - 1);
    for (size_t i = 0; dane_read(h->records, &set) == 0 && i < set.n; i++) {
        char one[300];
        dane_text(&set.records[i], one, sizeof one);
        (void)!buf_printf(&text, "%s\n", one);
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

static void tlsrpt_count(const struct delivery *d, const struct connection *l, const char *host,
                         const char *ip, enum rpt_type type, struct str policy, struct str mx,
                         const char *result, const char *reason)
{
    char sender[46] = "";
    if (l && l->conn) {
        conn_local_ip(l->conn, sender, sizeof sender);
    }
    ipc_send(d->out->queue,
             &(struct ipc_msg){.type = IPC_rpt_session,
                               .rpt_session = {
                                   .domain = str_c(d->route.name),
                                   .type = type,
                                   .policy =
                                       str_slice(policy, 0, policy.n < 4096 ? policy.n : 4096),
                                   .mx = str_slice(mx, 0, mx.n < 1024 ? mx.n : 1024),
                                   .ok = !result,
                                   .result = str_c(result),
                                   .sender = str_c(sender),
                                   .host = str_c(host),
                                   .receiver = str_c(ip),
                                   .reason = str_slice(str_c(reason), 0,
                                                       strlen(reason) < 256 ? strlen(reason) : 256),
                               }});
}

/* RFC 8460 3 SHOULD NOT: the session with a report is not in the next report
 * RFC 8460 4.4 MUST: domains and mx-host are A-labels */
void tlsrpt_session(const struct delivery *d, const struct connection *l, enum sess sess,
                    const char *host, const char *ip, const char *detail)
{
    const struct tls_facts *f = l && l->tls && tls_channel_state(l->tls) != TLS_HANDSHAKING
                                    ? tls_channel_facts(l->tls)
                                    : NULL;
    const struct route_host *h =
        d->step.host < d->route.n_hosts ? &d->route.hosts[d->step.host] : NULL;
    bool lookup_failed = d->facts.tlsa == TLSA_ERROR || d->route.sts_problem != STS_PROBLEM_NONE;
    bool session = sess != SESS_NOCONN && !(l && l->reused);
    char strings[4096];
    if (!child_conf(d->out->child)->tlsrpt.send || d->facts.trno == TRNO_REPORT ||
        d->route.kind == LOOKUP_HOST ||
        (!session && !lookup_failed && d->facts.sts != STS_NOMATCH)) {
        return;
    }
    bool has_tlsa = h && h->tlsa != HOST_TLSA_NONE, has_sts = d->route.sts_text.n > 0;
    if (has_tlsa && (session || d->facts.tlsa == TLSA_ERROR)) {
        tlsa_strings(h, strings, sizeof strings);
        const char *result = tlsa_result(d, sess, f);
        tlsrpt_count(d, l, host, ip, RPT_TLSA, str_c(strings), str_c(h->base), result,
                     result ? (f ? f->dane_text : detail) : "");
    }
    if (has_sts && (session || d->facts.sts == STS_NOMATCH)) {
        const char *result = sts_result(d, host, sess, f);
        bool mismatch =
            result && !sts_policy_covers(str_c(d->route.policy.mx), domain_from(str_c(host)));
        tlsrpt_count(d, l, host, ip, RPT_STS, d->route.sts_text, str_c(d->route.policy.mx), result,
                     mismatch ? "mx-not-in-policy"
                     : result ? (f ? f->check_text : detail)
                              : "");
    }
    if (d->route.sts_problem != STS_PROBLEM_NONE && !d->asked_again) {
        tlsrpt_count(d, l, host, ip, RPT_STS, d->route.sts_text, str_c(d->route.policy.mx),
                     sts_problem_result(d->route.sts_problem), d->route.sts_detail);
    } else if (!has_tlsa && !has_sts && session) {
        const char *result = no_tls_result(sess);
        tlsrpt_count(d, l, host, ip, RPT_NO_POLICY, STR(""), STR(""), result, result ? detail : "");
    }
}

/* --- writing ------------------------------------------------------------ */

/* One day's report of one domain. */
struct writing {
    struct lease_id order; /* of the queue */
    struct smtpout *out;
    uint64_t token, day, step; /* step: of the question under way */
    char domain[256], id[64], contact[320], submitter[256], detail[512];
    struct arena arena;
    struct tlsrpt_policy policies[POLICIES];
    size_t n_policies, n_failures;
    struct route route;
    struct str rest; /* addresses still to be served */
    unsigned ok, failed;
    struct buf packed, mail;
    char to[320];
    enum tls_algorithm algorithm;
};

static struct str tlsrpt_keep(struct writing *w, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(&w->arena, s, &copy);
    return copy;
}

/* The report that the queue speaks of, a new one where there is none; NULL: it may not speak of
 * it (any more). */
static struct writing *tlsrpt_find(struct smtpout *out, uint64_t token, struct ipc_channel *ch)
{
    struct writing *w = map_get(out->writings, map_id(&token));
    if (w ? w->route.out != NULL : map_len(out->writings) >= WRITINGS_MAX) {
        ipc_refuse(ch, w ? "this report is being written" : "too many reports at once");
        return NULL;
    }
    if (!w) {
        w = err_calloc(1, sizeof *w);
        w->out = out;
        w->token = token;
        w->arena = ARENA_INIT(REPORT_ARENA);
        w->packed = BUF_INIT(MAIL_MAX);
        w->mail = BUF_INIT(MAIL_MAX);
        must(map_put(out->writings, map_id(&w->token), w) == 0);
    }
    return w;
}

static void tlsrpt_finish(struct writing *w, enum rpt_state state)
{
    ipc_send(w->out->queue, &(struct ipc_msg){.type = IPC_rpt_written,
                                              .rpt_written = {
                                                  .token = w->token,
                                                  .state = state,
                                                  .detail = str_c(w->detail),
                                              }});
    map_take(w->out->writings, map_id(&w->token));
    if (w->step) {
        map_take(w->out->steps, map_id(&w->step));
    }
    route_forget(&w->route);
    buf_free(&w->packed);
    buf_free(&w->mail);
    arena_reset(&w->arena);
    free(w);
}

static void next_address(struct writing *w);

static void step_done(struct writing *w, bool ok, const char *what, struct str detail)
{
    size_t n = strlen(w->detail);
    w->ok += ok;
    w->failed += !ok;
    snprintf(w->detail + n, sizeof w->detail - n, "%s%s: %s" STR_FMT, n ? "; " : "", what,
             ok ? "sent" : "failed ", STR_ARG(ok ? STR("") : detail));
    next_address(w);
}

/* RFC 8460 4.1 SHOULD: a report covers a day in UTC */
static struct tlsrpt_report report_of(const struct writing *w)
{
    const struct conf *c = child_conf(w->out->child);
    return (struct tlsrpt_report){
        .organization = str_c(*c->organization ? c->organization : c->hostname),
        .contact = str_c(w->contact),
        .id = str_c(w->id),
        .submitter = str_c(w->submitter),
        .domain = str_c(w->domain),
        .begin_ms = (int64_t)w->day * DAY_MS,
        .end_ms = (int64_t)(w->day + 1) * DAY_MS - 1000,
        .policies = w->policies,
        .n_policies = w->n_policies,
    };
}

static uint64_t new_step(struct writing *w)
{
    if (w->step) {
        map_take(w->out->steps, map_id(&w->step));
    }
    w->step = ++w->out->next_token;
    must(map_put(w->out->steps, map_id(&w->step), w) == 0);
    return w->step;
}

/* RFC 8460 3 MAY: a certificate of an HTTPS endpoint that is not good is taken
 * RFC 8460 5.4 MAY: reports go by POST */
static void post(struct writing *w, struct str url)
{
    if (buf_len(&w->packed) > POST_MAX || url.n > 1024) {
        step_done(w, false, "https", STR("the report is too large"));
        return;
    }
    ipc_send(w->out->lookup, &(struct ipc_msg){.type = IPC_post,
                                               .post = {
                                                   .token = new_step(w),
                                                   .url = url,
                                                   .content_type = STR("application/tlsrpt+gzip"),
                                                   .body = buf_str(&w->packed),
                                               }});
}

static void tlsrpt_submit(struct writing *w, struct str field)
{
    struct smtpout *out = w->out;
    CLEANUP(buf_free) struct buf text = BUF_INIT(MAIL_MAX);
    int r = buf_add(&text, field);
    r = r < 0 ? r : buf_add(&text, buf_str(&w->mail));
    const struct own own = {
        .token = new_step(w),
        .id = own_id(out),
        .order = w->order,
        .to = str_c(w->to),
        .text = buf_str(&text),
    };
    r = r < 0 ? r : own_submit(out, &own);
    if (r < 0) {
        step_done(w, false, w->to, str_c(strerror(-r)));
    }
}

static struct dkim dkim_of(const struct writing *w)
{
    const struct conf *c = child_conf(w->out->child);
    return (struct dkim){
        .domain = str_c(c->signing.domain),
        .selector = str_c(c->signing.selector),
        .algorithm = w->algorithm,
        .at_s = clock_wall_ms() / 1000,
    };
}

/* RFC 8460 5.3 SHOULD: these fields are signed */
static void tlsrpt_ask_signature(struct writing *w)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(16 * 1024);
    struct dkim d = dkim_of(w);
    w->out->signing_at_s = d.at_s; /* the same second in field and signature */
    if (dkim_text(&d, buf_str(&w->mail), SIGNED_FIELDS, &text) < 0) {
        step_done(w, false, w->to, STR("it is too large to be signed"));
        return;
    }
    ipc_send(w->out->keys,
             &(struct ipc_msg){.type = IPC_sign,
                               .sign = {.token = new_step(w), .text = buf_str(&text)}});
}

/* RFC 8460 3 MUST: reports by mail are signed with DKIM */
static void mail_to(struct writing *w, struct str uri)
{
    const struct conf *c = child_conf(w->out->child);
    struct tlsrpt_report r = report_of(w);
    char message_id[400];
    if (tlsrpt_mailto(uri, w->to, sizeof w->to) < 0) {
        step_done(w, false, "mailto", STR("not an address we would use"));
        return;
    }
    if (!c->signing.domain) {
        step_done(w, false, w->to, STR("without a signature nobody reads it: set signing"));
        return;
    }
    snprintf(message_id, sizeof message_id, "%s@%s", w->id, c->hostname);
    buf_reset(&w->mail);
    if (tlsrpt_mail(&r, str_c(w->contact), str_c(w->to), str_c(message_id), clock_wall_ms(),
                    buf_str(&w->packed), &w->mail) < 0) {
        step_done(w, false, w->to, STR("it is too large"));
    } else {
        tlsrpt_ask_signature(w);
    }
}

/* Every address is served; success at one does not stop the others (RFC 8460 3).
 * RFC 8460 3 MAY: each address of the record gets it
 * RFC 8460 3 SHOULD NOT: it is sent only when one address has taken it */
static void next_address(struct writing *w)
{
    struct str uri;
    if (w->rest.n == 0 || !str_split(&w->rest, ' ', &uri)) {
        tlsrpt_finish(w, w->ok > 0 ? RPT_DONE : RPT_DUE);
    } else if (str_starts_nocase(uri, STR("https://"))) {
        post(w, uri);
    } else {
        mail_to(w, uri);
    }
}

static void tlsrpt_on_route(void *arg)
{
    struct writing *w = arg;
    struct tlsrpt_report r = report_of(w);
    CLEANUP(buf_free) struct buf text = BUF_INIT(TLSRPT_JSON_MAX);
    if (w->route.outcome == MX_FAILED || w->route.rua.n == 0) {
        snprintf(w->detail, sizeof w->detail, "%s",
                 w->route.outcome == MX_FAILED ? "the record could not be looked up"
                                               : "the domain asks for no reports");
        tlsrpt_finish(w, w->route.outcome == MX_FAILED ? RPT_DUE : RPT_NOT_WANTED);
        return;
    }
    if (tlsrpt_json(&r, &text) < 0 || tlsrpt_gzip(buf_str(&text), &w->packed) < 0) {
        snprintf(w->detail, sizeof w->detail, "the report could not be written");
        tlsrpt_finish(w, RPT_GIVEN_UP);
        return;
    }
    w->rest = w->route.rua;
    next_address(w);
}

void tlsrpt_on_policy(void *owner, struct ipc_channel *ch, const struct ipc_rpt_policy *p)
{
    static const char *const types[] =
        {[RPT_TLSA] = "tlsa", [RPT_STS] = "sts", [RPT_NO_POLICY] = "no-policy-found"};
    struct writing *w = tlsrpt_find(owner, p->token, ch);
    if (w && w->n_policies < POLICIES) {
        struct tlsrpt_policy *q = &w->policies[w->n_policies++];
        *q = (struct tlsrpt_policy){
            .type = types[p->type],
            .strings = tlsrpt_keep(w, p->policy),
            .ok = p->ok,
            .failed = p->failed,
        };
        /* RFC 8460 1.1: the TLSA base domain */
        q->domain = p->type == RPT_TLSA ? tlsrpt_keep(w, p->mx) : STR("");
        q->mx = p->type == RPT_STS ? tlsrpt_keep(w, p->mx) : STR("");
        w->n_failures = 0;
    }
}

void tlsrpt_on_failure(void *owner, struct ipc_channel *ch, const struct ipc_rpt_failure *f)
{
    struct writing *w = tlsrpt_find(owner, f->token, ch);
    struct tlsrpt_policy *p = w && w->n_policies ? &w->policies[w->n_policies - 1] : NULL;
    if (p && p->n_failures == 0) {
        p->failures = arena_alloc(&w->arena, FAILURES_MAX * sizeof *p->failures);
    }
    if (p && p->failures && p->n_failures < FAILURES_MAX) {
        struct tlsrpt_failure *to = (struct tlsrpt_failure *)&p->failures[p->n_failures++];
        *to = (struct tlsrpt_failure){tlsrpt_keep(w, f->result), tlsrpt_keep(w, f->sender),
                                      tlsrpt_keep(w, f->host),   tlsrpt_keep(w, f->receiver),
                                      tlsrpt_keep(w, f->reason), f->n};
    }
}

/* RFC 8460 5.3 MUST: the submitter is the domain of contact-info */
void tlsrpt_on_write(void *owner, struct ipc_channel *ch, const struct ipc_rpt_write *m)
{
    struct smtpout *out = owner;
    const struct conf *c = child_conf(out->child);
    bool is_day = m->day < DAYS_MAX;
    struct writing *w = is_day ? tlsrpt_find(out, m->token, ch) : NULL;
    if (!is_day) {
        ipc_refuse(ch, "not a day");
    }
    if (!w) {
        return;
    }
    w->day = m->day;
    w->order = m->lease;
    w->algorithm = out->algorithm;
    str_copy_cut(m->domain, w->domain, sizeof w->domain);
    snprintf(w->id, sizeof w->id, "%llu.%llx", (unsigned long long)w->day,
             (unsigned long long)own_id(out));
    snprintf(w->contact, sizeof w->contact, "%s%s",
             c->tlsrpt.contact ? c->tlsrpt.contact
             : *c->admin       ? c->admin
                               : "postmaster@",
             c->tlsrpt.contact || *c->admin ? "" : c->hostname);
    struct domain_name submitter = domain_of(str_c(w->contact));
    str_copy_cut(domain_str(&submitter), w->submitter, sizeof w->submitter);
    for (size_t i = 0; i < w->n_policies; i++) {
        w->policies[i].domain = w->policies[i].domain.n ? w->policies[i].domain : str_c(w->domain);
    }
    w->route = (struct route){
        .out = out,
        .arena = &w->arena,
        .kind = LOOKUP_REPORT,
        .on_ready = tlsrpt_on_route,
        .arg = w,
    };
    str_copy_cut(m->domain, w->route.name, sizeof w->route.name);
    route_ask(&w->route, LOOKUP_CACHED);
}

void tlsrpt_on_posted(void *owner, struct ipc_channel *ch, const struct ipc_posted *m)
{
    struct smtpout *out = owner;
    struct writing *w = map_get(out->steps, map_id(&m->token));
    if (w) {
        step_done(w, m->ok, "https", m->detail);
    }
}

void tlsrpt_on_signature(void *owner, struct ipc_channel *ch, const struct ipc_signature *s)
{
    struct smtpout *out = owner;
    struct writing *w = map_get(out->steps, map_id(&s->token));
    CLEANUP(buf_free) struct buf field = BUF_INIT(8 * 1024);
    if (!w) {
        (void)envelope_signed(out, s);
        return;
    }
    if (!s->ok) {
        step_done(w, false, w->to, STR("it could not be signed"));
    } else if (s->algorithm != w->algorithm) { /* the key is of the other kind: once more */
        w->algorithm = out->algorithm =
            s->algorithm == TLS_RSA_SHA256 ? TLS_RSA_SHA256 : TLS_ED25519_SHA256;
        tlsrpt_ask_signature(w);
    } else {
        struct dkim d = dkim_of(w);
        d.at_s = out->signing_at_s;
        if (dkim_field(&d, buf_str(&w->mail), SIGNED_FIELDS, s->signature, &field) == 0) {
            tlsrpt_submit(w, buf_str(&field));
        } else {
            step_done(w, false, w->to, STR("its signature cannot be used"));
        }
    }
}

bool tlsrpt_submitted(struct smtpout *out, uint64_t token, bool ok)
{
    struct writing *w = map_get(out->steps, map_id(&token));
    if (w) {
        step_done(w, ok, w->to, STR("the store did not take it"));
    }
    return w != NULL;
}

/* lookup or keys went away: what waited for them is tried again later. */
void tlsrpt_give_up(struct smtpout *out)
{
    for (bool found = true; found;) {
        size_t cursor = 0;
        struct str key;
        void *value;
        found = map_next(out->steps, &cursor, &key, &value);
        if (found) {
            struct writing *w = value;
            str_copy_cut(STR("one of our own processes went away"), w->detail, sizeof w->detail);
            tlsrpt_finish(w, RPT_DUE);
        }
    }
}

/* --- reading ------------------------------------------------------------ */

static void tlsrpt_on_row(void *arg, const struct tlsrpt_row *r)
{
    struct delivery *d = arg;
    ipc_send(d->out->queue, &(struct ipc_msg){.type = IPC_rpt_received,
                                              .rpt_received = {
                                                  .organization = r->organization,
                                                  .report_id = r->report_id,
                                                  .domain = r->domain,
                                                  .begin_ms = r->begin_ms,
                                                  .end_ms = r->end_ms,
                                                  .type = r->type,
                                                  .ok = r->ok,
                                                  .failed = r->failed,
                                                  .details = r->details,
                                              }});
}

void tlsrpt_receive(struct delivery *d)
{
    char problem[200] = "";
    CLEANUP(buf_wipe) struct buf mail = BUF_INIT(TLSRPT_MAIL_MAX);
    int r = 1;
    while (r > 0) {
        r = delivery_read(d, &mail);
    }
    if (r == 0) {
        r = tlsrpt_read(buf_str(&mail), tlsrpt_on_row, d, problem, sizeof problem);
    } else {
        snprintf(problem, sizeof problem,
                 r == -ENOSPC ? "it is larger than 16 MB" : "it cannot be decrypted");
    }
    if (r < 0) {
        log_warn("tls-report-unreadable", KVS("from", d->reverse_path), KV("problem", problem));
    }
    delivery_ended_here(d, r == 0 ? "read as a TLS report" : problem);
}
