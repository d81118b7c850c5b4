/* SPDX-License-Identifier: Apache-2.0
 * test_visits.c: who is in front of the portal (visits.c, proofs.c, guessing.c), over a real store:
 * what is shown belongs to the visit that asked for it, whatever a web that was taken over
 * interleaves; and nobody's guesses shut somebody else out. The audit's case: a second step of one
 * visit that comes while the same browser is in another one.
 */
#include "base/clock.h"
#include "check.h"
#include "ipc/proof_kinds.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "late_store.h"
#include "proc/queue/pickup/scene.h"
#include "store/records.h"

#include <stdio.h>
#include <unistd.h>

enum { WEB = 1, LOGIN = 2 };

static struct queue q;
static struct conf *conf;
static char dir[64];
static struct ipc_channel *const web = (struct ipc_channel *)(uintptr_t)WEB,
                                 *const login = (struct ipc_channel *)(uintptr_t)LOGIN;

/* --- doubles ------------------------------------------------------------ */

static struct {
    struct ipc_portal_answer answer; /* the last one */
    char text[4096];
    unsigned answers;
    struct ipc_prove prove;
    char known[4096];
    struct ipc_login_ruling ruling;
    unsigned refused;
    char code[16], to[ADDRESS_ROOM];
    unsigned mails;
} seen;

void ipc_send(struct ipc_channel *ch, const struct ipc_msg *m)
{
    if (ch == web && m->type == IPC_portal_answer) {
        seen.answer = m->portal_answer;
        seen.answers++;
        str_copy_cut(m->portal_answer.text, seen.text, sizeof seen.text);
    } else if (ch == login && m->type == IPC_prove) {
        seen.prove = m->prove;
        str_copy_cut(m->prove.known, seen.known, sizeof seen.known);
    } else if (ch == login && m->type == IPC_login_ruling) {
        seen.ruling = m->login_ruling;
    }
}

void ipc_refuse(struct ipc_channel *ch, const char *why)
{
    seen.refused++;
}

void portal_answer_saved(struct queue *of, struct ipc_channel *ch,
                         const struct ipc_portal_answer *a)
{
    store_flush(of->store);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = *a});
}

bool portal_act(struct scene *s, enum portal_act act, struct str argument, struct str who)
{
    return false;
}

void accounts_each(struct queue *of, void (*fn)(void *arg, const struct store_account *a),
                   void *arg)
{
    fn(arg, &(struct store_account){.name = STR("nurse"),
                                    .addresses = STR("ward@in.test nurse@in.test")});
    fn(arg, &(struct store_account){.name = STR("doctor"), .addresses = STR("doctor@in.test")});
}

bool pickup_mail(struct queue *of, const struct kept_envelope *k, enum notice_kind kind,
                 const char *to, const char *link, const char *code, const char *words,
                 struct str language)
{
    str_copy_cut(str_c(code), seen.code, sizeof seen.code);
    str_copy_cut(str_c(to), seen.to, sizeof seen.to);
    seen.mails++;
    return true;
}

void envelope_keep(void *kept, const struct store_envelope *e)
{
    struct kept_envelope *k = kept;
    if (!k->found) {
        *k = (struct kept_envelope){.e = *e, .found = true};
        record_hold(store_record_envelope(), &k->e, k->texts, sizeof k->texts);
    }
}

void envelope_keep_waiting(void *kept, const struct store_envelope *e)
{
    envelope_keep(kept, e);
}

bool envelope_waits(const struct store_envelope *e)
{
    return e->state == ENVELOPE_WAITING;
}

void envelope_event(struct queue *of, uint64_t envelope, enum envelope_event kind, struct str who,
                    const char *detail)
{
}

const struct conf *child_conf(const struct child *c)
{
    return conf;
}

struct str child_file(const struct child *c, const char *name)
{
    return STR("");
}

/* --- words -------------------------------------------------------------- */

/* 32 octets that are a hash: of a cookie, a pass, a link. */
static struct str hash_of(const char *name, unsigned char room[32])
{
    memset(room, 0, 32);
    memcpy(room, name, strlen(name));
    return str_from((const char *)room, 32);
}

