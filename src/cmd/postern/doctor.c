/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: postern doctor: looks at everything around the gateway that must be right, and says in plain
 * words what is missing and what to do. Changes nothing.
 */
#include "cmd/postern/postern.h"
#include "policy/ladder.h"
#include "proc/contents.h"
#include "dns/dns.h"
#include "store/upkeep.h"
#include "sys/conn.h"
#include "sys/file.h"
#include "sys/loop.h"
#include "tls/tls.h"

#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum health { WELL, CARE, ILL };

struct doctor {
    const struct options *o;
    const struct conf *c;
    struct json *list;
    unsigned n[3];
    const char *outbound; /* NULL: no question to servers outside */
};

/* One finding: what was looked at, how it is, what to do (may be empty). */
static void tell(struct doctor *d, enum health h, const char *what, const char *how, const char *advice)
{
    static const char *const words[] = {"ok     ", "look   ", "WRONG  "};
    static const char *const colour[] = {"\033[32m", "\033[33m", "\033[31m"};
    d->n[h]++;
    if (d->list) {
        struct json *j = report_object();
        report_put_str(j, "what", str_c(what));
        report_put_str(j, "state", str_c(h == WELL ? "ok" : h == CARE ? "look" : "wrong"));
        report_put_str(j, "finding", str_c(how));
        report_put_str(j, "advice", str_c(advice));
        report_append(d->list, j);
        return;
    }
    printf("%s%s%s %-14s %s\n", colours() ? colour[h] : "", words[h], colours() ? "\033[0m" : "", what, how);
    if (h != WELL && *advice) {
        printf("                       %s\n", advice);
    }
}

/* --- certificate -------------------------------------------------------------------------------- */

static void look_certificate(struct doctor *d, const struct conf_certificate *own)
{
    CLEANUP(buf_wipe) struct buf chain = BUF_INIT(4 << 20), key = BUF_INIT(4 << 20);
    CLEANUP(buf_free) struct buf trust = BUF_INIT(4 << 20), a = BUF_INIT(1 << 16), b = BUF_INIT(1 << 16), pa = BUF_INIT(1 << 16), pb = BUF_INIT(1 << 16);
    struct tls_context *server = NULL, *client = NULL;
    char problem[300] = "", text[500];
    int r = file_read(own->chain, &chain);
    r = r < 0 ? r : file_read(own->key, &key);
    if (r < 0) {
        snprintf(text, sizeof text, "%s or %s cannot be read: %s", own->chain, own->key, strerror(-r));
        tell(d, ILL, "certificate", text, "Put the certificate and its key there, or run this as root.");
        return;
    }
    const struct tls_own files = {buf_str(&chain), buf_str(&key)};
    if (tls_context_server(&files, 1, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &server) < 0 ||
        file_read(d->c->trust_store, &trust) < 0 || tls_context_client(buf_str(&trust), TLS_PROFILE_WIDE, problem, sizeof problem, &client) < 0) {
        tell(d, ILL, "certificate", problem, "The chain file begins with our certificate; the key belongs to it and has no password.");
        tls_context_free(server);
        return;
    }
    /* a handshake with ourselves, as another server would do it */
    struct tls_channel *s = tls_channel_server(server), *c = tls_channel_client(client, &(struct tls_peer){.name = d->c->hostname});
    for (int i = 0; i < 6; i++) {
        struct buf from_c = a, from_s = b;
        a = b = BUF_INIT(1 << 16);
        (void)!tls_channel_feed(s, buf_str(&from_c), &pa, &b);
        (void)!tls_channel_feed(c, buf_str(&from_s), &pb, &a);
        buf_free(&from_c);
        buf_free(&from_s);
    }
    const struct tls_facts *f = tls_channel_facts(c);
    int64_t days = (f->not_after_ms - (int64_t)time(NULL) * 1000) / (24 * 60 * 60 * 1000);
    snprintf(text, sizeof text, "%s: %s, for %s, ends in %lld days", own->chain, f->check_text, f->names, (long long)days);
    bool good = f->check == TLS_CHECK_OK;
    tell(d, !good ? CARE : days < 14 ? CARE : WELL, "certificate", text,
         !good ? "Partners who verify would refuse it: it must be from a public authority and for the host name."
               : "Renew it; the new files are noticed within a minute.");
    tls_channel_free(s);
    tls_channel_free(c);
    tls_context_free(server);
    tls_context_free(client);
}

