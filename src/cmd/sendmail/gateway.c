/* SPDX-License-Identifier: Apache-2.0
 * gateway.c: hands a letter to the gateway over SMTP on loopback, with the same client engine that
 * the gateway itself uses. Blocking: a command that ends. Called by main.c.
 */
#include "cmd/sendmail/sendmail.h"
#include "policy/policy.h"
#include "smtp/client.h"
#include "sys/conn.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { WAIT_S = 120 };

int gateway_connect(const char *address)
{
    struct endpoint to;
    struct str s = str_c(address);
    size_t colon = str_find_last(s, ':');
    uint64_t port;
    const struct timeval limit = {.tv_sec = WAIT_S};
    if (str_to_u64(str_slice(s, colon + 1 < s.n ? colon + 1 : s.n, s.n), 65535, &port) < 0 ||
        endpoint_parse(str_slice(s, 0, colon), (uint16_t)port, &to) < 0) {
        return -EINVAL;
    }
    int fd = socket(to.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to.addr, to.len) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static int gateway_write_out(int fd, struct smtp_client *c)
{
    struct buf *out = smtp_client_out(c);
    while (buf_len(out) > 0) {
        ssize_t n = send(fd, buf_str(out).p, buf_len(out), MSG_NOSIGNAL);
        if (n <= 0) {
            return -EPIPE;
        }
        buf_consume(out, (size_t)n);
    }
    return 0;
}

/* The whole text, in pieces that fit the engine's buffer. */
static int write_body(int fd, struct smtp_client *c, struct str text)
{
    enum { PIECE = 1 << 20 };
    int r = 0;
    do {
        size_t n = text.n < PIECE ? text.n : PIECE;
        r = smtp_client_body(c, str_slice(text, 0, n), n == text.n);
        text = str_slice(text, n, text.n);
        r = r < 0 ? r : gateway_write_out(fd, c);
    } while (r == 0 && text.n > 0);
    return r;
}

struct handover {
    int fd;
    struct smtp_client *client;
    const struct letter *letter;
    struct smtp_mail mail;
    char *words;
    size_t size;
    struct host_verdict verdict;
    bool refused;         /* a recipient, for good */
    bool heard, accepted; /* an answer to a recipient; one was taken */
    bool *put_off;        /* for each recipient: not now */
};

/* The first refusal is the cause, what follows it ("no recipient was accepted yet") is not. */
static void gateway_keep_first(struct handover *h, const struct smtp_answer *a)
{
    if (!h->words[0]) {
        snprintf(h->words, h->size, "%d " STR_FMT, a->code, STR_ARG(buf_str(&a->text)));
    }
}

/* One event; -1 to go on, else an exit status. */
static int gateway_take(struct handover *h, const struct smtp_client_event *ev)
{
    struct permit permit = {0};
    switch (ev->type) {
    case SMTP_CL_READY:
    case SMTP_CL_UNTRUE: /* all once more */
        h->words[0] = '\0';
        h->refused = h->heard = h->accepted = false;
        memset(h->put_off, 0, h->letter->n_rcpts * sizeof *h->put_off);
        if (!policy_permit(&h->verdict, &permit)) {
            return EX_TEMPFAIL;
        }
        return smtp_client_send(h->client, &permit, &h->mail) < 0 ? EX_TEMPFAIL : -1;
    case SMTP_CL_RCPT:
        h->heard = true;
        h->accepted |= ev->accepted;
        if (!ev->accepted) {
            bool for_good = ev->answer->code / 100 == 5;
            h->refused |= for_good;
            h->put_off[ev->rcpt] = !for_good;
            gateway_keep_first(h, ev->answer);
        }
        return -1;
    case SMTP_CL_BODY:
        return write_body(h->fd, h->client, buf_str(&h->letter->text)) < 0 ? EX_TEMPFAIL : -1;
    case SMTP_CL_DONE:
        if (!ev->accepted) {
            gateway_keep_first(h, ev->answer);
            bool for_good = h->accepted || !h->heard ? ev->answer->code / 100 == 5 : h->refused;
            return for_good ? EX_UNAVAILABLE : EX_TEMPFAIL;
        }
        return h->refused ? EX_UNAVAILABLE : EX_OK;
    case SMTP_CL_REJECTED:
        gateway_keep_first(h, ev->answer);
        return ev->answer->code / 100 == 5 ? EX_UNAVAILABLE : EX_TEMPFAIL;
    case SMTP_CL_NONE:
    case SMTP_CL_OFFERED:
    case SMTP_CL_START_TLS:
    case SMTP_CL_REFUSED:
    case SMTP_CL_RCPT_DONE:
    case SMTP_CL_AUTH_STEP:
    case SMTP_CL_AUTH_DONE:
        return -1;
    case SMTP_CL_BROKEN:
        return EX_TEMPFAIL;
    }
    return -1;
}

static int converse(struct handover *h)
{
    char chunk[16384];
    struct smtp_client_event ev;
    for (;;) {
        int r = -1;
        do {
            smtp_client_next(h->client, &ev);
            r = gateway_take(h, &ev);
            if (gateway_write_out(h->fd, h->client) < 0) {
                return EX_TEMPFAIL;
            }
        } while (r < 0 && ev.type != SMTP_CL_NONE);
        if (r >= 0) {
            return r;
        }
        ssize_t n = recv(h->fd, chunk, sizeof chunk, 0);
        if (n <= 0 || smtp_client_feed(h->client, str_from(chunk, (size_t)n)) < 0) {
            return EX_TEMPFAIL;
        }
    }
}

int gateway_send(int fd, const struct letter *l, const char *hostname, bool *put_off, char *words,
                 size_t size)
{
    const struct smtp_client_config config = {.hello = hostname, .ignore_starttls = true};
    struct smtp_mail_rcpt *rcpts = err_calloc(l->n_rcpts ? l->n_rcpts : 1, sizeof *rcpts);
    bool is_8bit = false, is_utf8 = address_has_utf8(str_c(l->sender));
    for (size_t i = 0; i < l->n_rcpts; i++) {
        rcpts[i].path = str_c(l->rcpts[i]);
        is_utf8 |= address_has_utf8(rcpts[i].path);
    }
    for (size_t i = 0; i < buf_len(&l->text) && !is_8bit; i++) {
        is_8bit = (unsigned char)buf_str(&l->text).p[i] >= 0x80;
    }
    struct handover h = {
        .fd = fd,
        .client = smtp_client_new(&config),
        .letter = l,
        .words = words,
        .size = size,
        .put_off = put_off,
        .mail =
            {
                .reverse_path = str_c(l->sender),
                .rcpts = rcpts,
                .n_rcpts = l->n_rcpts,
                .size = buf_len(&l->text),
                .is_8bit = is_8bit,
                .is_utf8 = is_utf8,
            },
    };
    /* to ourselves, on this machine: no rule is about that, so the policy has nothing against
     * it; there is no other server to look at, so the look is complete (else the policy would
     * have the letter wait for one, in the drop directory, for good) */
    const struct facts facts = {.mx = MX_INSECURE, .sess = SESS_NOADV, .look = LOOK_COMPLETE};
    h.verdict = policy_host(&facts);
    words[0] = '\0';
    int r = converse(&h);
    smtp_client_quit(h.client);
    (void)!gateway_write_out(fd, h.client);
    smtp_client_free(h.client);
    free(rcpts);
    return r;
}