static void put_envelope(uint64_t number, const char *address, const char *link, uint8_t level)
{
    unsigned char room[32];
    store_put_envelope(q.store, &(struct store_envelope){
                                    .envelope = number,
                                    .id = number,
                                    .rcpt = number,
                                    .address = str_c(address),
                                    .sender = STR("ward@in.test"),
                                    .made_ms = clock_wall_ms(),
                                    .expires_ms = clock_wall_ms() + 1000000,
                                    .level = level,
                                    .least = level,
                                });
    store_put_envelope_token(q.store, number, hash_of(link, room));
    store_flush(q.store);
}

/* Reads what a request is about, as portal.c does, and answers it. */
static void begin(const struct scene_of *of, scene_fn fn, void *arg)
{
    scene_read(&q, of, fn, arg);
    store_finish(q.store);
}

struct sending {
    const struct ipc_portal_ask *a;
    char *words;
    int64_t *wait;
    enum portal_result result;
};

static void on_send_code(struct scene *s, void *arg)
{
    struct sending *w = arg;
    w->result = visits_send_code(&q, w->a, s, w->words, 64, w->wait);
}

struct saying {
    const struct ipc_portal_ask *a;
    struct ipc_portal_answer *r;
    struct buf *offers;
    enum portal_result result;
};

static void on_say_code(struct scene *s, void *arg)
{
    struct saying *w = arg;
    w->result = visits_code(&q, w->a, s, w->r, w->offers);
}

static void on_prove(struct scene *s, void *arg)
{
    proofs_on_prove(&q, web, arg, s);
}

static enum portal_result ask_code(const char *browser, const char *link, const char *address,
                                   const char *network, const char *device)
{
    unsigned char rooms[3][32];
    char words[64];
    int64_t wait = 0;
    struct ipc_portal_ask a = {
        .token = 1,
        .browser = hash_of(browser, rooms[0]),
        .text = str_c(address),
        .network = str_c(network),
        .language = STR("en"),
    };
    a.secret = link ? hash_of(link, rooms[1]) : STR("");
    a.device = device ? hash_of(device, rooms[2]) : STR("");
    seen.code[0] = '\0';
    struct scene_of of = {.needs = NEEDS_ENVELOPE};
    visits_wants(&a, &of);
    struct sending sending = {.a = &a, .words = words, .wait = &wait};
    begin(&of, on_send_code, &sending);
    enum portal_result r = sending.result;
    assert_true((r == PORTAL_SLOW_DOWN) == (wait > 0));
    return r;
}

static enum portal_result say_code(const char *browser, const char *code, const char *pass,
                                   const char *network, const char *device)
{
    unsigned char rooms[3][32];
    char text[16];
    struct ipc_portal_answer r = {.token = 1};
    struct buf offers = BUF_INIT(8000);
    struct ipc_portal_ask a = {
        .token = 1,
        .browser = hash_of(browser, rooms[0]),
        .secret = hash_of(pass, rooms[1]),
        .network = str_c(network),
    };
    snprintf(text, sizeof text, "%s\n", code);
    a.text = str_c(text);
    a.device = device ? hash_of(device, rooms[2]) : STR("");
    struct scene_of of = {.needs = NEEDS_ENVELOPE | NEEDS_PASSKEYS};
    visits_about(&q, a.browser, &of);
    struct saying saying = {.a = &a, .r = &r, .offers = &offers};
    begin(&of, on_say_code, &saying);
    buf_free(&offers);
    store_flush(q.store);
    return saying.result;
}

static void prove(const char *browser, enum proof_kind kind, const char *what, const char *pass)
{
    unsigned char rooms[2][32];
    memset(&seen.prove, 0, sizeof seen.prove);
    struct ipc_portal_ask a = {
        .token = 7,
        .browser = hash_of(browser, rooms[0]),
        .secret = hash_of(pass, rooms[1]),
        .network = STR("192.0.2.1"),
        .number = kind,
        .data = str_c(what),
    };
    struct scene_of of = {.needs = NEEDS_PERSON | NEEDS_PASSKEYS};
    visits_about(&q, a.browser, &of);
    begin(&of, on_prove, &a);
}

static void proved(uint64_t token, bool ok)
{
    const struct ipc_proved m = {.token = token, .ok = ok, .uses = 1};
    proofs_on_proved(&q, login, &m);
    store_finish(q.store);
    store_flush(q.store);
}

static void keep_pass(void *arg, const struct store_pass *p)
{
    visits_keep(arg, p);
}

