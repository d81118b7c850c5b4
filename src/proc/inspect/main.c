/* SPDX-License-Identifier: Apache-2.0
 * inspect: reads one message at a time and says what is in it.
 *
 * Trust: parses the most hostile input of all, messages and their documents, and is trusted the
 * least: no network, no files, little memory, one message key for one lease. What it finds goes
 * to the queue as lines (policy/inspection.h); a message that kills it, or takes too long,
 * counts as one that could not be inspected, never as clean.
 *
 * After RECYCLE messages it asks posternd for a successor and works on; once that stands, the queue
 * gives its messages to the new one and hangs up on the old one. With a new configuration it asks
 * the queue for no more work and ends, and posternd starts a new one. Packs are read before the
 * sandbox.
 */
#include "base/log.h"
#include "mime/view.h"
#include "policy/flags.h"
#include "policy/inspection.h"
#include "portal/packed.h"
#include "proc/child.h"
#include "proc/inspecting.h"
#include "seal/rest.h"
#include "sys/descriptors.h"
#include "sys/filter.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECYCLE = 1000,
    MEMORY = 2047 * 1024 * 1024,
    CHUNK = 256 * 1024,
    PIECE = 128 * 1024,
    MESSAGE_MAX = 256 * 1024 * 1024 /* a few copies of it must fit */
};

struct inspect {
    struct child *child;
    struct ipc_channel *queue, *keys;
    struct conf *conf; /* its own: a new one does not take this away */
    struct inspecting *inspecting;
    struct mime_pdf *pdf;
    /* the one message */
    struct lease_id lease;
    uint64_t id, size;
    struct buf body; /* sealed, when it came inline */
    int spool;
    bool busy, leaving, prepare;
    bool replaced; /* it asked for a successor */
    uint64_t done, failed;
};

static void inspect_leave(struct inspect *s)
{
    if (!s->leaving) {
        s->leaving = true;
        ipc_send(s->queue, &(struct ipc_msg){.type = IPC_inspector_leaves});
    }
}

static void inspect_done(struct inspect *s, bool ok)
{
    alarm(0);
    buf_wipe(&s->body);
    err_close_fd(&s->spool);
    s->spool = -1;
    s->busy = false;
    s->done++;
    s->failed += !ok;
    if (s->done >= RECYCLE && !s->replaced) {
        s->replaced = true;
        ipc_send(child_control(s->child), &(struct ipc_msg){.type = IPC_ctl_replace});
    }
}

static void inspect_answer(struct inspect *s, bool ok, struct str facts)
{
    ipc_send(s->queue, &(struct ipc_msg){.type = IPC_inspected,
                                         .inspected = {
                                             .lease = s->lease,
                                             .ok = ok,
                                             .facts = facts,
                                         }});
    inspect_done(s, ok);
}

/* Our own trouble: the question will come again. */
static void inspect_give_back(struct inspect *s)
{
    if (s->prepare) {
        ipc_send(s->queue,
                 &(struct ipc_msg){.type = IPC_prepared, .prepared = {.lease = s->lease}});
        inspect_done(s, false);
    } else {
        inspect_answer(s, false, STR(""));
    }
}

/* What readers see of it goes back sealed, with a key made of the message's. */
static void send_view(struct inspect *s, struct view *v, const unsigned char *key)
{
    struct buf subject = BUF_INIT(2 * VIEW_FIELD_MAX);
    bool removes = s->conf->flags.remove && conf_flags_count_in(s->conf, "subject");
    if (removes && flags_take_out(s->conf, str_c(v->subject), &subject)) {
        free(v->subject);
        v->subject = str_dup(str_trim(buf_str(&subject)));
    }
    buf_free(&subject);
    unsigned char view_key[REST_KEY];
    struct buf clear = BUF_INIT(PACKED_MAX), sealed = BUF_INIT(2 * PACKED_MAX);
    rest_derive(key, "view", view_key);
    struct rest_sealer *sealer = rest_sealer_new(view_key);
    bool ok = packed_write(v, &clear) == 0 && rest_seal(sealer, buf_str(&clear), &sealed) == 0 &&
              rest_seal_end(sealer, &sealed) == 0;
    for (struct str rest = buf_str(&sealed); ok && rest.n > 0;
         rest = str_slice(rest, rest.n < PIECE ? rest.n : PIECE, rest.n)) {
        ipc_send(s->queue, &(struct ipc_msg){.type = IPC_prepared_piece,
                                             .prepared_piece = {.lease = s->lease,
                                                                .octets = str_slice(rest, 0,
                                                                                    rest.n < PIECE
                                                                                        ? rest.n
                                                                                        : PIECE)}});
    }
    struct str name = str_c(v->from_name), about = str_c(v->subject);
    ipc_send(s->queue,
             &(struct ipc_msg){.type = IPC_prepared,
                               .prepared = {
                                   .lease = s->lease,
                                   .ok = ok,
                                   .attachments = (uint32_t)v->n_parts,
                                   .name = str_slice(name, 0, name.n < 256 ? name.n : 256),
                                   .subject = str_slice(about, 0, about.n < 1024 ? about.n : 1024),
                               }});
    rest_sealer_free(sealer);
    explicit_bzero(view_key, sizeof view_key);
    buf_wipe(&clear);
    buf_free(&sealed);
    inspect_done(s, ok);
}