/* --- names -------------------------------------------------------------------------------------------- */

static void look_names(struct doctor *d)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char text[600], back[300] = "", ip[64] = "";
    bool matches = false;
    int r = getaddrinfo(d->c->hostname, NULL, &hints, &found);
    if (r != 0) {
        bool absent = r == EAI_NONAME;
        snprintf(text, sizeof text, absent ? "%s has no address" : "%s cannot be looked up now: %s", d->c->hostname, gai_strerror(r));
        tell(d, absent ? ILL : CARE, "host name", text,
             absent ? "Publish an A or AAAA record for it; others cannot reach you by that name."
                    : "The machine's own resolver (/etc/resolv.conf) gives no answer: whether the name is right is not known.");
        return;
    }
    for (const struct addrinfo *a = found; a && !matches; a = a->ai_next) {
        (void)!getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST);
        matches = getnameinfo(a->ai_addr, a->ai_addrlen, back, sizeof back, NULL, 0, NI_NAMEREQD) == 0 &&
                  str_eq_nocase(str_c(back), str_c(d->c->hostname));
    }
    freeaddrinfo(found);
    snprintf(text, sizeof text, "%s is %s, and that is called %s", d->c->hostname, ip, *back ? back : "nothing");
    tell(d, matches ? WELL : CARE, "reverse name", text,
         "Many servers refuse mail from an address whose name does not lead back: have your provider set the PTR record.");
}

struct dnssec {
    struct loop *loop;
    struct dns_self_test result;
    bool done;
};

static void on_self_test(void *arg, const struct dns_self_test *t)
{
    struct dnssec *x = arg;
    x->result = *t;
    x->done = true;
    loop_stop(x->loop);
}

static void give_up(void *arg)
{
    loop_stop(((struct dnssec *)arg)->loop);
}

static void look_resolver(struct doctor *d)
{
    if (!d->outbound && (!d->c->resolver.forward || !*d->c->resolver.forward)) {
        tell(d, CARE, "name service", "not tried: without a forwarder of yours it would ask servers of the DNS outside",
             "postern doctor --outbound HOST does it; the gateway tests it by itself, see postern domains alarms.");
        return;
    }
    const struct dns_config config = {.forward = d->c->resolver.forward, .trust_anchor = d->c->resolver.trust_anchor,
                                      .timeout_ms = d->c->resolver.timeout, .test_zones = d->c->resolver.test_zones};
    struct dnssec x = {.loop = loop_new()};
    struct dns_resolver *r = NULL;
    char problem[300] = "";
    if (dns_resolver_new(x.loop, &config, problem, sizeof problem, &r) < 0) {
        tell(d, ILL, "name service", problem, "See the resolver block in postern.conf(5).");
        loop_free(x.loop);
        return;
    }
    struct timer *t = timer_new(x.loop, give_up, &x);
    timer_start(t, d->c->resolver.timeout * 2 + 2000);
    dns_self_test(r, on_self_test, &x);
    loop_run(x.loop);
    timer_free(t);
    dns_resolver_free(r);
    loop_free(x.loop);
    if (!x.done || !x.result.answers) {
        tell(d, ILL, "name service", x.done ? x.result.text : "no answer", "No mail can be delivered without it: is UDP and TCP port 53 open to the outside?");
    } else {
        tell(d, x.result.text[0] ? CARE : WELL, "name service", x.result.text[0] ? x.result.text : "answers, validates DNSSEC, proves absence",
             "DANE needs this: set trust-anchor in the resolver block (package dns-root-data).");
    }
}

