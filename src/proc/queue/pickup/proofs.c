/* SPDX-License-Identifier: Apache-2.0
 * proofs.c: what people show besides a code (levels 2 and 3): the phrase agreed on, a passkey,
 * the login of their own organisation. Called by portal.c and visits.c; login checks it
 * (proof_kinds.h), lookup asks providers.
 *
 * A passkey can be made by somebody who has shown such a proof already, never by a code alone:
 * else whoever has the mailbox makes himself one. What can go wrong: no login or lookup process,
 * a provider that is away: "later", and the try is gone; anything else is wrong, and counts as
 * such.
 */
#include "proc/queue/pickup/proofs.h"
#include "base/clock.h"
#include "base/log.h"
#include "oidc/oidc.h"
#include "ipc/proof_kinds.h"
#include "proc/queue/queue.h"
#include "proc/queue/pickup/scene.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "wire/base64.h"
#include "wire/date.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PROVINGS_MAX = 1000,
    KNOWN_MAX = 4000,
    PASSKEYS_EACH = 5,
    REQUEST_MAX = 8192,
    CODE_MAX = 2048,
    DESCRIPTION_MS = 6 * 60 * 60 * 1000,
    AGAIN_MS = 60 * 1000
};

/* A proof under way, at login or at a provider. */
struct proving {
    uint64_t token; /* ours */
    uint64_t visit; /* whose second step it is, 0: none's */
    enum proof_kind kind;
    struct ipc_channel *web, *at; /* who waits, NULL: nobody any more; who is asked */
    struct ipc_portal_ask ask;    /* strings below */
    unsigned char browser[ENVELOPE_HASH], secret[ENVELOPE_HASH], pass[ENVELOPE_HASH];
    char network[64], address[ADDRESS_ROOM], challenge[CHALLENGE_TEXT];
    const struct conf_oidc *provider;
    uint64_t envelope;            /* whose phrase is agreed on */
    struct store_passkey passkey; /* strings in id and key */
    unsigned char id[256], key[512];
    struct scene *scene; /* read before it ends; NULL: none is */
    bool right;          /* what came of it, while that is read */
    char why[256], hash[PASSWORD_HASH_MAX];
};

/* Where the people of a domain log in; description.token[0] is set once it is known. */
struct provider {
    const struct conf_oidc *conf;
    struct oidc_server description;
    int64_t due_mono_ms;
    uint64_t asked;               /* token of the question under way, 0: none */
    const struct ipc_channel *at; /* who has it */
};

static struct map *provings;
static struct provider *providers;
static size_t n_providers;
static uint64_t generation; /* of the configuration they come from, 0: none is read */

static struct provider *provider_of(struct str address)
{
    struct domain_name domain = domain_of(address);
    for (size_t i = 0; i < n_providers; i++) {
        if (domain_eq(domain_kept(str_c(providers[i].conf->name)), domain)) {
            return &providers[i];
        }
    }
    return NULL;
}

/* --- under way ---------------------------------------------------------- */

static struct proving *proving_new(struct queue *q, struct ipc_channel *web,
                                   const struct ipc_portal_ask *a, enum proof_kind kind)
{
    struct proving *p = err_calloc(1, sizeof *p);
    p->token = ++q->next_token;
    p->kind = kind;
    p->web = web;
    str_copy_cut(a->network, p->network, sizeof p->network);
    memcpy(p->browser, a->browser.p ? a->browser.p : "", a->browser.n);
    memcpy(p->secret, a->secret.p ? a->secret.p : "", a->secret.n);
    memcpy(p->pass, a->pass.p ? a->pass.p : "", a->pass.n);
    p->ask = (struct ipc_portal_ask){
        .token = a->token,
        .browser = str_from((const char *)p->browser, a->browser.n),
        .secret = str_from((const char *)p->secret, a->secret.n),
        .pass = str_from((const char *)p->pass, a->pass.n),
        .network = str_c(p->network),
    };
    if (map_put(provings, map_id(&p->token), p) < 0) {
        free(p);
        return NULL;
    }
    return p;
}