static bool is_pass(const char *pass, const char *address, uint8_t level)
{
    unsigned char room[32];
    struct kept_pass p = {.found = false};
    assert_int_equal(store_get_pass(q.store, hash_of(pass, room), keep_pass, &p), STORE_OK);
    return visits_pass(&q, &p) && str_eq(p.p.address, str_c(address)) && p.p.level == level;
}

/* In front of the second step: the mail's link, then its code. */
static void to_second_step(const char *browser, const char *link, const char *pass)
{
    assert_int_equal(ask_code(browser, link, "", "192.0.2.1", NULL), PORTAL_OK);
    assert_int_equal(say_code(browser, seen.code, pass, "192.0.2.1", NULL), PORTAL_PROOF_WANTED);
}

/* --- the second step belongs to its visit ------------------------------- */

/* The mailbox of b is read by somebody who has a code and no phrase, and who has a mail, a phrase
 * and a web of their own. */
static void a_proof_is_for_the_visit_that_asked(void **state)
{
    to_second_step("browser", "link of a", "pass a");
    prove("browser", PROOF_PHRASE, "the phrase of a", "pass");
    uint64_t under_way = seen.prove.token;
    assert_true(under_way != 0);
    to_second_step("browser", "link of b", "pass b"); /* the same browser, while it is looked at */
    proved(under_way, true);
    assert_int_equal(seen.answer.result, PORTAL_OVER);
    assert_false(is_pass("pass", "a@out.test", 2) || is_pass("pass", "b@out.test", 2));
    prove("browser", PROOF_PHRASE, "the phrase of b", "pass"); /* b's own visit is as it was */
    proved(seen.prove.token, true);
    assert_int_equal(seen.answer.result, PORTAL_OK);
    assert_true(is_pass("pass", "b@out.test", 2));
}

/* And a wrong one of the first takes no try of the second. */
static void a_wrong_proof_counts_in_its_visit(void **state)
{
    to_second_step("browser", "link of a", "pass");
    prove("browser", PROOF_PHRASE, "wrong", "pass");
    uint64_t under_way = seen.prove.token;
    to_second_step("browser", "link of b", "pass");
    proved(under_way, false);
    assert_int_equal(seen.answer.result, PORTAL_OVER);
    for (int i = 0; i < 4; i++) {
        prove("browser", PROOF_PHRASE, "wrong", "pass");
        proved(seen.prove.token, false);
        assert_int_equal(seen.answer.result, PORTAL_WRONG);
        assert_int_equal(seen.answer.number, 4 - i);
    }
    prove("browser", PROOF_PHRASE, "wrong", "pass");
    proved(seen.prove.token, false);
    assert_int_equal(seen.answer.result, PORTAL_OVER);
    prove("browser", PROOF_PHRASE, "right", "pass"); /* nothing is left of that visit */
    assert_true(seen.prove.token == 0 && seen.answer.result == PORTAL_OVER);
}

static void two_browsers_have_two_visits(void **state)
{
    to_second_step("one", "link of a", "pass");
    assert_int_equal(ask_code("two", "link of b", "", "192.0.2.1", NULL), PORTAL_OK);
    char code_b[16];
    memcpy(code_b, seen.code, sizeof code_b);
    assert_int_equal(say_code("one", code_b, "pass", "192.0.2.1", NULL),
                     PORTAL_OVER); /* it is in front of its second step */
    assert_int_equal(ask_code("three", "link of a", "", "192.0.2.1", NULL), PORTAL_OK);
    assert_int_equal(say_code("three", code_b, "pass", "192.0.2.1", NULL),
                     PORTAL_WRONG);                        /* the code of another visit */
    prove("two", PROOF_PHRASE, "the phrase of b", "pass"); /* no code was shown there yet */
    assert_true(seen.prove.token == 0 && seen.answer.result == PORTAL_OVER);
    assert_int_equal(say_code("two", code_b, "pass", "192.0.2.1", NULL), PORTAL_PROOF_WANTED);
    prove("one", PROOF_PHRASE, "a", "pass one");
    uint64_t one = seen.prove.token;
    prove("two", PROOF_PHRASE, "b", "pass two");
    uint64_t two = seen.prove.token;
    proved(two, true);
    proved(one, true);
    assert_true(is_pass("pass one", "a@out.test", 2) && is_pass("pass two", "b@out.test", 2));
}

