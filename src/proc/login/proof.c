/* SPDX-License-Identifier: Apache-2.0
 * proof.c: phrases, passkeys and logins elsewhere, of people in front of the portal. Asked by
 * queue, which decides what follows.
 *
 * Texts of a browser are base64url, a line each. What can go wrong: anything a stranger may
 * send; it is not right then, and the log says why.
 */
#include "proc/login/proof.h"
#include "base/clock.h"
#include "base/log.h"
#include "oidc/oidc.h"
#include "passkey/passkey.h"
#include "ipc/proof_kinds.h"
#include "seal/password.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 5, PART_MAX = 1024 };

/* An answer under way; buffers and strings last until it was sent. */
struct proof {
    char known[PARTS][PART_MAX];
    struct buf sent[3]; /* decoded */
    struct str answer;
    struct ipc_proved ret;
    struct passkey key;
    struct oidc_server server;
    char lines[2 * OIDC_URL_MAX + 4], problem[200]; /* lines: also a hash */
};

static bool read_known(struct proof *p, struct str known, size_t n)
{
    struct str one;
    for (size_t i = 0; i < n; i++) {
        if (!str_split(&known, '\n', &one) || str_copy(one, p->known[i], sizeof p->known[i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool read_sent(struct proof *p, size_t n)
{
    struct str rest = p->answer, one;
    for (size_t i = 0; i < n; i++) {
        if (!str_split(&rest, '\n', &one) || base64url_read(one, &p->sent[i]) < 0) {
            snprintf(p->problem, sizeof p->problem, "what the browser sent cannot be read");
            return false;
        }
    }
    return true;
}

static bool hash(struct proof *p)
{
    char text[512];
    bool ok = p->answer.n > 0 && str_copy(str_trim(p->answer), text, sizeof text) == 0 &&
              password_hash(text, p->lines) == 0;
    explicit_bzero(text, sizeof text);
    p->ret.key = str_c(ok ? p->lines : "");
    return ok;
}

static bool phrase(struct proof *p)
{
    char text[512];
    if (str_copy(str_trim(p->answer), text, sizeof text) < 0) {
        return false;
    }
    bool ok = p->known[0][0] ? password_ok(p->known[0], text) : password_nobody(text);
    explicit_bzero(text, sizeof text);
    return ok;
}

static bool new_passkey(struct proof *p)
{
    struct buf challenge = BUF_INIT(64);
    bool ok = base64url_read(str_c(p->known[0]), &challenge) == 0 && read_sent(p, 2);
    const struct passkey_asked asked = {buf_str(&challenge), p->known[1]};
    ok = ok && passkey_new(&asked, buf_str(&p->sent[0]), buf_str(&p->sent[1]), &p->key, p->problem,
                           sizeof p->problem) == 0;
    if (ok) {
        p->ret.id = str_from((const char *)p->key.id, p->key.n_id);
        p->ret.key = str_from((const char *)p->key.key, p->key.n_key);
        p->ret.number = (int64_t)p->key.algorithm;
        p->ret.uses = p->key.uses;
    }
    buf_free(&challenge);
    return ok;
}

static bool passkey(struct proof *p)
{
    struct buf challenge = BUF_INIT(64), key = BUF_INIT(PASSKEY_KEY_MAX);
    uint64_t algorithm = 0, uses = 0;
    uint32_t now = 0;
    bool ok = base64url_read(str_c(p->known[0]), &challenge) == 0 &&
              str_to_u64(str_c(p->known[2]), PASSKEY_ALGORITHM_END - 1, &algorithm) == 0 &&
              str_to_u64(str_c(p->known[3]), UINT32_MAX, &uses) == 0 &&
              base64url_read(str_c(p->known[4]), &key) == 0 && read_sent(p, 3);
    const struct passkey_asked asked = {buf_str(&challenge), p->known[1]};
    p->key = (struct passkey){
        .algorithm = (enum passkey_algorithm)algorithm,
        .uses = (uint32_t)uses,
        .n_key = buf_len(&key),
    };
    memcpy(p->key.key, buf_str(&key).p, buf_len(&key));
    ok = ok && passkey_proves(&asked, &p->key, buf_str(&p->sent[0]), buf_str(&p->sent[1]),
                              buf_str(&p->sent[2]), &now, p->problem, sizeof p->problem) == 0;
    p->ret.uses = now;
    buf_free(&challenge);
    buf_free(&key);
    return ok;
}

static bool provider(struct proof *p)
{
    bool ok =
        oidc_description(p->answer, p->known[0], &p->server, p->problem, sizeof p->problem) == 0;
    snprintf(p->lines, sizeof p->lines, "%s\n%s\n", p->server.authorization, p->server.token);
    p->ret.key = str_c(ok ? p->lines : "");
    return ok;
}

static bool login(struct proof *p)
{
    const struct oidc_asked asked = {
        .issuer = p->known[0],
        .client = p->known[1],
        .nonce = str_c(p->known[2]),
        .address = str_c(p->known[3]),
        .claim = p->known[4],
        .now_ms = clock_wall_ms(),
    };
    return oidc_token_answer(p->answer, &asked, p->problem, sizeof p->problem) == 0;
}

void proof_on_ask(void *owner, struct ipc_channel *ch, const struct ipc_prove *a)
{
    static const struct {
        size_t n_known;
        bool (*check)(struct proof *p);
    } kinds[PROOF_KIND_END] = {
        [PROOF_HASH] = {0, hash},
        [PROOF_PHRASE] = {1, phrase},
        [PROOF_NEW_PASSKEY] = {2, new_passkey},
        [PROOF_PASSKEY] = {5, passkey},
        [PROOF_PROVIDER] = {1, provider},
        [PROOF_LOGIN] = {5, login},
    };
    struct proof *p = err_calloc(1, sizeof *p);
    p->answer = a->answer;
    p->ret.token = a->token;
    for (size_t i = 0; i < ARRAY_LEN(p->sent); i++) {
        p->sent[i] = BUF_INIT(PASSKEY_CLIENT_MAX);
    }
    p->ret.ok = read_known(p, a->known, kinds[a->kind].n_known) && kinds[a->kind].check(p);
    p->ret.detail = str_c(p->problem);
    ipc_send(ch, &(struct ipc_msg){.type = IPC_proved, .proved = p->ret});
    for (size_t i = 0; i < ARRAY_LEN(p->sent); i++) {
        buf_wipe(&p->sent[i]);
    }
    explicit_bzero(p, sizeof *p);
    free(p);
}