static void proving_end(struct proving *p)
{
    scene_cancel(p->scene);
    map_take(provings, map_id(&p->token));
    explicit_bzero(p, sizeof *p);
    free(p);
}

static void proofs_answer(struct ipc_channel *web, uint64_t token, enum portal_result result)
{
    ipc_send(web, &(struct ipc_msg){.type = IPC_portal_answer,
                                    .portal_answer = {.token = token, .result = result}});
}

static void proofs_later(struct proving *p)
{
    proofs_answer(p->web, p->ask.token, PORTAL_LATER);
    proving_end(p);
}

/* Tells those to come later who wait for `at`, or with NULL all whose login is elsewhere. */
static void end_waits(const struct ipc_channel *at)
{
    for (bool found = true; found;) { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        found = false;
        while (!found && map_next(provings, &cursor, &key, &value)) {
            const struct proving *p = value;
            found = at ? p->at == at : p->provider != NULL;
        }
        if (found) {
            proofs_later(value);
        }
    }
}

void proofs_init(void)
{
    provings = map_new(PROVINGS_MAX);
}

void proofs_forget(void)
{
    end_waits(NULL); /* logins elsewhere belong to the configuration that was */
    free(providers);
    providers = NULL;
    n_providers = 0;
    generation = 0;
}

static void load_providers(struct queue *q)
{
    const struct conf *c = child_conf(q->child);
    providers = err_calloc(c->n_oidc + 1, sizeof *providers);
    n_providers = c->n_oidc;
    generation = q->conf_generation;
    for (size_t i = 0; i < n_providers; i++) {
        providers[i].conf = &c->oidc[i];
    }
}

static struct ipc_channel *login_of(struct queue *q)
{
    static size_t turn;
    for (size_t i = 0; i < LOGIN_MAX; i++) {
        struct ipc_channel *ch = q->admin.logins[(turn + i) % LOGIN_MAX];
        if (ch) {
            turn = (turn + i + 1) % LOGIN_MAX;
            return ch;
        }
    }
    return NULL;
}

/* known is lines; the answer as it came from outside. */
static void proofs_ask_login(struct queue *q, struct proving *p, const char *known, struct str sent)
{
    p->at = login_of(q);
    if (!p->at) {
        proofs_later(p);
        return;
    }
    ipc_send(p->at, &(struct ipc_msg){.type = IPC_prove,
                                      .prove = {
                                          .token = p->token,
                                          .kind = p->kind,
                                          .known = str_c(known),
                                          .answer = sent,
                                      }});
}

static const char *origin(struct queue *q)
{
    return child_conf(q->child)->portal.url;
}

/* --- offered ------------------------------------------------------------ */

static void redirect_address(struct queue *q, char *dst, size_t size)
{
    snprintf(dst, size, "%s/oidc", origin(q));
}

static void put_login(struct queue *q, const struct second_step *step, struct buf *out)
{
    const struct provider *p = provider_of(step->address);
    unsigned char hash[32];
    char back[600];
    struct buf url = BUF_INIT(4096);
    redirect_address(q, back, sizeof back);
    rest_hash(step->verifier, hash);
    if (p && p->description.token[0] &&
        oidc_login_url(&p->description, p->conf->client, back, step->state, step->challenge, hash,
                       step->address, &url) == 0) {
        (void)!buf_add(out, buf_str(&url));
    }
    buf_free(&url);
}

void proofs_offer(struct queue *q, const struct second_step *step,
                  const struct store_passkey *passkeys, size_t n_passkeys, struct buf *out)
{
    (void)!(buf_add(out, step->challenge) || buf_add(out, STR("\n")));
    put_login(q, step, out);
    (void)!buf_add(out, STR("\n"));
    for (size_t i = 0; i < n_passkeys; i++) {
        (void)!(base64url_write(passkeys[i].id, out) || buf_add(out, STR("\n")));
    }
}