static void a_second_step_ends_with_its_use(void **state)
{
    to_second_step("browser", "link of a", "pass");
    prove("browser", PROOF_PHRASE, "x", "first pass");
    uint64_t first = seen.prove.token;
    prove("browser", PROOF_PHRASE, "x", "second pass");
    uint64_t second = seen.prove.token;
    proved(first, true);
    assert_int_equal(seen.answer.result, PORTAL_OK);
    proved(second, true);
    assert_int_equal(seen.answer.result, PORTAL_OVER);
    assert_true(is_pass("first pass", "a@out.test", 2) && !is_pass("second pass", "a@out.test", 2));
    unsigned answers = seen.answers;
    proved(second, true); /* a login that says it twice */
    assert_int_equal(seen.answers, answers);
}

/* The challenge of one visit is what its passkey signs, and no other's. */
static void each_visit_has_its_challenge(void **state)
{
    const struct store_passkey key = {
        .id = STR("key of a"),
        .address = STR("a@out.test"),
        .algorithm = 1,
        .key = STR("k"),
        .made_ms = 1,
    };
    char first[64], second[64];
    store_put_passkey(q.store, &key);
    to_second_step("browser", "link of a", "pass");
    prove("browser", PROOF_PASSKEY, "a2V5IG9mIGE\nc\nd\ns", "pass");
    str_copy_cut(str_slice(str_c(seen.known), 0, 43), first, sizeof first);
    uint64_t under_way = seen.prove.token;
    assert_true(under_way != 0);
    to_second_step("browser", "link of a",
                   "pass"); /* the same person, the same browser, another visit */
    prove("browser", PROOF_PASSKEY, "a2V5IG9mIGE\nc\nd\ns", "pass");
    str_copy_cut(str_slice(str_c(seen.known), 0, 43), second, sizeof second);
    assert_string_not_equal(first, second);
    uint64_t newer = seen.prove.token;
    proved(under_way, true);
    assert_int_equal(seen.answer.result, PORTAL_OVER);
    store_drop_passkey(q.store, STR("a@out.test"), STR("key of a"));
    store_flush(q.store);
    proved(newer, true);
    assert_int_equal(seen.answer.result, PORTAL_OK);
    assert_false(
        store_has_passkey(q.store,
                          STR("key of a"))); /* what was taken away meanwhile does not come back */
    to_second_step("browser", "link of b", "pass");
    prove("browser", PROOF_PASSKEY, "a2V5IG9mIGE\nc\nd\ns", "pass"); /* somebody else's passkey */
    assert_true(seen.prove.token == 0 && seen.answer.result == PORTAL_WRONG);
}

/* keycloak/keycloak#46164: what others typed into one field uses up what belongs to another. */
static void passkeys_have_tries_of_their_own(void **state)
{
    const struct store_passkey key = {
        .id = STR("key of a"),
        .address = STR("a@out.test"),
        .algorithm = 1,
        .key = STR("k"),
        .made_ms = 1,
    };
    store_put_passkey(q.store, &key);
    to_second_step("browser", "link of a", "pass");
    for (int i = 0; i < 4; i++) {
        prove("browser", PROOF_PHRASE, "wrong", "pass");
        proved(seen.prove.token, false);
    }
    for (int i = 0; i < 19; i++) {
        prove("browser", PROOF_PASSKEY, "a2V5IG9mIGE\nc\nd\ns", "pass");
        proved(seen.prove.token, false);
        assert_int_equal(seen.answer.result, PORTAL_WRONG);
    }
    prove("browser", PROOF_PASSKEY, "a2V5IG9mIGE\nc\nd\ns", "pass");
    proved(seen.prove.token, true);
    assert_int_equal(seen.answer.result, PORTAL_OK);
    store_drop_passkey(q.store, STR("a@out.test"), STR("key of a"));
}

static void a_login_that_is_gone(void **state)
{
    to_second_step("browser", "link of a", "pass");
    prove("browser", PROOF_PHRASE, "x", "their pass");
    uint64_t under_way = seen.prove.token;
    proofs_peer_gone(&q, login);
    assert_int_equal(seen.answer.result, PORTAL_LATER);
    proved(under_way, true); /* its successor knows the number by chance */
    assert_false(is_pass("their pass", "a@out.test", 2));
    prove("browser", PROOF_PHRASE, "x", "their pass"); /* the visit goes on */
    proved(seen.prove.token, true);
    assert_true(is_pass("their pass", "a@out.test", 2));
}

/* --- how often a code is mailed ----------------------------------------- */