/* The whole message in clear. 0 or -errno. */
static int open_message(const struct inspect *s, const unsigned char *key, struct buf *out)
{
    struct rest_reader *reader = rest_reader_new(key);
    int r = s->spool < 0 ? rest_read(reader, buf_str(&s->body), out) : 0;
    char *chunk = s->spool >= 0 ? malloc(CHUNK) : NULL;
    off_t at = 0;
    while (r == 0 && chunk) {
        ssize_t n = pread(s->spool, chunk, CHUNK, at);
        r = n < 0 ? -errno : rest_read(reader, str_from(chunk, (size_t)n), out);
        at += n;
        if (n <= 0) {
            break;
        }
    }
    free(chunk);
    r = r < 0 || s->spool >= 0 ? r : rest_read(reader, STR(""), out);
    r = r == 0 && !rest_read_done(reader) ? -EBADMSG : r;
    rest_reader_free(reader);
    return r;
}

static void inspect_on_unwrapped(void *owner, struct ipc_channel *ch, const struct ipc_unwrapped *m)
{
    struct inspect *s = owner;
    if (!s->busy || !lease_same(&m->lease, &s->lease)) {
        return;
    }
    if (!m->ok || m->key.n != REST_KEY) {
        inspect_give_back(s);
        return;
    }
    /* whoever takes too long is ended by it; the wait for keys says nothing of the message */
    alarm((unsigned)(child_conf(s->child)->inspection.time / 1000) + 1);
    struct buf message = BUF_INIT(s->size + 1024 * 1024), facts = BUF_INIT(INSPECTION_MAX);
    int r =
        s->size > MESSAGE_MAX ? -EFBIG : open_message(s, (const unsigned char *)m->key.p, &message);
    if (r == -EIO) { /* of the disk: it may be read the next time */
        log_error("message-not-read", KV("problem", strerror(-r)), KV("what", "it is tried again"));
        buf_wipe(&message);
        buf_free(&facts);
        inspect_give_back(s);
        return;
    }
    if (s->prepare) {
        /* of a message too large for us: its original can be had */
        struct view *v = view_of_message(r == 0 ? buf_str(&message) : STR(""));
        v->cut |= r < 0;
        send_view(s, v, (const unsigned char *)m->key.p);
        view_free(v);
        buf_wipe(&message);
        return;
    }
    if (r == 0) {
        inspecting_run(s->inspecting, buf_str(&message), &facts);
    } else {
        char id[ID_TEXT];
        id_text(s->id, id);
        log_error("message-unreadable", KV("id", id), KV("problem", strerror(-r)));
        (void)!inspection_put(&facts, "failed",
                              (const struct str[]){r == -EFBIG ? STR("limit") : STR("crash")}, 1);
    }
    inspect_answer(s, true, buf_str(&facts));
    buf_wipe(&message);
    buf_free(&facts);
}

/* False: it cannot be, and is refused. Takes fd. */
static bool inspect_take_message(struct inspect *s, struct ipc_channel *ch,
                                 const struct ipc_inspect *m, int fd)
{
    if (s->busy) {
        err_close_fd(&fd);
        ipc_refuse(ch, "a second message at once");
        return false;
    }
    /* before anything is done with it: if this process ends over it, that counts */
    ipc_send_now(ch,
                 &(struct ipc_msg){.type = IPC_lease_taken, .lease_taken = {.lease = m->lease}});
    s->busy = true;
    s->lease = m->lease;
    s->id = m->id;
    s->size = m->size;
    s->prepare = m->kind == JOB_PREPARE;
    s->spool = fd;
    s->body = BUF_INIT(IPC_FRAME_MAX);
    must(buf_add(&s->body, m->body) == 0);
    return true;
}

