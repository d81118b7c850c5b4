/* SPDX-License-Identifier: Apache-2.0
 * guesses.c: budgets of guessing (guesses.h has the model). Called by queue.
 *
 * A budget is one number: the moment at which it is whole again. A try moves it on by window/most;
 * it may be at most a window minus one try ahead of now (GCRA, the generic cell rate algorithm of
 * ITU-T I.371).
 */
#include "policy/guesses.h"
#include "base/map.h"
#include "wire/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CELLS = 1 << 19,
    SEEN = 1 << 15,
    OWNERS_MAX = 200000,
    KEY_MAX = 1200,
    ID_MAX = GUESS_DEVICE + 1
};

/* A table each: what is one try of a day in one of them would be ten of a quarter of an hour in
 * another. */
enum table { OF_NETWORK, OF_EACH, OF_FIRST, OF_REST, OF_DAY, OF_OTHERS, TABLES };
static const int64_t seen_ms = 24LL * 60 * 60 * 1000, written_again_ms = 24LL * 60 * 60 * 1000;

/* A place or device where a login succeeded. id: a letter (4, 6, d), then octets. */
struct place {
    unsigned char id[ID_MAX];
    uint8_t n;
    int64_t used_wall_ms, own_ms, area_ms;
};

struct owner {
    size_t n;
    struct place places[GUESS_PLACES_EACH];
};

struct guesses {
    struct guess_limits limits[GUESS_KIND_END];
    int64_t *cells; /* TABLES times CELLS */
    struct {
        uint64_t tag;
        int64_t until_ms;
    } * seen;
    struct map *owners;
};

/* The octets of an address that count together, and how many times as much they may as the
 * narrowest. */
struct step {
    uint8_t octets, times;
};
static const struct step steps_4[] = {{4, 1}, {3, 4}, {0, 0}},
                         steps_6[] = {{8, 1}, {7, 2}, {6, 4}, {4, 32}, {0, 0}};
/* No address: all of them are one network. */
static const struct step steps_none[] = {{1, 1}, {0, 0}};

struct network {
    unsigned char octets[16];
    const struct step *steps;
    uint8_t place, area; /* octets of each */
};

/* The IPv4 address that an address of NAT64 (RFC 6052 2.1) or 6to4 (RFC 3056 2) is: in front, of 4
 * octets. Else as it was. */
static size_t unwrapped(unsigned char octets[16], size_t n)
{
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    size_t at = n != 16                                    ? 0
                : memcmp(octets, nat64, sizeof nat64) == 0 ? 12
                : octets[0] == 0x20 && octets[1] == 0x02   ? 2
                                                           : 0;
    memmove(octets, octets + at, at ? 4 : 0);
    return at ? 4 : n;
}

static struct network network_of(struct str client)
{
    struct network n = {.steps = steps_none, .place = 1, .area = 1};
    size_t octets = unwrapped(n.octets, address_ip_octets(client, n.octets));
    if (octets == 4) {
        n.steps = steps_4;
        n.place = 4;
        n.area = 3;
    } else if (octets == 16) {
        n.steps = steps_6;
        n.place = 8;
        n.area = 6;
    }
    return n;
}

static char family(const struct network *n)
{
    return n->steps == steps_4 ? '4' : n->steps == steps_6 ? '6' : '?';
}

/* Typed or by a link, it is the same mailbox. */
static char guesses_secret_of(enum guess_kind kind)
{
    return kind == GUESS_PASSWORD ? 'p' : 'c';
}

struct guesses *guesses_new(void)
{
    struct guesses *g = err_calloc(1, sizeof *g);
    g->cells = err_calloc((size_t)TABLES * CELLS, sizeof *g->cells);
    g->seen = err_calloc(SEEN, sizeof *g->seen);
    g->owners = map_new(OWNERS_MAX);
    must(g->owners);
    return g;
}

