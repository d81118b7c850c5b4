/* SPDX-License-Identifier: Apache-2.0
 * envelope.c: messages of the portal: written from their templates (portal/notice.c), signed by
 * keys where a signing key is configured, sealed and submitted like any mail of ours. Called by
 * main.c for the queue's questions.
 *
 * What can go wrong: keys are away, or the message is not taken: then it is not said to be stored,
 * and the queue asks again.
 */
#include "auth/dkim.h"
#include "base/clock.h"
#include "base/log.h"
#include "portal/notice.h"
#include "ipc/portal_kinds.h"
#include "proc/smtpout/smtpout.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAIL_MAX = 1024 * 1024 };

/* A message that waits for its signature. */
struct unsigned_mail {
    uint64_t id;
    struct lease_id order;
    char to[513];
    struct buf text;
    struct dkim dkim;
};

static void envelope_submit(struct smtpout *out, const struct unsigned_mail *u, struct str field)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(MAIL_MAX + 16 * 1024);
    int r = buf_add(&text, field);
    r = r < 0 ? r : buf_add(&text, buf_str(&u->text));
    const struct own own = {
        .token = ++out->next_token,
        .id = u->id,
        .order = u->order,
        .to = str_c(u->to),
        .text = buf_str(&text),
    };
    r = r < 0 ? r : own_submit(out, &own);
    if (r < 0) {
        log_warn("envelope-mail-not-written", KV("to", u->to), KV("problem", strerror(-r)),
                 KV("what", "will be tried again"));
    }
}

static void unsigned_free(struct unsigned_mail *u)
{
    buf_wipe(&u->text);
    free(u);
}

static void envelope_ask_signature(struct smtpout *out, struct unsigned_mail *u)
{
    const struct conf *c = child_conf(out->child);
    CLEANUP(buf_free) struct buf text = BUF_INIT(16 * 1024);
    uint64_t token = ++out->next_token;
    u->dkim = (struct dkim){
        .domain = str_c(c->signing.domain),
        .selector = str_c(c->signing.selector),
        .algorithm = out->algorithm,
        .at_s = clock_wall_ms() / 1000,
    };
    if (dkim_text(&u->dkim, buf_str(&u->text), NOTICE_SIGNED_FIELDS, &text) < 0 ||
        map_put(out->unsigned_mails, map_id(&token), u) < 0) {
        unsigned_free(u);
        return;
    }
    ipc_send(out->keys,
             &(struct ipc_msg){.type = IPC_sign, .sign = {.token = token, .text = buf_str(&text)}});
}

void envelope_on_mail(void *owner, struct ipc_channel *ch, const struct ipc_envelope_mail *m)
{
    struct smtpout *out = owner;
    const struct conf *c = child_conf(out->child);
    enum notice_kind kind = m->kind;
    char id[ID_TEXT], message_id[400];
    struct unsigned_mail *u = err_calloc(1, sizeof *u);
    u->id = own_id(out);
    u->order = m->lease;
    u->text = BUF_INIT(MAIL_MAX);
    str_copy_cut(m->to, u->to, sizeof u->to);
    id_text(u->id, id);
    snprintf(message_id, sizeof message_id, "portal." STR_FMT ".%s@%s", STR_ARG(m->thread), id,
             c->hostname);
    const struct notice_mail n = {
        .conf = c,
        .site = out->site,
        .about = m,
        .code = kind == MAIL_CODE,
        .reminder = kind == NOTICE_REMINDER,
        .again = kind == NOTICE_AGAIN,
        .message_id = message_id,
        .now_ms = clock_wall_ms(),
    };
    if (!out->site || notice_write(&n, &u->text) < 0) {
        log_error("envelope-mail-not-written", KV("to", u->to),
                  KV("what", "its template does not fit"));
        unsigned_free(u);
    } else if (c->signing.domain) {
        envelope_ask_signature(out, u);
    } else {
        envelope_submit(out, u, STR(""));
        unsigned_free(u);
    }
}

bool envelope_signed(struct smtpout *out, const struct ipc_signature *s)
{
    struct unsigned_mail *u = map_take(out->unsigned_mails, map_id(&s->token));
    CLEANUP(buf_free) struct buf field = BUF_INIT(8 * 1024);
    if (!u) {
        return false;
    }
    if (s->ok && s->algorithm != out->algorithm) { /* the key is of the other kind: once more */
        out->algorithm = s->algorithm == TLS_RSA_SHA256 ? TLS_RSA_SHA256 : TLS_ED25519_SHA256;
        envelope_ask_signature(out, u);
        return true;
    }
    if (s->ok &&
        dkim_field(&u->dkim, buf_str(&u->text), NOTICE_SIGNED_FIELDS, s->signature, &field) == 0) {
        envelope_submit(out, u, buf_str(&field));
    } else {
        log_warn("envelope-mail-not-signed", KV("to", u->to), KV("what", "will be tried again"));
    }
    unsigned_free(u);
    return true;
}
