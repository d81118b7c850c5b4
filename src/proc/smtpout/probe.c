/* SPDX-License-Identifier: Apache-2.0
 * probe.c: "do they support TLS?" for one domain: every address of every server is asked, with the
 * same lookups, the same TLS and the same decision as a delivery. Asked for by the queue: daily by
 * the monitor, and at once by postern probe, which also wants to know versions and ciphers (deep).
 * Called by job.c.
 *
 * No mail is sent. Bounded in connections and time; what did not answer by then counts as "no
 * answer".
 */
#include "base/clock.h"
#include "base/log.h"
#include "policy/validity.h"
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TARGETS_MAX = 64,
    DEEP_HOSTS_MAX = 4,
    CIPHERS_MAX = 16,
    PROBE_MS = 60 * 1000,
    DEEP_MS = 150 * 1000,
    PROBE_ARENA = 1024 * 1024,
};

static const struct {
    unsigned number;
    const char *name;
} versions[] = {{0x0301, "TLSv1"}, {0x0302, "TLSv1.1"}, {0x0303, "TLSv1.2"}, {0x0304, "TLSv1.3"}};

struct probe;

/* One address. */
struct target {
    struct connection_user user; /* first: links know only this */
    struct probe *probe;
    struct connection *connection;
    const struct route_host *host;
    char ip[46];
    enum sess sess;
    bool answered, offered, ext, no_route;
    struct tls_facts facts;
    char detail[300];
    /* deep: step 0 is the real session, then one for each version, then one for each cipher */
    bool deep;
    unsigned step, n_ciphers;
    char versions[64], ciphers[1024];
    extension_set avoid; /* as configured, and found out in this probe */
};

struct probe {
    struct smtpout *out;
    uint64_t token;
    char domain[256];
    bool deep, began, left_out;
    enum tls_profile profile;
    extension_set avoid;
    struct facts facts;
    struct arena arena;
    struct route route, report;
    unsigned asked;
    struct target targets[TARGETS_MAX];
    size_t n, open;
    struct timer *timer;
    int64_t began_ms;
};

/* --- the report --------------------------------------------------------- */

static void tlsa_words(const struct route_host *h, char *dst, size_t size)
{
    struct dane_set set;
    struct buf text = BUF_INIT(size - 1);
    if (h->tlsa == HOST_TLSA_FOUND && dane_read(h->records, &set) == 0) {
        for (size_t i = 0; i < set.n; i++) {
            char one[200];
            dane_text(&set.records[i], one, sizeof one);
            (void)!buf_printf(&text, "%s%s%s", i ? "\n" : "", one,
                              set.records[i].usable ? "" : " (unusable)");
        }
    }
    str_copy_cut(buf_str(&text), dst, size);
    buf_free(&text);
}

static struct host_verdict probe_judge(const struct probe *p, const struct target *t)
{
    struct facts f = p->facts;
    route_facts(&p->route, t->host, 0, child_conf(p->out->child)->smtpout.policy_wait, &f);
    f.sess = t->sess;
    f.ext = t->ext;
    f.seen |= t->offered;
    return policy_host(&f);
}

static void send_target(const struct probe *p, const struct target *t)
{
    const struct tls_facts *f = &t->facts;
    struct host_verdict v = probe_judge(p, t);
    struct facts facts = p->facts;
    char tlsa[2048];
    route_facts(&p->route, t->host, 0, 1, &facts);
    tlsa_words(t->host, tlsa, sizeof tlsa);
    ipc_send(p->out->queue,
             &(struct ipc_msg){.type = IPC_probe_host,
                               .probe_host = {
                                   .token = p->token,
                                   .preference = t->host->preference,
                                   .host = str_c(t->host->name),
                                   .address = str_c(t->ip),
                                   .mx = facts.mx,
                                   .tlsa = facts.tlsa,
                                   .sts = facts.sts,
                                   .sess = t->sess,
                                   .grade = v.grade,
                                   .offered = t->offered,
                                   .ext = t->ext,
                                   .reason = v.reason,
                                   .tls_version = str_c(f->version),
                                   .tls_cipher = str_c(f->cipher),
                                   .tls_bits = f->bits,
                                   .tls_group = str_c(f->group),
                                   .peer_key = str_c(f->peer_key),
                                   .cert_check = str_c(f->check_text),
                                   .dane_check = str_c(f->dane_text),
                                   .cert_subject = str_c(f->subject),
                                   .cert_issuer = str_c(f->issuer),
                                   .cert_names = str_c(f->names),
                                   .cert_fingerprint = str_c(f->fingerprint),
                                   .key_fingerprint = str_c(f->key_fingerprint),
                                   .cert_not_after = f->not_after_ms,
                                   .asked_certificate = f->asked_certificate,
                                   .tlsa_text = str_c(tlsa),
                                   .versions = str_c(t->versions),
                                   .ciphers = str_c(t->ciphers),
                                   .detail = str_c(t->detail[0] ? t->detail : t->host->detail),
                               }});
}