/* Its file got no descriptor here. */
static void on_inspect_without(void *owner, struct ipc_channel *ch, const struct ipc_inspect *m)
{
    if (inspect_take_message(owner, ch, m, -1)) {
        inspect_give_back(owner);
    }
}

static void on_inspect(void *owner, struct ipc_channel *ch, const struct ipc_inspect *m, int fd)
{
    struct inspect *s = owner;
    if (!inspect_take_message(s, ch, m, fd)) {
        return;
    }
    /* else a document would count as not readable */
    bool room = !s->pdf || descriptors_have_room(FILTER_DESCRIPTORS);
    if (!room) {
        descriptors_note_lack("pdftotext", "a document");
    }
    if (!s->keys || !room) {
        inspect_give_back(s);
        return;
    }
    ipc_send(s->keys, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = s->lease}});
}

static const struct ipc_rule queue_rules[] = {IPC_ON_OR(inspect, on_inspect, on_inspect_without),
                                              IPC_RULES_END};
static const struct ipc_rule keys_rules[] = {IPC_ON(unwrapped, inspect_on_unwrapped),
                                             IPC_RULES_END};

static void inspect_on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct inspect *s = owner;
    s->queue = NULL;
    if (s->leaving || s->replaced) {
        child_exit(s->child);
    } else if (s->busy) { /* nobody waits for it now */
        alarm(0);
        buf_wipe(&s->body);
        err_close_fd(&s->spool);
        s->spool = -1;
        s->busy = false;
    }
}

static void inspect_on_keys_gone(void *owner, struct ipc_channel *ch)
{
    struct inspect *s = owner;
    s->keys = NULL;
    if (s->busy) {
        inspect_answer(s, false, STR(""));
    }
}

static void inspect_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct inspect *s = owner;
    (void)index; /* a successor may be quicker than the news of the end */
    if (role == ROLE_QUEUE) {
        ipc_channel_end(s->queue);
        s->queue =
            ipc_channel_new(child_loop(c), fd, "queue", queue_rules, inspect_on_queue_gone, s);
        ipc_send(s->queue, &(struct ipc_msg){.type = IPC_worker_ready});
        if (s->leaving) { /* the new one is told as well */
            s->leaving = false;
            inspect_leave(s);
        }
    } else if (role == ROLE_KEYS) {
        ipc_channel_end(s->keys);
        s->keys = ipc_channel_new(child_loop(c), fd, "keys", keys_rules, inspect_on_keys_gone, s);
    } else {
        close(fd);
    }
}

static int inspect_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct inspect *s = owner;
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    s->child = c;
    s->spool = -1;
    mime_init();
    if (rest_init() < 0) {
        snprintf(problem, size, "the cryptographic library cannot be used");
        return -EIO;
    }
    s->pdf = mime_pdf_new();
    if (!s->pdf) {
        log_warn("pdf-not-readable",
                 KV("what",
                    "pdftotext (poppler-utils) is not installed: PDF counts as not readable"));
    }
    CLEANUP(buf_free) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    int r = conf_write(child_conf(c), &text);
    r = r < 0 ? r : conf_parse(buf_str(&text), "handed-over", &problems, &s->conf);
    r = r < 0 ? r : inspecting_new(s->conf, s->pdf, &problems, &s->inspecting);
    if (r < 0) {
        str_copy_cut(buf_str(&problems), problem, size);
    }
    return r;
}

static void inspect_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = 0, .memory = MEMORY};
}

/* Packs were read before the sandbox: a fresh process reads the new ones. */
static int inspect_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    inspect_leave(owner);
    return 0;
}

static void inspect_on_status(void *owner, char *text, size_t size)
{
    const struct inspect *s = owner;
    snprintf(text, size, "inspected=%llu failed=%llu pdf=%s", (unsigned long long)s->done,
             (unsigned long long)s->failed, s->pdf ? "yes" : "no");
}

int main(int argc, char **argv)
{
    static struct inspect inspect;
    static const struct child_events events = {
        .on_prepare = inspect_on_prepare,
        .sandbox = inspect_sandbox,
        .on_peer = inspect_on_peer,
        .on_reload = inspect_on_reload,
        .on_status = inspect_on_status,
    };
    return child_main(argc, argv, "inspect", &events, &inspect);
}
