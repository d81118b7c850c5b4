/* SPDX-License-Identifier: Apache-2.0
 * incoming.c: a message while it arrives: encrypted piece by piece, small ones in memory, larger
 * ones into a spool file that is synced, by another thread, before the queue hears of it. Called
 * by events.c and session.c.
 *
 * The message key exists here only while the message arrives; afterwards only `keys` can get it
 * back. What can go wrong: no space, a write error: the message is refused at its end (452), its
 * rest is still read.
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/smtpin/smtpin.h"
#include "portal/thread.h"
#include "store/store.h"
#include "sys/file.h"
#include "wire/id.h"
#include "wire/date.h"
#include "wire/mailboxes.h"
#include "wire/received.h"
#include "wire/section.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SEALED_MAX = 8 * 1024 * 1024,
    SEALED_ENOUGH = 512 * 1024,
    SEALED_ROOM = 768 * 1024, /* that and one read more */
    HEAD_SPARE = 512 * 1024
};

static void incoming_fail(struct incoming *m, int error);
static void incoming_seal(struct session *s, struct incoming *m, struct str bytes);

/* RFC 5321 3.7.2 MUST: a Received field is put before the message */
static void write_received(struct session *s, struct incoming *m)
{
    char id[ID_TEXT];
    const struct smtp_transaction *tx = smtp_server_transaction(s->engine);
    const struct tls_facts *tls = s->tls ? tls_channel_facts(s->tls) : NULL;
    struct buf field = BUF_INIT(8192);
    id_text(m->id, id);
    const struct received r = {
        .helo = smtp_server_helo(s->engine),
        .client_ip = str_c(s->client.ip),
        .by = str_c(s->settings->hostname),
        .id = str_c(id),
        /* our field shall need nothing */
        .for_path =
            tx->n_rcpts == 1 && !marks_has_8bit(tx->rcpts[0].path) ? tx->rcpts[0].path : STR(""),
        .esmtp = smtp_server_is_esmtp(s->engine),
        .utf8 = tx->is_utf8,
        .authenticated = smtp_server_is_authenticated(s->engine),
        .tls_version = str_c(tls ? tls->version : ""),
        .tls_cipher = str_c(tls ? tls->cipher : ""),
        .tls_suite = str_c(tls ? tls->suite : ""),
        .tls_bits = tls ? tls->bits : 0,
        .tls_alg_bits = tls ? tls->alg_bits : 0,
        .tls_group = str_c(tls ? tls->group : ""),
        .tls_signature = str_c(tls ? tls->signature : ""),
        .at_ms = clock_wall_ms(),
    };
    must(received_write(&r, &field) == 0);
    incoming_seal(s, m, buf_str(&field));
    buf_free(&field);
}

/* It will not ride in the frame. */
static void incoming_ask_spool(struct session *s, struct incoming *m)
{
    m->spool_asked = true;
    ipc_send(s->in->queue, &(struct ipc_msg){.type = IPC_spool_open,
                                             .spool_open = {.token = s->token, .id = m->id}});
}

struct incoming *incoming_new(struct session *s)
{
    struct smtpin *in = s->in;
    unsigned char key[REST_KEY];
    struct incoming *m = err_calloc(1, sizeof *m);
    if (!in->wrapper || rest_wrap(in->wrapper, clock_mono_ms(), key, m->wrapped) < 0) {
        free(m);
        return NULL;
    }
    m->id = id_make(clock_wall_ms(), ID_MAKERS_SMTPIN + child_index(in->child), in->id_count++);
    m->spool = -1;
    m->sealed = BUF_INIT(SEALED_MAX);
    m->head = BUF_INIT((size_t)child_conf(in->child)->limits.header_octets + HEAD_SPARE);
    m->in_head = true;
    m->sealer = rest_sealer_new(key);
    explicit_bzero(key, sizeof key);
    write_received(s, m);
    if (rest_sealed_size(smtp_server_transaction(s->engine)->size_declared) > STORE_INLINE_MAX) {
        incoming_ask_spool(s, m); /* before what comes has to be kept in memory */
    }
    return m;
}

