/* SPDX-License-Identifier: Apache-2.0
 * visits.c: who is in front of the portal: codes that were sent, and passes. Called by
 * portal.c.
 *
 * A code lives in memory, bound to the browser that asked; it dies with 15 minutes, five tries or
 * its use, whichever comes first (ASVS 6.5). Passes are in the store, as hashes. Whether an address
 * has mail here shows in nothing that is answered, and the answer leaves before any mail is
 * written. How often a code is mailed is guessing.c's; each code has its own five tries, and what
 * is shown besides belongs to the visit that asked for it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/pickup/scene.h"
#include "proc/queue/pickup/visits.h"
#include "wire/address.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    VISITS_MAX = 50000,
    PASSES_MAX = 100000, /* in use */
    CODE_MS = 15 * 60 * 1000,
    TRIES = 5,
    PASSKEY_TRIES = 20, /* nobody guesses at one: those who have one and fumble are not kept out by
                           what others typed */
    FILES_MS = 60 * 1000,
    CODES_OF_LINK = 10, /* codes mailed by one link, an hour */
};

/* Somebody who asked for a code. */
struct visit {
    unsigned char browser[ENVELOPE_HASH];
    char address[ADDRESS_ROOM]; /* "": nobody we know; no code is right then */
    uint64_t number;            /* which visit it is: a browser may begin another */
    uint64_t envelope;          /* asked for by its link, else 0 */
    bool is_inside;             /* somebody of ours, who wants to see what he sent */
    bool wants_more;            /* the code was right already */
    char code[9], challenge[CHALLENGE_TEXT], state[CHALLENGE_TEXT], verifier[CHALLENGE_TEXT];
    char language[16];
    unsigned tries, passkey_tries;
    int64_t made_mono_ms;
};

/* Short, told apart at a glance, and nothing anybody minds. */
static const char *const reference_words[] =
    {"amber",   "anchor",  "apple",    "arrow",   "autumn",  "bamboo", "basket", "beacon",
     "birch",   "bridge",  "candle",   "canyon",  "castle",  "cedar",  "cherry", "cloud",
     "clover",  "copper",  "coral",    "crystal", "dolphin", "eagle",  "ember",  "falcon",
     "feather", "forest",  "garden",   "ginger",  "granite", "harbor", "hazel",  "heron",
     "honey",   "island",  "ivory",    "jasmine", "lantern", "lemon",  "lilac",  "maple",
     "meadow",  "mirror",  "mountain", "ocean",   "olive",   "orchid", "otter",  "pebble",
     "pepper",  "planet",  "pocket",   "quartz",  "rabbit",  "ribbon", "river",  "saffron",
     "silver",  "sparrow", "summer",   "thunder", "tulip",   "velvet", "walnut", "willow"};

/* --- passes in use ------------------------------------------------------ */

/* When a pass was last used: of this process's life only; the store has when it ends in any
 * case. */
struct used {
    unsigned char hash[ENVELOPE_HASH];
    int64_t mono_ms;
    char challenge[CHALLENGE_TEXT]; /* asked of a new passkey; "": none */
};

/* Passes that nobody used for so long that they are over. */
static void forget_idle(struct queue *q)
{
    struct used *old[256];
    size_t cursor = 0, n = 0;
    struct str key;
    void *value;
    while (n < ARRAY_LEN(old) && map_next(q->pickup.passes_used, &cursor, &key, &value)) {
        struct used *u = value;
        if (clock_mono_ms() - u->mono_ms > child_conf(q->child)->portal.idle) {
            old[n++] = u;
        }
    }
    for (size_t i = 0; i < n; i++) {
        visits_forget(q, str_from((const char *)old[i]->hash, ENVELOPE_HASH));
    }
}

static void forget_visit(struct queue *q, struct visit *v)
{
    map_take(q->pickup.visits, str_from((const char *)v->browser, ENVELOPE_HASH));
    explicit_bzero(v, sizeof *v);
    free(v);
}

void visits_init(struct queue *q)
{
    q->pickup.visits = map_new(VISITS_MAX);
    q->pickup.passes_used = map_new(PASSES_MAX);
}

