/* SPDX-License-Identifier: Apache-2.0
 * probe.c: postern probe: "do they support TLS?" for one domain or many. posternd does the looking,
 * with the same lookups, TLS and decision as for mail; here it becomes words, a table, or JSON.
 */
#include "cmd/postern/postern.h"
#include "dns/mx.h"
#include "mtasts/cache.h"
#include "policy/policy.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 20, DOMAINS_MAX = 200000, ROWS_MAX = 4096, FILE_OCTETS_MAX = 64 * 1024 * 1024 };

/* One probe whose rows are coming in. */
struct open_probe {
    uint64_t token;
    struct response rows;
};

struct probing {
    const struct options *o;
    char **domains;
    size_t n, sent, ended;
    bool deep, many;
    int fd;
    struct open_probe open[WINDOW * 2];
    struct json *list;
    /* the summary */
    size_t good, encrypted, plain, mixed, unreachable, refused;
    char why[200]; /* the queue is down: its words */
};

/* --- words -------------------------------------------------------------- */

/* The one sentence people want. */
static const char *probe_verdict_words(const struct ipc_probe_done *d)
{
    if (d->outcome == MX_NULL_MX) {
        return "accepts no mail at all (null MX)";
    }
    if (d->outcome != MX_FOUND) {
        return d->outcome == MX_NO_DOMAIN ? "does not exist"
               : d->outcome == MX_FAILED  ? "cannot be looked up: mail would wait"
               : d->outcome == MX_LOOP    ? "points back at this gateway"
                                          : "has no usable mail server";
    }
    if (!d->would_send) {
        return d->reason == REASON_CONNECT ? "has no server that answers: mail would wait"
               : d->offered                ? "offers encryption, but mail would be held back"
                                           : "offers no encryption, and mail would be held back";
    }
    switch (d->grade) {
    case GRADE_AUTH:
    case GRADE_PIN:
        return "yes: mail goes encrypted to a server that proves its identity";
    case GRADE_CERT:
        return "yes: mail goes encrypted, with a valid certificate for the server's name";
    case GRADE_ENCRYPT:
        return "partly: mail goes encrypted, but the server does not prove its identity";
    case GRADE_PLAIN:
    case GRADE_END:
        break;
    }
    return "NO: mail would go in clear";
}

static const char *dane_words(const struct ipc_probe_host *h)
{
    switch (h->tlsa) {
    case TLSA_NONE:
        return "none";
    case TLSA_UNUSABLE:
        return "unusable";
    case TLSA_ERROR:
        return "ERROR";
    case TLSA_USABLE:
    case TLSA_END:
        break;
    }
    return h->sess == SESS_DANE_OK ? "matches" : h->tls_version.n ? "MISMATCH" : "published";
}

static void probe_print_host(const struct ipc_probe_host *h)
{
    char date[32];
    printf("  %5u " STR_FMT " [" STR_FMT "]\n", h->preference, STR_ARG(h->host),
           STR_ARG(h->address));
    if (h->tls_version.n > 0) {
        printf("        " STR_FMT ", " STR_FMT ", %u bit, key exchange " STR_FMT
               ", server key " STR_FMT "\n",
               STR_ARG(h->tls_version), STR_ARG(h->tls_cipher), h->tls_bits, STR_ARG(h->tls_group),
               STR_ARG(h->peer_key));
        printf("        certificate: " STR_FMT "; of " STR_FMT ", by " STR_FMT ", until %s\n",
               STR_ARG(h->cert_check), STR_ARG(h->cert_subject), STR_ARG(h->cert_issuer),
               when(h->cert_not_after, date));
        printf("        names: " STR_FMT "\n        SHA-256 " STR_FMT "\n", STR_ARG(h->cert_names),
               STR_ARG(h->cert_fingerprint));
    } else {
        printf("        %s%s" STR_FMT "\n",
               h->offered               ? "offers encryption, but it failed"
               : h->sess == SESS_NOCONN ? "no answer"
                                        : "offers no encryption",
               h->detail.n ? ": " : "", STR_ARG(h->detail));
    }
    if (h->versions.n > 0) {
        printf("        versions accepted: " STR_FMT "\n", STR_ARG(h->versions));
    }
    if (h->ciphers.n > 0) {
        printf("        TLS 1.2 ciphers accepted: " STR_FMT "\n", STR_ARG(h->ciphers));
    }
    if (h->tlsa_text.n > 0) {
        struct str rest = h->tlsa_text, line;
        while (rest.n > 0 && str_split(&rest, '\n', &line)) {
            printf("        TLSA " STR_FMT "\n", STR_ARG(line));
        }
    }
    bool matches = h->sess == SESS_DANE_OK; /* its words say so */
    printf("        DANE %s%s" STR_FMT "; MTA-STS %s; REQUIRETLS %s%s; grade %s\n",
           matches ? "" : dane_words(h), h->dane_check.n && !matches ? ": " : "",
           STR_ARG(h->dane_check), sts_name(h->sts), h->ext ? "yes" : "no",
           h->asked_certificate ? "; asks for a client certificate" : "", grade_name(h->grade));
    if (h->tls_version.n > 0 && h->detail.n > 0) {
        printf("        " STR_FMT "\n", STR_ARG(h->detail));
    }
}