void incoming_free(struct session *s, struct incoming *m, bool submitted)
{
    if (!m) {
        return;
    }
    s->in->n_ended -= m->ended;
    err_close_fd(&m->spool);
    if (m->spool_name[0] && !submitted) {
        ipc_send(s->in->queue, &(struct ipc_msg){.type = IPC_spool_drop,
                                                 .spool_drop = {.name = str_c(m->spool_name)}});
    }
    rest_sealer_free(m->sealer);
    buf_free(&m->sealed);
    buf_wipe(&m->head);
    free(m);
}

static void incoming_fail(struct incoming *m, int error)
{
    m->failed_full |= error == -ENOSPC || error == -EDQUOT;
    m->failed_other = true;
    buf_free(&m->sealed);
}

void incoming_give_up(struct incoming *m)
{
    incoming_fail(m, -EIO);
}

static void write_spool(struct incoming *m)
{
    int r = file_write_all(m->spool, buf_str(&m->sealed));
    buf_reset(&m->sealed);
    if (r < 0) {
        incoming_fail(m, r);
    }
}

bool incoming_is_full(const struct incoming *m)
{
    return m->spool < 0 && buf_len(&m->sealed) > SEALED_ENOUGH;
}

static void incoming_seal(struct session *s, struct incoming *m, struct str bytes)
{
    if (m->failed_other) {
        return;
    }
    char *room;
    size_t kept = buf_len(&m->sealed);
    if (kept > REST_PIECE && kept < SEALED_ROOM) {
        /* grows once until the file is there; what was only declared takes nothing */
        (void)!buf_reserve(&m->sealed, SEALED_ROOM - kept, &room);
    }
    int r = rest_seal(m->sealer, bytes, &m->sealed);
    if (r < 0) {
        incoming_fail(m, r);
        return;
    }
    m->plain_octets += bytes.n;
    marks_look(&m->marks, bytes);
    if (!m->spool_asked && rest_sealed_size(m->plain_octets) > STORE_INLINE_MAX) {
        incoming_ask_spool(s, m);
    }
    if (m->spool >= 0) {
        write_spool(m);
    }
}

/* Each mailbox of each From must be one of the sender's own addresses (RFC 6409 6.1 allows to
 * enforce it): a reader may show any of them. One without a readable address belongs to nobody. */
static void check_author(struct session *s, struct incoming *m, struct str section)
{
    struct str from;
    struct mailbox author;
    while (section_next_from(&section, &from)) {
        struct str rest = from;
        bool own = mailboxes_next(&rest, &author) && events_may_send_as(s, author.address);
        while (own && mailboxes_next(&rest, &author)) {
            own = events_may_send_as(s, author.address);
        }
        if (!own) {
            log_notice("author-refused", KV("login", s->login), KVS("from", from));
            m->wrong_author = true;
        }
    }
}

/* A conversation in the portal that it answers (RFC 5322 3.6.4). */
static void find_thread(const struct session *s, struct incoming *m, struct str section)
{
    /* our own message ids stand nowhere else */
    struct str thread = thread_of_references(child_conf(s->in->child), section);
    str_copy_cut(thread, m->thread, sizeof m->thread);
}

/* The value of a From field for a message that has none: who its sender is in the envelope (RFC
 * 6409 8). */
static struct str author_of(const struct session *s, char *dst, size_t size)
{
    struct str path = smtp_server_transaction(s->engine)->reverse_path.whole;
    snprintf(dst, size, "<" STR_FMT ">", STR_ARG(path));
    return path.n > 0 ? str_c(dst) : STR("");
}

/* The header section is complete: what others say in our name goes, what a mail program left out
 * comes.
 * RFC 5321 4.4 MUST: each message gets a Received field at its beginning */