/* True when every address of every server answered EHLO: only then plaintext may rest on it, and a
 * domain be unlearned. Those that mail could not use either do not count (survey.c). */
static bool probe_is_complete(const struct probe *p)
{
    bool complete = p->route.outcome == MX_FOUND && !p->route.cut && !p->left_out && p->n > 0;
    for (size_t i = 0; i < p->route.n_hosts; i++) {
        complete &= !p->route.hosts[i].partial;
    }
    for (size_t i = 0; i < p->n; i++) {
        complete &= p->targets[i].answered || p->targets[i].no_route;
    }
    return complete;
}

/* What mail would meet: the decision over all targets in order. */
static void probe_conclude(const struct probe *p, struct ipc_probe_done *m)
{
    struct host_verdict verdicts[TARGETS_MAX] = {{0}};
    m->all_offered = p->n > 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct target *t = &p->targets[i];
        verdicts[i] = probe_judge(p, t);
        m->offered |= t->offered;
        m->all_offered &= t->offered;
        m->tlsa_bad |= t->facts.dane == TLS_DANE_BAD;
        m->ends_soon |=
            validity_ends_soon((struct validity){t->facts.not_before_ms, t->facts.not_after_ms},
                               child_conf(p->out->child)->monitor.expiry_warning, clock_wall_ms());
        if (t->facts.not_after_ms && (!m->not_after || t->facts.not_after_ms < m->not_after)) {
            m->not_after = t->facts.not_after_ms;
        }
    }
    m->complete = p->facts.look == LOOK_COMPLETE;
    m->asked = route_asked(&p->route);
    for (size_t i = 0; i < p->route.n_hosts; i++) {
        const struct route_host *h = &p->route.hosts[i];
        m->tlsa_published |= h->tlsa == HOST_TLSA_FOUND;
        m->tlsa_bad |= h->tlsa == HOST_TLSA_ERROR;
    }
    struct verdict v = policy_recipient(&p->facts, verdicts, (unsigned)p->n);
    m->would_send = v.action == ACTION_SEND;
    m->grade = v.grade;
    for (size_t i = 0; i < p->n && !m->would_send; i++) { /* what the best session would be worth */
        m->grade = verdicts[i].grade > m->grade ? verdicts[i].grade : m->grade;
    }
    m->reason = v.reason;
}

static void probe_finish(struct probe *p)
{
    struct ipc_probe_done m = {
        .token = p->token,
        .domain = str_c(p->domain),
        .outcome = p->route.outcome,
        .mx = p->route.mx,
        .detail = str_c(p->route.detail),
        .sts = p->route.sts,
        .sts_problem = str_c(sts_problem_result(p->route.sts_problem)),
        .sts_detail = str_c(p->route.sts_detail),
        .sts_text = str_slice(p->route.sts_text, 0,
                              p->route.sts_text.n < 4096 ? p->route.sts_text.n : 4096),
        .rua = str_slice(p->report.rua, 0, p->report.rua.n < 1024 ? p->report.rua.n : 1024),
        .took_ms = (uint32_t)(clock_mono_ms() - p->began_ms),
    };
    p->facts.look = probe_is_complete(p) ? LOOK_COMPLETE : LOOK_INCOMPLETE;
    for (size_t i = 0; i < p->n; i++) {
        struct target *t = &p->targets[i];
        if (t->connection) {
            connection_end_look(t->connection);
            t->connection = NULL;
        }
        send_target(p, t);
    }
    probe_conclude(p, &m);
    ipc_send(p->out->queue, &(struct ipc_msg){.type = IPC_probe_done, .probe_done = m});
    p->out->n_probes--;
    route_forget(&p->route);
    route_forget(&p->report);
    timer_free(p->timer);
    arena_reset(&p->arena);
    free(p);
}

