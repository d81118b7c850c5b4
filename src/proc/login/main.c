/* SPDX-License-Identifier: Apache-2.0
 * login: checks who logs in: accounts of the store and of a password file (accounts.c), people of a
 * directory; and what people in front of the portal prove (proof.c).
 *
 * Trust: sees passwords for the length of one step and the hashes of all accounts; reads what
 * strangers say in SASL. May touch: nothing, or the network where a directory is configured. Must
 * never see: mail. A step may take its time (argon2id, LDAP): several copies, and nobody else waits
 * in their loops. Before a password is looked at queue is asked, which counts for all copies
 * (policy/guesses.h): a mechanism that has come as far as a name stops, and hears what the client
 * said once more when the answer is there.
 *
 * What can go wrong: floods of wrong passwords: above the limits nothing is looked at for a while;
 * queue is away: so are logins.
 */
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "directory/directory.h"
#include "policy/guesses.h"
#include "proc/child.h"
#include "proc/login/accounts.h"
#include "proc/login/proof.h"
#include "ipc/login_kinds.h"
#include "sasl/sasl.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "sys/memory.h"
#include "wire/base64.h"
#include "wire/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { GROUP_PIECE = 100000, EXCHANGES_MAX = 20000, ADDRESSES_MAX = 4096 };

/* What queue said of a login: may its password be looked at? */
enum ruling {
    RULING_NONE,
    RULING_WANTED, /* the mechanism has come so far */
    RULING_GO,
    RULING_NO,
};

/* A login under way. */
struct exchange {
    struct login *login;
    struct ipc_channel *from;
    uint64_t token;
    char client[64], certificate_names[512], exporter[64];
    char addresses[ADDRESSES_MAX];
    struct sasl_server server;
    struct sasl *sasl;
    char mechanism[32];
    struct buf said; /* what the client said so far, a line each: it is said to the mechanism once
                        more behind the ruling */
    unsigned char pass[32]; /* of the portal, to be theirs */
    char device[32];
    size_t n_device;
    bool has_pass, away, answered_early;
    enum ruling ruled;
    enum guess_answer why;
    char asked[ACCOUNT_NAME_MAX]; /* whose password is to be looked at */
    uint64_t secret;              /* what was said for it (print_of) */
    uint64_t number;              /* of the try at queue, 0: none, or it was told how it went */
    uint32_t wait_s;
    uint64_t waits; /* token of what is asked of queue, a ruling or to keep a pass; 0: nothing */
};

struct login {
    struct child *child;
    struct accounts accounts;
    struct map *exchanges; /* channel and token -> struct exchange */
    struct map *waiting;   /* token -> struct exchange that waits for queue */
    unsigned char salt[16];
    unsigned char decoys[32]; /* the same in all copies, and in each life */
    struct ipc_channel *queue;
    bool loaded;
    uint64_t next_token;
    uint64_t right, wrong, later;
};

/* --- may it be looked at? ----------------------------------------------- */

/* Of what was said for that name, so that the same once more is known as such: nobody outside this
 * process can try passwords against it. Never 0. */
static uint64_t print_of(const struct login *l, const char *name, const char *secret)
{
    char key[ACCOUNT_NAME_MAX];
    unsigned char hash[32];
    uint64_t number;
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(sizeof l->salt + ACCOUNT_NAME_MAX + SASL_TEXT_MAX);
    bool ok = buf_append(&text, l->salt, sizeof l->salt) == 0 &&
              buf_add(&text, account_key(name, key)) == 0 && buf_append(&text, "", 1) == 0 &&
              buf_add(&text, str_c(secret)) == 0;
    rest_hash(ok ? buf_str(&text) : STR(""), hash);
    memcpy(&number, hash, sizeof number);
    explicit_bzero(hash, sizeof hash);
    return ok ? number | 1 : 0;
}

/* False as long as queue has not said so, or when it said no. secret: NULL where it is not known
 * (SCRAM). */
static bool may_look(struct exchange *x, const char *name, const char *secret)
{
    char key[ACCOUNT_NAME_MAX];
    if (x->ruled == RULING_NONE) {
        str_copy_cut(account_key(name, key), x->asked, sizeof x->asked);
        x->secret = secret ? print_of(x->login, name, secret) : 0;
        x->ruled = RULING_WANTED;
    }
    return x->ruled == RULING_GO && str_eq(account_key(name, key), str_c(x->asked));
}