static void incoming_write_head(struct session *s, struct incoming *m, size_t n)
{
    bool submitted = s->service->kind != CONF_LISTEN_SMTP, complete = submitted || s->is_device;
    char date[DATE_MAX] = "", id[ID_TEXT], message_id[300], from[ADDRESS_ROOM + 2];
    struct str all = buf_str(&m->head), section = str_slice(all, 0, n);
    /* folding adds two octets to a line of 998 */
    CLEANUP(buf_wipe) struct buf out = BUF_INIT(n + n / 128 + 4096);
    struct section_done done;
    id_text(m->id, id);
    date_rfc5322(clock_wall_ms(), date);
    snprintf(message_id, sizeof message_id, "<%s@%s>", id, s->settings->hostname);
    const struct section_change change = {
        .authserv_id = str_c(s->inside_network ? "" : s->settings->hostname),
        .add_date = str_c(complete ? date : ""),
        .add_message_id = str_c(complete ? message_id : ""),
        .add_from = s->is_device ? author_of(s, from, sizeof from) : STR(""),
    };
    must(section_write(section, &change, &out, &done) == 0);
    if (submitted) {
        check_author(s, m, section);
    }
    if (done.removed > 0) {
        log_notice("authentication-results-removed", KV("client", s->client.ip),
                   KVN("fields", done.removed));
    }
    m->repaired |= (done.added_date ? REPAIR_DATE : 0) |
                   (done.added_message_id ? REPAIR_MESSAGE_ID : 0) |
                   (done.added_from ? REPAIR_FROM : 0);
    find_thread(s, m, section);
    m->in_head = false;
    incoming_seal(s, m, buf_str(&out));
    incoming_seal(s, m, str_slice(all, n, all.n));
    buf_wipe(&m->head);
}

void incoming_body(struct session *s, struct incoming *m, struct str bytes)
{
    if (!m->in_head) {
        incoming_seal(s, m, bytes);
        return;
    }
    size_t before = buf_len(&m->head);
    int r = buf_add(&m->head, bytes);
    if (r < 0) { /* the engine refuses such a section: only its end is awaited */
        incoming_fail(m, r);
        m->in_head = false;
        return;
    }
    size_t end = section_end(buf_str(&m->head), before);
    if (end > 0) {
        incoming_write_head(s, m, end);
    }
}

/* The names of a client certificate that was verified. */
static struct str certificate_names(const struct tls_facts *f)
{
    struct str names = str_c(f && f->fingerprint[0] && f->check == TLS_CHECK_OK ? f->names : "");
    return str_slice(names, 0, names.n < 512 ? names.n : 512);
}

/* RFC 8689 4.1 MUST: a message with REQUIRETLS keeps it */
static void incoming_submit(struct session *s, struct incoming *m)
{
    const struct smtp_transaction *tx = smtp_server_transaction(s->engine);
    const struct tls_facts *tls = s->tls ? tls_channel_facts(s->tls) : NULL;
    for (size_t i = 0; i < tx->n_rcpts; i++) {
        ipc_send(s->in->queue, &(struct ipc_msg){.type = IPC_submit_rcpt,
                                                 .submit_rcpt = {
                                                     .token = s->token,
                                                     .forward_path = tx->rcpts[i].path,
                                                     .notify = tx->rcpts[i].notify,
                                                     .orcpt = tx->rcpts[i].orcpt,
                                                 }});
    }
    ipc_send(s->in->queue,
             &(struct ipc_msg){.type = IPC_submit,
                               .submit = {
                                   .token = s->token,
                                   .id = m->id,
                                   .reverse_path = tx->reverse_path.whole,
                                   .is_8bit = m->marks.eight_bit,
                                   /* docs/decisions/0027 */
                                   .is_utf8 = m->marks.utf8_header && tx->is_utf8,
                                   .is_binary = m->marks.binary || m->marks.long_line,
                                   .ret = tx->ret,
                                   .envid = tx->envid,
                                   .login = str_c(s->login),
                                   .certificate = certificate_names(tls),
                                   .thread = str_c(m->thread),
                                   .reqtls = tx->requiretls,
                                   .tls_required_no = tx->tls_required_no && !tx->requiretls,
                                   .size = m->plain_octets,
                                   .client = str_c(s->client.ip),
                                   .helo = smtp_server_helo(s->engine),
                                   .protocol = str_c(
                                       received_protocol(smtp_server_is_esmtp(s->engine),
                                                         s->tls != NULL, tx->is_utf8,
                                                         smtp_server_is_authenticated(s->engine))),
                                   .tls_version = str_c(tls ? tls->version : ""),
                                   .tls_cipher = str_c(tls ? tls->cipher : ""),
                                   .tls_bits = tls ? tls->bits : 0,
                                   .tls_group = str_c(tls ? tls->group : ""),
                                   .repaired = s->is_device ? m->repaired : 0,
                                   .sealed_key = str_from((const char *)m->wrapped, REST_WRAPPED),
                                   .spool = str_c(m->spool_name),
                                   .body = m->spool_name[0] ? STR("") : buf_str(&m->sealed),
                               }});
    s->submitted = true;
}