/* The audit's case: five typed addresses an hour shut the owner's way by address. */
static void strangers_do_not_shut_the_way_by_address(void **state)
{
    char network[32];
    assert_int_equal(ask_code("owner", NULL, "c@out.test", "198.51.100.7", "the browser"),
                     PORTAL_OK);
    assert_int_equal(say_code("owner", seen.code, "pass", "198.51.100.7", "the browser"),
                     PORTAL_OK);
    unsigned mails = seen.mails;
    for (int i = 0; i < 500; i++) {
        snprintf(network, sizeof network, "10.%d.%d.1", i / 250, i % 250);
        (void)ask_code("stranger", NULL, "c@out.test", network, NULL);
    }
    assert_in_range(seen.mails - mails, 5, 16); /* nor is the mailbox flooded */
    assert_int_equal(ask_code("owner", NULL, "C@OUT.test", "198.51.100.7", NULL), PORTAL_OK);
    assert_true(seen.code[0]);
    assert_int_equal(ask_code("owner", NULL, "c@out.test", "203.0.113.50", "the browser"),
                     PORTAL_OK); /* on the move */
    assert_true(seen.code[0]);
    assert_int_equal(ask_code("owner", "link of c", "", "203.0.113.51", NULL),
                     PORTAL_OK); /* the link has its own */
    assert_true(seen.code[0]);
}

/* The same is told of an address that nobody has. */
static void unknown_addresses_are_slowed_alike(void **state)
{
    for (int i = 0; i < 30; i++) {
        assert_int_equal(ask_code("x", NULL, "d@out.test", "203.0.113.77", NULL),
                         ask_code("y", NULL, "nobody@out.test", "203.0.114.77", NULL));
    }
    assert_int_equal(ask_code("x", NULL, "d@out.test", "203.0.113.77", NULL), PORTAL_SLOW_DOWN);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(ask_code("x", "link of d", "", "203.0.115.1", NULL),
                         ask_code("y", "no link", "", "203.0.116.1", NULL));
    }
}

/* Who reads the mailbox of an account was there: their password may be tried from there as well. */
static void a_code_opens_the_way_for_a_password(void **state)
{
    unsigned char rooms[2][32];
    char words[64], client[32];
    int64_t wait;
    const struct ipc_portal_ask a = {
        .token = 1,
        .browser = hash_of("inside", rooms[0]),
        .text = STR("Nurse@in.test"),
        .network = STR("100.64.9.9"),
        .number = 1,
    };
    for (int i = 0; i < 200; i++) { /* strangers have used up what strangers have */
        snprintf(client, sizeof client, "10.9.%d.1", i);
        const struct ipc_login_ask m = {
            .token = 5,
            .name = STR("nurse"),
            .client = str_c(client),
        };
        guessing_on_ask(&q, login, &m);
    }
    const struct ipc_login_ask mine = {
        .token = 5,
        .name = STR("nurse"),
        .client = a.network,
    };
    guessing_on_ask(&q, login, &mine);
    assert_true(seen.ruling.answer == GUESS_TOO_MANY_AT_LOGIN && seen.ruling.wait_s > 0 &&
                seen.ruling.number == 0);
    struct sending sending = {.a = &a, .words = words, .wait = &wait};
    begin(&(struct scene_of){.needs = 0}, on_send_code, &sending);
    assert_int_equal(sending.result, PORTAL_OK);
    assert_string_equal(seen.to, "nurse@in.test");
    assert_int_equal(say_code("inside", seen.code, "inside pass", "100.64.9.9", NULL), PORTAL_OK);
    guessing_on_ask(&q, login, &mine);
    assert_true(seen.ruling.answer == GUESS_GO && seen.ruling.number > 0);
}

/* --- tries of logins ---------------------------------------------------- */

static void a_try_is_judged_once_by_its_login(void **state)
{
    const struct ipc_login_ask ask = {
        .token = 9,
        .name = STR("doctor"),
        .client = STR("192.0.2.9"),
    };
    guessing_on_ask(&q, login, &ask);
    struct ipc_login_judged m = {.number = seen.ruling.number, .outcome = GUESS_WAS_RIGHT};
    assert_true(seen.ruling.token == 9 && seen.ruling.answer == GUESS_GO && m.number > 0);
    unsigned refused = seen.refused;
    guessing_on_judged(&q, web, &m); /* another process */
    assert_int_equal(seen.refused, refused + 1);
    guessing_on_judged(&q, login, &m);
    assert_int_equal(seen.refused, refused + 1);
    guessing_on_judged(&q, login, &m);
    assert_int_equal(seen.refused, refused + 2);
    guessing_on_ask(&q, login, &ask);
    guessing_login_gone(&q, login);
    assert_int_equal(map_len(q.pickup.tries), 0);
}

