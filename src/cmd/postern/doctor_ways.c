/* SPDX-License-Identifier: Apache-2.0
 * doctor_ways.c: the ways by which mail, readers and answers come and go, as postern doctor sees
 * them: our names, hops that may be clear, port 25 outside, the portal as a browser finds it, what
 * receivers judge notices by. Called by doctor.c.
 *
 * What can go wrong: a name or a server does not answer: that is said, and is not the same as
 * absent. What only the outside can see (a firewall before us) is not claimed.
 */
#include "auth/published.h"
#include "base/clock.h"
#include "cmd/postern/doctor.h"
#include "policy/rules.h"
#include "store/domain.h"
#include "sys/conn.h"
#include "sys/file.h"
#include "tls/tls.h"
#include "wire/address.h"
#include "wire/date.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SMTP_PORT = 25, HTTPS_PORT = 443, HOST_MAX = 300, CONNECT_MS = 5000 };

/* --- our names ---------------------------------------------------------- */

void doctor_names(struct doctor *d)
{
    struct name_addresses a;
    char why[200], text[700], back[300] = "";
    bool matches = false;
    enum name_state state = doctor_addresses(d, d->c->hostname, &a, why, sizeof why);
    if (state != NAME_THERE) {
        doctor_tell_name(
            d, "host name", d->c->hostname, state, why,
            "Publish an A or AAAA record for it; others cannot reach you by that name.");
        return;
    }
    for (size_t i = 0; i < a.n && !matches; i++) {
        struct endpoint e;
        matches = endpoint_parse(str_c(a.ip[i]), 0, &e) == 0 &&
                  getnameinfo((struct sockaddr *)&e.addr, e.len, back, sizeof back, NULL, 0,
                              NI_NAMEREQD) == 0 &&
                  str_eq_nocase(str_c(back), str_c(d->c->hostname));
    }
    snprintf(text, sizeof text, "%s is %s, and that is called %s", d->c->hostname, a.ip[0],
             *back ? back : "nothing");
    doctor_tell(d, matches ? WELL : CARE, "reverse name", text,
                "Many servers refuse mail from an address whose name does not lead back: have your "
                "provider set the PTR record.");
}

/* --- hops that may be clear --------------------------------------------- */

/* The server inside sends the organisation's mail through us, most often; one that logs in needs
 * no networks. */
static void look_hop_may_send(struct doctor *d, const char *target, const struct name_addresses *a)
{
    char text[500];
    bool logs_in = d->c->deliver_to_lmtp;
    for (size_t i = 0; i < d->c->n_listens; i++) {
        logs_in = logs_in || d->c->listens[i].kind != CONF_LISTEN_SMTP;
    }
    for (size_t i = 0; i < a->n && !logs_in; i++) {
        if (conf_target_is_loopback(a->ip[i]) ||
            conf_net_listed(&d->c->inside_networks, str_c(a->ip[i]))) {
            return;
        }
    }
    if (!logs_in) {
        snprintf(
            text, sizeof text,
            "%s (%s) is in none of the networks: mail that it sends to others through us gets 550",
            target, a->ip[0]);
        doctor_tell(
            d, CARE, "deliver-to networks", text,
            "Add its address to inside { networks }, unless its mail goes out another way.");
    }
}

/* Whether it is there at all: a name that leads nowhere keeps all mail for it waiting. */
static void look_hop_answers(struct doctor *d, const char *what, const char *target)
{
    struct name_addresses a = {.n = 1};
    char host[HOST_MAX], text[500], why[200], about[40];
    unsigned char octets[16];
    uint16_t port = 25;
    rules_split_target(str_c(target), host, sizeof host, &port);
    if (address_ip_octets(str_c(host), octets) > 0) {
        str_copy_cut(str_c(host), a.ip[0], sizeof a.ip[0]);
    } else {
        enum name_state state = doctor_addresses(d, host, &a, why, sizeof why);
        snprintf(about, sizeof about, "%s name", what);
        if (state != NAME_THERE) {
            doctor_tell_name(d, about, host, state, why,
                             "Mail for it waits: mend the name, or the setting.");
            return;
        }
    }
    if (strcmp(what, "deliver-to") == 0) {
        look_hop_may_send(d, target, &a);
    }
    int fd = doctor_connect_any(&a, port);
    snprintf(about, sizeof about, "%s port", what);
    snprintf(text, sizeof text, "port %u of %s: %s", port, host,
             fd >= 0 ? "answers" : strerror(-fd));
    doctor_tell(d, fd >= 0 ? WELL : ILL, about, text,
                "Mail for it waits until that server takes connections from here.");
    if (fd >= 0) {
        close(fd);
    }
}