/* --- the questions of the SASL server ----------------------------------- */

static struct str secret_line(const struct child *c, const char *file)
{
    struct str text = child_file(c, file);
    text = str_slice(text, 0, str_find(text, '\n', 0));
    return str_trim(text.n > 0 && text.p[text.n - 1] == '\r' ? str_slice(text, 0, text.n - 1)
                                                             : text);
}

static struct directory_config directory_config(struct child *child, char *secret, size_t size)
{
    const struct conf *c = child_conf(child);
    str_copy_cut(secret_line(child, "directory-password"), secret, size);
    return (struct directory_config){
        .url = c->directory.url,
        .base = c->directory.base,
        .filter = c->directory.filter,
        .bind_dn = c->directory.bind_dn,
        .bind_password = secret,
        .group = c->directory.group,
        .mail_attribute = c->directory.mail_attribute,
        .trust_store = c->trust_store,
        .starttls = c->directory.starttls != 0,
        .timeout_ms = c->directory.timeout,
    };
}

/* The queue wants to know who is in a group. */
static void on_group_ask(void *owner, struct ipc_channel *ch, const struct ipc_group_ask *m)
{
    struct login *l = owner;
    char problem[600] = "", secret[1024];
    CLEANUP(buf_free) struct buf addresses = BUF_INIT(16 * 1024 * 1024);
    const struct directory_config d = directory_config(l->child, secret, sizeof secret);
    char *group = str_dup(m->group);
    bool ok =
        d.url && directory_members(&d, group, &addresses, problem, sizeof problem) == DIRECTORY_OK;
    explicit_bzero(secret, sizeof secret);
    free(group);
    if (!ok) {
        log_error("directory-group", KVS("group", m->group), KV("problem", problem));
    }
    struct str rest = buf_str(&addresses);
    uint64_t token = m->token;
    do {
        struct str piece = str_slice(rest, 0, rest.n < GROUP_PIECE ? rest.n : GROUP_PIECE);
        rest = str_slice(rest, piece.n, rest.n);
        ipc_send(ch, &(struct ipc_msg){.type = IPC_group_members,
                                       .group_members = {
                                           .token = token,
                                           .ok = ok,
                                           .more = ok && rest.n > 0,
                                           .addresses = ok ? piece : STR(""),
                                       }});
    } while (ok && rest.n > 0);
}

static bool directory_ok(struct exchange *x, const char *name, const char *password)
{
    char problem[600] = "", secret[1024];
    CLEANUP(buf_free) struct buf addresses = BUF_INIT(ADDRESSES_MAX - 1);
    const struct directory_config d = directory_config(x->login->child, secret, sizeof secret);
    enum directory_result r =
        directory_login(&d, name, password, &addresses, problem, sizeof problem);
    explicit_bzero(secret, sizeof secret);
    if (r == DIRECTORY_AWAY) {
        log_error("directory-away", KV("problem", problem));
        x->away = true;
    }
    str_copy_cut(buf_str(&addresses), x->addresses, sizeof x->addresses);
    return r == DIRECTORY_OK;
}

/* What they may send as; an account without addresses has its own name. */
static void login_keep_addresses(struct exchange *x, const struct account *a, const char *name)
{
    str_copy_cut(str_c(a && *a->addresses ? a->addresses : name), x->addresses,
                 sizeof x->addresses);
}

static bool on_password(void *arg, const char *name, const char *password)
{
    struct exchange *x = arg;
    const struct account *a = account_find(&x->login->accounts, name);
    if (!may_look(x, name, password)) {
        return false;
    }
    if (a) {
        login_keep_addresses(x, a, name);
        return password_ok(a->hash, password);
    }
    return child_conf(x->login->child)->directory.url ? directory_ok(x, name, password)
                                                      : password_nobody(password);
}

