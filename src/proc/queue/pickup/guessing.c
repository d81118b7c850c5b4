/* SPDX-License-Identifier: Apache-2.0
 * guessing.c: how often somebody may guess, for all copies of login and web together. The rules are
 * policy/guesses.c's; here are the clocks, the configuration, the tries under way and the places
 * that are kept in the store.
 *
 * Called by main.c, accounts.c, portal.c and visits.c. What can go wrong: this process ends: counts
 * of strangers begin anew (nobody outside can end it), places and devices are in the store. A login
 * that ends while it looks at a password has used up its try.
 */
#include "proc/queue/pickup/guessing.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/account.h"

#include <stdlib.h>

enum { ASKS_MAX = 20000, NAME_ROOM = 257, FIRST_OF_AREA = 3 };
static const int64_t hour = 60LL * 60 * 1000;

/* A password that a copy of login looks at. */
struct asked {
    uint64_t number;
    const struct ipc_channel *login;
    char who[NAME_ROOM], client[64], device[GUESS_DEVICE];
    size_t n_device;
    uint64_t secret;
    struct guess_ruling ruling;
};

static struct guess_time now_is(void)
{
    return (struct guess_time){clock_mono_ms(), clock_wall_ms()};
}

void guessing_init(struct queue *q)
{
    q->pickup.guesses = guesses_new();
    q->pickup.tries = map_new(ASKS_MAX);
}

void guessing_limits(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    int64_t n = c->accounts.failures, time = c->accounts.failure_time;
    const struct guess_limits password = {
        .own = {n, time},
        .network = {c->accounts.failures_per_client, time},
        .each = {n < FIRST_OF_AREA ? n : FIRST_OF_AREA, 4 * time},
        .first = {2 * n, 4 * time},
        .rest = {n, time},
        .day = {5 * n, 48 * time},
    };
    const struct guess_limits code = {
        .own = {10, hour},
        .network = {60, hour},
        .each = {FIRST_OF_AREA, hour},
        .first = {10, hour},
        .rest = {5, hour},
    };
    guesses_limit(q->pickup.guesses, GUESS_PASSWORD, &password);
    guesses_limit(q->pickup.guesses, GUESS_CODE, &code);
    guesses_limit(q->pickup.guesses, GUESS_LINK_CODE, &code);
}

static void know(void *arg, const struct store_place *p)
{
    struct queue *q = arg;
    if (p->kind < GUESS_KIND_END) {
        (void)guesses_know(q->pickup.guesses, p->kind, p->who, p->place, p->used_ms);
    }
}

static void guessing_on_loaded(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_error("store-unreadable",
                  KV("what",
                     "where people logged in before: they count as strangers until they do again"));
    }
}

void guessing_load(struct queue *q)
{
    guessing_limits(q);
    store_read(q->store,
               &(struct store_query){.what = STORE_PLACES, .ms = clock_wall_ms() - guess_known_ms},
               &(struct store_rows){.arg = q, .place = know, .done = guessing_on_loaded});
}

void guessing_forget_account(struct queue *q, struct str name)
{
    const struct address_key key = address_key(name);
    guesses_forget(q->pickup.guesses, GUESS_PASSWORD, str_c(key.text));
    store_drop_places(q->store, GUESS_PASSWORD, str_c(key.text));
}

int64_t guessing_forgive(struct queue *q, struct str name, struct str client)
{
    const struct address_key key = address_key(name);
    const struct guess_time now = now_is();
    int64_t login =
        guesses_forgive(q->pickup.guesses, GUESS_PASSWORD, str_c(key.text), client, now);
    int64_t code = guesses_forgive(q->pickup.guesses, GUESS_CODE, str_c(key.text), client, now);
    return login > code ? login : code;
}

static void write_down(struct queue *q, const struct guess *x)
{
    char text[2][GUESS_PLACE_TEXT];
    guesses_place_text(x->client, text[0]);
    guesses_device_text(x->device, text[1]);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        if (text[i][0]) {
            store_put_place(q->store, &(struct store_place){
                                          .kind = x->kind,
                                          .who = x->who,
                                          .place = str_c(text[i]),
                                          .used_ms = clock_wall_ms(),
                                      });
        }
    }
}

static void is_right(struct queue *q, const struct guess *x, struct guess_ruling *ruling)
{
    if (guesses_right(q->pickup.guesses, x, ruling, now_is())) {
        write_down(q, x);
    }
}

/* --- logins ------------------------------------------------------------- */

static struct guess guess_of(const struct asked *k)
{
    return (struct guess){
        .kind = GUESS_PASSWORD,
        .who = str_c(k->who),
        .client = str_c(k->client),
        .device = str_from(k->device, k->n_device),
        .secret = k->secret,
    };
}