/* --- sessions ----------------------------------------------------------- */

static void next_step(struct target *t);

static void open_session(struct target *t, struct tls_context *context)
{
    struct probe *p = t->probe;
    struct tls_requirements tls = {.profile = p->profile};
    struct facts f = p->facts;
    route_facts(&p->route, t->host, 0, 1, &f);
    route_tls(&p->route, t->host, &f, &tls);
    if (context) { /* which versions and ciphers: nothing is verified */
        tls.records = STR("");
    }
    t->connection = connection_open_look(p->out, &t->user, t->host->name, t->ip, p->route.port,
                                         &tls, context, t->avoid, false);
}

static void probe_on_end(void *arg)
{
    probe_finish(arg);
}

static void target_done(struct target *t)
{
    struct probe *p = t->probe;
    t->connection = NULL;
    if (--p->open == 0) {
        timer_free(p->timer);
        p->timer = timer_new(child_loop(p->out->child), probe_on_end, p);
        timer_start(p->timer, 0);
    }
}

static void probe_append(char *list, size_t size, const char *word)
{
    size_t n = strlen(list);
    snprintf(list + n, size - n, "%s%s", n ? " " : "", word);
}

/* One more handshake with only one version, or without the ciphers known already. */
static void next_step(struct target *t)
{
    char list[1400] = "ALL:!PSK:!SRP";
    struct tls_context *ctx = NULL;
    while (!ctx && ++t->step <= ARRAY_LEN(versions)) {
        ctx = tls_context_probe(versions[t->step - 1].number, versions[t->step - 1].number, "");
    }
    if (!ctx && strstr(t->versions, "TLSv1.2") && t->n_ciphers < CIPHERS_MAX) {
        struct str rest = str_c(t->ciphers), one;
        while (rest.n > 0 && str_split(&rest, ' ', &one)) {
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, ":!" STR_FMT, STR_ARG(one));
        }
        ctx = tls_context_probe(0x0303, 0x0303, list);
    }
    if (!ctx) {
        target_done(t);
        return;
    }
    open_session(t, ctx);
    tls_context_free(ctx);
}

static void probe_on_offer(struct connection_user *w, struct connection *l)
{
    struct target *t = (struct target *)w;
    t->answered = t->offered = true;
}

/* Once more, as a delivery would; it is remembered when mail goes that way (quirk.c). */
static bool probe_on_stumbled(struct connection_user *w, struct connection *l, enum extension e,
                              const char *detail)
{
    struct target *t = (struct target *)w;
    if (e != EXTENSION_HYBRID_GROUPS) {
        return false;
    }
    t->avoid |= EXTENSION_BIT(HYBRID_GROUPS);
    open_session(t, NULL);
    return true;
}

static void step_ready(struct target *t, const struct tls_facts *f)
{
    if (f && t->step <= ARRAY_LEN(versions)) {
        probe_append(t->versions, sizeof t->versions, versions[t->step - 1].name);
    } else if (f) {
        probe_append(t->ciphers, sizeof t->ciphers, f->cipher);
        t->n_ciphers++;
    }
}

/* What is wrong with the server beside its TLS. */
static void describe_oddities(struct target *t, const struct connection *l)
{
    const struct smtp_caps *caps = smtp_client_caps(l->engine);
    const char *odd =
        !l->tls && caps->masked
            ? "a keyword is overwritten (XXXX): probably a firewall removes STARTTLS"
        : !connection_knows_offer(l)
            ? "the server refused EHLO and took HELO: it does not say whether it encrypts"
        : !caps->esmtp  ? "the server does not know EHLO (RFC 5321 3.2): HELO was used"
        : caps->bare_lf ? "lines of its replies end in LF alone, not CRLF (RFC 5321 2.3.8)"
                        : "";
    snprintf(t->detail, sizeof t->detail, "%s", odd);
    quirk_note(l, t->detail, sizeof t->detail);
}