/* Where the configuration lets mail go in clear, memory may not (docs/decision.md, Memory). */
static void look_hop_memory(struct doctor *d, const char *what, const char *target)
{
    struct domain_name key = rules_hop_memory(target);
    struct response a;
    char about[40], text[600], advice[500], date[DATE_MAX];
    if (!d->queue_up || ask_quietly(d->o, ADMIN_DOMAIN, key.canonical, &a) != 0) {
        return;
    }
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_domain *m = &a.rows[i].row_domain;
        if (a.rows[i].type != IPC_row_domain || !m->seen) {
            continue;
        }
        date_iso(m->offered_ms, date);
        snprintf(about, sizeof about, "%s memory", what);
        snprintf(text, sizeof text,
                 "%s offered encryption, last on %s: mail waits when it offers none, although tls "
                 "none would let it go",
                 target, date);
        snprintf(advice, sizeof advice,
                 "Write tls encrypt there; or, where it has stopped encrypting for good: postern "
                 "domains confirm %s",
                 key.canonical);
        doctor_tell(d, CARE, about, text, advice);
    }
    response_free(&a);
}

static void look_hop(struct doctor *d, const char *what, const char *target, int force)
{
    char text[400];
    bool here = conf_target_is_loopback(target);
    static const char *const words[] = {
        "may be clear",
        "must be encrypted, the server is not verified",
        "must be encrypted and verified",
    };
    snprintf(text, sizeof text, "%s: %s", target,
             here && force == 0 ? "on this machine" : words[force < 2 ? force : 2]);
    doctor_tell(
        d, here || force >= 2 ? WELL : CARE, what, text,
        "Mail can be read on this way: set tls cert there, with a certificate for that name.");
    look_hop_answers(d, what, target);
    if (force == 0) {
        look_hop_memory(d, what, target);
    }
}

static void look_copies(struct doctor *d)
{
    char text[600];
    for (size_t i = 0; i < d->c->n_rules; i++) {
        const struct conf_rule *r = &d->c->rules[i];
        if (r->copy_to) {
            bool inside = conf_is_inside(d->c, domain_of(str_c(r->copy_to)));
            snprintf(text, sizeof text, "rule \"%s\", to %s: %s", r->name, r->copy_to,
                     inside ? "inside" : "outside, kept to TLS");
            doctor_tell(d, WELL, "copies", text, "");
        }
    }
}

/* Letters of our own name senders, recipients and numbers of messages; to an address outside they
 * go as its servers permit, unless a partner block says more. */
static void look_letter(struct doctor *d, const char *what, const char *to)
{
    struct route route;
    char text[600];
    if (!to || !*to || conf_is_inside(d->c, domain_of(str_c(to)))) {
        return;
    }
    rules_route(d->c, STR(""), str_c(to), &route);
    bool clear = route.force == FORCE_NONE;
    snprintf(text, sizeof text,
             "%s is outside: letters there name senders and recipients of mails, and %s", to,
             clear ? "go in clear where its servers offer no encryption" : "go over TLS alone");
    doctor_tell(d, clear ? CARE : WELL, what, text,
                "Name an address inside, or write: partner \"NAME\" { domains ITS-DOMAIN; outbound "
                "require cert; }");
}

static void look_letters(struct doctor *d)
{
    look_letter(d, "administrator", d->c->admin);
    for (size_t i = 0; i < d->c->n_rules; i++) {
        look_letter(d, "notify", d->c->rules[i].notify);
    }
}

/* What people allowed for a time, by name. */
static void look_exceptions(struct doctor *d)
{
    struct response a;
    char text[900], date[DATE_MAX];
    if (!d->queue_up || ask_quietly(d->o, ADMIN_EXCEPTIONS, "", &a) != 0) {
        return;
    }
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_exception *x = &a.rows[i].row_exception;
        if (a.rows[i].type != IPC_row_exception || x->ended_ms || x->until_ms <= clock_wall_ms() ||
            x->kind != EXCEPTION_RELAX) {
            continue;
        }
        date_iso(x->until_ms, date);
        snprintf(text, sizeof text, STR_FMT ": may be clear until %s, by " STR_FMT ": " STR_FMT,
                 STR_ARG(x->domain), date, STR_ARG(x->owner), STR_ARG(x->reason));
        doctor_tell(d, CARE, "exception", text,
                    "postern exception end NUMBER, once it is not needed any more.");
    }
    response_free(&a);
}

