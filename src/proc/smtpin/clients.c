/* SPDX-License-Identifier: Apache-2.0
 * clients.c: counts sessions per client address and network over all copies of smtpin, in memory
 * they share. Each copy writes only its own row, so that no lock is needed and a copy that dies
 * takes its counts with it when it starts again.
 *
 * An address is counted in two cells chosen by its hash; the smaller sum counts, so that a
 * collision harms only where both cells collide. What can go wrong: a limit met a little early,
 * never late.
 */
#include "proc/smtpin/smtpin.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROWS = 64, CELLS = 8192 };

struct row {
    _Atomic uint32_t sessions;
    _Atomic uint16_t cell[CELLS];
};

struct table {
    struct row row[ROWS];
};

struct clients {
    struct table *table;
    struct row *own;
};

struct clients *clients_new(int fd, unsigned index)
{
    struct clients *c = err_calloc(1, sizeof *c);
    must(index < ROWS);
    void *p = fd < 0 ? MAP_FAILED
                     : mmap(NULL, sizeof *c->table, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    c->table = p == MAP_FAILED ? err_calloc(1, sizeof *c->table) : p;
    c->own = &c->table->row[index];
    c->own->sessions = 0; /* a predecessor's sessions died with it */
    for (size_t i = 0; i < CELLS; i++) {
        c->own->cell[i] = 0;
    }
    return c;
}

/* What counts together: how many octets of the address, and how many times the limit of a network
 * (0: that of an address). */
struct step {
    unsigned octets, times;
};
static const struct step steps_4[] = {{4, 0}, {3, 1}, {0, 0}},
                         steps_6[] = {{16, 0}, {8, 1}, {7, 2}, {6, 4}, {0, 0}};

static const struct step *steps_of(const char *ip)
{
    unsigned char octets[16];
    return address_ip_octets(str_c(ip), octets) == 16 ? steps_6 : steps_4;
}

static uint64_t clients_hash_of(const char *ip, size_t used)
{
    unsigned char key[17] = {(unsigned char)used};
    (void)address_ip_octets(str_c(ip), key + 1);
    /* FNV-1a: the same in every copy, which the keyed hash of base/map is not */
    uint64_t h = 1469598103934665603ULL;
    for (size_t i = 0; i < 1 + used; i++) {
        h = (h ^ key[i]) * 1099511628211ULL;
    }
    return h ^ h >> 29;
}

static unsigned sum(const struct clients *c, size_t cell)
{
    unsigned n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        n += c->table->row[i].cell[cell];
    }
    return n;
}

static unsigned clients_count(const struct clients *c, uint64_t hash)
{
    unsigned a = sum(c, hash % CELLS), b = sum(c, (hash >> 32) % CELLS);
    return a < b ? a : b;
}

static void clients_change(struct clients *c, uint64_t hash, int by)
{
    size_t one = hash % CELLS, other = (hash >> 32) % CELLS;
    c->own->cell[one] = (uint16_t)(c->own->cell[one] + by);
    if (other != one) {
        c->own->cell[other] = (uint16_t)(c->own->cell[other] + by);
    }
}

static size_t all_sessions(const struct clients *c)
{
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        n += c->table->row[i].sessions;
    }
    return n;
}

static void count_all(struct clients *c, const char *ip, int by)
{
    for (const struct step *s = steps_of(ip); s->octets; s++) {
        clients_change(c, clients_hash_of(ip, s->octets), by);
    }
}

const char *clients_enter(struct smtpin *in, struct client *cl)
{
    const struct conf *conf = child_conf(in->child);
    struct clients *c = in->clients;
    bool too_many = false;
    /* first the place, then the question: two copies at the same time see each other */
    cl->counted = true;
    c->own->sessions++;
    count_all(c, cl->ip, 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (all_sessions(c) > (size_t)conf->limits.connections) {
        clients_leave(in, cl);
        return "Too many sessions at the moment; please try again";
    }
    for (const struct step *s = steps_of(cl->ip); s->octets; s++) {
        int64_t most = s->times ? conf->limits.connections_per_network * s->times
                                : conf->limits.connections_per_address;
        too_many |= clients_count(c, clients_hash_of(cl->ip, s->octets)) > (size_t)most;
    }
    if (too_many) {
        clients_leave(in, cl);
        return "Too many sessions from your address at the moment; please try again";
    }
    return NULL;
}

void clients_leave(struct smtpin *in, struct client *cl)
{
    if (cl->counted) {
        cl->counted = false;
        in->clients->own->sessions--;
        count_all(in->clients, cl->ip, -1);
    }
}

bool clients_hurry(const struct smtpin *in)
{
    return all_sessions(in->clients) * 10 > (size_t)child_conf(in->child)->limits.connections * 9;
}