void visits_tick(struct queue *q)
{
    guessing_limits(q);
    struct visit *old[256];
    size_t cursor = 0, n = 0;
    struct str key;
    void *value;
    int64_t now = clock_mono_ms();
    while (n < ARRAY_LEN(old) && map_next(q->pickup.visits, &cursor, &key, &value)) {
        struct visit *v = value;
        if (now - v->made_mono_ms > CODE_MS) {
            old[n++] = v;
        }
    }
    for (size_t i = 0; i < n; i++) {
        forget_visit(q, old[i]);
    }
    forget_idle(q);
}

/* --- codes -------------------------------------------------------------- */

static struct visit *visit_of(struct queue *q, struct str browser)
{
    struct visit *v = browser.n == ENVELOPE_HASH ? map_get(q->pickup.visits, browser) : NULL;
    if (v && clock_mono_ms() - v->made_mono_ms > CODE_MS) {
        forget_visit(q, v);
        return NULL;
    }
    return v;
}

/* A browser has one code at a time. */
static struct visit *visit_new(struct queue *q, struct str browser)
{
    struct visit *v = map_get(q->pickup.visits, browser);
    if (!v) {
        v = err_calloc(1, sizeof *v);
        memcpy(v->browser, browser.p, ENVELOPE_HASH);
        if (map_put(q->pickup.visits, str_from((const char *)v->browser, ENVELOPE_HASH), v) < 0) {
            free(v);
            return NULL;
        }
    }
    memset(v->address, 0, sizeof *v - offsetof(struct visit, address));
    v->number = ++q->next_token;
    v->made_mono_ms = clock_mono_ms();
    for (int i = 0; i < 8; i++) {
        v->code[i] = (char)('0' + random_below(10));
    }
    return v;
}

void visits_wants(const struct ipc_portal_ask *a, struct scene_of *of)
{
    const struct address_key address = address_key(str_trim(a->text));
    bool by_token = a->secret.n == ENVELOPE_HASH;
    of->token = by_token ? a->secret : STR("");
    if (!by_token) {
        str_copy_cut(str_c(address.text), of->address_text, sizeof of->address_text);
        of->waits_for = str_c(of->address_text);
    }
}

/* Whom the request is about is there: a link's envelope, or one of an address. */
static bool visits_is_wanted(const struct ipc_portal_ask *a, const struct scene *s)
{
    const struct kept_envelope *k = &s->envelope;
    bool by_token = a->secret.n == ENVELOPE_HASH;
    return k->found && envelope_waits(&k->e) && !(k->e.sealed && !by_token);
}

static void send_outside(struct queue *q, const struct ipc_portal_ask *a,
                         const struct kept_envelope *k, struct visit *v, const char *words)
{
    bool by_token = a->secret.n == ENVELOPE_HASH;
    str_copy_cut(k->e.address, v->address, sizeof v->address);
    v->envelope = by_token ? k->e.envelope : 0;
    (void)pickup_mail(q, k, MAIL_CODE, v->address, "", v->code, words, a->language);
    envelope_event(q, k->e.envelope, EVENT_CODE_SENT, a->network, "");
}

/* Somebody of ours has no account for sending, or not at hand: his mailbox will do. */
static void send_inside(struct queue *q, const struct ipc_portal_ask *a, struct visit *v,
                        const char *words)
{
    const struct kept_envelope nothing = {.found = false};
    struct address parsed;
    const struct address_key key = address_key(str_trim(a->text));
    const char *address = key.text;
    if (address_mailbox(str_c(address), true, &parsed) == 0 &&
        conf_is_inside(child_conf(q->child), domain_of(str_c(address)))) {
        str_copy_cut(str_c(address), v->address, sizeof v->address);
        v->is_inside = true;
        (void)pickup_mail(q, &nothing, MAIL_CODE, v->address, "", v->code, words, a->language);
    }
}

/* The same for what is known here and what is not: by the link's hash and the address as it was
 * typed. */