/* --- ports -------------------------------------------------------------------------------------------------- */

static int connect_to(const char *host, const char *port, int wait_ms)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int r = -EHOSTUNREACH;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -ENOENT;
    }
    for (const struct addrinfo *a = found; a && r < 0; a = a->ai_next) {
        CLEANUP(err_close_fd) int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        int error = 0;
        socklen_t n = sizeof error;
        if (fd < 0 || (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)) {
            r = -errno;
        } else if (poll(&wait, 1, wait_ms) != 1) {
            r = -ETIMEDOUT;
        } else {
            r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? -errno : -error;
        }
    }
    freeaddrinfo(found);
    return r;
}

static void look_outbound(struct doctor *d)
{
    char text[400];
    if (d->c->relay_host) {
        tell(d, WELL, "outbound", "mail goes to a smart host", "");
        return;
    }
    if (!d->outbound) {
        tell(d, CARE, "outbound", "whether port 25 of other servers can be reached was not tried: nobody outside is asked without being named",
             "postern doctor --outbound HOST, a mail server outside that you may ask.");
        return;
    }
    int r = connect_to(d->outbound, "25", 5000);
    snprintf(text, sizeof text, "port 25 of %s: %s", d->outbound, r == 0 ? "reached" : strerror(-r));
    tell(d, r == 0 ? WELL : ILL, "outbound", text,
         "Many providers close port 25 to the outside: ask for it, or set a smart host (relay).");
}

/* True when something listens there. */
static bool listens(const char *address)
{
    char host[200], port[16];
    struct str s = str_c(address);
    size_t colon = str_find_last(s, ':');
    bool bracketed = s.p[0] == '[';
    str_copy_cut(str_slice(s, bracketed ? 1 : 0, bracketed ? colon - 1 : colon), host, sizeof host);
    str_copy_cut(str_slice(s, colon + 1, s.n), port, sizeof port);
    const char *to = strcmp(host, "::") == 0 ? "::1" : strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host;
    return connect_to(to, port, 2000) == 0;
}

/* The number behind "name=" in a process's counters; 0 where it is not there. */
static uint64_t counter_of(struct str counters, const char *name)
{
    struct str word;
    uint64_t value = 0;
    size_t n = strlen(name);
    while (counters.n > 0 && str_split(&counters, ' ', &word)) {
        if (word.n > n && word.p[n] == '=' && memcmp(word.p, name, n) == 0 && str_to_u64(str_slice(word, n + 1, word.n), UINT64_MAX, &value) < 0) {
            value = 0;
        }
    }
    return value;
}

/* Whether all that waits has a reason to (proc/queue/overdue.c). */
static void look_queue(struct doctor *d)
{
    struct answer a;
    uint64_t queued = 0, woken = 0;
    char text[200];
    if (ask(d->o, "posternd.sock", ADMIN_STATUS, "", &a)) {
        return;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (a.rows[i].type == IPC_row_process && str_starts_nocase(a.rows[i].row_process.name, STR("queue"))) {
            queued = counter_of(a.rows[i].row_process.counters, "queued");
            woken = counter_of(a.rows[i].row_process.counters, "overdue-woken");
        }
    }
    answer_free(&a);
    snprintf(text, sizeof text, "%llu recipients wait, %llu had been forgotten and were woken since the start", (unsigned long long)queued, (unsigned long long)woken);
    tell(d, woken == 0 ? WELL : ILL, "queue", text, "A fault in postern: please report it with the log line recipients-overdue.");
}