/* "ITERATIONS,SALT,STORED,SERVER" of the account; for unknown names keys that nobody has. */
static bool on_scram(void *arg, const char *name, struct sasl_scram *ret)
{
    struct exchange *x = arg;
    const struct account *a = account_find(&x->login->accounts, name);
    struct str rest = str_c(a ? a->scram : ""), part[4] = {{0}};
    uint64_t iterations = 0;
    bool ok = may_look(x, name, NULL);
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        ok = rest.p && str_split(&rest, ',', &part[i]) && ok;
    }
    ok = ok && str_to_u64(part[0], 10000000, &iterations) == 0 &&
         str_copy(part[1], ret->salt, sizeof ret->salt) == 0 &&
         str_copy(part[2], ret->stored_key, sizeof ret->stored_key) == 0 &&
         str_copy(part[3], ret->server_key, sizeof ret->server_key) == 0;
    if (ok) {
        ret->iterations = (unsigned)iterations;
        login_keep_addresses(x, a, name);
        return true;
    }
    unsigned char salt[16], keys[64];
    char key[ACCOUNT_NAME_MAX];
    random_bytes(keys, sizeof keys);
    password_decoy(x->login->decoys, account_key(name, key), salt);
    sasl_decoy_scram(salt, keys, ret);
    return true;
}

/* EXTERNAL: the account is a name (DNS or address) of the client's verified certificate. */
static bool on_external(void *arg, const char *name, char ret_name[SASL_NAME_MAX + 1])
{
    struct exchange *x = arg;
    struct str rest = str_c(x->certificate_names), one;
    while (rest.n > 0 && str_split(&rest, ' ', &one)) {
        char word[ACCOUNT_NAME_MAX];
        str_copy_cut(one, word, sizeof word);
        const struct account *a = account_find(&x->login->accounts, word);
        /* nobody guesses a certificate: no limit */
        if (a && (!*name || address_same(str_c(name), one))) {
            str_copy_cut(one, ret_name, SASL_NAME_MAX + 1);
            login_keep_addresses(x, a, word);
            return true;
        }
    }
    return false;
}

/* --- steps -------------------------------------------------------------- */

struct exchange_key {
    const struct ipc_channel *from;
    uint64_t token;
};

static struct str login_key_of(const struct exchange_key *k)
{
    return str_from((const char *)k, sizeof *k);
}

static void login_settle(struct exchange *x)
{
    if (x->waits) {
        map_take(x->login->waiting, map_id(&x->waits));
        x->waits = 0;
    }
}

/* Under a number of its own; false: too many wait. */
static bool wait_for_queue(struct exchange *x)
{
    login_settle(x);
    x->waits = ++x->login->next_token;
    if (!x->login->queue || map_put(x->login->waiting, map_id(&x->waits), x) < 0) {
        x->waits = 0;
    }
    return x->waits != 0;
}

/* Tells queue how the try went that it allowed. */
static void judged(struct exchange *x, enum guess_outcome how)
{
    if (x->number && x->login->queue) {
        ipc_send(x->login->queue,
                 &(struct ipc_msg){.type = IPC_login_judged,
                                   .login_judged = {.number = x->number, .outcome = how}});
    }
    x->number = 0;
}

static void exchange_end(struct exchange *x)
{
    const struct exchange_key k = {x->from, x->token};
    judged(x, x->away ? GUESS_WAS_VOID : GUESS_WAS_WRONG);
    login_settle(x);
    map_take(x->login->exchanges, login_key_of(&k));
    sasl_free(x->sasl);
    buf_wipe(&x->said);
    explicit_bzero(x, sizeof *x);
    free(x);
}

static void login_answer(const struct exchange *x, enum login_outcome outcome, struct str text)
{
    bool ok = outcome == LOGIN_OK;
    ipc_send(x->from, &(struct ipc_msg){.type = IPC_login_step,
                                        .login_step = {
                                            .token = x->token,
                                            .outcome = outcome,
                                            .text = text,
                                            .name = str_c(ok ? sasl_name(x->sasl) : ""),
                                            .wait_s = x->wait_s,
                                            .addresses = str_c(ok ? x->addresses : ""),
                                        }});
}

static void failed(struct exchange *x)
{
    struct login *l = x->login;
    enum login_outcome outcome = x->ruled == RULING_NO ? LOGIN_LATER
                                 : x->away             ? LOGIN_AWAY
                                                       : LOGIN_WRONG;
    l->wrong += outcome == LOGIN_WRONG;
    l->later += outcome == LOGIN_LATER;
    const char *later = x->why == GUESS_TOO_MANY_HERE
                            ? "too many failures from this network"
                            : "too many failures at this login by strangers";
    log_notice("login-failed", KV("client", x->client), KV("name", x->asked),
               KVN("wait-s", x->wait_s),
               KV("reason", outcome == LOGIN_LATER  ? later
                            : outcome == LOGIN_AWAY ? "queue or directory away"
                                                    : "wrong"));
    login_answer(x, outcome, STR(""));
    exchange_end(x);
}