static enum portal_result may_ask(struct queue *q, const struct ipc_portal_ask *a, struct str found,
                                  int64_t *ret_wait_s)
{
    const struct address_key typed = address_key(str_trim(a->text));
    if (a->secret.n != ENVELOPE_HASH) {
        return guessing_code(q, a, GUESS_CODE, str_c(typed.text), ret_wait_s);
    }
    enum portal_result r = guessing_code(q, a, GUESS_LINK_CODE, found, ret_wait_s);
    if (r == PORTAL_OK && !guessing_count(q, "link", a->secret, CODES_OF_LINK)) {
        *ret_wait_s = 60 * 60 / CODES_OF_LINK;
        return PORTAL_SLOW_DOWN;
    }
    return r;
}

enum portal_result visits_send_code(struct queue *q, const struct ipc_portal_ask *a,
                                    const struct scene *s, char *words, size_t size,
                                    int64_t *ret_wait_s)
{
    if (a->browser.n != ENVELOPE_HASH) {
        return PORTAL_NO;
    }
    bool wanted = a->number != 1 && visits_is_wanted(a, s);
    enum portal_result r = may_ask(q, a, wanted ? s->envelope.e.address : STR(""), ret_wait_s);
    if (r != PORTAL_OK) {
        return r;
    }
    struct visit *v = visit_new(q, a->browser);
    if (!v) {
        return PORTAL_LATER;
    }
    snprintf(words, size, "%s %s", reference_words[random_below(ARRAY_LEN(reference_words))],
             reference_words[random_below(ARRAY_LEN(reference_words))]);
    str_copy_cut(a->language, v->language, sizeof v->language);
    if (a->number == 1) {
        send_inside(q, a, v, words);
    } else if (wanted) {
        send_outside(q, a, &s->envelope, v, words);
    }
    return PORTAL_OK;
}

static bool same(const char *a, struct str b, size_t n)
{
    unsigned char differs = b.n != n;
    for (size_t i = 0; i < n; i++) {
        differs |= (unsigned char)(a[i] ^ (i < b.n ? b.p[i] : 0));
    }
    return differs == 0;
}

void visits_about(struct queue *q, struct str browser, struct scene_of *of)
{
    const struct visit *v = visit_of(q, browser);
    if (v) {
        of->visit = v->number;
        of->number = v->envelope;
        of->whose = WHOSE_ADDRESS;
        str_copy_cut(str_c(v->address), of->address_text, sizeof of->address_text);
        of->address = str_c(of->address_text);
    }
}

static bool level_wants_more(const struct visit *v, const struct scene *s)
{
    return v->envelope && s->envelope.found && s->envelope.e.level >= 2;
}

static void new_challenge(char ret[CHALLENGE_TEXT])
{
    unsigned char octets[32];
    struct buf text = BUF_INIT(CHALLENGE_TEXT);
    random_bytes(octets, sizeof octets);
    must(base64url_write(str_from((const char *)octets, sizeof octets), &text) == 0);
    str_copy_cut(buf_str(&text), ret, CHALLENGE_TEXT);
    buf_free(&text);
}

static enum portal_result wrong(struct queue *q, struct visit *v, const struct ipc_portal_ask *a,
                                enum envelope_event kind, const char *detail, int64_t *ret_left)
{
    if (v->envelope) {
        envelope_event(q, v->envelope, kind, a->network, detail);
    }
    *ret_left = TRIES - (int64_t)v->tries;
    if (v->tries >= TRIES || v->passkey_tries >= PASSKEY_TRIES) {
        forget_visit(q, v);
        return PORTAL_OVER;
    }
    return PORTAL_WRONG;
}

static void put_pass(struct queue *q, struct str hash, enum pass_kind kind, const char *address,
                     uint8_t level, int64_t life_ms)
{
    int64_t now = clock_wall_ms();
    store_put_pass(q->store, &(struct store_pass){
                                 .hash = hash,
                                 .kind = kind,
                                 .address = str_c(address),
                                 .level = level,
                                 .made_ms = now,
                                 .until_ms = now + life_ms,
                             });
}