static void count_places(void *arg, const struct store_place *p)
{
    ++*(unsigned *)arg;
}

/* What has to survive this process does; another password makes everybody a stranger. */
static void places_are_in_the_store(void **state)
{
    struct queue other = {.store = q.store};
    const struct ipc_login_ask ask = {
        .token = 9,
        .name = STR("DOCTOR"),
        .client = STR("192.0.2.9"),
    };
    unsigned before = 0, after = 0;
    store_flush(q.store);
    assert_int_equal(store_each_place(q.store, 0, count_places, &before), STORE_OK);
    guessing_init(&other);
    guessing_load(&other);
    store_finish(q.store);
    for (int i = 0; i < 200; i++) {
        char client[32];
        snprintf(client, sizeof client, "10.8.%d.1", i);
        const struct ipc_login_ask m = {
            .token = 5,
            .name = STR("doctor"),
            .client = str_c(client),
        };
        guessing_on_ask(&other, login, &m);
    }
    guessing_on_ask(&other, login, &ask);
    assert_int_equal(seen.ruling.answer, GUESS_GO);
    guessing_forget_account(&other, STR("Doctor"));
    store_flush(q.store);
    guessing_on_ask(&other, login, &ask);
    assert_int_equal(seen.ruling.answer, GUESS_TOO_MANY_AT_LOGIN);
    assert_int_equal(store_each_place(q.store, 0, count_places, &after), STORE_OK);
    assert_true(before > 0 && after == before - 1);
    guessing_login_gone(&other, login);
    guesses_free(other.pickup.guesses);
    map_free(other.pickup.tries);
}

static int setup(void **state)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    char problem[256];
    strcpy(dir, "/tmp/test-visits-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(
        conf_parse(STR("hostname mx.example.test; listen smtp { address 192.0.2.1:25; }\n"
                       "inside { domains in.test; networks 192.0.2.0/24; deliver-to x.in.test; }\n"
                       "portal { url https://p.in.test; proxy-address 192.0.2.1:8080; proxies "
                       "192.0.2.2; from secure@in.test; }\n"),
                   "t", &problems, &conf),
        0);
    assert_int_equal(store_open(dir, problem, sizeof problem, &q.store), 0);
    late_begin(q.store);
    visits_init(&q);
    guessing_init(&q);
    guessing_load(&q);
    proofs_init();
    q.admin.logins[0] = login;
    put_envelope(1, "a@out.test", "link of a", 2);
    put_envelope(2, "b@out.test", "link of b", 2);
    put_envelope(3, "c@out.test", "link of c", 1);
    put_envelope(4, "d@out.test", "link of d", 1);
    return 0;
}

/* Each begins with the budgets of an hour. */
static int anew(void **state)
{
    guessing_login_gone(&q, login);
    guesses_free(q.pickup.guesses);
    map_free(q.pickup.tries);
    guessing_init(&q);
    guessing_limits(&q);
    return 0;
}

static int teardown(void **state)
{
    guessing_login_gone(&q, login);
    store_close(q.store);
    guesses_free(q.pickup.guesses);
    map_free(q.pickup.tries);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_proof_is_for_the_visit_that_asked, anew),
        cmocka_unit_test_setup(a_wrong_proof_counts_in_its_visit, anew),
        cmocka_unit_test_setup(two_browsers_have_two_visits, anew),
        cmocka_unit_test_setup(a_second_step_ends_with_its_use, anew),
        cmocka_unit_test_setup(each_visit_has_its_challenge, anew),
        cmocka_unit_test_setup(passkeys_have_tries_of_their_own, anew),
        cmocka_unit_test_setup(a_login_that_is_gone, anew),
        cmocka_unit_test_setup(strangers_do_not_shut_the_way_by_address, anew),
        cmocka_unit_test_setup(unknown_addresses_are_slowed_alike, anew),
        cmocka_unit_test_setup(a_code_opens_the_way_for_a_password, anew),
        cmocka_unit_test_setup(a_try_is_judged_once_by_its_login, anew),
        cmocka_unit_test_setup(places_are_in_the_store, anew),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