static void login_away(struct exchange *x)
{
    x->away = true;
    failed(x);
}

static struct exchange *waiting(struct login *l, uint64_t token)
{
    return map_get(l->waiting, map_id(&token));
}

/* In front of the portal: queue writes down whose the pass is, from us and not from web; then
 * web hears of it. */
static void tell_queue(struct exchange *x)
{
    struct login *l = x->login;
    struct str address, rest = str_c(x->addresses);
    if (!str_split(&rest, ' ', &address) || !wait_for_queue(x)) {
        login_away(x);
        return;
    }
    ipc_send(l->queue,
             &(struct ipc_msg){.type = IPC_pass_proved,
                               .pass_proved = {
                                   .token = x->waits,
                                   .pass = str_from((const char *)x->pass, sizeof x->pass),
                                   .address = address,
                                   .client = str_c(x->client),
                               }});
}

static void on_pass_kept(void *owner, struct ipc_channel *ch, const struct ipc_pass_kept *m)
{
    struct exchange *x = waiting(owner, m->token);
    if (x && (x->ruled != RULING_GO || !x->has_pass)) {
        ipc_refuse(ch, "of nobody who proved who they are");
    } else if (x) {
        login_answer(x, m->result, STR(""));
        exchange_end(x);
    }
}

static void login_ask_queue(struct exchange *x)
{
    if (!wait_for_queue(x)) {
        login_away(x);
        return;
    }
    ipc_send(x->login->queue, &(struct ipc_msg){.type = IPC_login_ask,
                                                .login_ask = {
                                                    .token = x->waits,
                                                    .name = str_c(x->asked),
                                                    .client = str_c(x->client),
                                                    .device = str_from(x->device, x->n_device),
                                                    .secret = x->secret,
                                                }});
}

static void succeeded(struct exchange *x, struct str out)
{
    x->login->right++;
    log_info("login", KV("client", x->client), KV("name", sasl_name(x->sasl)));
    judged(x, GUESS_WAS_RIGHT);
    if (x->has_pass) {
        tell_queue(x);
        return;
    }
    login_answer(x, LOGIN_OK, out);
    exchange_end(x);
}

static void login_take(struct exchange *x, struct str text)
{
    CLEANUP(buf_wipe) struct buf out = BUF_INIT(SASL_TEXT_MAX);
    enum sasl_step r = sasl_step(x->sasl, text, &out);
    if (x->ruled == RULING_WANTED) {
        login_ask_queue(x);
    } else if (r == SASL_FAILED) {
        failed(x);
    } else if (r == SASL_MORE) {
        login_answer(x, LOGIN_MORE, buf_str(&out));
    } else {
        succeeded(x, buf_str(&out));
    }
}

static void login_login_step(struct exchange *x, struct str text)
{
    if (x->waits || buf_add(&x->said, text) < 0 || buf_add(&x->said, STR("\n")) < 0) {
        failed(x);
        return;
    }
    login_take(x, text);
}

/* A new exchange of its mechanism. LOGIN's first challenge was answered before it was asked. */
static bool begin_mechanism(struct exchange *x)
{
    CLEANUP(buf_free) struct buf ignored = BUF_INIT(SASL_TEXT_MAX);
    sasl_free(x->sasl);
    x->sasl = NULL;
    if (sasl_server_new(x->mechanism, &x->server, &x->sasl) < 0) {
        return false;
    }
    if (x->answered_early) {
        (void)sasl_step(x->sasl, STR(""), &ignored);
    }
    return true;
}

/* The mechanism has stopped where it asked: it hears all of it once more, and this time gets an
 * answer. */
static void on_ruling(void *owner, struct ipc_channel *ch, const struct ipc_login_ruling *m)
{
    struct exchange *x = waiting(owner, m->token);
    if (!x) { /* the client is gone */
        if (m->number) {
            ipc_send(ch, &(struct ipc_msg){.type = IPC_login_judged,
                                           .login_judged = {.number = m->number,
                                                            .outcome = GUESS_WAS_VOID}});
        }
        return;
    }
    if (x->ruled != RULING_WANTED) {
        ipc_refuse(ch, "a second time");
        return;
    }
    login_settle(x);
    x->number = m->number;
    x->wait_s = m->wait_s;
    x->why = m->answer;
    x->ruled = m->answer == GUESS_GO ? RULING_GO : RULING_NO;
    struct str rest = buf_str(&x->said), line;
    if (!begin_mechanism(x) || !str_split(&rest, '\n', &line)) {
        failed(x);
        return;
    }
    for (; rest.n > 0; (void)str_split(&rest, '\n', &line)) {
        CLEANUP(buf_wipe) struct buf ignored = BUF_INIT(SASL_TEXT_MAX);
        (void)sasl_step(x->sasl, line, &ignored);
    }
    login_take(x, line);
}