/* Why no server was tested. */
static const char *no_servers(const struct ipc_probe_done *d)
{
    switch (d->outcome) {
    case MX_NULL_MX:
        return "accepts no mail (null MX)";
    case MX_NO_DOMAIN:
        return "does not exist";
    case MX_NO_HOST:
        return "has no mail server with an address";
    case MX_LOOP:
        return "points back at this gateway";
    case MX_FAILED:
        return "cannot be looked up now";
    case MX_FOUND:
    case MX_OUTCOME_END:
        break;
    }
    return "has no server that could be tested";
}

static void print_one(const struct ipc_probe_done *d, const struct response *rows)
{
    printf(STR_FMT ": %s\n", STR_ARG(d->domain), probe_verdict_words(d));
    if (!d->would_send && d->outcome == MX_FOUND) {
        printf("  Why: %s\n", reason_sentence(d->reason));
    }
    if (d->detail.n > 0) {
        printf("  Lookup: " STR_FMT "\n", STR_ARG(d->detail));
    }
    printf("  Names of the mail servers: %s\n",
           d->mx == MX_SECURE ? "vouched for by DNSSEC" : "not vouched for");
    printf("  MTA-STS: %s%s" STR_FMT "%s" STR_FMT "\n", sts_state_name(d->sts),
           d->sts_problem.n ? "; " : "", STR_ARG(d->sts_problem), d->sts_detail.n ? ": " : "",
           STR_ARG(d->sts_detail));
    struct str rest = d->sts_text, line;
    while (rest.n > 0 && str_split(&rest, '\n', &line)) {
        line = str_trim(str_slice(line, 0, str_find(line, '\r', 0)));
        if (line.n > 0) {
            printf("      " STR_FMT "\n", STR_ARG(line));
        }
    }
    printf("  TLS reports go to: " STR_FMT "\n", STR_ARG(d->rua.n ? d->rua : STR("nobody")));
    printf("  Servers tested (port 25, %u ms):%s%s\n", d->took_ms,
           rows->n > 0 ? "" : " none: the domain ", rows->n > 0 ? "" : no_servers(d));
    for (size_t i = 0; i < rows->n; i++) {
        probe_print_host(&rows->rows[i].probe_host);
    }
    puts("  Note: this is about mail TO this domain. It says nothing about mail from there: ask "
         "them, or look at\n  the Received fields of a message you received. Only the servers "
         "above were tested, those of the "
         "MX records;\n"
         "  other domains and subdomains of the same organisation may use others.");
}

static struct json *probe_host_json(const struct ipc_probe_host *h)
{
    struct json *o = report_object();
    report_put_int(o, "preference", h->preference);
    report_put_str(o, "host", h->host);
    report_put_str(o, "address", h->address);
    report_put_bool(o, "offered", h->offered);
    report_put_str(o, "session", str_c(sess_name(h->sess)));
    report_put_str(o, "tls-version", h->tls_version);
    report_put_str(o, "cipher", h->tls_cipher);
    report_put_int(o, "bits", h->tls_bits);
    report_put_str(o, "group", h->tls_group);
    report_put_str(o, "server-key", h->peer_key);
    report_put_str(o, "versions-accepted", h->versions);
    report_put_str(o, "ciphers-accepted", h->ciphers);
    report_put_str(o, "certificate-check", h->cert_check);
    report_put_str(o, "certificate-subject", h->cert_subject);
    report_put_str(o, "certificate-issuer", h->cert_issuer);
    report_put_str(o, "certificate-names", h->cert_names);
    report_put_str(o, "certificate-sha256", h->cert_fingerprint);
    report_put_str(o, "key-sha256", h->key_fingerprint);
    report_put_time(o, "certificate-ends", h->cert_not_after);
    report_put_str(o, "dane", str_c(tlsa_name(h->tlsa)));
    report_put_str(o, "dane-check", h->dane_check);
    report_put_str(o, "tlsa-records", h->tlsa_text);
    report_put_str(o, "mta-sts", str_c(sts_name(h->sts)));
    report_put_bool(o, "requiretls", h->ext);
    report_put_bool(o, "asks-client-certificate", h->asked_certificate);
    report_put_str(o, "grade", str_c(grade_name(h->grade)));
    report_put_str(o, "reason", str_c(reason_name(h->reason)));
    report_put_str(o, "detail", h->detail);
    return o;
}