static struct asked *asked_new(struct queue *q, const struct ipc_channel *login,
                               const struct ipc_login_ask *m)
{
    struct asked *k = err_calloc(1, sizeof *k);
    const struct address_key key = address_key(m->name);
    *k = (struct asked){
        .number = ++q->next_token,
        .login = login,
        .n_device = m->device.n,
        .secret = m->secret,
    };
    str_copy_cut(str_c(key.text), k->who, sizeof k->who);
    str_copy_cut(m->client, k->client, sizeof k->client);
    memcpy(k->device, m->device.p ? m->device.p : "", m->device.n);
    return k;
}

void guessing_on_ask(void *owner, struct ipc_channel *ch, const struct ipc_login_ask *m)
{
    struct queue *q = owner;
    struct asked *k = asked_new(q, ch, m);
    const struct guess x = guess_of(k);
    struct ipc_login_ruling r = {.token = m->token};
    guesses_ask(q->pickup.guesses, &x, now_is(), &k->ruling);
    r.answer = k->ruling.answer;
    r.wait_s = (uint32_t)((k->ruling.wait_ms + 999) / 1000);
    r.number = k->number;
    if (k->ruling.answer != GUESS_GO) {
        r.number = 0;
    } else if (map_put(q->pickup.tries, map_id(&k->number), k) < 0) {
        r = (struct ipc_login_ruling){.token = r.token, .answer = GUESS_TOO_MANY_HERE, .wait_s = 1};
    }
    if (r.number == 0) {
        free(k);
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_login_ruling, .login_ruling = r});
}

void guessing_on_judged(void *owner, struct ipc_channel *ch, const struct ipc_login_judged *m)
{
    struct queue *q = owner;
    struct asked *k = map_get(q->pickup.tries, map_id(&m->number));
    if (!k || k->login != ch) {
        ipc_refuse(ch, "a try that it was not given");
        return;
    }
    const struct guess x = guess_of(k);
    switch (m->outcome) {
    case GUESS_WAS_RIGHT:
        is_right(q, &x, &k->ruling);
        break;
    case GUESS_WAS_WRONG:
        guesses_wrong(q->pickup.guesses, &x, now_is());
        break;
    case GUESS_WAS_VOID:
    case GUESS_OUTCOME_END:
        guesses_void(q->pickup.guesses, &x, &k->ruling);
        break;
    }
    map_take(q->pickup.tries, map_id(&m->number));
    free(k);
}

void guessing_login_gone(struct queue *q, const struct ipc_channel *login)
{
    for (bool found = true; found;) { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        found = false;
        while (!found && map_next(q->pickup.tries, &cursor, &key, &value)) {
            found = ((struct asked *)value)->login == login;
        }
        if (found) {
            map_take(q->pickup.tries, map_id(&((struct asked *)value)->number));
            free(value);
        }
    }
}

/* --- the portal --------------------------------------------------------- */

static struct guess asking(const struct ipc_portal_ask *a, enum guess_kind kind, struct str who)
{
    return (struct guess){.kind = kind, .who = who, .client = a->network, .device = a->device};
}

enum portal_result guessing_code(struct queue *q, const struct ipc_portal_ask *a,
                                 enum guess_kind kind, struct str who, int64_t *ret_wait_s)
{
    const struct guess x = asking(a, kind, who);
    struct guess_ruling r;
    guesses_ask(q->pickup.guesses, &x, now_is(), &r);
    if (r.answer != GUESS_GO) {
        log_notice("code-refused", KVS("address", who), KVS("network", a->network),
                   KVN("wait-s", r.wait_ms / 1000),
                   KV("reason", r.answer == GUESS_TOO_MANY_HERE
                                    ? "too many from this network"
                                    : "too many for this address by strangers"));
        *ret_wait_s = (r.wait_ms + 999) / 1000;
        return PORTAL_SLOW_DOWN;
    }
    return PORTAL_OK;
}

static bool guessing_has_address(const struct store_account *a, struct str address)
{
    struct str rest = a->addresses, one;
    bool found = address_same(a->name, address);
    while (!found && rest.n > 0 && str_split(&rest, ' ', &one)) {
        found = address_same(one, address);
    }
    return found;
}

struct finding {
    struct queue *q;
    const struct ipc_portal_ask *ask;
    struct str address;
};

static void open_account(void *arg, const struct store_account *a)
{
    struct finding *f = arg;
    const struct address_key key = address_key(a->name);
    const struct guess x = asking(f->ask, GUESS_PASSWORD, str_c(key.text));
    struct guess_ruling none = {.n_charged = 0};
    if (guessing_has_address(a, f->address)) {
        is_right(f->q, &x, &none);
    }
}

void guessing_code_right(struct queue *q, const struct ipc_portal_ask *a, const char *address,
                         bool inside)
{
    const struct address_key key = address_key(str_c(address));
    const struct guess x = asking(a, GUESS_CODE, str_c(key.text));
    struct guess_ruling none = {.n_charged = 0};
    struct finding f = {q, a, str_c(key.text)};
    is_right(q, &x, &none);
    if (inside) {
        accounts_each(q, open_account, &f);
    }
}

bool guessing_count(struct queue *q, const char *kind, struct str of, unsigned most)
{
    return guesses_count(q->pickup.guesses, kind, of, (struct guess_rate){most, hour}, now_is());
}