static struct second_step step_of(const struct visit *v)
{
    return (struct second_step){v->number, str_c(v->address), str_c(v->challenge), str_c(v->state),
                                str_c(v->verifier)};
}

static void let_in(struct queue *q, struct visit *v, const struct ipc_portal_ask *a, uint8_t level,
                   const char *how, uint64_t *ret_envelope)
{
    put_pass(q, a->secret, PASS_RECIPIENT, v->address, level, child_conf(q->child)->portal.session);
    *ret_envelope = v->envelope;
    if (v->envelope) {
        envelope_event(q, v->envelope, EVENT_OPENED, a->network, how);
    }
    forget_visit(q, v);
}

enum portal_result visits_code(struct queue *q, const struct ipc_portal_ask *a,
                               const struct scene *s, struct ipc_portal_answer *ret,
                               struct buf *offers)
{
    const struct conf *c = child_conf(q->child);
    struct visit *v = visit_of(q, a->browser);
    struct str code, rest = a->text;
    if (!v || v->wants_more || a->secret.n != ENVELOPE_HASH || v->number != s->of.visit) {
        return PORTAL_OVER; /* or another visit began meanwhile */
    }
    v->tries++;
    if (!str_split(&rest, '\n', &code) || !same(v->code, code, 8) || !v->address[0]) {
        return wrong(q, v, a, EVENT_CODE_WRONG, "", &ret->number);
    }
    if (v->is_inside) {
        ret->kind = PASS_INSIDE;
        log_notice("portal-login", KV("address", v->address), KVS("network", a->network));
        guessing_code_right(q, a, v->address, true);
        visits_inside(q, v->address, a->secret);
        forget_visit(q, v);
        return PORTAL_OK;
    }
    guessing_code_right(q, a, v->address, false);
    if (level_wants_more(v, s)) {
        v->wants_more = true;
        v->tries = 0;
        new_challenge(v->challenge);
        new_challenge(v->state);
        new_challenge(v->verifier);
        const struct second_step step = step_of(v);
        proofs_offer(q, &step, s->passkeys, s->n_passkeys, offers);
        return PORTAL_PROOF_WANTED;
    }
    if (a->number && a->data.n == ENVELOPE_HASH && c->portal.remember > 0) {
        put_pass(q, a->data, PASS_REMEMBERED, v->address, 1, c->portal.remember);
    }
    let_in(q, v, a, 1, "code", &ret->envelope);
    return PORTAL_OK;
}

bool visits_step(struct queue *q, struct str browser, struct second_step *ret_step)
{
    struct visit *v = visit_of(q, browser);
    bool there = v && v->wants_more;
    if (there) {
        *ret_step = step_of(v);
    }
    return there;
}

bool visits_second(struct queue *q, struct str browser, bool passkey, struct second_step *ret_step)
{
    struct visit *v = visit_of(q, browser);
    unsigned *tries = v ? (passkey ? &v->passkey_tries : &v->tries) : NULL;
    bool left = v && v->wants_more && *tries < (passkey ? PASSKEY_TRIES : TRIES);
    if (left) {
        ++*tries;
        *ret_step = step_of(v);
    }
    return left;
}

enum portal_result visits_shown(struct queue *q, uint64_t visit, const struct ipc_portal_ask *a,
                                bool right, const char *how, int64_t *ret_left,
                                uint64_t *ret_envelope)
{
    struct visit *v = visit_of(q, a->browser);
    if (!v || v->number != visit || !v->wants_more || a->secret.n != ENVELOPE_HASH) {
        return PORTAL_OVER;
    }
    if (!right) {
        return wrong(q, v, a, EVENT_PROOF_WRONG, how, ret_left);
    }
    let_in(q, v, a, 2, how, ret_envelope);
    return PORTAL_OK;
}

