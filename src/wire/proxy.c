/* SPDX-License-Identifier: Apache-2.0
 * proxy.c: reads a PROXY header (proxy-protocol.txt of HAProxy, sections 2.1 and 2.2). Called by
 * smtpin for connections from listed balancers; fuzzed.
 *
 * What can go wrong: anything that is not exactly a header ends the connection: guessing would
 * let a client write its own address.
 */
#include "wire/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char magic[] = "\r\n\r\n\0\r\nQUIT\n";
enum { MAGIC = 12, HEAD = 16, V1_MAX = 107 };

/* "PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n" */
static enum proxy_result read_text(struct str in, size_t *ret_n, char ip[46])
{
    size_t lf = str_find(in, '\n', 0);
    unsigned char octets[16];
    uint64_t port;
    if (lf == in.n) {
        return in.n < V1_MAX ? PROXY_MORE : PROXY_BAD;
    }
    *ret_n = lf + 1;
    if (lf >= V1_MAX || lf < 8 || in.p[lf - 1] != '\r') {
        return PROXY_BAD;
    }
    struct str rest = str_slice(in, 6, lf - 1), word[5];
    if (str_starts_nocase(rest, STR("UNKNOWN"))) {
        return PROXY_LOCAL;
    }
    for (size_t i = 0; i < ARRAY_LEN(word); i++) {
        if (!rest.p || !str_split(&rest, ' ', &word[i])) {
            return PROXY_BAD;
        }
    }
    bool v4 = str_eq(word[0], STR("TCP4"));
    if ((!v4 && !str_eq(word[0], STR("TCP6"))) || rest.n > 0 || str_copy(word[1], ip, 46) < 0 ||
        inet_pton(v4 ? AF_INET : AF_INET6, ip, octets) != 1 ||
        str_to_u64(word[3], 65535, &port) < 0 || str_to_u64(word[4], 65535, &port) < 0) {
        return PROXY_BAD;
    }
    return inet_ntop(v4 ? AF_INET : AF_INET6, octets, ip, 46) ? PROXY_GIVEN : PROXY_BAD;
}

static enum proxy_result read_binary(struct str in, size_t *ret_n, char ip[46])
{
    const unsigned char *p = (const unsigned char *)in.p;
    if (in.n < HEAD) {
        return PROXY_MORE;
    }
    size_t n = HEAD + ((size_t)p[14] << 8 | p[15]);
    if ((p[12] & 0xf0) != 0x20 || (p[12] & 0x0f) > 1 || n > PROXY_MAX) {
        return PROXY_BAD;
    }
    if (in.n < n) {
        return PROXY_MORE;
    }
    *ret_n = n;
    if ((p[12] & 0x0f) == 0) {
        return PROXY_LOCAL;
    }
    if (p[13] == 0x11 && n >= HEAD + 12) {
        return inet_ntop(AF_INET, p + HEAD, ip, 46) ? PROXY_GIVEN : PROXY_BAD;
    }
    if (p[13] == 0x21 && n >= HEAD + 36) {
        return inet_ntop(AF_INET6, p + HEAD, ip, 46) ? PROXY_GIVEN : PROXY_BAD;
    }
    return PROXY_BAD;
}

enum proxy_result proxy_read(struct str in, size_t *ret_n, char ip[46])
{
    size_t n = in.n < MAGIC ? in.n : MAGIC;
    *ret_n = 0;
    if (memcmp(in.p, magic, n) == 0) {
        return in.n < MAGIC ? PROXY_MORE : read_binary(in, ret_n, ip);
    }
    n = in.n < 6 ? in.n : 6;
    if (memcmp(in.p, "PROXY ", n) == 0) {
        return in.n < 6 ? PROXY_MORE : read_text(in, ret_n, ip);
    }
    return PROXY_BAD;
}