static void look_ports(struct doctor *d)
{
    struct answer a;
    char text[300];
    bool running = ask_quietly(d->o, ADMIN_ACCOUNTS, "", &a) == 0;
    if (running) {
        answer_free(&a);
    }
    tell(d, running ? WELL : CARE, "posternd", running ? "runs" : "does not run, or may not be asked", "systemctl start postern, or run this as root.");
    for (size_t i = 0; i < d->c->n_listens; i++) {
        for (size_t k = 0; k < d->c->listens[i].addresses.n; k++) {
            const char *at = d->c->listens[i].addresses.v[k];
            bool open = listens(at);
            snprintf(text, sizeof text, "%s on %s: %s", d->c->listens[i].label, at, open ? (running ? "open" : "somebody else listens there") : running ? "closed" : "free");
            tell(d, open == running ? WELL : running ? ILL : CARE, "port", text,
                 running ? "posternd says in its log why it could not listen." : "Stop the other mail server first.");
        }
    }
    if (running) {
        look_queue(d);
    }
}

/* --- hops, portal, notices ------------------------------------------------------------------------------------ */

static void look_hop(struct doctor *d, const char *what, const char *target, int force)
{
    char text[400];
    bool here = conf_target_is_loopback(target);
    static const char *const words[] = {"may be clear", "encrypted, the server is not verified", "encrypted and verified"};
    snprintf(text, sizeof text, "%s: %s", target, here && force == 0 ? "on this machine" : words[force < 2 ? force : 2]);
    tell(d, here || force >= 2 ? WELL : CARE, what, text, "Mail can be read on this way: set tls cert there, with a certificate for that name.");
}

/* Every connection of ours that may carry mail or passwords in clear, by name. */
static void look_hops(struct doctor *d)
{
    const struct conf *c = d->c;
    char text[600];
    if (c->deliver_to) {
        look_hop(d, "deliver-to", c->deliver_to, conf_deliver_force(c));
    }
    if (c->relay_host) {
        look_hop(d, "relay", c->relay_host, c->relay_tls);
    }
    if (c->directory.url && str_starts_nocase(str_c(c->directory.url), STR("ldap://")) && !c->directory.starttls) {
        snprintf(text, sizeof text, "%s: without TLS", c->directory.url);
        tell(d, CARE, "directory", text, "Passwords can be read on the way unless it is this machine: leave out starttls no, or use ldaps://.");
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        if (c->rules[i].copy_to) {
            struct domain_name domain = domain_of(str_c(c->rules[i].copy_to));
            bool inside = conf_is_inside(c, domain);
            snprintf(text, sizeof text, "rule \"%s\", to %s: %s", c->rules[i].name, c->rules[i].copy_to, inside ? "inside" : "outside, kept to TLS");
            tell(d, WELL, "copies", text, "");
        }
    }
}

