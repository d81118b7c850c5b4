/* SPDX-License-Identifier: Apache-2.0
 * signing.c: asks keys for a TLS signature or the secret of tickets and waits: a handshake cannot go on without it, and keys do
 * nothing slower than a signature. Measured in docs/performance.md. Called by smtpin and smtpout.
 *
 * What can go wrong: keys are away or hang: after two seconds the handshake fails (or is done without a ticket), and the channel is
 * given up until keys are back, so that a late answer is never taken for the next one.
 */
#include "proc/signing.h"
#include "base/log.h"
#include "sys/ipc.h"

#include <poll.h>
#include <stdlib.h>

enum { WAIT_MS = 2000 };

void signing_join(struct signing *s, int fd)
{
    err_close_fd(&s->fd);
    s->fd = fd;
}

/* A question and its answer, whose views live until the next one. 0 or -errno. */
static int ask(struct signing *s, const struct ipc_msg *question, enum ipc_type want, struct ipc_msg *answer)
{
    static char frame[IPC_FRAME_MAX]; /* one question at a time */
    struct str pending = STR("");
    struct pollfd wait = {.fd = s->fd, .events = POLLIN};
    int r = s->fd < 0 ? -ENOTCONN : ipc_call_send(s->fd, question);
    r = r < 0 ? r : poll(&wait, 1, WAIT_MS) == 1 ? ipc_call_recv(s->fd, frame, &pending, answer) : -ETIMEDOUT;
    r = r < 0 ? r : answer->type == want ? 0 : -EPROTO;
    if (r < 0) {
        log_error("keys-did-not-answer", KV("problem", strerror(-r)));
        err_close_fd(&s->fd);
    }
    return r;
}

int signing_ask(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss, struct str digest, struct buf *signature)
{
    struct ipc_msg answer = {0};
    int r = ask(arg, &(struct ipc_msg){.type = IPC_tls_sign,
                                       .tls_sign = {.key_id = str_from((const char *)key_id, TLS_KEY_ID), .hash = (uint8_t)hash, .pss = pss, .digest = digest}},
                IPC_tls_signature, &answer);
    return r < 0 ? r : answer.tls_signature.ok ? buf_add(signature, answer.tls_signature.signature) : -ENOKEY;
}

int signing_ask_ticket(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET])
{
    struct ipc_msg answer = {0};
    int r = ask(arg, &(struct ipc_msg){.type = IPC_ticket_ask, .ticket_ask = {.period = period}}, IPC_ticket_secret, &answer);
    if (r < 0 || !answer.ticket_secret.ok || answer.ticket_secret.secret.n != TLS_TICKET_SECRET) {
        return r < 0 ? r : -ENOKEY;
    }
    memcpy(ret, answer.ticket_secret.secret.p, TLS_TICKET_SECRET);
    return 0;
}
