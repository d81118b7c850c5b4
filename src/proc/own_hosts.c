/* SPDX-License-Identifier: Apache-2.0
 * own_hosts.c: which host names and addresses are this gateway. Called by lookup, inside its
 * sandbox, by postern explain, and by preflight.c.
 *
 * Where we listen on explicit addresses, the machine's others may be another server's. What can
 * go wrong: the kernel does not tell the machine's addresses; then those it told before count,
 * and the log says so. An address in front of us (NAT) is not known here: an MX should go by our
 * hostname there.
 */
#include "proc/own_hosts.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/address.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

enum { MACHINE_LIFE_MS = 1000 };

struct ip {
    unsigned char octets[16];
    size_t n; /* 4 or 16 */
};

static struct ip ip_of(const unsigned char *octets, size_t n)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct ip ip = {.n = n};
    if (n == 16 && memcmp(octets, mapped, sizeof mapped) == 0) {
        octets += sizeof mapped;
        ip.n = 4;
    }
    memcpy(ip.octets, octets, ip.n);
    return ip;
}

static struct ip ip_parse(struct str text)
{
    unsigned char octets[16];
    size_t n = address_ip_octets(text, octets);
    return n ? ip_of(octets, n) : (struct ip){0};
}

static bool own_hosts_is_same(const struct ip *a, const struct ip *b)
{
    return a->n > 0 && a->n == b->n && memcmp(a->octets, b->octets, a->n) == 0;
}

static bool is_unspecified(const struct ip *ip)
{
    static const unsigned char none[16];
    return ip->n > 0 && memcmp(ip->octets, none, ip->n) == 0;
}

static bool own_hosts_is_loopback(const struct ip *ip)
{
    static const unsigned char one[16] = {[15] = 1};
    return ip->n == 4 ? ip->octets[0] == 127 : memcmp(ip->octets, one, sizeof one) == 0;
}

static void read_machine(struct own_hosts *o)
{
    struct ifaddrs *now;
    if (o->is_read && clock_mono_ms() - o->read_ms < MACHINE_LIFE_MS) {
        return;
    }
    o->is_read = true;
    o->read_ms = clock_mono_ms();
    if (getifaddrs(&now) == 0) {
        own_hosts_free(o);
        o->machine = now;
        o->is_warned = false;
    } else if (!o->is_warned) {
        log_warn("own-addresses-unknown", KV("problem", strerror(errno)),
                 KV("what", "an MX that points here may not be noticed"));
        o->is_warned = true;
    }
}

void own_hosts_free(struct own_hosts *o)
{
    if (o->machine) {
        freeifaddrs(o->machine);
        o->machine = NULL;
    }
}

static bool is_of_machine(struct own_hosts *o, const struct ip *ip)
{
    if (own_hosts_is_loopback(ip) || is_unspecified(ip)) {
        return true;
    }
    read_machine(o);
    for (const struct ifaddrs *i = o->machine; i; i = i->ifa_next) {
        struct ip has = {0};
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *at = (const struct sockaddr_in *)(const void *)i->ifa_addr;
            has = ip_of((const unsigned char *)&at->sin_addr, 4);
        } else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *at = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
            has = ip_of(at->sin6_addr.s6_addr, 16);
        }
        if (own_hosts_is_same(&has, ip)) {
            return true;
        }
    }
    return false;
}

/* "192.0.2.1:25" or "[2001:db8::1]:25" */
static struct ip listen_ip(const char *address)
{
    struct str ip = str_slice(str_c(address), 0, str_find_last(str_c(address), ':'));
    bool bracketed = ip.n > 2 && ip.p[0] == '[';
    return ip_parse(bracketed ? str_slice(ip, 1, ip.n - 1) : ip);
}

/* [::] takes both families, as the kernel has it by default. */
static bool takes(const struct ip *at, const struct ip *ip)
{
    return is_unspecified(at) && (at->n == 16 || ip->n == 4);
}

bool own_hosts_has(struct own_hosts *o, const struct conf *c, const char *host)
{
    struct ip ip = ip_parse(str_c(host));
    bool is_everywhere = false;
    if (ip.n == 0) {
        return str_eq_nocase(str_c(host), str_c(c->hostname));
    }
    for (size_t i = 0; i < c->n_listens; i++) {
        for (size_t k = 0; k < c->listens[i].addresses.n; k++) {
            struct ip at = listen_ip(c->listens[i].addresses.v[k]);
            if (own_hosts_is_same(&at, &ip)) {
                return true;
            }
            is_everywhere |= c->listens[i].kind == CONF_LISTEN_SMTP && takes(&at, &ip);
        }
    }
    return is_everywhere && is_of_machine(o, &ip);
}

static uint16_t listen_port(const char *address)
{
    struct str text = str_c(address);
    uint64_t port = 0;
    (void)!str_to_u64(str_slice(text, str_find_last(text, ':') + 1, text.n), 65535, &port);
    return (uint16_t)port;
}

bool own_hosts_behind_any(struct own_hosts *o, const struct conf *c, const char *host,
                          uint16_t port)
{
    struct ip ip = ip_parse(str_c(host));
    bool taken = false;
    for (size_t i = 0; i < c->n_listens && ip.n > 0; i++) {
        for (size_t k = 0; k < c->listens[i].addresses.n; k++) {
            struct ip at = listen_ip(c->listens[i].addresses.v[k]);
            taken = taken || (takes(&at, &ip) && listen_port(c->listens[i].addresses.v[k]) == port);
        }
    }
    return taken && !own_hosts_is_loopback(&ip) && !is_unspecified(&ip) && is_of_machine(o, &ip);
}