/* A name of ours that browsers must find; whether it can be reached from elsewhere cannot be seen from here. */
static bool look_name(struct doctor *d, const char *what, const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char text[500], ip[64] = "";
    int r = getaddrinfo(name, NULL, &hints, &found);
    if (r != 0) {
        snprintf(text, sizeof text, r == EAI_NONAME ? "%s has no address" : "%s cannot be looked up now: %s", name, gai_strerror(r));
        tell(d, r == EAI_NONAME ? ILL : CARE, what, text, "Publish an A or AAAA record: recipients outside cannot open their mail without it.");
        return false;
    }
    (void)!getnameinfo(found->ai_addr, found->ai_addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    snprintf(text, sizeof text, "%s is %s", name, ip);
    tell(d, WELL, what, text, "");
    return true;
}

/* The host of "https://host[:port]/..." and its port. */
static void split_url(const char *url, char *host, size_t size, unsigned *port)
{
    struct str rest = str_c(url);
    size_t scheme = str_find(rest, ':', 0);
    rest = scheme + 3 <= rest.n ? str_slice(rest, scheme + 3, rest.n) : rest;
    rest = str_slice(rest, 0, str_find(rest, '/', 0));
    size_t colon = str_find_last(rest, ':');
    uint64_t number = 443;
    if (colon < rest.n && str_to_u64(str_slice(rest, colon + 1, rest.n), 65535, &number) == 0) {
        rest = str_slice(rest, 0, colon);
    }
    str_copy_cut(rest, host, size);
    *port = (unsigned)number;
}

static void look_portal(struct doctor *d)
{
    char host[300], text[500], port[16];
    unsigned number;
    if (!d->c->portal.url) {
        return;
    }
    split_url(d->c->portal.url, host, sizeof host, &number);
    snprintf(port, sizeof port, "%u", number);
    if (!look_name(d, "portal name", host)) {
        return;
    }
    int r = connect_to(host, port, 3000);
    snprintf(text, sizeof text, "port %s of %s: %s", port, host, r == 0 ? "reached from this machine" : strerror(-r));
    tell(d, r == 0 ? WELL : CARE, "portal port", text, "Links in notices lead there: does the portal, or what stands before it, listen on it, and does the firewall let browsers in?");
}

/* Notices, bounces and reports are mail in our name: what receivers judge them by. */
static void look_notices(struct doctor *d)
{
    bool is_signed = d->c->signing.domain != NULL;
    tell(d, CARE, "notices",
         is_signed ? "TLS reports are signed by DKIM; notices, bounces and alarms are not" : "reports, notices, bounces and alarms are not signed",
         "The SPF record of their domain must name this machine, or receivers take them for forged; that record is not asked for here.");
}

/* --- machine --------------------------------------------------------------------------------------------------- */

static void look_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    bool kept = state != TIME_ERROR && !(t.status & STA_UNSYNC);
    tell(d, kept ? WELL : CARE, "clock", kept ? "is kept right by the network" : "is not known to be right",
         "Certificates and signatures depend on it: run a time service (systemd-timesyncd, chrony).");
}

static void look_disk(struct doctor *d)
{
    struct statvfs fs;
    char text[300];
    if (statvfs(d->c->store_path, &fs) < 0) {
        snprintf(text, sizeof text, "%s: %s", d->c->store_path, strerror(errno));
        tell(d, CARE, "disk", text, "posternd makes the directory at its first start.");
        return;
    }
    uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20, reserve_mib = (uint64_t)d->c->queue.reserve >> 20;
    uint64_t inodes = fs.f_files ? (uint64_t)fs.f_favail * 100 / fs.f_files : 100;
    snprintf(text, sizeof text, "%llu MiB and %llu %% of the inodes free for %s", (unsigned long long)free_mib, (unsigned long long)inodes, d->c->store_path);
    bool tight = free_mib < reserve_mib * 4 || inodes < 5;
    tell(d, free_mib < reserve_mib ? ILL : tight ? CARE : WELL, "disk", text, "Below the reserve no more mail is taken.");
}

static void no_finding(void *arg, bool fatal, const char *text)
{
    (void)arg;
    (void)fatal;
    (void)text;
}

static void look_store(struct doctor *d)
{
    struct store_health h;
    char problem[500], text[300], path[600];
    struct stat st;
    snprintf(path, sizeof path, "%s/postern.db", d->c->store_path);
    if (stat(path, &st) < 0) {
        tell(d, CARE, "store", errno == ENOENT ? "none yet" : strerror(errno), "posternd makes it at its first start.");
        return;
    }
    if (store_check(d->c->store_path, no_finding, NULL, &h, problem, sizeof problem) < 0) {
        tell(d, CARE, "store", problem, "Run this as root or as the gateway's user.");
        return;
    }
    CLEANUP(buf_free) struct buf wrong = BUF_INIT(2000);
    at_rest_problem(d->c, h.at_rest, &wrong);
    if (buf_len(&wrong) > 0 && buf_append(&wrong, "", 1) == 0) {
        tell(d, ILL, "at-rest key", buf_str(&wrong).p, "See \"To restore\" in postern(1); postern store check tells the same.");
    }
    snprintf(text, sizeof text, "%s; %llu recipients wait, %llu are held", h.fatal ? "damaged" : "whole", (unsigned long long)h.queued, (unsigned long long)h.held);
    tell(d, h.fatal ? ILL : WELL, "store", text, "postern store check names each finding.");
}