static struct json *probe_json(const struct ipc_probe_done *d, const struct response *rows)
{
    struct json *o = report_object(), *hosts = report_array();
    for (size_t i = 0; i < rows->n; i++) {
        report_append(hosts, probe_host_json(&rows->rows[i].probe_host));
    }
    report_put_str(o, "domain", d->domain);
    report_put_str(o, "verdict", str_c(probe_verdict_words(d)));
    report_put_bool(o, "mail-would-go", d->would_send);
    report_put_str(o, "grade", str_c(grade_name(d->grade)));
    report_put_str(o, "reason", str_c(reason_name(d->reason)));
    report_put_bool(o, "offered", d->offered);
    report_put_bool(o, "offered-by-all", d->all_offered);
    report_put_bool(o, "complete", d->complete);
    report_put_str(o, "mx", str_c(mx_name(d->mx)));
    report_put_str(o, "lookup", d->detail);
    report_put_str(o, "mta-sts", str_c(sts_state_name(d->sts)));
    report_put_str(o, "mta-sts-problem", d->sts_problem);
    report_put_str(o, "mta-sts-detail", d->sts_detail);
    report_put_str(o, "mta-sts-policy", d->sts_text);
    report_put_str(o, "tls-reports-to", d->rua);
    report_put_int(o, "took-ms", d->took_ms);
    report_put(o, "hosts", hosts);
    return o;
}

/* --- many --------------------------------------------------------------- */

static void probe_print_line(const struct ipc_probe_done *d)
{
    char date[32];
    printf("%-34.*s %-8s %-8s %-7s %-8s %-17s %s\n", STR_ARG(d->domain),
           d->offered ? d->all_offered ? "yes" : "some" : "no",
           d->would_send ? grade_name(d->grade) : "-",
           d->tlsa_bad         ? "BROKEN"
           : d->tlsa_published ? "yes"
                               : "no",
           sts_state_name(d->sts), d->not_after ? when(d->not_after, date) : "-",
           probe_verdict_words(d));
}

static void progress(const struct probing *p)
{
    if (!p->many || !isatty(STDERR_FILENO)) {
        return;
    }
    char bar[41];
    size_t full = p->ended * 40 / p->n;
    for (size_t i = 0; i < 40; i++) {
        bar[i] = i < full ? '#' : '.';
    }
    bar[40] = '\0';
    fprintf(stderr, "\r[%s] %zu of %zu%s", bar, p->ended, p->n, p->ended == p->n ? "\n" : "");
}

static void probe_count(struct probing *p, const struct ipc_probe_done *d)
{
    bool good = d->would_send && d->grade >= GRADE_CERT;
    p->good += good;
    p->encrypted += d->would_send && d->grade == GRADE_ENCRYPT;
    p->plain += d->would_send && d->grade == GRADE_PLAIN;
    p->mixed += d->offered && !d->all_offered;
    p->unreachable += !d->would_send;
}

/* NULL: the other side says more than was asked. */
static struct open_probe *probe_open_of(struct probing *p, uint64_t token)
{
    struct open_probe *unused = NULL;
    for (size_t i = 0; i < ARRAY_LEN(p->open); i++) {
        if (p->open[i].token == token) {
            return &p->open[i];
        }
        unused = unused || p->open[i].token ? unused : &p->open[i];
    }
    if (unused) {
        unused->token = token;
    }
    return unused;
}

static void probe_on_done(struct probing *p, const struct ipc_probe_done *d, struct open_probe *o)
{
    probe_count(p, d);
    if (p->list) {
        report_append(p->list, probe_json(d, &o->rows));
    } else if (p->many) {
        probe_print_line(d);
    } else {
        print_one(d, &o->rows);
    }
    response_free(&o->rows);
    o->token = 0;
}

static int send_next(struct probing *p)
{
    char argument[300];
    snprintf(argument, sizeof argument, "%s%s", p->deep ? "deep " : "", p->domains[p->sent]);
    p->sent++;
    return ipc_call_send(p->fd, &(struct ipc_msg){.type = IPC_admin,
                                                  .admin = {.verb = ADMIN_PROBE,
                                                            .argument = str_c(argument)}});
}