static void login_login_begin(struct login *l, struct ipc_channel *ch,
                              const struct ipc_login_begin *b)
{
    struct exchange *x = err_calloc(1, sizeof *x);
    x->login = l;
    x->from = ch;
    x->token = b->token;
    str_copy_cut(b->client, x->client, sizeof x->client);
    str_copy_cut(b->certificate_names, x->certificate_names, sizeof x->certificate_names);
    str_copy_cut(b->exporter, x->exporter, sizeof x->exporter);
    x->has_pass = b->pass.n == sizeof x->pass;
    if (x->has_pass) {
        memcpy(x->pass, b->pass.p, sizeof x->pass);
    }
    x->n_device = b->device.n;
    memcpy(x->device, b->device.p ? b->device.p : "", b->device.n);
    x->said = (struct buf)BUF_INIT(4 * SASL_TEXT_MAX);
    str_copy_cut(b->mechanism, x->mechanism, sizeof x->mechanism);
    x->answered_early = b->has_text && strcmp(x->mechanism, "LOGIN") == 0;
    x->server = (struct sasl_server){
        .arg = x,
        .password_ok = on_password,
        .scram_of = on_scram,
        .external_ok = on_external,
        .exporter = *x->exporter ? x->exporter : NULL,
    };
    const struct exchange_key k = {ch, b->token};
    struct exchange *old = map_get(l->exchanges, login_key_of(&k));
    if (old) {
        exchange_end(old);
    }
    if (map_put(l->exchanges, login_key_of(&k), x) < 0) {
        login_answer(x, LOGIN_LATER, STR(""));
        free(x);
        return;
    }
    /* the store has not told us who there is; argon2id would not fit */
    x->away = !l->loaded || memory_is_short();
    if (x->away || !begin_mechanism(x)) {
        failed(x);
        return;
    }
    login_login_step(x, b->has_text ? b->text : STR(""));
}

static void login_on_begin(void *owner, struct ipc_channel *ch, const struct ipc_login_begin *m)
{
    if (m->pass.n > 0) {
        ipc_refuse(ch, "a pass, where there is no portal");
        return;
    }
    login_login_begin(owner, ch, m);
}

/* A password in one step, and what it opens. */
static void on_web_begin(void *owner, struct ipc_channel *ch, const struct ipc_login_begin *b)
{
    if (b->pass.n != 32 || !str_eq(b->mechanism, STR("PLAIN")) || b->certificate_names.n > 0 ||
        b->exporter.n > 0) {
        ipc_refuse(ch, "a login that is none of the portal's");
        return;
    }
    login_login_begin(owner, ch, b);
}

static void login_on_text(void *owner, struct ipc_channel *ch, const struct ipc_login_text *m)
{
    const struct exchange_key k = {ch, m->token};
    struct exchange *x = map_get(((struct login *)owner)->exchanges, login_key_of(&k));
    if (x) {
        login_login_step(x, m->text);
    }
}

static void on_cancel(void *owner, struct ipc_channel *ch, const struct ipc_login_cancel *m)
{
    const struct exchange_key k = {ch, m->token};
    struct exchange *x = map_get(((struct login *)owner)->exchanges, login_key_of(&k));
    if (x) {
        exchange_end(x);
    }
}

/* --- accounts ----------------------------------------------------------- */

static void on_account(void *owner, struct ipc_channel *ch, const struct ipc_account *m)
{
    struct login *l = owner;
    accounts_set(&l->accounts, m);
}

static void on_account_gone(void *owner, struct ipc_channel *ch, const struct ipc_account_gone *m)
{
    struct login *l = owner;
    accounts_drop(&l->accounts, m->name);
}

