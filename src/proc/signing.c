/* SPDX-License-Identifier: Apache-2.0
 * signing.c: asks keys for a TLS signature or the secret of tickets and waits: a handshake
 * cannot go on without it, and keys do nothing slower than a signature. Measured in
 * docs/performance.md. Called by smtpin, smtpout and web.
 *
 * What can go wrong: keys are slow (a busy machine, a stopped process): the handshake that found
 * it out fails after SIGNING_WAIT_MS, and nothing is asked until they speak again; keys are
 * away: posternd starts them again and gives a new channel.
 */
#include "proc/signing.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"

#include <poll.h>
#include <stdlib.h>

void signing_join(struct signing *s, int fd)
{
    err_close_fd(&s->fd);
    s->fd = fd;
    s->late = false; /* what was asked there will not be answered */
}

static uint64_t token_of(const struct ipc_msg *m)
{
    return m->type == IPC_tls_signature   ? m->tls_signature.token
           : m->type == IPC_ticket_secret ? m->ticket_secret.token
                                          : 0;
}

/* 0: there is something to read (or the peer is gone), -ETIMEDOUT. */
static int wait_readable(const struct signing *s, int64_t until_ms)
{
    for (;;) {
        struct pollfd wait = {.fd = s->fd, .events = POLLIN};
        int64_t left = until_ms - clock_mono_ms();
        int n = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (n >= 0 || errno != EINTR) {
            return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
        }
    }
}

/* Reads until the answer with this token is there (0 of none: whatever has come), or the time is
 * up. Its views live until the next call. 0 or -errno. */
static int signing_receive(struct signing *s, uint64_t token, int64_t until_ms,
                           struct ipc_msg *answer)
{
    static char frame[IPC_FRAME_MAX]; /* one question at a time */
    struct str pending = STR("");
    for (;;) {
        int r = pending.n > 0 ? 0 : wait_readable(s, until_ms);
        r = r < 0 ? r : ipc_call_recv(s->fd, frame, &pending, answer);
        if (r == -EINTR) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        s->late = false; /* keys are awake */
        if (token != 0 && token_of(answer) == token) {
            return 0;
        }
        s->dropped++;
    }
}

/* The channel is of no use any more: keys hear that it is closed, and posternd makes a new one. */
static void give_channel_up(struct signing *s, int problem)
{
    log_error("keys-lost", KV("problem", strerror(-problem)),
              KV("what", "a new channel to them is asked for"));
    err_close_fd(&s->fd);
    s->late = false;
}

bool signing_is_ready(struct signing *s)
{
    struct ipc_msg answer;
    if (s->fd >= 0 && s->late) {
        int r = signing_receive(s, 0, 0, &answer);
        if (r != -ETIMEDOUT) {
            give_channel_up(s, r);
        } else if (!s->late) {
            log_notice("keys-answer-again", KVN("answers-dropped", s->dropped));
        }
    }
    return s->fd >= 0 && !s->late;
}

/* A question and its answer, whose views live until the next one. 0 or -errno. */
static int signing_exchange(struct signing *s, const struct ipc_msg *question, enum ipc_type want,
                            struct ipc_msg *answer)
{
    if (!signing_is_ready(s)) {
        return s->fd < 0 ? -ENOTCONN : -EAGAIN;
    }
    int r = ipc_call_send(s->fd, question);
    r = r < 0 ? r : signing_receive(s, s->token, clock_mono_ms() + SIGNING_WAIT_MS, answer);
    r = r < 0 ? r : answer->type == want ? 0 : -EPROTO;
    if (r == -ETIMEDOUT || r == -EAGAIN) {
        s->late = true;
        s->given_up++;
        log_error("keys-did-not-answer", KVN("after-ms", SIGNING_WAIT_MS),
                  KV("what", "this handshake fails, others wait until they do"));
    } else if (r < 0) {
        give_channel_up(s, r);
    }
    return r;
}

int signing_ask(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss,
                struct str digest, struct buf *signature)
{
    struct signing *s = arg;
    struct ipc_msg answer = {0};
    const struct ipc_msg question = {.type = IPC_tls_sign,
                                     .tls_sign = {
                                         .token = s->token + 1,
                                         .key_id = str_from((const char *)key_id, TLS_KEY_ID),
                                         .hash = hash,
                                         .pss = pss,
                                         .digest = digest,
                                     }};
    s->token++;
    int r = signing_exchange(s, &question, IPC_tls_signature, &answer);
    return r < 0                     ? r
           : answer.tls_signature.ok ? buf_add(signature, answer.tls_signature.signature)
                                     : -ENOKEY;
}

int signing_ask_ticket(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET])
{
    struct signing *s = arg;
    struct ipc_msg answer = {0};
    const struct ipc_msg question = {.type = IPC_ticket_ask,
                                     .ticket_ask = {.token = s->token + 1, .period = period}};
    s->token++;
    int r = signing_exchange(s, &question, IPC_ticket_secret, &answer);
    if (r < 0 || !answer.ticket_secret.ok || answer.ticket_secret.secret.n != TLS_TICKET_SECRET) {
        return r < 0 ? r : -ENOKEY;
    }
    memcpy(ret, answer.ticket_secret.secret.p, TLS_TICKET_SECRET);
    return 0;
}
