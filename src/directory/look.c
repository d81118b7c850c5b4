/* SPDX-License-Identifier: Apache-2.0
 * look.c: what is wrong with the way to a directory. Called by directory.c when the library
 * failed, and by postern doctor.
 *
 * The certificate is judged by OpenSSL and told in the words of tls/verify.c. What can go wrong:
 * all that the library just stumbled over; each has its sentence. The peer is not trusted: no
 * octet of a bind is ever written here.
 */
#include "directory/look.h"
#include "base/buf.h"
#include "base/clock.h"
#include "sys/file.h"
#include "tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRUST_MAX = 4 << 20, ROOM = 256 * 1024, ANSWER_MAX = 4096 };

/* LDAPMessage { 1, extendedReq { requestName 1.3.6.1.4.1.1466.20037 } } */
static const char start_tls[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                "1.3.6.1.4.1.1466.20037";

struct look {
    const char *host;
    int fd;
    int64_t end_ms; /* monotonic */
    char *why;
    size_t size;
};

static bool look_ready(const struct look *l, short events)
{
    struct pollfd wait = {.fd = l->fd, .events = events};
    int64_t left = l->end_ms - clock_mono_ms();
    return left > 0 && poll(&wait, 1, (int)left) == 1;
}

static bool write_all(const struct look *l, struct str octets)
{
    while (octets.n > 0 && look_ready(l, POLLOUT)) {
        ssize_t n = send(l->fd, octets.p, octets.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        octets = str_slice(octets, n > 0 ? (size_t)n : 0, octets.n);
    }
    return octets.n == 0;
}

/* Octets that came; 0: closed or broken, -1: none in time. */
static ssize_t look_read_some(const struct look *l, char *to, size_t size)
{
    if (!look_ready(l, POLLIN)) {
        return -1;
    }
    ssize_t n = recv(l->fd, to, size, 0);
    return n < 0 ? 0 : n;
}

/* 0, or the errno of what failed. */
static int connect_one(struct look *l, const struct addrinfo *a)
{
    int error = 0;
    socklen_t len = sizeof error;
    l->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (l->fd < 0) {
        return errno;
    }
    if (connect(l->fd, a->ai_addr, a->ai_addrlen) == 0) {
        return 0;
    }
    error = errno;
    if (error == EINPROGRESS) {
        error = !look_ready(l, POLLOUT)                                     ? ETIMEDOUT
                : getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno
                                                                            : error;
    }
    if (error) {
        close(l->fd);
        l->fd = -1;
    }
    return error;
}

static bool connect_any(struct look *l, int port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    int error = 0;
    snprintf(service, sizeof service, "%d", port);
    int r = getaddrinfo(l->host, service, &hints, &found);
    if (r != 0) {
        snprintf(l->why, l->size, "the address of %s cannot be found: %s", l->host,
                 gai_strerror(r));
        return false;
    }
    for (const struct addrinfo *a = found; a && l->fd < 0; a = a->ai_next) {
        error = connect_one(l, a);
    }
    freeaddrinfo(found);
    if (l->fd < 0) {
        snprintf(l->why, l->size, "no connection to %s, port %d: %s", l->host, port,
                 strerror(error));
    }
    return l->fd >= 0;
}

/* The result of the answer; -1: it is not whole or none. */
static int look_result_of(struct str answer)
{
    struct berval octets = {.bv_len = answer.n, .bv_val = (char *)answer.p};
    BerElement *ber = ber_init(&octets);
    ber_int_t id = 0, result = -1;
    bool ok = ber && ber_scanf(ber, "{i{e", &id, &result) != LBER_ERROR;
    ber_free(ber, 1);
    return ok ? (int)result : -1;
}

static bool ask_start_tls(struct look *l)
{
    char answer[ANSWER_MAX];
    size_t n = 0;
    ssize_t got = -1;
    int result = -1;
    bool is_ldap = true;
    if (write_all(l, str_from(start_tls, sizeof start_tls - 1))) {
        while (result < 0 && is_ldap && n < sizeof answer &&
               (got = look_read_some(l, answer + n, sizeof answer - n)) > 0) {
            n += (size_t)got;
            is_ldap = answer[0] == start_tls[0];
            result = look_result_of(str_from(answer, n));
        }
    }
    if (result < 0) {
        snprintf(l->why, l->size, "the server %s",
                 !is_ldap || got > 0 ? "answers StartTLS with what is not LDAP"
                 : got == 0          ? "closed the connection when asked for StartTLS"
                                     : "did not answer StartTLS in time");
    } else if (result != LDAP_SUCCESS) {
        snprintf(l->why, l->size, "the server refuses StartTLS: %s", ldap_err2string(result));
    }
    return result == LDAP_SUCCESS;
}

static bool look_shake(struct look *l, struct tls_channel *ch)
{
    CLEANUP(buf_free) struct buf plain = BUF_INIT(ROOM), cipher = BUF_INIT(ROOM);
    char octets[16 * 1024];
    struct str came = STR("");
    ssize_t n = 1;
    while (n > 0 && tls_channel_feed(ch, came, &plain, &cipher) == 0 &&
           write_all(l, buf_str(&cipher)) && tls_channel_state(ch) == TLS_HANDSHAKING) {
        buf_reset(&cipher);
        n = look_read_some(l, octets, sizeof octets);
        came = str_from(octets, n > 0 ? (size_t)n : 0);
    }
    if (tls_channel_state(ch) == TLS_OPEN) {
        return true;
    }
    snprintf(l->why, l->size, "no TLS: %s",
             tls_channel_state(ch) == TLS_BROKEN ? tls_channel_problem(ch)
             : n == 0                            ? "the server closed the connection"
                                                 : "the server did not answer in time");
    return false;
}

static bool judge_tls(struct look *l, const char *trust_store)
{
    CLEANUP(buf_free) struct buf trust = BUF_INIT(TRUST_MAX);
    struct tls_context *client = NULL;
    char problem[200];
    int r = file_read(trust_store, &trust);
    if (r < 0) {
        snprintf(l->why, l->size, "trust-store %s cannot be read: %s", trust_store, strerror(-r));
        return false;
    }
    if (tls_context_client(buf_str(&trust), TLS_PROFILE_WIDE, problem, sizeof problem, &client) <
        0) {
        snprintf(l->why, l->size, "trust-store %s: %s", trust_store, problem);
        return false;
    }
    struct tls_channel *ch =
        tls_channel_client(client, &(struct tls_peer){.name = l->host, .is_service = true});
    bool ok = ch && look_shake(l, ch);
    if (ok && tls_channel_facts(ch)->check != TLS_CHECK_OK) {
        snprintf(l->why, l->size, "the server's certificate %s", tls_channel_facts(ch)->check_text);
        ok = false;
    }
    tls_channel_free(ch);
    tls_context_free(client);
    return ok;
}

enum directory_seen directory_look(const struct directory_place *p, int64_t limit_ms, char *why,
                                   size_t size)
{
    LDAPURLDesc *url = NULL;
    str_copy_cut(STR(""), why, size);
    if (ldap_url_parse(p->url, &url) != LDAP_URL_SUCCESS || !url->lud_host || !*url->lud_host) {
        snprintf(why, size, "%s names no server", p->url);
        ldap_free_urldesc(url);
        return DIRECTORY_SEEN_WRONG;
    }
    struct look l = {
        .host = url->lud_host,
        .fd = -1,
        .end_ms = clock_mono_ms() + limit_ms,
        .why = why,
        .size = size,
    };
    bool at_once = strcmp(url->lud_scheme, "ldaps") == 0;
    bool ok = connect_any(&l, url->lud_port) && (at_once || !p->starttls || ask_start_tls(&l)) &&
              (!(at_once || p->starttls) || judge_tls(&l, p->trust_store));
    if (l.fd >= 0) {
        close(l.fd);
    }
    ldap_free_urldesc(url);
    return ok ? DIRECTORY_SEEN_WELL : DIRECTORY_SEEN_WRONG;
}