static int probe_take(struct probing *p, const struct ipc_msg *m)
{
    if (m->type == IPC_probe_host || m->type == IPC_probe_done) {
        bool is_host = m->type == IPC_probe_host;
        struct open_probe *o =
            probe_open_of(p, is_host ? m->probe_host.token : m->probe_done.token);
        if (!o || o->rows.n >= ROWS_MAX) {
            return -EBADMSG;
        }
        if (is_host) {
            response_keep(&o->rows, m);
        } else {
            probe_on_done(p, &m->probe_done, o);
        }
    } else if (m->type == IPC_admin_done) {
        p->ended++;
        progress(p);
        if (!m->admin_done.ok) {
            p->refused++;
            fprintf(stderr, "postern: " STR_FMT "\n", STR_ARG(m->admin_done.text));
        }
        return p->sent < p->n ? send_next(p) : 0;
    }
    return 0;
}

static int probe_run(struct probing *p)
{
    char *frame = err_calloc(1, IPC_FRAME_MAX);
    struct str pending = STR("");
    int r = 0;
    if (p->many && !p->list) {
        printf("%-34s %-8s %-8s %-7s %-8s %-17s %s\n", "domain", "offered", "grade", "DANE",
               "MTA-STS", "certificate until", "does mail go securely?");
    }
    while (r == 0 && p->sent < p->n && p->sent < WINDOW) {
        r = send_next(p);
    }
    while (r == 0 && p->ended < p->n) {
        struct ipc_msg m;
        r = response_next(p->o, p->fd, frame, &pending, &m, p->why, sizeof p->why);
        r = r < 0 ? r : probe_take(p, &m);
    }
    free(frame);
    return r;
}

static void summary(const struct probing *p)
{
    printf("\n%zu domains: %zu with a good certificate, %zu encrypted only, %zu in clear, %zu "
           "where mail would wait or return; %zu offer encryption on some servers only.\n"
           "This is about mail to these domains; it says nothing about mail from them.\n",
           p->n, p->good, p->encrypted, p->plain, p->unreachable, p->mixed);
}

/* --- the command -------------------------------------------------------- */

/* One domain a line; # starts a comment. */
static int read_list(const char *path, struct probing *p)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(FILE_OCTETS_MAX);
    struct str line;
    int r = file_read(path, &text);
    if (r < 0) {
        fprintf(stderr, "postern: %s: %s\n", path, strerror(-r));
        return EXIT_USAGE;
    }
    struct str rest = buf_str(&text);
    while (rest.n > 0 && str_split(&rest, '\n', &line)) {
        line = str_trim(str_slice(line, 0, str_find(line, '#', 0)));
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (line.n > 0 && line.n < 256 && p->n < DOMAINS_MAX) {
            p->domains[p->n++] = str_dup(line);
        }
    }
    return 0;
}

static int probe_usage(void)
{
    fputs("usage: postern probe [--quick|--deep] DOMAIN... or postern probe --file FILE\n", stderr);
    return EXIT_USAGE;
}

static int read_words(const struct options *o, struct probing *p)
{
    bool quick = false;
    for (int i = 0; i < o->argc; i++) {
        const char *w = o->argv[i];
        if (strcmp(w, "--file") == 0 && i + 1 < o->argc) {
            int r = read_list(o->argv[++i], p);
            p->many = true;
            if (r) {
                return r;
            }
        } else if (strcmp(w, "--deep") == 0) {
            p->deep = true;
        } else if (strcmp(w, "--quick") == 0) {
            quick = true;
        } else if (w[0] == '-' || strlen(w) > 255 || p->n == DOMAINS_MAX) {
            return probe_usage();
        } else {
            const char *at = strrchr(w, '@'); /* an address is as good as its domain */
            p->domains[p->n++] = err_strdup(at ? at + 1 : w);
        }
    }
    p->many |= p->n > 3;
    p->deep |= !quick && !p->many;
    return p->n == 0 ? probe_usage() : 0;
}

int command_probe(const struct options *o)
{
    struct probing p = {.o = o, .fd = -1};
    p.domains = err_calloc(DOMAINS_MAX, sizeof *p.domains);
    int r = read_words(o, &p);
    r = r ? r : ask_connect(o, "queue.sock", false, &p.fd);
    if (r == 0) {
        p.list = o->json ? report_array() : NULL;
        int e = probe_run(&p);
        if (e < 0) {
            fprintf(stderr, "postern: %s%s\n",
                    e == -EHOSTDOWN ? "" : "no answer: ", e == -EHOSTDOWN ? p.why : strerror(-e));
        }
        if (p.list) {
            print_json(p.list);
        } else if (p.many) {
            summary(&p);
        }
        r = e < 0                                           ? EXIT_UNAVAILABLE
            : p.refused == 0 && p.good + p.encrypted == p.n ? EXIT_OK
                                                            : EXIT_NO;
        close(p.fd);
        for (size_t i = 0; i < ARRAY_LEN(p.open); i++) {
            response_free(&p.open[i].rows);
        }
    }
    for (size_t i = 0; i < p.n; i++) {
        free(p.domains[i]);
    }
    free(p.domains);
    return r;
}
