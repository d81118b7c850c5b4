/* SPDX-License-Identifier: Apache-2.0
 * ports.c: opens the listening sockets, at the start and again for a reload. Called by posternd,
 * which alone may bind ports below 1024 and hands the sockets to smtpin, web and metrics.
 *
 * What can go wrong: another program has the address, it is not of this machine, or the kernel
 * forbids it. An address that overlaps one of ours (0.0.0.0:25, then 127.0.0.1:25) can only be
 * had after a restart.
 */
#include "cmd/posternd/ports.h"
#include "cmd/posternd/posternd.h"
#include "ipc/portal_kinds.h"

#include <stdio.h>
#include <unistd.h>

/* A listening socket: opened for us by the service manager, or our own. -errno with a sentence. */
static int open_port(struct port *p, char *problem, size_t size)
{
    struct endpoint at;
    struct str s = str_c(p->address);
    size_t colon = str_find_last(s, ':');
    uint64_t port = 0;
    if (str_to_u64(str_slice(s, colon + 1, s.n), 65535, &port) < 0 ||
        endpoint_parse(str_slice(s, 0, colon), (uint16_t)port, &at) < 0) {
        snprintf(problem, size, "listen address %s is not understood", p->address);
        return -EINVAL;
    }
    p->fd = activated_socket(&at);
    p->is_lent = p->fd >= 0;
    int r = p->is_lent ? 0 : conn_listen(&at, &p->fd);
    if (r < 0) {
        snprintf(problem, size, "cannot listen on %s: %s%s", p->address, strerror(-r),
                 r == -EADDRINUSE ? " (another program has it, or an address of ours overlaps it: "
                                    "then restart posternd)"
                                  : "");
    }
    return r;
}

static const struct port *ports_find(const struct ports *in, const char *address)
{
    for (size_t i = 0; in && i < in->n; i++) {
        if (strcmp(in->v[i].address, address) == 0) {
            return &in->v[i];
        }
    }
    return NULL;
}

static size_t ports_count_of(const struct ports *in, enum port_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++) {
        n += in->v[i].kind == kind;
    }
    return n;
}

static int add_port(struct ports *to, const struct ports *old, enum port_kind kind, unsigned listen,
                    const char *address, char *problem, size_t size)
{
    static const char *const whose[] = {
        [PORT_SMTP] = "listen blocks",
        [PORT_PORTAL] = "portal",
        [PORT_METRICS] = "metrics",
    };
    if (ports_count_of(to, kind) == PORTS_OF_KIND) {
        snprintf(problem, size, "%s: more than %d addresses", whose[kind], PORTS_OF_KIND);
        return -ENOSPC;
    }
    if (strlen(address) >= PORT_ADDRESS) {
        snprintf(problem, size, "%s: an address of more than %d octets", whose[kind],
                 PORT_ADDRESS - 1);
        return -ENOSPC;
    }
    const struct port *open = ports_find(old, address);
    struct port *p = &to->v[to->n];
    *p = open ? *open : (struct port){.fd = -1};
    p->kind = kind;
    p->listen = listen;
    str_copy_cut(str_c(address), p->address, sizeof p->address);
    int r = open ? 0 : open_port(p, problem, size);
    to->n += r == 0;
    return r;
}

static int add_ports(struct ports *to, const struct ports *old, enum port_kind kind,
                     unsigned listen, const struct conf_words *w, char *problem, size_t size)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->n; i++) {
        r = add_port(to, old, kind, listen, w->v[i], problem, size);
    }
    return r;
}

static void close_but(const struct ports *p, const struct ports *kept)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i].is_lent && !ports_find(kept, p->v[i].address)) {
            close(p->v[i].fd);
        }
    }
}

int ports_open(const struct conf *c, const struct ports *old, struct ports *ret, char *problem,
               size_t size)
{
    const struct conf_words *portal[] = {
        [PORTAL_HTTPS] = &c->portal.addresses,
        [PORTAL_REDIRECT] = &c->portal.redirects,
        [PORTAL_PROXY] = &c->portal.proxied,
    };
    int r = 0;
    *ret = (struct ports){0};
    for (unsigned i = 0; r == 0 && i < c->n_listens; i++) {
        r = add_ports(ret, old, PORT_SMTP, i, &c->listens[i].addresses, problem, size);
    }
    for (unsigned k = 0; r == 0 && c->portal.url && k < ARRAY_LEN(portal); k++) {
        r = add_ports(ret, old, PORT_PORTAL, k, portal[k], problem, size);
    }
    r = r < 0 ? r : add_ports(ret, old, PORT_METRICS, 0, &c->metrics.addresses, problem, size);
    if (r < 0) {
        close_but(ret, old);
        ret->n = 0;
    }
    return r;
}

void ports_replace(struct ports *p, const struct ports *next)
{
    close_but(p, next);
    *p = *next;
}