/* Nothing of an address is taken away here, and nobody asks the server inside whom it knows:
 * what it reads in a local part is its own matter (RFC 5321 2.3.11), and would be a relay's if
 * that were another host. */
static void look_routes(struct doctor *d)
{
    char text[2000];
    const struct conf_words *domains = &d->c->inside_domains;
    const char *inside = domains->n > 0 ? domains->v[0] : d->c->hostname;
    snprintf(text, sizeof text,
             "user%%elsewhere@%s, elsewhere!user@%s and \"user@elsewhere\"@%s go to %s as they are",
             inside, inside, inside, d->c->deliver_to);
    doctor_tell(d, CARE, "deliver-to routes", text,
                "See that this server takes them for names of its own: one that reads a way in "
                "them (percent hack, bang path) sends them on, as an open relay behind us.");
}

void doctor_hops(struct doctor *d)
{
    const struct conf *c = d->c;
    char text[300];
    if (conf_networks_are_everybody(&c->inside_networks)) {
        doctor_tell(d, ILL, "networks",
                    "everybody in the internet may send mail to anywhere in your name (open relay)",
                    "Name your own networks in inside { networks }: open relays are found and "
                    "listed within hours.");
    }
    if (c->deliver_to) {
        look_hop(d, "deliver-to", c->deliver_to, conf_deliver_force(c));
        look_routes(d);
    }
    if (c->relay_host) {
        look_hop(d, "relay", c->relay_host, c->relay_tls);
    }
    for (size_t i = 0; i < c->inside_devices.n; i++) {
        snprintf(text, sizeof text, "%s: may send to us in clear", c->inside_devices.v[i]);
        doctor_tell(d, CARE, "devices", text, "Only machines that cannot encrypt belong there.");
    }
    look_copies(d);
    look_letters(d);
    look_exceptions(d);
}

/* --- ways to others ----------------------------------------------------- */