static void probe_on_ready(struct connection_user *w, struct connection *l)
{
    struct target *t = (struct target *)w;
    const struct tls_facts *f = l->tls ? tls_channel_facts(l->tls) : NULL;
    t->connection = NULL;
    if (t->step == 0) {
        t->answered = connection_knows_offer(l);
        t->detail[0] = '\0';
        t->sess = connection_sess(l, STR(""));
        t->ext = smtp_client_caps(l->engine)->requiretls;
        if (f) {
            t->facts = *f;
        }
        describe_oddities(t, l);
    } else {
        step_ready(t, f);
    }
    connection_end_look(l);
    if (t->deep && t->offered) {
        next_step(t);
    } else {
        target_done(t);
    }
}

static void probe_on_failed(struct connection_user *w, struct connection *l, enum sess sess,
                            const char *detail)
{
    struct target *t = (struct target *)w;
    t->connection = NULL;
    if (t->step == 0) {
        t->sess = sess;
        t->answered |= sess != SESS_NOCONN;
        snprintf(t->detail, sizeof t->detail, "%s", detail);
    } else if (t->step > ARRAY_LEN(versions)) {
        t->n_ciphers = CIPHERS_MAX; /* no cipher is left */
    }
    if (t->deep && t->offered) {
        next_step(t);
    } else {
        target_done(t);
    }
}

/* --- begin -------------------------------------------------------------- */

static void add_targets(struct probe *p, const struct route_host *h, size_t number)
{
    struct str rest = h->addresses, one;
    bool first = true;
    struct endpoint to;
    while (rest.n > 0 && str_split(&rest, ' ', &one)) {
        if (!route_allows(&p->route, one)) {
            continue;
        }
        if (p->n == TARGETS_MAX) {
            p->left_out = true;
            return;
        }
        struct target *t = &p->targets[p->n++];
        *t = (struct target){
            .user = {probe_on_offer, probe_on_ready, probe_on_failed, probe_on_stumbled},
            .probe = p,
            .host = h,
            .sess = SESS_NOCONN,
            .avoid = p->avoid,
            .deep = p->deep && first && number < DEEP_HOSTS_MAX,
        };
        str_copy_cut(one, t->ip, sizeof t->ip);
        t->no_route = endpoint_parse(one, p->route.port, &to) == 0 && !endpoint_has_route(&to);
        str_copy_cut(STR("no answer in time"), t->detail, sizeof t->detail);
        first = false;
    }
}

static void probe_on_route(void *arg)
{
    struct probe *p = arg;
    if (--p->asked > 0 || p->began) {
        return;
    }
    p->began = true;
    p->facts.mx = p->route.mx;
    for (size_t i = 0; p->route.outcome == MX_FOUND && i < p->route.n_hosts; i++) {
        add_targets(p, &p->route.hosts[i], i);
    }
    p->open = p->n;
    if (p->n == 0) {
        p->open = 1;
        p->targets[0].probe = p;
        target_done(&p->targets[0]);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        open_session(&p->targets[i], NULL);
    }
}

static void probe_on_time(void *arg)
{
    probe_finish(arg);
}

void probe_start(struct smtpout *out, const struct ipc_probe *m)
{
    const struct conf *c = child_conf(out->child);
    struct probe *p = err_calloc(1, sizeof *p);
    p->out = out;
    p->token = m->token;
    p->deep = m->deep != 0;
    p->profile = m->profile;
    p->avoid = m->avoid;
    p->facts = (struct facts){
        .force = m->force,
        .counts = COUNTS_CERT,
        .seen = m->seen != 0,
    };
    p->arena = ARENA_INIT(PROBE_ARENA);
    p->began_ms = clock_mono_ms();
    str_copy_cut(m->domain, p->domain, sizeof p->domain);
    out->n_probes++;
    p->timer = timer_new(child_loop(out->child), probe_on_time, p);
    timer_start(p->timer, p->deep ? DEEP_MS : PROBE_MS);
    p->route = (struct route){
        .out = out,
        .arena = &p->arena,
        .port = (uint16_t)c->smtpout.port,
        .kind = LOOKUP_MX,
        .on_ready = probe_on_route,
        .arg = p,
    };
    p->report = (struct route){
        .out = out,
        .arena = &p->arena,
        .kind = LOOKUP_REPORT,
        .on_ready = probe_on_route,
        .arg = p,
    };
    str_copy_cut(m->domain, p->route.name, sizeof p->route.name);
    str_copy_cut(m->domain, p->report.name, sizeof p->report.name);
    p->asked = 2;
    route_ask(&p->route, LOOKUP_PROBE);
    route_ask(&p->report, LOOKUP_CACHED);
}
