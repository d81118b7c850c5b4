/* SPDX-License-Identifier: Apache-2.0
 * round.c: see round.h. RFC 5321 5.1 (each address in order until a delivery succeeds), 4.5.4.1.
 *
 * As others do it: Postfix asks the next address after a 4yz at any step and after a 5yz greeting,
 * bounded by smtp_mx_address_limit and smtp_mx_session_limit; Exim by hosts_max_try; KumoMTA asks
 * the next host of its connection plan for what is still open. mox asks the other address family
 * after a 5yz that speaks of our address (mjl-/mox#149).
 */
#include "proc/smtpout/round.h"

#include <string.h>

int round_begin(struct round *r, struct arena *a, const size_t *addresses, size_t n_hosts,
                unsigned attempt)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < n_hosts; i++) {
        n += addresses[i];
    }
    *r = (struct round){.arena = a, .n_places = n};
    r->places = arena_alloc(a, (n + 1) * sizeof *r->places);
    /* one more when it leaves somebody out, or was silent */
    r->ended = arena_alloc(a, (3 * n + n_hosts + 1) * sizeof *r->ended);
    if (!r->places || !r->ended) {
        return -ENOSPC;
    }
    size_t rest = n > ROUND_MOST_TRIES ? n - ROUND_FIRST : 0; /* those that take turns */
    size_t by = rest ? (size_t)attempt * (ROUND_MOST_TRIES - ROUND_FIRST) % rest : 0;
    for (size_t i = 0; i < n_hosts; i++) {
        for (size_t j = 0; j < addresses[i]; j++, k++) {
            size_t at = k < ROUND_FIRST || rest == 0
                            ? k
                            : ROUND_FIRST + (k - ROUND_FIRST + rest - by) % rest;
            r->places[at] = (struct round_place){.host = (uint16_t)i, .address = (uint16_t)j};
        }
    }
    return 0;
}

static size_t round_count_left(const struct round *r)
{
    size_t n = 0;
    for (size_t i = r->at; i < r->n_places; i++) {
        n += !r->places[i].out;
    }
    return n;
}

/* Somebody behind the place under way has not been asked. */
static bool others_wait(const struct round *r)
{
    for (size_t i = r->at + 1; i < r->n_places; i++) {
        if (!r->places[i].out && !r->places[i].last) {
            return true;
        }
    }
    return false;
}

static void move_last(struct round *r, size_t at)
{
    struct round_place place = r->places[at];
    place.last = true;
    memmove(&r->places[at], &r->places[at + 1], (r->n_places - at - 1) * sizeof place);
    r->places[r->n_places - 1] = place;
}

void round_put_last(struct round *r, size_t host, size_t address)
{
    must(r->at == 0 && !r->trying);
    for (size_t i = 0; i < r->n_places; i++) {
        if (r->places[i].host == host && r->places[i].address == address && !r->places[i].last) {
            move_last(r, i);
            return;
        }
    }
}

/* Each connection gets its share of the time that is left, so that dead hosts leave some for the
 * ones behind them. */
static int64_t connect_time(const struct round *r, int64_t elapsed_ms, int64_t max_ms)
{
    int64_t left = elapsed_ms < ROUND_CONNECT_MS ? ROUND_CONNECT_MS - elapsed_ms : 0;
    int64_t share = left / (int64_t)round_count_left(r);
    share = share < ROUND_CONNECT_LEAST_MS ? ROUND_CONNECT_LEAST_MS : share;
    return share < max_ms ? share : max_ms;
}

/* RFC 5321 5.1 MUST: every address is tried in order
 * RFC 5321 5.1 SHOULD: at least two addresses are tried
 * RFC 8689 4.2.1 MUST: every host is asked before it fails */
bool round_next(struct round *r, int64_t elapsed_ms, const struct round_times *most,
                struct round_step *ret)
{
    must(!r->trying);
    while (r->at < r->n_places && r->places[r->at].out) {
        r->at++;
    }
    bool in_time = (elapsed_ms < ROUND_MAX_MS && r->tries < ROUND_MOST_TRIES) ||
                   r->tries < ROUND_LEAST_TRIES || r->again;
    if (r->at == r->n_places || !in_time) {
        return false;
    }
    r->tries += !r->again;
    r->again = false;
    r->trying = true;
    struct round_place *place = &r->places[r->at];
    if (place->early > 0) {
        r->ended[place->early - 1].whom = ROUND_NOBODY;
        place->early = 0;
    }
    *ret = (struct round_step){
        .host = place->host,
        .address = place->address,
        .connect_ms = connect_time(r, elapsed_ms, most->connect_ms),
        .silent_ms = others_wait(r) ? most->silent_ms : 0,
    };
    return true;
}