/* --- shown -------------------------------------------------------------- */

static void prove_phrase(struct queue *q, struct proving *p, const struct scene *s,
                         struct str phrase)
{
    char known[PASSWORD_HASH_MAX + 2];
    snprintf(known, sizeof known, "%.*s\n", PASSWORD_HASH_MAX - 1, s->person.agreed);
    proofs_ask_login(q, p, known, phrase);
}

/* The one they have with the id in p. */
static bool take_passkey(struct proving *p, const struct scene *s)
{
    for (size_t i = 0; i < s->n_passkeys; i++) {
        const struct store_passkey *k = &s->passkeys[i];
        if (str_eq(k->id, p->passkey.id) && k->key.n <= sizeof p->key) {
            memcpy(p->key, k->key.p, k->key.n);
            p->passkey = *k;
            p->passkey.id = str_from((const char *)p->id, k->id.n);
            p->passkey.key = str_from((const char *)p->key, k->key.n);
            p->passkey.address = str_c(p->address);
            return true;
        }
    }
    return false;
}

static void proofs_finish(struct queue *q, struct proving *p, bool right, const char *why);

static void prove_passkey(struct queue *q, struct proving *p, const struct scene *s,
                          struct str sent)
{
    struct str id;
    struct buf octets = BUF_INIT(sizeof p->id), known = BUF_INIT(KNOWN_MAX);
    bool ok = str_split(&sent, '\n', &id) && base64url_read(id, &octets) == 0;
    if (ok) {
        memcpy(p->id, buf_str(&octets).p, buf_len(&octets));
        p->passkey.id = str_from((const char *)p->id, buf_len(&octets));
        ok = take_passkey(p, s);
    }
    ok = ok &&
         buf_printf(&known, "%s\n%s\n%u\n%llu\n", p->challenge, origin(q), p->passkey.algorithm,
                    (unsigned long long)p->passkey.uses) == 0 &&
         base64url_write(p->passkey.key, &known) == 0 && buf_append(&known, "\n", 2) == 0;
    if (ok) {
        proofs_ask_login(q, p, buf_str(&known).p, sent);
    } else {
        proofs_finish(q, p, false, "no passkey of this person");
    }
    buf_free(&octets);
    buf_free(&known);
}

static struct str proofs_secret_of(struct queue *q, const struct conf_oidc *o)
{
    char name[32];
    snprintf(name, sizeof name, "login-secret %zu", (size_t)(o - child_conf(q->child)->oidc));
    struct str text = child_file(q->child, name);
    return str_trim(str_slice(text, 0, str_find(text, '\n', 0)));
}

/* sent: state and code. The provider is asked whose code it is. */
static void prove_login(struct queue *q, struct proving *p, const struct second_step *step,
                        struct str sent)
{
    struct provider *o = provider_of(step->address);
    struct str state;
    struct buf form = BUF_INIT(REQUEST_MAX);
    char back[600];
    bool ours = str_split(&sent, '\n', &state) && str_eq(state, step->state) && sent.n > 0 &&
                sent.n < CODE_MAX;
    if (!ours || !o || !o->description.token[0]) {
        proofs_finish(q, p, false, "no answer to our question");
        return;
    }
    redirect_address(q, back, sizeof back);
    p->provider = o->conf;
    p->at = q->domains.lookup;
    if (!q->domains.lookup || oidc_token_request(o->conf->client, proofs_secret_of(q, o->conf),
                                                 back, sent, step->verifier, &form) < 0) {
        proofs_later(p);
    } else {
        ipc_send(q->domains.lookup,
                 &(struct ipc_msg){.type = IPC_post,
                                   .post = {
                                       .token = p->token,
                                       .url = str_c(o->description.token),
                                       .wants_answer = 1,
                                       .content_type = STR("application/x-www-form-urlencoded"),
                                       .body = buf_str(&form),
                                   }});
    }
    buf_wipe(&form);
}

