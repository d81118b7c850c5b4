/* SPDX-License-Identifier: Apache-2.0
 * outgoing.c: multipart/mixed with base64 (RFC 2045, 2046), sealed while it is written
 * (outgoing.h).
 *
 * What can go wrong: no spool file, a full disk, files over the limit: told at the end.
 */
#include "proc/web/outgoing.h"
#include "base/clock.h"
#include "store/store.h"
#include "sys/file.h"
#include "wire/base64.h"
#include "wire/encoded.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEALED_MAX = 2 * 1024 * 1024, LINE_OCTETS = 57, LINES = 57 * 512, SMALL = 24 * 1024 };

/* NULL: keys are away. most: octets of files. */
static struct outgoing *outgoing_new(struct web *w, uint64_t most)
{
    unsigned char key[REST_KEY];
    char random[COOKIE_TEXT];
    struct outgoing *o = err_calloc(1, sizeof *o);
    o->spool = -1;
    o->most = most;
    o->sealed = BUF_INIT(SEALED_MAX);
    o->line = BUF_INIT(2 * LINES);
    if (!w->wrapper || rest_wrap(w->wrapper, clock_mono_ms(), key, o->wrapped) < 0) {
        free(o);
        return NULL;
    }
    o->id = id_make(clock_wall_ms(), ID_MAKERS_WEB + child_index(w->child), w->id_count++);
    o->sealer = rest_sealer_new(key);
    explicit_bzero(key, sizeof key);
    request_random(random);
    snprintf(o->boundary, sizeof o->boundary, "=_%s", random);
    return o;
}

void outgoing_free(struct web *w, struct outgoing *o)
{
    if (!o) {
        return;
    }
    err_close_fd(&o->spool);
    if (o->spool_name[0] && !o->submitted) {
        ipc_send(w->queue, &(struct ipc_msg){.type = IPC_spool_drop,
                                             .spool_drop = {.name = str_c(o->spool_name)}});
    }
    rest_sealer_free(o->sealer);
    buf_free(&o->sealed);
    buf_wipe(&o->line);
    free(o);
}

void outgoing_spool(struct outgoing *o, uint8_t result, struct str name, int fd)
{
    o->failed |= result != STORE_OK || fd < 0;
    o->full |= result == STORE_FULL;
    o->spool = fd;
    str_copy_cut(name, o->spool_name, sizeof o->spool_name);
}

static void outgoing_put(struct outgoing *o, struct str text)
{
    int r = o->failed ? -EIO : rest_seal(o->sealer, text, &o->sealed);
    o->octets += text.n;
    if (r == 0 && o->spool >= 0) {
        r = file_write_all(o->spool, buf_str(&o->sealed));
        buf_reset(&o->sealed);
    }
    o->full |= r == -ENOSPC && o->spool >= 0;
    o->failed |= r < 0;
}

static void outgoing_put_base64(struct outgoing *o, struct str octets)
{
    struct buf text = BUF_INIT(4 * LINES);
    o->failed |= base64_write(octets, 76, &text) < 0;
    outgoing_put(o, buf_str(&text));
    buf_wipe(&text);
}

/* What is left of the file before. */
static void outgoing_end_file(struct outgoing *o)
{
    if (o->in_file) {
        outgoing_put_base64(o, buf_str(&o->line));
        buf_reset(&o->line);
        o->in_file = false;
    }
}

static void put_boundary(struct outgoing *o, bool last)
{
    char text[80];
    snprintf(text, sizeof text, "\r\n--%s%s\r\n", o->boundary, last ? "--" : "");
    outgoing_put(o, str_c(text));
}