static void login_on_loaded(void *owner, struct ipc_channel *ch,
                            const struct ipc_accounts_loaded *m)
{
    struct login *l = owner;
    struct str decoys = m->decoys;
    memcpy(l->decoys, decoys.p ? decoys.p : "",
           decoys.n < sizeof l->decoys ? decoys.n : sizeof l->decoys);
    l->loaded = true;
}

/* --- life --------------------------------------------------------------- */

static const struct ipc_rule queue_rules[] = {IPC_ON(account, on_account),
                                              IPC_ON(account_gone, on_account_gone),
                                              IPC_ON(accounts_loaded, login_on_loaded),
                                              IPC_ON(group_ask, on_group_ask),
                                              IPC_ON(prove, proof_on_ask),
                                              IPC_ON(pass_kept, on_pass_kept),
                                              IPC_ON(login_ruling, on_ruling),
                                              IPC_RULES_END};
static const struct ipc_rule smtpin_rules[] = {IPC_ON(login_begin, login_on_begin),
                                               IPC_ON(login_text, login_on_text),
                                               IPC_ON(login_cancel, on_cancel), IPC_RULES_END};
static const struct ipc_rule web_rules[] = {IPC_ON(login_begin, on_web_begin), IPC_RULES_END};

static void login_on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct login *l = owner;
    l->queue = l->queue == ch ? NULL : l->queue; /* what it told us stays good until it is back */
    for (bool found = true; found;) {            /* the maps may not change while they are walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        found = map_next(l->waiting, &cursor, &key, &value);
        if (found) {
            login_away(value);
        }
    }
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(l->exchanges, &cursor, &key, &value)) {
        ((struct exchange *)value)->number = 0; /* its successor knows of none */
    }
}

static void login_on_smtpin_gone(void *owner, struct ipc_channel *ch)
{
    struct login *l = owner;
    for (bool found = true; found;) { /* the map may not change while it is walked */
        size_t cursor = 0;
        struct str key;
        void *value;
        found = false;
        while (!found && map_next(l->exchanges, &cursor, &key, &value)) {
            found = ((struct exchange *)value)->from == ch;
        }
        if (found) {
            exchange_end(value);
        }
    }
}

static void login_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct login *l = owner;
    if (role == ROLE_QUEUE) {
        ipc_channel_end(l->queue); /* its successor may be quicker than the news of its end */
        accounts_forget_stored(&l->accounts); /* all of them follow */
        l->queue = ipc_channel_new(child_loop(c), fd, "queue", queue_rules, login_on_queue_gone, l);
    } else if (role == ROLE_SMTPIN || role == ROLE_WEB) {
        ipc_channel_new(child_loop(c), fd, role_names[role],
                        role == ROLE_WEB ? web_rules : smtpin_rules, login_on_smtpin_gone, l);
    } else {
        close(fd);
    }
}

static int login_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct login *l = owner;
    l->child = c;
    if (rest_init() < 0) {
        snprintf(problem, size, "libsodium could not start");
        return -EIO;
    }
    accounts_read_file(&l->accounts, child_file(c, "accounts"));
    return 0;
}

static int login_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct login *l = owner;
    accounts_read_file(&l->accounts, child_file(c, "accounts"));
    return 0;
}

/* A directory needs the network, and libldap its files (names, certificates of authorities). */
static void login_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = child_conf(c)->directory.url
               ? (struct sandbox){.calls = SANDBOX_CONNECT | SANDBOX_FILES | SANDBOX_THREADS,
                                  .readable = {"/etc", "/usr/lib", "/usr/share",
                                               child_conf(c)->trust_store}}
               : (struct sandbox){.calls = 0};
}

static void login_on_status(void *owner, char *text, size_t size)
{
    const struct login *l = owner;
    snprintf(text, size, "accounts=%zu right=%llu wrong=%llu put-off=%llu",
             accounts_count(&l->accounts), (unsigned long long)l->right,
             (unsigned long long)l->wrong, (unsigned long long)l->later);
}

int main(int argc, char **argv)
{
    static struct login login;
    static const struct child_events events = {
        .on_prepare = login_on_prepare,
        .sandbox = login_sandbox,
        .on_peer = login_on_peer,
        .on_reload = login_on_reload,
        .on_status = login_on_status,
    };
    login.exchanges = map_new(EXCHANGES_MAX);
    login.waiting = map_new(EXCHANGES_MAX);
    random_bytes(login.salt, sizeof login.salt);
    accounts_init(&login.accounts);
    return child_main(argc, argv, "login", &events, &login);
}