void proofs_on_prove(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                     struct scene *s)
{
    struct second_step step;
    if (!visits_second(q, a->browser, a->number == PROOF_PASSKEY, &step) ||
        step.visit != s->of.visit) { /* or another visit began meanwhile */
        proofs_answer(ch, a->token, PORTAL_OVER);
        return;
    }
    enum proof_kind kind =
        a->number == PROOF_PASSKEY || a->number == PROOF_LOGIN ? a->number : PROOF_PHRASE;
    struct proving *p = proving_new(q, ch, a, kind);
    if (!p) {
        proofs_answer(ch, a->token, PORTAL_LATER);
        return;
    }
    p->visit = step.visit;
    str_copy_cut(step.address, p->address, sizeof p->address);
    str_copy_cut(step.challenge, p->challenge, sizeof p->challenge);
    if (kind == PROOF_PASSKEY) {
        prove_passkey(q, p, s, a->data);
    } else if (kind == PROOF_LOGIN) {
        prove_login(q, p, &step, a->data);
    } else {
        prove_phrase(q, p, s, a->data);
    }
}

static bool has_passkey(const struct scene *s, struct str id)
{
    for (size_t i = 0; i < s->n_passkeys; i++) {
        if (str_eq(s->passkeys[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* The second step of a visit is over, and what they have is known. */
static void on_finish(struct scene *s, void *arg)
{
    struct proving *p = arg;
    struct queue *q = s->q;
    bool right = p->right;
    const char *why = p->why;
    p->scene = NULL;
    struct ipc_portal_answer r = {.token = p->ask.token};
    char how[400] = "code and phrase";
    if (p->kind == PROOF_PASSKEY) {
        snprintf(how, sizeof how, "code and passkey");
    } else if (p->kind == PROOF_LOGIN) {
        snprintf(how, sizeof how, "code and login at %s", p->provider ? p->provider->issuer : "");
    }
    if (!right) {
        log_notice("proof-wrong", KV("address", p->address), KV("network", p->network),
                   KV("proof", how), KV("reason", why));
    }
    if (right && p->kind == PROOF_PASSKEY && has_passkey(s, p->passkey.id)) {
        store_put_passkey(q->store, &p->passkey); /* not what was taken away meanwhile */
    }
    r.result = visits_shown(q, p->visit, &p->ask, right, how, &r.number, &r.envelope);
    if (r.result == PORTAL_OK && p->web) {
        portal_answer_saved(q, p->web, &r);
    } else { /* wrong: the page offers all of it again */
        struct second_step step;
        struct buf offers = BUF_INIT(8000);
        if (r.result == PORTAL_WRONG && visits_step(q, p->ask.browser, &step)) {
            proofs_offer(q, &step, s->passkeys, s->n_passkeys, &offers);
        }
        r.text = buf_str(&offers);
        ipc_send(p->web, &(struct ipc_msg){.type = IPC_portal_answer, .portal_answer = r});
        buf_free(&offers);
    }
    proving_end(p);
}

static void proofs_finish(struct queue *q, struct proving *p, bool right, const char *why)
{
    if (!p->scene) { /* it is over once */
        p->right = right;
        str_copy_cut(str_c(why), p->why, sizeof p->why);
        p->scene = scene_read(q,
                              &(struct scene_of){
                                  .needs = NEEDS_PASSKEYS,
                                  .whose = WHOSE_ADDRESS,
                                  .address = str_c(p->address),
                              },
                              on_finish, p);
    }
}

/* --- passkeys of somebody with a pass ----------------------------------- */

static bool is_sure(struct queue *q, const struct scene *s)
{
    return visits_pass(q, &s->pass) && s->pass.p.kind == PASS_RECIPIENT && s->pass.p.level >= 2;
}

static void put_passkey(const struct store_passkey *k, struct buf *out)
{
    char made[DATE_MAX], used[DATE_MAX];
    date_iso(k->made_ms, made);
    date_iso(k->used_ms, used);
    (void)!(base64url_write(k->id, out) ||
            buf_printf(out, " %.10s %.10s\n", made, k->used_ms ? used : ""));
}

void proofs_on_passkeys(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                        struct scene *s)
{
    const struct store_pass *p = &s->pass.p;
    char challenge[CHALLENGE_TEXT];
    struct buf text = BUF_INIT(8000);
    bool there = visits_pass(q, &s->pass) && p->kind == PASS_RECIPIENT;
    if (there && p->level >= 2) {
        visits_challenge(q, a->pass, challenge);
        (void)!buf_printf(&text, "%s\n", challenge);
        for (size_t i = 0; i < s->n_passkeys; i++) {
            put_passkey(&s->passkeys[i], &text);
        }
    }
    ipc_send(ch, &(struct ipc_msg){.type = IPC_portal_answer,
                                   .portal_answer = {
                                       .token = a->token,
                                       .result = there ? PORTAL_OK : PORTAL_NO,
                                       .kind = there ? p->kind : 0,
                                       .level = there ? p->level : 0,
                                       .address = there ? p->address : STR(""),
                                       .text = buf_str(&text),
                                   }});
    buf_free(&text);
}

void proofs_on_new_passkey(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                           struct scene *s)
{
    char known[CHALLENGE_TEXT + 600];
    struct proving *p = is_sure(q, s) && s->n_passkeys < PASSKEYS_EACH
                            ? proving_new(q, ch, a, PROOF_NEW_PASSKEY)
                            : NULL;
    if (!p) {
        proofs_answer(ch, a->token, PORTAL_NO);
        return;
    }
    str_copy_cut(s->pass.p.address, p->address, sizeof p->address);
    visits_challenge_used(q, a->pass, p->challenge);
    snprintf(known, sizeof known, "%s\n%s\n", p->challenge, origin(q));
    proofs_ask_login(q, p, known, a->data);
}

/* A stranger's device may have any id: one that somebody else has is not taken over. */
struct new_passkey {
    uint64_t proving; /* its token: it may be over by then */
    bool ok, known;
    uint8_t algorithm;
    uint64_t uses;
    struct kept_pass pass; /* they may have left meanwhile */
    struct queue *q;
    char why[256];
};

static void on_same_pass(void *arg, const struct store_pass *p)
{
    visits_keep(&((struct new_passkey *)arg)->pass, p);
}

static void on_known_passkey(void *arg, uint64_t n)
{
    ((struct new_passkey *)arg)->known = n > 0;
}

static void on_passkey_read(void *arg, enum store_result result)
{
    struct new_passkey *n = arg;
    struct queue *q = n->q;
    struct proving *p = map_get(provings, map_id(&n->proving));
    bool ok = p && result == STORE_OK && n->ok && visits_pass(q, &n->pass) &&
              n->pass.p.kind == PASS_RECIPIENT && n->pass.p.level >= 2 &&
              str_eq(n->pass.p.address, str_c(p->address)) && !n->known;
    if (ok) {
        store_put_passkey(q->store, &(struct store_passkey){
                                        .id = p->passkey.id,
                                        .address = str_c(p->address),
                                        .algorithm = n->algorithm,
                                        .key = p->passkey.key,
                                        .uses = n->uses,
                                        .made_ms = clock_wall_ms(),
                                    });
    }
    if (p) {
        log_notice("passkey-made", KV("address", p->address), KV("network", p->network),
                   KVN("ok", ok), KV("reason", n->why));
        if (p->web) {
            portal_answer_saved(q, p->web,
                                &(struct ipc_portal_answer){.token = p->ask.token,
                                                            .result =
                                                                ok ? PORTAL_OK : PORTAL_WRONG});
        }
        proving_end(p);
    }
    free(n);
}

static void save_passkey(struct queue *q, struct proving *p, const struct ipc_proved *m)
{
    struct new_passkey *n = err_calloc(1, sizeof *n);
    n->q = q;
    n->proving = p->token;
    p->at = NULL; /* it has answered */
    n->ok = m->ok && m->id.n > 0 && m->id.n <= sizeof p->id && m->key.n <= sizeof p->key;
    n->algorithm = m->number;
    n->uses = m->uses;
    str_copy_cut(m->detail, n->why, sizeof n->why);
    if (n->ok) {
        memcpy(p->id, m->id.p, m->id.n);
        memcpy(p->key, m->key.p ? m->key.p : "", m->key.n);
        p->passkey.id = str_from((const char *)p->id, m->id.n);
        p->passkey.key = str_from((const char *)p->key, m->key.n);
    }
    const struct store_query queries[] = {
        {.what = STORE_PASS, .text = p->ask.pass},
        {.what = STORE_HAS_PASSKEY, .text = m->id},
    };
    store_read_all(q->store, queries, ARRAY_LEN(queries),
                   &(struct store_rows){
                       .arg = n,
                       .pass = on_same_pass,
                       .number = on_known_passkey,
                       .done = on_passkey_read,
                   });
}

void proofs_on_drop_passkey(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                            struct scene *s)
{
    struct str address = s->pass.p.address;
    struct buf id = BUF_INIT(256);
    bool ok = is_sure(q, s) && base64url_read(a->text, &id) == 0 && buf_len(&id) > 0;
    if (ok) {
        store_drop_passkey(q->store, address, buf_str(&id));
        log_notice("passkey-dropped", KVS("address", address), KVS("network", a->network));
    }
    portal_answer_saved(q, ch,
                        &(struct ipc_portal_answer){.token = a->token,
                                                    .result = ok ? PORTAL_OK : PORTAL_NO});
    buf_free(&id);
}

/* --- phrases of senders ------------------------------------------------- */

void proofs_agree(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a)
{
    struct proving *p = proving_new(q, ch, a, PROOF_HASH);
    if (p) {
        p->envelope = a->envelope;
        proofs_ask_login(q, p, "", a->text);
    } else {
        proofs_answer(ch, a->token, PORTAL_LATER);
    }
}

static void on_agreed(struct scene *s, void *arg)
{
    struct proving *p = arg;
    struct queue *q = s->q;
    p->scene = NULL;
    bool ok = p->right && s->envelope.found && portal_act(s, ACT_PHRASE, str_c(p->hash), STR(""));
    if (p->web) {
        portal_answer_saved(q, p->web,
                            &(struct ipc_portal_answer){.token = p->ask.token,
                                                        .result = ok ? PORTAL_OK : PORTAL_NO});
    }
    proving_end(p);
}

static void agreed(struct queue *q, struct proving *p, const struct ipc_proved *m)
{
    if (!p->scene) {
        p->right = m->ok && m->key.n < sizeof p->hash;
        str_copy_cut(m->key, p->hash, sizeof p->hash);
        p->scene = scene_read(q,
                              &(struct scene_of){
                                  .needs = NEEDS_ENVELOPE | NEEDS_PERSON,
                                  .number = p->envelope,
                                  .whose = WHOSE_ENVELOPE,
                              },
                              on_agreed, p);
    }
}

/* --- what comes back ---------------------------------------------------- */

static struct provider *asked_provider(uint64_t token)
{
    for (size_t i = 0; i < n_providers; i++) {
        if (token != 0 && providers[i].asked == token) {
            return &providers[i];
        }
    }
    return NULL;
}

static void keep_description(struct provider *o, const struct ipc_proved *m)
{
    struct str rest = m->key, one;
    o->asked = 0;
    if (!m->ok || !str_split(&rest, '\n', &one)) {
        log_error("provider-unknown", KV("issuer", o->conf->issuer), KVS("reason", m->detail));
        o->due_mono_ms = clock_mono_ms() + AGAIN_MS;
        return;
    }
    str_copy_cut(one, o->description.authorization, sizeof o->description.authorization);
    str_copy_cut(str_slice(rest, 0, str_find(rest, '\n', 0)), o->description.token,
                 sizeof o->description.token);
    log_info("provider", KV("issuer", o->conf->issuer), KV("login", o->description.authorization),
             KV("token", o->description.token));
}

void proofs_on_proved(void *owner, struct ipc_channel *ch, const struct ipc_proved *m)
{
    struct queue *q = owner;
    struct provider *o = asked_provider(m->token);
    struct proving *p = o ? NULL : map_get(provings, map_id(&m->token));
    char why[256];
    if ((o && o->at != ch) || (p && p->at != ch)) {
        ipc_refuse(ch, "a proof that another was asked for");
        return;
    }
    if (o) {
        keep_description(o, m);
    } else if (p && p->kind == PROOF_NEW_PASSKEY) {
        save_passkey(q, p, m);
    } else if (p && p->kind == PROOF_HASH) {
        agreed(q, p, m);
    } else if (p) {
        p->passkey.uses = m->uses;
        p->passkey.used_ms = clock_wall_ms();
        str_copy_cut(m->detail, why, sizeof why);
        proofs_finish(q, p, m->ok != 0, why);
    }
}

void proofs_on_posted(void *owner, struct ipc_channel *ch, const struct ipc_posted *m)
{
    struct queue *q = owner;
    struct provider *o = asked_provider(m->token);
    struct proving *p = o ? NULL : map_get(provings, map_id(&m->token));
    char known[KNOWN_MAX];
    struct ipc_channel *login = login_of(q);
    if (o && m->ok && login) {
        snprintf(known, sizeof known, "%s\n", o->conf->issuer);
        o->at = login;
        ipc_send(login, &(struct ipc_msg){.type = IPC_prove,
                                          .prove = {
                                              .token = o->asked,
                                              .kind = PROOF_PROVIDER,
                                              .known = str_c(known),
                                              .answer = m->answer,
                                          }});
    } else if (o) {
        keep_description(o, &(struct ipc_proved){.detail = m->detail});
    } else if (p && m->answer.n == 0) {
        log_error("provider-away", KV("issuer", p->provider->issuer), KVS("reason", m->detail));
        proofs_later(p);
    } else if (p) {
        snprintf(known, sizeof known, "%s\n%s\n%s\n%s\n%s\n", p->provider->issuer,
                 p->provider->client, p->challenge, p->address, p->provider->claim);
        proofs_ask_login(q, p, known, m->answer);
    }
}

void proofs_peer_gone(struct queue *q, const struct ipc_channel *ch)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(provings, &cursor, &key, &value)) {
        struct proving *p = value;
        p->web = p->web == ch ? NULL : p->web;
    }
    end_waits(ch);
    for (size_t i = 0; i < n_providers; i++) { /* asked once more in a while */
        if (providers[i].asked && providers[i].at == ch) {
            providers[i].asked = 0;
            providers[i].due_mono_ms = clock_mono_ms() + AGAIN_MS;
        }
    }
}

void proofs_tick(struct queue *q)
{
    int64_t now = clock_mono_ms();
    if (generation == 0) {
        load_providers(q);
    }
    for (size_t i = 0; i < n_providers; i++) {
        struct provider *o = &providers[i];
        struct buf url = BUF_INIT(1024);
        if (!o->asked && q->domains.lookup && login_of(q) && now >= o->due_mono_ms &&
            oidc_description_url(o->conf->issuer, &url) == 0) {
            o->asked = ++q->next_token;
            o->at = q->domains.lookup;
            o->due_mono_ms = now + DESCRIPTION_MS;
            ipc_send(q->domains.lookup, &(struct ipc_msg){.type = IPC_post,
                                                          .post = {
                                                              .token = o->asked,
                                                              .url = buf_str(&url),
                                                              .wants_answer = 1,
                                                          }});
        }
        buf_free(&url);
    }
}
