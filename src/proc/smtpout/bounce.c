/* SPDX-License-Identifier: Apache-2.0
 * bounce.c: writes a bounce. It happens here because only a lease holder can open the original's
 * header section, and the queue must not see it. The notice is sealed like any other message and
 * submitted; the queue marks the recipients as told in the same commit.
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

#include <stdlib.h>

enum { HEADERS_MAX = 32 * 1024, NOTICE_MAX = 512 * 1024 };

/* Decrypts until the header section is complete or too long. */
static void read_headers(struct delivery *d, struct buf *out)
{
    for (int more = 1; more > 0 && buf_len(out) < HEADERS_MAX;) {
        more = delivery_read(d, out);
        struct str text = buf_str(out);
        if (header_section(text) < text.n) {
            return;
        }
    }
}

static void submit(struct delivery *d, uint64_t own_id, struct str sealed, size_t plain_octets,
                   const unsigned char wrapped[REST_WRAPPED])
{
    struct smtpout *out = d->out;
    d->bounce_token = ++out->next_token;
    must(map_put(out->bounces, map_id(&d->bounce_token), d) == 0);
    ipc_send(out->queue, &(struct ipc_msg){.type = IPC_submit_rcpt,
                                           .submit_rcpt = {.token = d->bounce_token,
                                                           .forward_path = d->reverse_path}});
    ipc_send(out->queue, &(struct ipc_msg){.type = IPC_submit,
                                           .submit = {.token = d->bounce_token, .id = own_id,
                                                      .bounce_of = d->id, .size = plain_octets,
                                                      .is_8bit = d->is_utf8, .is_utf8 = d->is_utf8,
                                                      .protocol = STR("bounce"),
                                                      .sealed_key = str_from((const char *)wrapped, REST_WRAPPED),
                                                      .body = sealed}});
}

static void compose(struct delivery *d, struct str headers, uint64_t own_id, struct buf *out)
{
    const struct conf *c = child_conf(d->out->child);
    char id[ID_TEXT], own[ID_TEXT];
    struct dsn_rcpt *rcpts = err_calloc(d->n_rcpts, sizeof *rcpts);
    id_text(d->id, id);
    id_text(own_id, own);
    for (size_t i = 0; i < d->n_rcpts; i++) {
        const struct delivery_rcpt *r = &d->rcpts[i];
        rcpts[i] = (struct dsn_rcpt){.forward_path = r->forward_path, .reason = r->reason, .code = r->code,
                                     .reply = r->reply, .host = r->host, .last_ms = r->last_ms,
                                     .remote = r->reply.n > 3 && r->reply.p[0] >= '2' && r->reply.p[0] <= '5' &&
                                               r->reply.p[3] == ' '};
    }
    const struct dsn dsn = {.hostname = str_c(c->hostname), .organization = str_c(c->organization),
                            .administrator = str_c(c->admin), .to = d->reverse_path, .id = str_c(id),
                            .own_id = str_c(own), .arrived_ms = d->arrived_ms, .at_ms = clock_wall_ms(),
                            .rcpts = rcpts, .n_rcpts = d->n_rcpts, .headers = headers, .utf8 = d->is_utf8};
    must(dsn_write(&dsn, out) == 0);
    free(rcpts);
}

void bounce_write(struct delivery *d)
{
    struct smtpout *out = d->out;
    unsigned char key[REST_KEY], wrapped[REST_WRAPPED];
    struct buf original = BUF_INIT(1024 * 1024), notice = BUF_INIT(NOTICE_MAX), sealed = BUF_INIT(2 * NOTICE_MAX);
    read_headers(d, &original);
    struct str headers = buf_str(&original);
    size_t n = header_section(headers);
    headers = str_slice(headers, 0, n < HEADERS_MAX ? n : 0); /* never more than the header section */
    uint64_t own_id = id_make(clock_wall_ms(), 128 + child_index(out->child), out->id_count++);
    if (!out->wrapper || rest_wrap(out->wrapper, clock_mono_ms(), key, wrapped) < 0) {
        delivery_give_up(d, REASON_KEYS_AWAY, "the key service is not there");
    } else {
        struct rest_sealer *sealer = rest_sealer_new(key);
        compose(d, headers, own_id, &notice);
        size_t plain = buf_len(&notice);
        must(rest_seal(sealer, buf_str(&notice), &sealed) == 0 && rest_seal_end(sealer, &sealed) == 0);
        rest_sealer_free(sealer);
        if (buf_len(&sealed) > STORE_INLINE_MAX) { /* very many recipients: without the header section */
            buf_reset(&notice);
            buf_reset(&sealed);
            sealer = rest_sealer_new(key);
            compose(d, STR(""), own_id, &notice);
            must(rest_seal(sealer, buf_str(&notice), &sealed) == 0 && rest_seal_end(sealer, &sealed) == 0);
            rest_sealer_free(sealer);
        }
        submit(d, own_id, buf_str(&sealed), plain, wrapped);
    }
    explicit_bzero(key, sizeof key);
    buf_wipe(&original);
    buf_wipe(&notice);
    buf_free(&sealed);
}

void bounce_submitted(struct delivery *d, uint8_t result)
{
    if (result != STORE_OK) {
        log_warn("bounce-not-stored", KVN("result", result));
    }
    delivery_give_up(d, REASON_NONE, "");
}