int doctor_connect(struct str ip, uint16_t port, int wait_ms)
{
    struct endpoint e;
    int error = 0;
    socklen_t n = sizeof error;
    if (endpoint_parse(ip, port, &e) < 0) {
        return -EINVAL;
    }
    CLEANUP(err_close_fd)
    int fd = socket(e.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    if (fd < 0 || (connect(fd, (struct sockaddr *)&e.addr, e.len) < 0 && errno != EINPROGRESS)) {
        return -errno;
    }
    if (poll(&wait, 1, wait_ms) != 1) {
        return -ETIMEDOUT;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error) {
        return error ? -error : -errno;
    }
    int give = fd;
    fd = -1;
    return give;
}

/* The first of its addresses that answers: a descriptor, or -errno of the last. */
int doctor_connect_any(const struct name_addresses *a, uint16_t port)
{
    int fd = -EHOSTUNREACH;
    for (size_t i = 0; i < a->n && fd < 0; i++) {
        fd = doctor_connect(str_c(a->ip[i]), port, CONNECT_MS);
    }
    return fd;
}

void doctor_outbound(struct doctor *d)
{
    struct name_addresses a = {.n = 1};
    unsigned char octets[16];
    char why[200], text[400];
    if (d->c->relay_host) {
        doctor_tell(d, WELL, "outbound", "mail goes to a smart host", "");
        return;
    }
    if (!d->outbound) {
        doctor_tell(d, CARE, "outbound",
                    "whether port 25 of other servers can be reached was not tried: nobody outside "
                    "is asked without being named",
                    "postern doctor --outbound HOST, a mail server outside that you may ask.");
        return;
    }
    str_copy_cut(str_c(d->outbound), a.ip[0], sizeof a.ip[0]);
    if (address_ip_octets(str_c(d->outbound), octets) == 0) {
        enum name_state state = doctor_addresses(d, d->outbound, &a, why, sizeof why);
        if (state != NAME_THERE) {
            doctor_tell_name(d, "outbound", d->outbound, state, why, "Name another one.");
            return;
        }
    }
    int fd = doctor_connect_any(&a, SMTP_PORT);
    snprintf(text, sizeof text, "port 25 of %s: %s", d->outbound,
             fd >= 0 ? "reached" : strerror(-fd));
    doctor_tell(
        d, fd >= 0 ? WELL : ILL, "outbound", text,
        "Many providers close port 25 to the outside: ask for it, or set a smart host (relay).");
    if (fd >= 0) {
        close(fd);
    }
}

/* --- the portal --------------------------------------------------------- */

void doctor_split_url(const char *url, char *host, size_t size, uint16_t *port)
{
    struct str rest = str_c(url);
    size_t scheme = str_find(rest, ':', 0);
    rest = scheme + 3 <= rest.n ? str_slice(rest, scheme + 3, rest.n) : rest;
    rest = str_slice(rest, 0, str_find(rest, '/', 0));
    size_t colon = str_find_last(rest, ':');
    uint64_t number = HTTPS_PORT;
    if (colon < rest.n && str_to_u64(str_slice(rest, colon + 1, rest.n), 65535, &number) == 0) {
        rest = str_slice(rest, 0, colon);
    }
    str_copy_cut(rest, host, size);
    *port = (uint16_t)number;
}

/* Runs the handshake on a connected socket until it stands or fails. */
static void doctor_ways_shake(int fd, struct tls_channel *ch)
{
    CLEANUP(buf_free) struct buf plain = BUF_INIT(64 * 1024), cipher = BUF_INIT(64 * 1024);
    char octets[16 * 1024];
    struct str got = STR("");
    while (tls_channel_feed(ch, got, &plain, &cipher) == 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        (void)!send(fd, buf_str(&cipher).p, buf_len(&cipher), MSG_NOSIGNAL);
        buf_reset(&cipher);
        if (tls_channel_state(ch) != TLS_HANDSHAKING || poll(&wait, 1, CONNECT_MS) != 1) {
            return;
        }
        ssize_t n = recv(fd, octets, sizeof octets, 0);
        if (n <= 0) {
            return;
        }
        got = str_from(octets, (size_t)n);
    }
}

void doctor_certificate(struct doctor *d, const char *what, const char *host, int fd,
                        const char *wrong)
{
    CLEANUP(buf_free) struct buf trust = BUF_INIT(4 << 20);
    struct tls_context *client = NULL;
    char text[700];
    if (file_read(d->c->trust_store, &trust) < 0 ||
        tls_context_client(buf_str(&trust), TLS_PROFILE_WIDE, text, sizeof text, &client) < 0) {
        snprintf(text, sizeof text, "not looked at: %s cannot be read", d->c->trust_store);
        doctor_tell(d, CARE, what, text, "See trust-store in postern.conf(5).");
        return;
    }
    struct tls_channel *ch =
        tls_channel_client(client, &(struct tls_peer){.name = host, .is_service = true});
    doctor_ways_shake(fd, ch);
    const struct tls_facts *f = tls_channel_facts(ch);
    bool open = tls_channel_state(ch) == TLS_OPEN, good = open && f->check == TLS_CHECK_OK;
    char end[80] = "";
    enum health ending = open ? doctor_ending(d, f, end, sizeof end) : ILL;
    if (open) {
        snprintf(text, sizeof text, "for %s: %s, %s", f->names, f->check_text, end);
    } else {
        snprintf(text, sizeof text, "no handshake: %s",
                 *tls_channel_problem(ch) ? tls_channel_problem(ch)
                                          : "no answer, or the connection was closed");
    }
    doctor_tell(d, good ? ending : ILL, what, text,
                good ? "Have it renewed; the portal notices new files within a minute." : wrong);
    tls_channel_free(ch);
    tls_context_free(client);
}

void doctor_portal(struct doctor *d)
{
    struct name_addresses a;
    char host[HOST_MAX], text[500], why[200];
    uint16_t port;
    if (!d->c->portal.url) {
        pickup_without_portal(d->c, text, sizeof text);
        if (*text) {
            doctor_tell(d, ILL, "portal", text, PICKUP_ADVICE ".");
        }
        return;
    }
    doctor_split_url(d->c->portal.url, host, sizeof host, &port);
    enum name_state state = doctor_addresses(d, host, &a, why, sizeof why);
    if (state != NAME_THERE) {
        doctor_tell_name(
            d, "portal name", host, state, why,
            "Publish an A or AAAA record: recipients outside cannot open their mail without it.");
        return;
    }
    snprintf(text, sizeof text, "%s is %s", host, a.ip[0]);
    doctor_tell(d, WELL, "portal name", text, "");
    int fd = doctor_connect_any(&a, port);
    snprintf(text, sizeof text, "port %u of %s: %s", port, host,
             fd >= 0 ? "reached from this machine" : strerror(-fd));
    doctor_tell(d, fd >= 0 ? WELL : CARE, "portal port", text,
                "Links in notices lead there: does the portal, or what stands before it, listen on "
                "it, and does the firewall let browsers in?");
    if (fd >= 0) {
        doctor_certificate(d, "portal certificate", host, fd,
                           "Browsers warn, and recipients are right not to go on: it must be from "
                           "a public authority and for that name.");
        close(fd);
    }
}

/* --- what notices are judged by ----------------------------------------- */

/* The one SPF record among the lines; *ret_n: how many there are. */
static struct str spf_record(struct str lines, unsigned *ret_n)
{
    struct str line, found = STR("");
    *ret_n = 0;
    while (lines.n > 0 && str_split(&lines, '\n', &line)) {
        if (spf_reads(line, STR("192.0.2.1"), false) != SPF_OTHER_RECORD) {
            found = line;
            (*ret_n)++;
        }
    }
    return found;
}

static void tell_spf(struct doctor *d, struct str record, const char *ip, bool is_of_name)
{
    char text[700];
    static const struct {
        enum health health;
        const char *words, *advice;
    } says[] = {
        [SPF_OTHER_RECORD] = {CARE, "", ""},
        [SPF_PERMITS] = {WELL, "permits", ""},
        [SPF_FORBIDS] = {ILL, "does not permit",
                         "Receivers take notices and bounces for forged: add the address, or "
                         "\"a\", to the record."},
        [SPF_LEADS_ON] =
            {CARE, "does not by itself say whether it permits",
             "Look whether what it includes permits the address, or add \"a\" to the record."},
        [SPF_BROKEN] = {ILL, "has a term that nobody knows, so it permits nobody, not",
                        "See RFC 7208: receivers see a permanent error."},
    };
    enum spf_says s = spf_reads(record, str_c(ip), is_of_name);
    snprintf(text, sizeof text, "%s publishes \"%.*s\", which %s %s", d->c->hostname,
             record.n > 300 ? 300 : (int)record.n, record.p, says[s].words, ip);
    doctor_tell(d, says[s].health, "SPF", text, says[s].advice);
}

/* Does the one record permit the address that mail leaves by: the source-address, else the first
 * of the host's name? */
static void look_spf_address(struct doctor *d, struct str record)
{
    struct name_addresses a;
    char why[200], text[500];
    const char *source = d->c->smtpout.source;
    bool is_of_name = !*source;
    enum name_state state = doctor_addresses(d, d->c->hostname, &a, why, sizeof why);
    for (size_t i = 0; state == NAME_THERE && i < a.n; i++) {
        is_of_name |= strcmp(a.ip[i], source) == 0;
    }
    if (state == NAME_UNKNOWN) {
        snprintf(
            text, sizeof text,
            "whether it permits us is not known: the addresses of %s cannot be looked up now: %s",
            d->c->hostname, why);
        doctor_tell(d, CARE, "SPF", text, "See to the name service first.");
    } else if (*source || state == NAME_THERE) { /* else: no address, which doctor_names() said */
        tell_spf(d, record, *source ? source : a.ip[0], is_of_name);
    }
}

/* Bounces, notices and alarms have no envelope sender: receivers judge them by the name we greet
 * with (RFC 7208 2.4). */
static void look_spf(struct doctor *d)
{
    CLEANUP(buf_free) struct buf lines = BUF_INIT(64 * 1024);
    char why[200], text[500];
    unsigned n = 0;
    enum name_state state = doctor_texts(d, d->c->hostname, &lines, why, sizeof why);
    struct str record = spf_record(buf_str(&lines), &n);
    if (state == NAME_UNKNOWN) {
        snprintf(text, sizeof text, "the record of %s cannot be looked up now: %s", d->c->hostname,
                 why);
        doctor_tell(d, CARE, "SPF", text,
                    "Whether it is right is not known: see to the name service first.");
    } else if (n == 0) {
        snprintf(text, sizeof text,
                 "%s publishes none, and receivers judge bounces and notices by it",
                 d->c->hostname);
        doctor_tell(d, CARE, "SPF", text, "Publish a TXT record for that name: \"v=spf1 a -all\".");
    } else if (n > 1) {
        snprintf(text, sizeof text, "%s publishes %u records: then none of them counts",
                 d->c->hostname, n);
        doctor_tell(d, ILL, "SPF", text, "Leave one of them (RFC 7208 4.5).");
    } else if (d->c->relay_host) {
        snprintf(text, sizeof text,
                 "%s publishes \"%.*s\"; whether that permits the smart host is not known here",
                 d->c->hostname, record.n > 300 ? 300 : (int)record.n, record.p);
        doctor_tell(d, CARE, "SPF", text, "The smart host's addresses must be in it.");
    } else {
        look_spf_address(d, record);
    }
}

/* Receivers want the signature's domain and the author's to be one's (DMARC, RFC 7489 3.1.1). */
static void look_alignment(struct doctor *d)
{
    struct domain_name from = domain_of(str_c(d->c->portal.from)),
                       signing = domain_kept(str_c(d->c->signing.domain));
    char text[700], below[300], above[300];
    if (!d->c->portal.from) {
        return;
    }
    snprintf(below, sizeof below, ".%s", signing.canonical);
    snprintf(above, sizeof above, ".%s", from.canonical);
    bool aligned = domain_eq(from, signing) || str_ends_nocase(domain_str(&from), str_c(below)) ||
                   str_ends_nocase(domain_str(&signing), str_c(above));
    if (!aligned) {
        snprintf(text, sizeof text,
                 "notices are from %s and signed by %s: receivers do not count that for the "
                 "author's domain (DMARC)",
                 d->c->portal.from, signing.canonical);
        doctor_tell(d, CARE, "DKIM", text, "Sign by the domain of portal { from }.");
    }
}

static void look_key_record(struct doctor *d, const char *name, struct tls_signer *signer)
{
    CLEANUP(buf_free) struct buf lines = BUF_INIT(64 * 1024), own = BUF_INIT(4096);
    enum dkim_key_says says = DKIM_KEY_OTHER_RECORD;
    char why[200] = "", text[700];
    enum name_state state = doctor_texts(d, name, &lines, why, sizeof why);
    struct str rest = buf_str(&lines), line;
    static const char *const words[] = {
        [DKIM_KEY_OTHER_RECORD] = "is not a DKIM key",
        [DKIM_KEY_OURS] = "is the key that signs here",
        [DKIM_KEY_ANOTHER] = "is another key than the one that signs here",
        [DKIM_KEY_REVOKED] = "is revoked (p= is empty)",
    };
    if (tls_signer_public(signer, &own) < 0) {
        return;
    }
    while (says != DKIM_KEY_OURS && rest.n > 0 && str_split(&rest, '\n', &line)) {
        says = dkim_key_reads(line, tls_signer_algorithm(signer), buf_str(&own));
    }
    if (state == NAME_THERE) {
        snprintf(text, sizeof text, "%s %s", name, words[says]);
    } else {
        snprintf(text, sizeof text,
                 state == NAME_ABSENT ? "%s has no TXT record: nobody can verify our signatures"
                                      : "%s cannot be looked up now: %s",
                 name, why);
    }
    doctor_tell(d,
                state == NAME_UNKNOWN   ? CARE
                : says == DKIM_KEY_OURS ? WELL
                                        : ILL,
                "DKIM", text,
                state == NAME_UNKNOWN
                    ? "Whether it is right is not known: see to the name service first."
                    : "Publish the public half of the signing key there: \"v=DKIM1; k=rsa; p=...\" "
                      "(RFC 6376 3.6.1).");
}

static void look_dkim(struct doctor *d)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(1 << 20);
    struct tls_signer *signer = NULL;
    char name[700], problem[300];
    if (!d->c->signing.domain) {
        if (d->c->portal.url || d->c->tlsrpt.send) {
            doctor_tell(
                d, CARE, "DKIM", "notices of the portal and TLS reports are not signed",
                "Add a signing block, and publish its key: many receivers want a signature.");
        }
        return;
    }
    snprintf(name, sizeof name, "%s._domainkey.%s", d->c->signing.selector, d->c->signing.domain);
    int r = file_read(d->c->signing.key, &pem);
    if (r < 0 || tls_signer_new(buf_str(&pem), problem, sizeof problem, &signer) < 0) {
        snprintf(name, sizeof name, "%s: %s", d->c->signing.key, r < 0 ? strerror(-r) : problem);
        doctor_tell(d, ILL, "DKIM", name, "Put the signing key there, or run this as root.");
        return;
    }
    look_key_record(d, name, signer);
    look_alignment(d);
    tls_signer_free(signer);
}

void doctor_notices(struct doctor *d)
{
    look_spf(d);
    look_dkim(d);
}