void outgoing_head(struct outgoing *o, struct str fields, struct str words)
{
    char type[200];
    o->head_written = true;
    outgoing_put(o, fields);
    snprintf(type, sizeof type,
             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n",
             o->boundary);
    outgoing_put(o, str_c(type));
    put_boundary(o, false);
    outgoing_put(o, STR("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                        "base64\r\n\r\n"));
    for (size_t at = 0; at < words.n; at += LINES) {
        outgoing_put_base64(o, str_slice(words, at, at + LINES < words.n ? at + LINES : words.n));
    }
}

void outgoing_file(struct outgoing *o, const char *name, struct str octets, uint64_t at)
{
    if (at == 0) {
        struct buf head = BUF_INIT(8192);
        outgoing_end_file(o);
        put_boundary(o, false);
        o->in_file = true;
        bool ok =
            buf_add(&head, STR("Content-Type: application/octet-stream")) == 0 &&
            encoded_parameter("name", str_slice(str_c(name), 0, strnlen(name, 200)), &head) == 0 &&
            buf_add(&head, STR("\r\nContent-Disposition: attachment")) == 0 &&
            encoded_parameter("filename", str_slice(str_c(name), 0, strnlen(name, 200)), &head) ==
                0 &&
            buf_add(&head, STR("\r\nContent-Transfer-Encoding: base64\r\n\r\n")) == 0;
        outgoing_put(o, buf_str(&head));
        o->failed |= !ok;
        buf_free(&head);
    }
    o->too_large |= o->octets > o->most / 3 * 4 + 1024 * 1024;
    while (octets.n > 0 && !o->failed && !o->too_large) {
        size_t room = LINES - buf_len(&o->line), n = octets.n < room ? octets.n : room;
        o->failed |= buf_append(&o->line, octets.p, n) < 0;
        octets = str_slice(octets, n, octets.n);
        if (buf_len(&o->line) == LINES) {
            outgoing_put_base64(o, buf_str(&o->line));
            buf_reset(&o->line);
        }
    }
}

static bool outgoing_close(struct outgoing *o)
{
    outgoing_end_file(o);
    put_boundary(o, true);
    if (!o->failed) {
        o->failed = rest_seal_end(o->sealer, &o->sealed) < 0;
    }
    if (!o->failed && o->spool >= 0) {
        o->failed = file_write_all(o->spool, buf_str(&o->sealed)) < 0 ||
                    file_end_here(o->spool) < 0 || file_sync(o->spool) < 0;
        buf_reset(&o->sealed);
    } else {
        /* without a file no more fits */
        o->too_large |= buf_len(&o->sealed) > STORE_INLINE_MAX + 1024;
    }
    return !o->failed && !o->too_large;
}

void outgoing_begin(struct request *r)
{
    int64_t size = http_body_size(r->call);
    r->outgoing = outgoing_new(r->web, (uint64_t)child_conf(r->web->child)->portal.reply_size);
    if (!r->outgoing) {
        page_problem(r, 503, "later");
    } else if (size < 0 || size > SMALL) {
        ask_spool(r);
    } else {
        http_go(r->call);
    }
}

bool outgoing_end(struct request *r, void (*write_head)(struct request *r))
{
    struct outgoing *o = r->outgoing;
    if (!o->head_written) {
        write_head(r);
    }
    bool ok = outgoing_close(o);
    if (!ok) {
        page_problem(r, o->too_large ? 413 : 503, o->too_large ? "too-large" : "later");
    }
    return ok;
}

void outgoing_rcpt(void *arg, struct str address)
{
    struct request *r = arg;
    ipc_send(r->web->queue,
             &(struct ipc_msg){.type = IPC_submit_rcpt,
                               .submit_rcpt = {.token = r->token, .forward_path = address}});
}

void outgoing_submit(struct request *r, uint8_t about, uint64_t about_id, struct str login)
{
    struct outgoing *o = r->outgoing;
    unsigned char pass[32];
    request_hash(r->pass, pass);
    ipc_send(r->web->queue,
             &(struct ipc_msg){.type = IPC_submit,
                               .submit = {
                                   .token = r->token,
                                   .id = o->id,
                                   .reverse_path = str_c(r->address),
                                   .size = o->octets,
                                   .about = about,
                                   .about_id = about_id,
                                   .client = str_c(r->network),
                                   .protocol = STR("portal"),
                                   .login = login,
                                   .pass = str_from((const char *)pass, sizeof pass),
                                   .sealed_key = str_from((const char *)o->wrapped, REST_WRAPPED),
                                   .spool = str_c(o->spool_name),
                                   .body = o->spool_name[0] ? STR("") : buf_str(&o->sealed),
                               }});
    o->submitted = true;
}