void guesses_free(struct guesses *g)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (g && map_next(g->owners, &cursor, &key, &value)) {
        free(value);
    }
    if (g) {
        map_free(g->owners);
        free(g->cells);
        free(g->seen);
        free(g);
    }
}

void guesses_limit(struct guesses *g, enum guess_kind kind, const struct guess_limits *limits)
{
    g->limits[kind] = *limits;
}

/* --- one budget --------------------------------------------------------- */

static int64_t price(struct guess_rate r)
{
    int64_t one = r.most > 0 ? r.window_ms / r.most : 0;
    return one > 0 ? one : 1;
}

/* How long until one is left; 0: now. */
static int64_t guesses_wait_for(struct guess_rate r, int64_t whole_ms, int64_t now)
{
    int64_t ahead = whole_ms > now ? whole_ms - now : 0, most = price(r) * (r.most - 1);
    return r.most <= 0 || ahead <= most ? 0 : ahead - most;
}

static int64_t paid(struct guess_rate r, int64_t whole_ms, int64_t now)
{
    return (whole_ms > now ? whole_ms : now) + (r.most > 0 ? price(r) : 0);
}

/* --- strangers' budgets ------------------------------------------------- */

/* A budget in the table. */
struct budget {
    uint32_t cell[2];
    struct guess_rate rate;
};

static struct budget guesses_budget_of(enum table t, const char *what, struct str narrow,
                                       struct str who, struct guess_rate rate)
{
    char key[KEY_MAX];
    const uint32_t base = (uint32_t)t * CELLS;
    size_t n = (size_t)snprintf(key, sizeof key, "%s %zu ", what, narrow.n),
           used = narrow.n < 40 ? narrow.n : 40;
    memcpy(key + n, narrow.p ? narrow.p : "", used);
    str_copy_cut(who, key + n + used, sizeof key - n - used);
    uint64_t hash = map_hash(str_from(key, n + used + strlen(key + n + used)));
    return (
        struct budget){{base + (uint32_t)(hash % CELLS), base + (uint32_t)((hash >> 32) % CELLS)},
                       rate};
}

static int64_t whole_at(const struct guesses *g, const struct budget *b)
{
    int64_t one = g->cells[b->cell[0]], other = g->cells[b->cell[1]];
    return one < other ? one : other;
}

static int64_t budget_wait(const struct guesses *g, const struct budget *b, int64_t now)
{
    return guesses_wait_for(b->rate, whole_at(g, b), now);
}

/* A cell that is ahead already stays: others share it. */
static void budget_pay(struct guesses *g, const struct budget *b, int64_t now,
                       struct guess_ruling *r)
{
    int64_t to = paid(b->rate, whole_at(g, b), now);
    for (size_t i = 0; i < 2; i++) {
        int64_t *cell = &g->cells[b->cell[i]], from = *cell > now ? *cell : now;
        if (from < to) {
            *cell = to;
            if (r && r->n_charged < GUESS_CHARGES) {
                r->charged[r->n_charged].cell = b->cell[i];
                r->charged[r->n_charged++].by_ms = to - from;
            }
        }
    }
}

static void guesses_give_back(struct guesses *g, struct guess_ruling *r)
{
    for (size_t i = 0; i < r->n_charged; i++) {
        g->cells[r->charged[i].cell] -= r->charged[i].by_ms;
    }
    r->n_charged = 0;
}

bool guesses_count(struct guesses *g, const char *what, struct str of, struct guess_rate rate,
                   struct guess_time now)
{
    const struct budget b = guesses_budget_of(OF_OTHERS, what, STR(""), of, rate);
    bool left = budget_wait(g, &b, now.mono_ms) == 0;
    if (left) {
        budget_pay(g, &b, now.mono_ms, NULL);
    }
    return left;
}