static void look_key(struct doctor *d)
{
    struct stat st;
    char text[700];
    if (stat(d->c->at_rest_key, &st) < 0) {
        snprintf(text, sizeof text, "%s: %s", d->c->at_rest_key, strerror(errno));
        tell(d, errno == ENOENT ? CARE : ILL, "at-rest key", text, "Made at the first start. Then keep a copy of it elsewhere.");
        return;
    }
    bool open = (st.st_mode & 077) != 0;
    snprintf(text, sizeof text, "%s, mode %04o", d->c->at_rest_key, (unsigned)(st.st_mode & 07777));
    tell(d, open ? ILL : WELL, "at-rest key", text, "Others can read it: chmod 400.");
}

static void look_user(struct doctor *d)
{
    char text[200];
    const struct passwd *who = getpwnam(d->c->user);
    snprintf(text, sizeof text, "%s", d->c->user);
    if (!who) {
        snprintf(text, sizeof text, "there is no user \"%s\"", d->c->user);
    }
    tell(d, who ? WELL : ILL, "user", text, "adduser --system --group postern");
}

/* Packs, the program that reads PDF, and whether what must not go by transport alone has another way. */
static void look_protection(struct doctor *d)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct contents *k = NULL;
    struct ladder_order l;
    char text[700];
    int r = contents_new(d->c, &problems, &k);
    contents_free(k);
    if (d->c->n_contents > 0) {
        snprintf(text, sizeof text, "%zu content blocks, from %s", d->c->n_contents, d->c->inspection.packs);
        str_copy_cut(r < 0 ? buf_str(&problems) : str_c(text), text, sizeof text);
        text[strcspn(text, "\n")] = '\0';
        tell(d, r < 0 ? ILL : WELL, "packs", text, "postern check-config names each mistake.");
    }
    bool pdf = access("/usr/bin/pdftotext", X_OK) == 0;
    tell(d, pdf ? WELL : CARE, "documents", pdf ? "pdftotext reads PDF" : "PDF cannot be read: it counts as unknown", "apt-get install poppler-utils");
    ladder_of(d->c, "default", &l);
    bool other = ladder_next(&l, 0, ladder_there(d->c), false) < l.n;
    tell(d, other ? WELL : CARE, "ladder", other ? "has a way for mail that must not go by transport alone" : "mail with a flag such as [secure] comes back to its sender",
         "ladder \"default\" { channels tls:15m hold; }: somebody looks at it.");
}

int command_doctor(const struct options *o)
{
    struct conf *c = NULL;
    struct doctor d = {.o = o};
    if (o->argc == 2 && strcmp(o->argv[0], "--outbound") == 0) {
        d.outbound = o->argv[1];
    } else if (o->argc > 0) {
        fputs("postern: write: postern doctor [--outbound HOST]\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &c);
    if (r) {
        return r;
    }
    d.c = c;
    d.list = o->json ? report_array() : NULL;
    tell(&d, WELL, "configuration", o->config, "");
    look_user(&d);
    look_key(&d);
    for (size_t i = 0; i < c->n_own; i++) {
        look_certificate(&d, &c->own[i]);
    }
    if (c->n_own == 0) {
        tell(&d, ILL, "certificate", "none is set: nobody can encrypt mail to you", "Add a certificate block.");
    }
    look_names(&d);
    look_resolver(&d);
    look_hops(&d);
    look_portal(&d);
    look_notices(&d);
    look_outbound(&d);
    look_ports(&d);
    look_clock(&d);
    look_disk(&d);
    look_store(&d);
    look_protection(&d);
    if (d.list) {
        print_json(d.list);
    } else {
        printf("\n%u well, %u to look at, %u wrong.\n", d.n[WELL], d.n[CARE], d.n[ILL]);
    }
    conf_free(c);
    return d.n[ILL] ? EXIT_NO : EXIT_OK;
}
