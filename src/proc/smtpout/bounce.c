/* SPDX-License-Identifier: Apache-2.0
 * bounce.c: writes a bounce, or the notice that a message still waits. It happens here because only
 * a lease holder can open the original's header section, and the queue must not see it. The notice
 * is sealed like any other message and submitted; the queue marks the recipients as told in the
 * same commit. Called by delivery.c and job.c.
 *
 * A notice takes over nothing from the original but REQUIRETLS, which the queue keeps (RFC 8689
 * 5): what its octets and its address need is found anew (system_mail.c, docs/decisions/0027).
 *
 * RFC 3464, RFC 5321 6.1 (null reverse-path). What can go wrong: the original cannot be opened:
 * the notice goes out without its header section rather than not at all.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpout/smtpout.h"
#include "report/dsn.h"
#include "store/store.h"
#include "wire/header.h"
#include "wire/id.h"
#include "wire/marks.h"

#include <stdlib.h>

enum { HEADERS_MAX = 32 * 1024, FIELD_MAX = 8 * 1024, NOTICE_MAX = 512 * 1024 };

/* Decrypts until the header section is complete or too long; nothing where the key is gone. */
static void read_headers(struct delivery *d, struct buf *out)
{
    for (int more = !d->is_shut; more > 0 && buf_len(out) < HEAD_KEPT_MAX;) {
        more = delivery_read(d, out);
        struct str text = buf_str(out);
        if (header_section(text) < text.n) {
            return;
        }
    }
}

/* Of mail that must be protected only what identifies it comes back (RFC 8689 5).
 * RFC 8689 5 MUST: a bounce of it is protected as the original, or shortened */
static void redact(struct str headers, struct buf *out)
{
    struct str rest = headers, name, value;
    while (header_next(&rest, &name, &value)) {
        if (str_eq_nocase(name, STR("Message-ID")) || str_eq_nocase(name, STR("Date"))) {
            (void)!buf_printf(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name),
                              STR_ARG(str_trim(value)));
        }
    }
}

/* The fields as they were, as long as they are short: a list of a thousand addresses comes back
 * as its name. */
static void select_fields(struct str section, struct buf *out)
{
    struct str rest = section, before = section, name, value;
    while (header_next(&rest, &name, &value) && buf_len(out) < HEADERS_MAX) {
        struct str whole = str_slice(before, 0, before.n - rest.n);
        before = rest;
        if (whole.n <= FIELD_MAX) {
            (void)!buf_add(out, whole);
        } else if (name.n > 0 && name.n <= 100) {
            (void)!buf_printf(out, STR_FMT ": (%zu octets, left out here)\r\n", STR_ARG(name),
                              value.n);
        }
    }
}

/* RFC 3461 5.2.2 MUST: without DSN there: SUCCESS is answered with a notice "relayed" */
static enum dsn_action bounce_action_of(const struct delivery *d, const struct delivery_rcpt *r)
{
    if (d->kind == JOB_NOTICE) {
        return r->reason == REASON_ASKED  ? DSN_CHOICE
               : r->reason == REASON_HELD ? DSN_HELD
               : reason_is_tls(r->reason) ? DSN_WAITS_FOR_TLS
                                          : DSN_DELAYED;
    }
    if (r->reason == REASON_NEAR_MISS) {
        return DSN_ASKED;
    }
    return r->state != RCPT_DELIVERED ? DSN_FAILED : d->lmtp ? DSN_DELIVERED : DSN_RELAYED;
}

/* 0, or -errno: it is larger than any of ours. */
static int bounce_compose(struct delivery *d, struct str headers, uint64_t number, struct buf *out)
{
    const struct conf *c = child_conf(d->out->child);
    char id[ID_TEXT], own[ID_TEXT];
    struct dsn_rcpt *rcpts = err_calloc(d->n_rcpts, sizeof *rcpts);
    struct str to;
    /* a domain in A-labels needs nothing of the way */
    (void)fit_path(d, &(struct smtp_caps){0}, d->reverse_path, &to);
    id_text(d->id, id);
    id_text(number, own);
    for (size_t i = 0; i < d->n_rcpts; i++) {
        const struct delivery_rcpt *r = &d->rcpts[i];
        rcpts[i] = (struct dsn_rcpt){
            .forward_path = r->forward_path,
            .reason = r->reason,
            .code = r->code,
            .reply = r->reply,
            .host = reason_is_before_session(r->reason) ? STR("") : r->host,
            .last_ms = r->last_ms,
            .orcpt = r->orcpt,
            .action = bounce_action_of(d, r),
            .remote = delivery_is_answer(r->reply),
            .expired = r->state == RCPT_EXPIRED,
        };
    }
    const struct dsn dsn = {
        .hostname = str_c(c->hostname),
        .organization = str_c(c->organization),
        .administrator = str_c(c->admin),
        .to = to,
        .id = str_c(id),
        .own_id = str_c(own),
        .arrived_ms = d->arrived_ms,
        .at_ms = clock_wall_ms(),
        .rcpts = rcpts,
        .n_rcpts = d->n_rcpts,
        .headers = headers,
        .utf8 = marks_has_8bit(to),
        .envid = d->envid,
        .choices = d->choices,
        .until_ms = d->arrived_ms + c->queue.lifetime,
    };
    int r = dsn_write(&dsn, out);
    free(rcpts);
    return r;
}

/* RFC 5321 3.6.3 MUST: undeliverable mail comes back to its sender
 * RFC 5321 4.1.1.4 MUST: what fails after the 250 is told by mail
 * RFC 5321 4.4 MUST: failures go to the reverse-path
 * RFC 5321 6.1 MUST: a notice goes to the reverse-path, with a null one of its own
 * RFC 8689 5 MUST: a bounce of it has no body */
void bounce_write(struct delivery *d)
{
    struct smtpout *out = d->out;
    CLEANUP(buf_wipe)
    struct buf original = BUF_INIT(2 * HEAD_KEPT_MAX), notice = BUF_INIT(NOTICE_MAX),
               part = BUF_INIT(NOTICE_MAX);
    read_headers(d, &original);
    struct str headers = buf_str(&original);
    /* never more than the header section */
    headers = str_slice(headers, 0, header_section(headers));
    if (d->ask_requiretls) {
        redact(headers, &part);
    } else {
        select_fields(headers, &part);
    }
    headers = buf_str(&part);
    struct own own = {.id = own_id(out), .order = d->lease, .to = d->reverse_path};
    d->bounce_token = own.token = ++out->next_token;
    int r = bounce_compose(d, headers, own.id, &notice);
    own.text = buf_str(&notice);
    r = r < 0 ? r : own_submit(out, &own);
    if (r == -EMSGSIZE) { /* very many recipients: without the header section */
        buf_reset(&notice);
        r = bounce_compose(d, STR(""), own.id, &notice);
        own.text = buf_str(&notice);
        r = r < 0 ? r : own_submit(out, &own);
    }
    if (r < 0) {
        d->bounce_token = 0;
        bool keys = r == -EAGAIN;
        delivery_give_up(d, keys ? REASON_KEYS_AWAY : REASON_OUR_FAULT,
                         keys ? "it is not there" : strerror(-r));
        return;
    }
    must(map_put(out->bounces, map_id(&d->bounce_token), d) == 0);
}

void bounce_submitted(struct delivery *d, uint8_t result)
{
    if (result != STORE_OK) {
        log_warn("bounce-not-stored", KVN("result", result));
    }
    delivery_give_up(d, REASON_NONE, "");
}
