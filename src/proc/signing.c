/* SPDX-License-Identifier: Apache-2.0
 * signing.c: asks keys for a TLS signature and waits: a handshake cannot go on without it, and keys do
 * nothing slower than a signature. Measured in docs/performance.md. Called by smtpin and smtpout.
 *
 * What can go wrong: keys are away or hang: after two seconds the handshake fails, and the channel is
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

int signing_ask(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss, struct str digest, struct buf *signature)
{
    struct signing *s = arg;
    static char frame[IPC_FRAME_MAX]; /* one question at a time */
    struct str pending = STR("");
    struct ipc_msg answer = {0};
    struct pollfd wait = {.fd = s->fd, .events = POLLIN};
    int r = s->fd < 0 ? -ENOTCONN
                      : ipc_call_send(s->fd, &(struct ipc_msg){.type = IPC_tls_sign,
                                                               .tls_sign = {.key_id = str_from((const char *)key_id, TLS_KEY_ID),
                                                                            .hash = (uint8_t)hash, .pss = pss, .digest = digest}});
    r = r < 0 ? r : poll(&wait, 1, WAIT_MS) == 1 ? ipc_call_recv(s->fd, frame, &pending, &answer) : -ETIMEDOUT;
    if (r < 0 || answer.type != IPC_tls_signature) {
        log_error("signature-not-made", KV("problem", strerror(r < 0 ? -r : EPROTO)));
        err_close_fd(&s->fd);
        return r < 0 ? r : -EPROTO;
    }
    return answer.tls_signature.ok ? buf_add(signature, answer.tls_signature.signature) : -ENOKEY;
}