static void leave_place(struct round *r)
{
    must(r->trying);
    r->trying = r->fresh = r->without_tls = r->split = false;
    r->at++;
}

void round_skip(struct round *r)
{
    r->tries--;
    leave_place(r);
}

static void add_ended(struct round *r, const struct host_verdict *v, enum round_whom whom,
                      const char *host, struct str detail)
{
    must(v->class != HOST_SEND);
    r->ended[r->n_ended] = (struct round_ended){
        .verdict = *v,
        .whom = whom,
        .host = host,
        .detail = STR(""),
    };
    (void)!arena_copy(r->arena, detail, &r->ended[r->n_ended].detail);
    r->n_ended++;
}

void round_note(struct round *r, const struct host_verdict *v, const char *host, struct str detail)
{
    must(r->n_ended == 0);
    add_ended(r, v, ROUND_ALL, host, detail);
}

void round_rule_out(struct round *r, const struct host_verdict *v, const char *host,
                    struct str detail)
{
    uint16_t out = r->places[r->at].host;
    for (size_t i = r->at; i < r->n_places; i++) {
        r->places[i].out |= r->places[i].host == out;
    }
    add_ended(r, v, ROUND_ALL, host, detail);
    round_skip(r);
}

void round_leave_out(struct round *r, const struct host_verdict *v, const char *host,
                     struct str detail)
{
    must(r->trying && !r->split);
    r->split = true;
    add_ended(r, v, ROUND_LEFT_OUT, host, detail);
}

void round_end_try(struct round *r, const struct host_verdict *v, const char *host,
                   struct str detail)
{
    add_ended(r, v, r->split ? ROUND_OFFERED : ROUND_ALL, host, detail);
    leave_place(r);
}

void round_silent(struct round *r, const struct host_verdict *v, const char *host,
                  struct str detail)
{
    size_t at = r->at;
    add_ended(r, v, ROUND_ALL, host, detail);
    leave_place(r);
    r->places[at].early = r->n_ended;
    r->at = at;
    move_last(r, at);
}

static void round_again(struct round *r)
{
    must(r->trying);
    r->trying = false;
    r->again = true;
}

void round_again_fresh(struct round *r)
{
    round_again(r);
    r->fresh = true;
}

void round_again_in_clear(struct round *r)
{
    round_again(r);
    r->fresh = r->without_tls = true;
}

/* True when the text names the address, and not a longer one that begins with it. */
static bool names(struct str text, const char *ip)
{
    struct str wanted = str_c(ip);
    for (size_t i = 0; wanted.n > 0 && i + wanted.n <= text.n; i++) {
        if (memcmp(text.p + i, wanted.p, wanted.n) == 0) {
            char before = i > 0 ? text.p[i - 1] : ' ',
                 after = i + wanted.n < text.n ? text.p[i + wanted.n] : ' ';
            if (!(before >= '0' && before <= '9') && !(after >= '0' && after <= '9')) {
                return true;
            }
        }
    }
    return false;
}

/* RFC 3463 3.8 and RFC 7372: 5.7.x is about who may send. Before a recipient was named it can only
 * speak of us or of the sender; afterwards only where it says so. */
static bool speaks_of_us(enum answer_to to, int code, struct str enhanced, struct str text,
                         const char *our_ip)
{
    bool policy =
        enhanced.n == 0 ? code == 550 || code == 554 : str_starts_nocase(enhanced, STR("5.7."));
    bool named = str_eq(enhanced, STR("5.7.25")) || names(text, our_ip);
    return policy && (to == ANSWER_TO_MAIL || (to == ANSWER_TO_RCPT && named));
}

/* RFC 4954 6: 530 may answer any command of a message, 534, 535 and 538 are about logins. Behind
 * another 5yz code the enhanced one counts at MAIL only: 5.7.0 at RCPT and DATA is what filters
 * say. */