static struct budget step_budget(const struct guesses *g, const struct guess *x,
                                 const struct network *n, const struct step *s)
{
    const char what[] = {guesses_secret_of(x->kind), family(n), '\0'};
    struct guess_rate rate = g->limits[x->kind].network;
    rate.most *= s->times;
    return guesses_budget_of(OF_NETWORK, what, str_from((const char *)n->octets, s->octets),
                             STR(""), rate);
}

static int64_t network_wait(const struct guesses *g, const struct guess *x, const struct network *n,
                            int64_t now)
{
    int64_t longest = 0;
    for (const struct step *s = n->steps; s->octets; s++) {
        const struct budget b = step_budget(g, x, n, s);
        int64_t wait = budget_wait(g, &b, now);
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

static void network_pay(struct guesses *g, const struct guess *x, const struct network *n,
                        int64_t now, struct guess_ruling *r)
{
    for (const struct step *s = n->steps; s->octets; s++) {
        const struct budget b = step_budget(g, x, n, s);
        budget_pay(g, &b, now, r);
    }
}

/* --- places ------------------------------------------------------------- */

static struct str owner_key(enum guess_kind kind, struct str who, char key[KEY_MAX])
{
    key[0] = guesses_secret_of(kind);
    str_copy_cut(who, key + 1, KEY_MAX - 1);
    return str_c(key);
}

static struct owner *owner_of(const struct guesses *g, enum guess_kind kind, struct str who)
{
    char key[KEY_MAX];
    return who.n > 0 ? map_get(g->owners, owner_key(kind, who, key)) : NULL;
}

static struct place guesses_place_of(const struct network *n)
{
    struct place p = {.n = (uint8_t)(family(n) == '?' ? 0 : 1 + n->place)};
    p.id[0] = (unsigned char)family(n);
    memcpy(p.id + 1, n->octets, n->place);
    return p;
}

static struct place device_of(struct str device)
{
    struct place p = {.n = device.n == GUESS_DEVICE ? 1 + GUESS_DEVICE : 0};
    p.id[0] = 'd';
    if (p.n) {
        memcpy(p.id + 1, device.p, GUESS_DEVICE);
    }
    return p;
}

static struct place *find_place(struct owner *o, const struct place *p)
{
    for (size_t i = 0; o && p->n && i < o->n; i++) {
        if (o->places[i].n == p->n && memcmp(o->places[i].id, p->id, p->n) == 0) {
            return &o->places[i];
        }
    }
    return NULL;
}

/* Of several places in that area the one that was used last. */
static struct place *find_area(struct owner *o, const struct network *n)
{
    struct place *best = NULL;
    for (size_t i = 0; o && i < o->n; i++) {
        struct place *p = &o->places[i];
        bool there =
            p->id[0] == (unsigned char)family(n) && memcmp(p->id + 1, n->octets, n->area) == 0;
        best = there && (!best || p->used_wall_ms > best->used_wall_ms) ? p : best;
    }
    return best;
}

static bool guesses_is_known(const struct place *p, struct guess_time now)
{
    return p && now.wall_ms - p->used_wall_ms < guess_known_ms;
}

/* True: it is to be written down. The place that was not used for longest makes room. */
static bool keep_place(struct owner *o, const struct place *p, int64_t wall_ms)
{
    struct place *kept = find_place(o, p);
    bool news = p->n && (!kept || wall_ms - kept->used_wall_ms > written_again_ms);
    if (p->n && !kept) {
        kept = &o->places[0];
        for (size_t i = 1; i < o->n; i++) {
            kept = o->places[i].used_wall_ms < kept->used_wall_ms ? &o->places[i] : kept;
        }
        kept = o->n < GUESS_PLACES_EACH ? &o->places[o->n++] : kept;
        *kept = *p;
    }
    if (kept) {
        kept->own_ms = 0;
        kept->used_wall_ms = news || wall_ms < kept->used_wall_ms ? wall_ms : kept->used_wall_ms;
    }
    return news;
}

static struct owner *owner_new(struct guesses *g, enum guess_kind kind, struct str who)
{
    char key[KEY_MAX];
    struct owner *o = owner_of(g, kind, who);
    if (!o && who.n > 0) {
        o = err_calloc(1, sizeof *o);
        if (map_put(g->owners, owner_key(kind, who, key), o) < 0) {
            free(o);
            return NULL;
        }
    }
    return o;
}

void guesses_forget(struct guesses *g, enum guess_kind kind, struct str who)
{
    char key[KEY_MAX];
    free(map_take(g->owners, owner_key(kind, who, key)));
}

/* --- texts -------------------------------------------------------------- */

void guesses_place_text(struct str client, char ret[GUESS_PLACE_TEXT])
{
    struct network n = network_of(client);
    char text[INET6_ADDRSTRLEN] = "";
    ret[0] = '\0';
    memset(n.octets + (family(&n) == '6' ? 8 : 0), 0, family(&n) == '6' ? 8 : 0);
    if (family(&n) != '?' &&
        inet_ntop(family(&n) == '4' ? AF_INET : AF_INET6, n.octets, text, sizeof text)) {
        snprintf(ret, GUESS_PLACE_TEXT, "%s%s", text, family(&n) == '6' ? "/64" : "");
    }
}

void guesses_device_text(struct str device, char ret[GUESS_PLACE_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    char *to =
        ret + snprintf(ret, GUESS_PLACE_TEXT, "%s", device.n == GUESS_DEVICE ? "device " : "");
    for (size_t i = 0; device.n == GUESS_DEVICE && i < device.n; i++) {
        *to++ = digits[(unsigned char)device.p[i] >> 4];
        *to++ = digits[(unsigned char)device.p[i] & 15];
    }
    *to = '\0';
}

static struct place guesses_read_place(struct str text)
{
    static const struct str word = {"device ", 7};
    char octets[GUESS_DEVICE] = "";
    if (!str_starts_nocase(text, word)) {
        size_t slash = str_find(text, '/', 0);
        const struct network n = network_of(str_slice(text, 0, slash));
        return guesses_place_of(&n);
    }
    for (size_t i = 0; text.n == word.n + 2 * sizeof octets && i < sizeof octets; i++) {
        int high = str_hex(text.p[word.n + 2 * i]), low = str_hex(text.p[word.n + 2 * i + 1]);
        if (high < 0 || low < 0) {
            return (struct place){.n = 0};
        }
        octets[i] = (char)(high * 16 + low);
    }
    return device_of(str_from(octets, text.n == word.n + 2 * sizeof octets ? sizeof octets : 0));
}

bool guesses_know(struct guesses *g, enum guess_kind kind, struct str who, struct str place,
                  int64_t used_wall_ms)
{
    const struct place p = guesses_read_place(place);
    struct owner *o = p.n ? owner_new(g, kind, who) : NULL;
    return o && (keep_place(o, &p, used_wall_ms), true);
}

/* --- a try -------------------------------------------------------------- */

static uint64_t guesses_tag_of(const struct guess *x, const struct network *n)
{
    char key[KEY_MAX];
    size_t used = (size_t)snprintf(key, sizeof key, "%llx %c%u ", (unsigned long long)x->secret,
                                   guesses_secret_of(x->kind), n->place);
    memcpy(key + used, n->octets, n->place);
    str_copy_cut(x->who, key + used + n->place, sizeof key - used - n->place);
    return map_hash(str_from(key, used + n->place + strlen(key + used + n->place)));
}

static bool said_before(const struct guesses *g, const struct guess *x, const struct network *n,
                        int64_t now)
{
    uint64_t tag = guesses_tag_of(x, n);
    return x->secret && g->seen[tag % SEEN].tag == tag && now < g->seen[tag % SEEN].until_ms;
}

/* One of a device's, a place's or an area's. */
static bool own_pays(struct place *p, bool area, struct guess_rate rate, struct guess_time now,
                     struct guess_ruling *r)
{
    int64_t *whole = p ? (area ? &p->area_ms : &p->own_ms) : NULL, wait;
    if (!guesses_is_known(p, now)) {
        return false;
    }
    wait = guesses_wait_for(rate, *whole, now.mono_ms);
    if (wait > 0) {
        r->wait_ms = r->wait_ms == 0 || wait < r->wait_ms ? wait : r->wait_ms;
        return false;
    }
    *whole = paid(rate, *whole, now.mono_ms);
    return true;
}

static bool known_pays(struct guesses *g, const struct guess *x, const struct network *n,
                       struct guess_time now, struct guess_ruling *r)
{
    struct owner *o = owner_of(g, x->kind, x->who);
    const struct place device = device_of(x->device), place = guesses_place_of(n);
    struct guess_rate rate = g->limits[x->kind].own;
    struct place *here = find_place(o, &place),
                 *around = guesses_is_known(here, now) ? NULL : find_area(o, n);
    r->payer = own_pays(find_place(o, &device), false, rate, now, r) ? GUESS_BY_DEVICE
               : own_pays(here, false, rate, now, r)                 ? GUESS_BY_PLACE
               : own_pays(around, true, rate, now, r)                ? GUESS_BY_AREA
                                                                     : GUESS_BY_NOBODY;
    return r->payer != GUESS_BY_NOBODY;
}

static void guesses_refuse(struct guess_ruling *r, enum guess_answer why, int64_t wait)
{
    r->answer = why;
    r->wait_ms =
        r->wait_ms > 0 && r->wait_ms < wait ? r->wait_ms : wait; /* one's own may be there sooner */
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What strangers share at a login. */
struct login_budgets {
    struct budget each, first, rest, day;
};

static struct login_budgets budgets_of_login(const struct guesses *g, const struct guess *x,
                                             const struct network *n)
{
    const struct guess_limits *l = &g->limits[x->kind];
    const char what[] = {guesses_secret_of(x->kind), family(n), '\0'}, all[] = {what[0], '\0'};
    return (struct login_budgets){
        .each = guesses_budget_of(OF_EACH, what, str_from((const char *)n->octets, n->area), x->who,
                                  l->each),
        .first = guesses_budget_of(OF_FIRST, all, STR(""), x->who, l->first),
        .rest = guesses_budget_of(OF_REST, all, STR(""), x->who, l->rest),
        .day = guesses_budget_of(OF_DAY, all, STR(""), x->who, l->day),
    };
}

/* A first try, and one of the rest: how long until there is one. */
static void login_waits(const struct guesses *g, const struct login_budgets *b, int64_t now,
                        int64_t *ret_first, int64_t *ret_rest)
{
    *ret_first = longer(budget_wait(g, &b->each, now), budget_wait(g, &b->first, now));
    *ret_rest = longer(budget_wait(g, &b->rest, now), budget_wait(g, &b->day, now));
}

/* The login's share in a stranger's try. The first tries count among the rest as well, and the
 * other way round do not. */
static bool login_pays(struct guesses *g, const struct guess *x, const struct network *n,
                       int64_t now, struct guess_ruling *r)
{
    const struct login_budgets b = budgets_of_login(g, x, n);
    int64_t as_first, as_rest;
    login_waits(g, &b, now, &as_first, &as_rest);
    if (as_first > 0 && as_rest > 0) {
        guesses_refuse(r, GUESS_TOO_MANY_AT_LOGIN, as_first < as_rest ? as_first : as_rest);
        return false;
    }
    r->payer = as_first == 0 ? GUESS_BY_FIRST : GUESS_BY_REST;
    if (as_first == 0) {
        budget_pay(g, &b.each, now, r);
        budget_pay(g, &b.first, now, r);
    }
    if (as_rest == 0) {
        budget_pay(g, &b.rest, now, r);
        budget_pay(g, &b.day, now, r);
    }
    return true;
}

void guesses_ask(struct guesses *g, const struct guess *x, struct guess_time now,
                 struct guess_ruling *ret)
{
    const struct network n = network_of(x->client);
    bool again = said_before(g, x, &n, now.mono_ms);
    *ret = (struct guess_ruling){.answer = GUESS_GO};
    if (!again && known_pays(g, x, &n, now, ret)) {
        return;
    }
    int64_t wait = network_wait(g, x, &n, now.mono_ms);
    if (wait > 0) {
        guesses_refuse(ret, GUESS_TOO_MANY_HERE, wait);
        return;
    }
    ret->payer = GUESS_BY_NETWORK;
    if (again || x->who.n == 0 || x->kind == GUESS_LINK_CODE ||
        login_pays(g, x, &n, now.mono_ms, ret)) {
        network_pay(g, x, &n, now.mono_ms, ret);
        ret->wait_ms = 0;
    }
}

bool guesses_right(struct guesses *g, const struct guess *x, struct guess_ruling *ruling,
                   struct guess_time now)
{
    const struct network n = network_of(x->client);
    const struct place place = guesses_place_of(&n), device = device_of(x->device);
    struct owner *o = owner_new(g, x->kind, x->who);
    guesses_give_back(g, ruling);
    bool news = o && keep_place(o, &place, now.wall_ms);
    return (o && keep_place(o, &device, now.wall_ms)) || news;
}

void guesses_void(struct guesses *g, const struct guess *x, struct guess_ruling *ruling)
{
    const struct network n = network_of(x->client);
    const struct place device = device_of(x->device), place = guesses_place_of(&n);
    struct owner *o = owner_of(g, x->kind, x->who);
    struct place *p = ruling->payer == GUESS_BY_DEVICE  ? find_place(o, &device)
                      : ruling->payer == GUESS_BY_PLACE ? find_place(o, &place)
                      : ruling->payer == GUESS_BY_AREA  ? find_area(o, &n)
                                                        : NULL;
    if (p) {
        *(ruling->payer == GUESS_BY_AREA ? &p->area_ms : &p->own_ms) -=
            price(g->limits[x->kind].own);
    }
    ruling->payer = GUESS_BY_NOBODY;
    guesses_give_back(g, ruling);
}

void guesses_wrong(struct guesses *g, const struct guess *x, struct guess_time now)
{
    const struct network n = network_of(x->client);
    uint64_t tag = guesses_tag_of(x, &n);
    if (x->secret && x->who.n > 0) {
        g->seen[tag % SEEN].tag = tag;
        g->seen[tag % SEEN].until_ms = now.mono_ms + seen_ms;
    }
}

/* Of its two cells the smaller counts: the other may be somebody else's. */
static void make_whole(struct guesses *g, const struct budget *b)
{
    bool second = g->cells[b->cell[1]] < g->cells[b->cell[0]];
    g->cells[b->cell[second]] = 0;
}

int64_t guesses_forgive(struct guesses *g, enum guess_kind kind, struct str who, struct str client,
                        struct guess_time now)
{
    const struct guess x = {.kind = kind, .who = who, .client = client};
    const struct network n = network_of(client);
    const struct login_budgets b = budgets_of_login(g, &x, &n);
    struct owner *o = owner_of(g, kind, who);
    int64_t as_first, as_rest, here = client.n > 0 ? network_wait(g, &x, &n, now.mono_ms) : 0;
    login_waits(g, &b, now.mono_ms, &as_first, &as_rest);
    make_whole(g, &b.each);
    make_whole(g, &b.first);
    make_whole(g, &b.rest);
    make_whole(g, &b.day);
    for (size_t i = 0; o && i < o->n; i++) {
        o->places[i].own_ms = o->places[i].area_ms = 0;
    }
    for (const struct step *s = n.steps; client.n > 0 && s->octets; s++) {
        const struct budget step = step_budget(g, &x, &n, s);
        make_whole(g, &step);
    }
    return longer(here, as_first < as_rest ? as_first : as_rest);
}