/* It is durable, or will not be taken. */
static void incoming_hand_over(struct session *s, struct incoming *m)
{
    if (m->failed_other || m->wrong_author) {
        events_submitted(s, m->failed_full ? STORE_FULL : STORE_RETRY);
    } else {
        incoming_submit(s, m);
    }
}

/* A spool file that a thread syncs; its session may end meanwhile. */
struct syncing {
    struct smtpin *in;
    uint64_t token, id; /* of the session, of the message */
    int fd, result;
};

static void sync_spool(void *arg)
{
    struct syncing *y = arg;
    y->result = file_sync(y->fd);
}

static void on_synced(void *arg)
{
    struct syncing *y = arg;
    struct session *s = map_get(y->in->by_token, map_id(&y->token));
    struct incoming *m = s ? s->incoming : NULL;
    if (m && m->id == y->id && m->ended) {
        if (y->result < 0) {
            incoming_fail(m, y->result);
        }
        incoming_hand_over(s, m);
    }
    close(y->fd);
    free(y);
}

/* Everything is sealed and where it belongs. */
static void incoming_finish(struct session *s, struct incoming *m)
{
    int r = m->spool >= 0 && !m->failed_other ? file_end_here(m->spool) : 0;
    if (r < 0) {
        incoming_fail(m, r);
    }
    if (m->spool < 0 || m->failed_other || m->wrong_author) {
        incoming_hand_over(s, m);
        return;
    }
    struct syncing *y = err_calloc(1, sizeof *y);
    *y = (struct syncing){.in = s->in, .token = s->token, .id = m->id, .fd = m->spool};
    m->spool = -1;
    loop_work(child_loop(s->in->child), sync_spool, on_synced, y);
}

/* What an old device of ours did wrong, so that somebody can mend it there: for the log and the
 * report.
 * RFC 5321 6.4 SHOULD: repairs are named in a trace field */
static void tell_repaired(const struct session *s, struct incoming *m)
{
    m->repaired |= smtp_server_transaction(s->engine)->repaired;
    char id[ID_TEXT], words[200];
    if (m->repaired && s->is_device) {
        struct buf text = BUF_INIT(sizeof words);
        id_text(m->id, id);
        (void)!repair_write(m->repaired, &text);
        str_copy_cut(buf_str(&text), words, sizeof words);
        buf_free(&text);
        log_notice("message-repaired", KV("id", id), KV("client", s->client.ip),
                   KV("repaired", words));
    }
}

/* RFC 5321 6.1 MUST: the dot is answered soon */
void incoming_end(struct session *s, struct incoming *m)
{
    m->ended = true;
    s->in->n_ended++;
    events_leave_turn(s);
    if (m->in_head) { /* a message without a body */
        incoming_write_head(s, m, buf_len(&m->head));
    }
    marks_end(&m->marks);
    tell_repaired(s, m);
    if (!m->failed_other) {
        int r = rest_seal_end(m->sealer, &m->sealed);
        if (r < 0) {
            incoming_fail(m, r);
        } else if (m->spool >= 0) {
            write_spool(m);
        }
    }
    if (!m->spool_asked || m->spool >= 0 || m->failed_other) {
        incoming_finish(s, m);
    } /* else: when the spool file comes */
}

void incoming_spool(struct session *s, struct incoming *m, uint8_t result, struct str name, int fd)
{
    m->spool_answered = true;
    if (result != STORE_OK || fd < 0) {
        err_close_fd(&fd);
        incoming_fail(m, result == STORE_FULL ? -ENOSPC : -EIO);
    } else {
        m->spool = fd;
        str_copy_cut(name, m->spool_name, sizeof m->spool_name);
        if (!m->failed_other) {
            write_spool(m);
        }
    }
    if (m->ended) {
        incoming_finish(s, m);
    }
}