static bool wants_login(enum answer_to to, int code, struct str enhanced)
{
    static const char *const enhanced_codes[] = {"5.7.0", "5.7.8", "5.7.9", "5.7.11"};
    bool found = code == 530 || code == 534 || code == 535 || code == 538;
    for (size_t i = 0; to == ANSWER_TO_MAIL && code / 100 == 5 && i < ARRAY_LEN(enhanced_codes);
         i++) {
        found |= str_eq(enhanced, str_c(enhanced_codes[i]));
    }
    return found;
}

/* RFC 5321 4.2 MUST: codes nobody knows count by their first digit
 * RFC 5321 4.2.1 SHOULD: 4yz: it is tried again
 * RFC 5321 4.2.1 SHOULD NOT: 5yz: the same is not tried again
 * RFC 5321 4.2.5 SHOULD: what was refused behind the dot does not go to that server again
 * RFC 5321 4.5.3.1.8 SHOULD: a client sends hundreds in parts
 * RFC 5321 4.5.3.1.10 SHOULD: 552 to RCPT counts as 452
 * RFC 8689 4.2.2 MUST: a server that demands TLS and gets none: the sender is told */
enum answer_means answer_means(enum answer_to to, int code, struct str enhanced, struct str text,
                               const char *our_ip, bool ours)
{
    if (code / 100 == 2) {
        return MEANS_TAKEN;
    }
    if (ours && wants_login(to, code, enhanced)) {
        return MEANS_LOGIN;
    }
    bool too_many = to == ANSWER_TO_RCPT && code == 552; /* of old servers, RFC 5321 4.5.3.1.10 */
    if (code / 100 != 5 || too_many) {
        return MEANS_NOT_NOW;
    }
    return speaks_of_us(to, code, enhanced, text, our_ip) ? MEANS_NOT_US : MEANS_REFUSED;
}

void round_hear(struct round_rcpt *rcpt, enum answer_means m)
{
    must(m == MEANS_NOT_NOW || m == MEANS_NOT_US);
    rcpt->heard++;
    rcpt->not_us += m == MEANS_NOT_US;
}

static bool concerns(const struct round_ended *e, const struct round_rcpt *rcpt)
{
    return e->whom != ROUND_NOBODY &&
           (e->whom == ROUND_ALL || (e->whom == ROUND_LEFT_OUT) == rcpt->left_out);
}

/* Every host said no for good, each in its own way: that it is us, or that it cannot take such
 * mail. */
static bool nobody_ever(const struct round *r, const struct round_rcpt *rcpt)
{
    size_t open = 0;
    for (size_t i = 0; i < r->n_ended; i++) {
        open += concerns(&r->ended[i], rcpt) && r->ended[i].verdict.class != HOST_PERMANENT;
    }
    return rcpt->not_us == open;
}

struct verdict round_conclude(const struct round *r, const struct round_rcpt *rcpt,
                              const struct facts *f)
{
    struct host_verdict hosts[64]; /* the class and the last reasons: more say nothing new */
    size_t n = 0, from = r->n_ended;
    while (from > 0 && n < 64) {
        n += concerns(&r->ended[--from], rcpt);
    }
    n = 0;
    for (size_t i = from; i < r->n_ended; i++) {
        if (concerns(&r->ended[i], rcpt)) {
            hosts[n++] = r->ended[i].verdict;
        }
    }
    struct verdict v = policy_recipient(f, hosts, (unsigned)n);
    if (rcpt->heard == 0) {
        return v;
    }
    if (v.action == ACTION_DEFER && nobody_ever(r, rcpt)) {
        v.action = ACTION_BOUNCE;
    }
    if (v.action == ACTION_DEFER || v.action == ACTION_BOUNCE) {
        /* a server's own word about this recipient counts more than silence elsewhere */
        v.reason = REASON_REJECTED;
    }
    return v;
}

const struct round_ended *round_ended_by(const struct round *r, const struct round_rcpt *rcpt,
                                         enum reason reason)
{
    const struct round_ended *last = NULL;
    for (size_t i = r->n_ended; i > 0; i--) {
        const struct round_ended *e = &r->ended[i - 1];
        if (concerns(e, rcpt) && e->verdict.reason == reason) {
            return e;
        }
        last = last || !concerns(e, rcpt) ? last : e;
    }
    return last;
}