/* A link alone suffices (level 0), or the browser is remembered (level 1). */
enum portal_result visits_known(struct queue *q, const struct ipc_portal_ask *a, struct scene *s,
                                uint64_t *ret_envelope)
{
    const struct conf *c = child_conf(q->child);
    const struct store_envelope *e = &s->envelope.e;
    if (a->data.n != ENVELOPE_HASH || a->secret.n != ENVELOPE_HASH || !visits_is_wanted(a, s) ||
        e->level >= 2) {
        return PORTAL_NO;
    }
    bool remembered = visits_pass(q, &s->pass) && s->pass.p.kind == PASS_REMEMBERED &&
                      str_eq(s->pass.p.address, e->address);
    if (!remembered && e->level > 0) {
        return PORTAL_NO;
    }
    int64_t now = clock_wall_ms();
    store_put_pass(q->store, &(struct store_pass){
                                 .hash = a->data,
                                 .kind = PASS_RECIPIENT,
                                 .address = e->address,
                                 .envelope = remembered ? 0 : e->envelope,
                                 .level = remembered ? 1 : 0,
                                 .made_ms = now,
                                 .until_ms = now + c->portal.session,
                             });
    envelope_event(q, e->envelope, EVENT_OPENED, a->network,
                   remembered ? "a remembered browser" : "the link alone");
    *ret_envelope = e->envelope;
    return PORTAL_OK;
}

void visits_inside(struct queue *q, const char *address, struct str hash)
{
    put_pass(q, hash, PASS_INSIDE, address, 1, child_conf(q->child)->portal.session);
}

void visits_files(struct queue *q, const struct kept_pass *p, uint64_t envelope, struct str hash)
{
    int64_t now = clock_wall_ms();
    store_put_pass(q->store, &(struct store_pass){
                                 .hash = hash,
                                 .kind = PASS_FILES,
                                 .address = p->p.address,
                                 .envelope = envelope,
                                 .level = p->p.level,
                                 .made_ms = now,
                                 .until_ms = now + FILES_MS,
                             });
}

/* --- passes ------------------------------------------------------------- */

void visits_keep(struct kept_pass *k, const struct store_pass *p)
{
    k->found = true;
    k->p = *p;
    str_copy_cut(p->address, k->address, sizeof k->address);
    memcpy(k->hash, p->hash.p, p->hash.n < ENVELOPE_HASH ? p->hash.n : ENVELOPE_HASH);
    k->p.address = str_c(k->address);
    k->p.hash = str_from((const char *)k->hash, ENVELOPE_HASH);
}

static bool visits_is_idle(struct queue *q, const struct kept_pass *p)
{
    int64_t now = clock_mono_ms();
    struct used *u = map_get(q->pickup.passes_used, p->p.hash);
    if (!u) {
        u = err_calloc(1, sizeof *u);
        memcpy(u->hash, p->hash, sizeof u->hash);
        u->mono_ms = now;
        if (map_put(q->pickup.passes_used, str_from((const char *)u->hash, ENVELOPE_HASH), u) < 0) {
            free(u);
        }
        return false;
    }
    bool idle = now - u->mono_ms > child_conf(q->child)->portal.idle;
    u->mono_ms = idle ? u->mono_ms : now;
    return idle;
}

void visits_forget(struct queue *q, struct str hash)
{
    store_drop_pass(q->store, hash);
    free(map_take(q->pickup.passes_used, hash)); /* hash may be a view of it: last */
}

bool visits_pass(struct queue *q, const struct kept_pass *p)
{
    if (!p->found || p->p.until_ms <= clock_wall_ms()) {
        return false;
    }
    if (p->p.kind != PASS_REMEMBERED && p->p.kind != PASS_FILES && visits_is_idle(q, p)) {
        visits_forget(q, p->p.hash);
        return false;
    }
    return true;
}

void visits_challenge(struct queue *q, struct str pass, char ret[CHALLENGE_TEXT])
{
    struct used *u = map_get(q->pickup.passes_used, pass);
    new_challenge(ret);
    if (u) {
        memcpy(u->challenge, ret, CHALLENGE_TEXT);
    }
}

void visits_challenge_used(struct queue *q, struct str pass, char ret[CHALLENGE_TEXT])
{
    struct used *u = map_get(q->pickup.passes_used, pass);
    ret[0] = '\0';
    if (u) {
        memcpy(ret, u->challenge, CHALLENGE_TEXT);
        u->challenge[0] = '\0';
    }
}
