/* SPDX-License-Identifier: Apache-2.0
 * route.c: the route to a domain, as lookup found it, and what follows from it for each host: the
 * facts tlsa and sts of the decision, SNI and reference names (RFC 7672 3.2, 8.1; RFC 8461 4).
 *
 * Called by deliveries and probes. What can go wrong: lookup is away; whoever waits is told.
 */
#include "proc/smtpout/smtpout.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

static struct str route_keep(struct route *w, struct str s)
{
    struct str copy = STR("");
    (void)!arena_copy(w->arena, s, &copy);
    return copy;
}

void route_forget(struct route *w)
{
    if (w->token) {
        map_take(w->out->routes, map_id(&w->token));
        w->token = 0;
    }
    sts_policy_clear(&w->policy);
}

void route_ask(struct route *w, enum lookup_again again)
{
    route_forget(w);
    w->token = ++w->out->next_token;
    w->n_hosts = 0;
    w->cut = false;
    must(map_put(w->out->routes, map_id(&w->token), w) == 0);
    ipc_send(w->out->lookup, &(struct ipc_msg){.type = IPC_resolve,
                                               .resolve = {
                                                   .token = w->token,
                                                   .kind = w->kind,
                                                   .again = again,
                                                   .port = w->port,
                                                   .name = str_c(w->name),
                                               }});
}

/* Room for one more; NULL: there are enough (the route is cut then) or the arena is full. */
static struct route_host *add_host(struct route *w)
{
    if (w->n_hosts == w->hosts_room) {
        size_t room = w->hosts_room ? 2 * w->hosts_room : 4;
        struct route_host *more =
            room > 2 * MX_HOSTS_MAX ? NULL : arena_alloc(w->arena, room * sizeof *more);
        if (!more) {
            w->cut = true;
            return NULL;
        }
        if (w->n_hosts > 0) {
            memcpy(more, w->hosts, w->n_hosts * sizeof *more);
        }
        w->hosts = more;
        w->hosts_room = room;
    }
    return &w->hosts[w->n_hosts++];
}

void route_literal(struct route *w, struct str ip)
{
    struct route_host *host = add_host(w);
    must(host); /* the arena is new */
    *host = (struct route_host){.addresses = route_keep(w, ip)};
    str_copy_cut(ip, host->name, sizeof host->name);
    w->outcome = MX_FOUND;
    w->mx = w->kind == LOOKUP_MX ? MX_INSECURE : MX_SECURE;
}

static void on_resolved_host(void *owner, struct ipc_channel *ch, const struct ipc_resolved_host *h)
{
    struct smtpout *out = owner;
    struct route *w = map_get(out->routes, map_id(&h->token));
    struct route_host *host = w ? add_host(w) : NULL;
    if (host) {
        *host = (struct route_host){
            .preference = h->preference,
            .partial = h->partial != 0,
            .addresses = route_keep(w, h->addresses),
            .tlsa = h->tlsa,
            .records = route_keep(w, h->records),
        };
        str_copy_cut(h->name, host->name, sizeof host->name);
        str_copy_cut(h->base, host->base, sizeof host->base);
        str_copy_cut(h->detail, host->detail, sizeof host->detail);
    }
}

static enum mx route_mx_of(const struct route *w, uint8_t outcome, uint8_t mx)
{
    if (outcome == MX_NULL_MX) {
        return MX_NULL;
    }
    if (outcome == MX_FAILED) {
        return MX_ERROR;
    }
    return w->kind != LOOKUP_MX || mx == DNS_SECURE ? MX_SECURE : MX_INSECURE;
}

static void on_resolved(void *owner, struct ipc_channel *ch, const struct ipc_resolved *r)
{
    struct smtpout *out = owner;
    struct route *w = map_get(out->routes, map_id(&r->token));
    char problem[128];
    if (!w) {
        return;
    }
    w->sts_text = route_keep(w, r->sts_text);
    if (w->sts_text.n > 0 &&
        sts_policy_parse(w->sts_text, &w->policy, problem, sizeof problem) < 0) {
        /* the next lookup is asked for the route again */
        ipc_refuse(ch, "a policy that is none");
        return;
    }
    (void)map_take(out->routes, map_id(&r->token));
    w->token = 0;
    w->outcome = r->outcome;
    w->mx = route_mx_of(w, r->outcome, r->mx);
    w->cut |= r->cut != 0;
    w->sts = r->sts;
    w->sts_problem = r->sts_problem;
    w->rua = route_keep(w, r->rua);
    str_copy_cut(r->canon, w->canon, sizeof w->canon);
    str_copy_cut(r->detail, w->detail, sizeof w->detail);
    str_copy_cut(r->sts_id, w->sts_id, sizeof w->sts_id);
    str_copy_cut(r->sts_detail, w->sts_detail, sizeof w->sts_detail);
    w->on_ready(w->arg);
}

void route_lookup_gone(struct smtpout *out)
{
    for (bool found = true; found;) { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        found = map_next(out->routes, &cursor, &key, &value);
        if (found) {
            struct route *w = value;
            route_forget(w);
            w->outcome = MX_FAILED;
            w->mx = MX_ERROR;
            str_copy_cut(STR("our own lookup process went away"), w->detail, sizeof w->detail);
            w->on_ready(w->arg);
        }
    }
}

void route_facts(const struct route *w, const struct route_host *h, int64_t waited_ms,
                 int64_t policy_wait_ms, struct facts *f)
{
    struct dane_set set;
    f->mx = w->mx;
    switch (h->tlsa) {
    case HOST_TLSA_NONE:
        f->tlsa = TLSA_NONE;
        break;
    case HOST_TLSA_FOUND:
        f->tlsa = dane_read(h->records, &set) < 0 ? TLSA_ERROR
                  : set.n_usable > 0              ? TLSA_USABLE
                                                  : TLSA_UNUSABLE;
        break;
    case HOST_TLSA_ERROR:
    case HOST_TLSA_END:
        f->tlsa = TLSA_ERROR;
        break;
    }
    switch (w->sts) {
    case STS_STATE_NONE:
        f->sts = STS_NONE;
        break;
    case STS_STATE_TESTING:
        f->sts = STS_TESTING;
        break;
    case STS_STATE_ENFORCE:
        f->sts = sts_policy_covers(str_c(w->policy.mx), domain_from(str_c(h->name))) ? STS_MATCH
                                                                                     : STS_NOMATCH;
        break;
    case STS_STATE_WAIT:
    case STS_STATE_END:
        f->sts = waited_ms < policy_wait_ms ? STS_WAIT : STS_NONE;
        break;
    }
}

bool route_allows(const struct route *w, struct str ip)
{
    return w->fixed_host || child_conf(w->out->child)->smtpout.private_addresses ||
           !address_is_private(ip);
}

static bool is_reached(const struct route *w, struct str ip)
{
    struct endpoint to;
    return route_allows(w, ip) && endpoint_parse(ip, w->port, &to) == 0 && endpoint_has_route(&to);
}

static uint64_t member_of(const char *host, struct str ip)
{
    char words[320];
    unsigned char digest[32];
    uint64_t number = 0;
    size_t n = (size_t)snprintf(words, sizeof words, "%s " STR_FMT, host, STR_ARG(ip));
    for (size_t i = 0; i < n && i < sizeof words - 1; i++) {
        words[i] = str_lower(words[i]);
    }
    tls_sha256(str_c(words), digest);
    for (size_t i = 0; i < sizeof number; i++) {
        number = number << 8 | digest[i];
    }
    return number;
}

/* A sum, as it has no order. A host is a member by itself: one without any address yet may get
 * one. */
uint64_t route_asked(const struct route *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->n_hosts; i++) {
        struct str rest = w->hosts[i].addresses, ip;
        sum += member_of(w->hosts[i].name, STR(""));
        while (rest.n > 0 && str_split(&rest, ' ', &ip)) {
            sum += is_reached(w, ip) ? member_of(w->hosts[i].name, ip) : 0;
        }
    }
    return sum ? sum : 1;
}

/* RFC 7672 3.2.2 MUST: secure MX: the next-hop domain is a name, too
 * RFC 7672 3.2.2 MUST: secure alias of the next hop: its end is a third name
 * RFC 7672 3.2.2 MUST: no MX, base at the end of an alias: the next hop is a name */
void route_tls(const struct route *w, const struct route_host *h, const struct facts *f,
               struct tls_requirements *ret)
{
    struct dane_set set;
    str_copy_cut(str_c(h->name), ret->name, sizeof ret->name);
    ret->records = STR("");
    ret->records_hash = 0;
    ret->next_hop[0] = ret->canon[0] = '\0';
    if (f->tlsa != TLSA_USABLE || dane_read(h->records, &set) < 0) {
        return;
    }
    str_copy_cut(str_c(h->base), ret->name, sizeof ret->name);
    ret->records = h->records;
    ret->records_hash = map_hash(h->records);
    if (set.has_ta && w->mx == MX_SECURE) { /* RFC 7672 3.2.2: what was asked for is a name, too */
        str_copy_cut(str_c(w->kind == LOOKUP_MX ? w->name : h->name), ret->next_hop,
                     sizeof ret->next_hop);
        str_copy_cut(str_c(w->canon), ret->canon, sizeof ret->canon);
    }
}

/* True when the hex digits are the same, whatever stands between them. */
static bool route_same_hex(struct str pin, const char *hex)
{
    size_t at = 0, n = strlen(hex);
    for (size_t i = 0; i < pin.n; i++) {
        if (pin.p[i] != ':' && (at >= n || str_lower(pin.p[i]) != hex[at++])) {
            return false;
        }
    }
    return n > 0 && at == n;
}

static bool pin_matches(const struct tls_facts *f, struct str pins)
{
    struct str pin;
    while (pins.n > 0 && str_split(&pins, ' ', &pin)) {
        bool is_cert = str_starts_nocase(pin, STR("cert:"));
        if (route_same_hex(str_slice(pin, is_cert ? 5 : 4, pin.n),
                           is_cert ? f->fingerprint : f->key_fingerprint)) {
            return true;
        }
    }
    return false;
}

enum sess route_sess(const struct tls_facts *f, struct str pins)
{
    if (f->weak) {
        return SESS_LEGACY;
    }
    if (pins.n > 0 && pin_matches(f, pins)) {
        return SESS_PIN_OK;
    }
    if (f->dane == TLS_DANE_OK) {
        return SESS_DANE_OK;
    }
    return f->check == TLS_CHECK_OK ? SESS_PKIX_OK : SESS_PKIX_BAD;
}

const struct ipc_rule smtpout_lookup_rules[] = {IPC_ON(resolved_host, on_resolved_host),
                                                IPC_ON(resolved, on_resolved),
                                                IPC_ON(posted, tlsrpt_on_posted), IPC_RULES_END};
