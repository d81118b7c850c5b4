/* SPDX-License-Identifier: Apache-2.0
 * evil.c: a process of Postern that was taken over. Started by posternd under the name of a real one (tests/live/test_evil.py
 * puts it there): the first copy is the real program, every other one says what it pleases on each channel it was given.
 *
 * It says what its role may say, with identifiers it heard, their neighbours and invented ones, in any order, twice, never;
 * with "any" in the file `evil.mode` beside it also what only others may say. It never claims that mail it was given itself was
 * delivered: nothing could tell that lie from the truth, and so every "delivered" that is not true is another's mail.
 */
#include "base/random.h"
#include "proc/child.h"
#include "sys/file.h"
#include "sys/lease.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVERY_MS = 10, AT_ONCE = 8, POOL = 512, TEXTS = 128, TEXT = 300, PEERS = 64, LEASES = 4096 };

static struct evil {
    const char *name;
    bool any;
    enum role role;
    struct child *child;
    struct timer *timer;
    struct evil_peer {
        struct ipc_channel *channel;
        enum role role;
        struct ipc_msg last; /* said to it */
    } peers[PEERS];
    uint64_t ids[POOL];
    struct lease_id leases[POOL], own[LEASES];
    size_t n_ids, n_leases, n_own;
    char texts[TEXTS][TEXT];
    size_t text_n[TEXTS], n_texts;
} evil;

/* --- what it heard ------------------------------------------------------------------------------------------------- */

static void hear_id(uint64_t id)
{
    if (id > 0) {
        evil.ids[evil.n_ids++ % POOL] = id;
    }
}

static void hear_text(struct str s)
{
    if (s.n > 0) {
        size_t at = evil.n_texts++ % TEXTS;
        evil.text_n[at] = s.n < TEXT ? s.n : TEXT;
        memcpy(evil.texts[at], s.p, evil.text_n[at]);
    }
}

#define HEAR_u8(field, max)
#define HEAR_u16(field, max)
#define HEAR_u32(field, max)
#define HEAR_u64(field, max) hear_id(m->field);
#define HEAR_i64(field, max)
#define HEAR_lease(field, max) evil.leases[evil.n_leases++ % POOL] = m->field;
#define HEAR_str(field, max) hear_text(m->field);
#define HEAR_bytes(field, max) hear_text(m->field);
#define HEAR_FIELD(kind, field, max) HEAR_##kind(field, max)
#define HEAR(number, name)                                                                         \
    static void hear_##name(const struct ipc_##name *m)                                            \
    {                                                                                              \
        (void)m;                                                                                   \
        IPC_FIELDS_##name(HEAR_FIELD)                                                              \
    }
IPC_MESSAGES(HEAR)

#define HEAR_CASE(number, name)                                                                    \
    case IPC_##name:                                                                               \
        hear_##name(&m->name);                                                                     \
        break;
static void hear(const struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(HEAR_CASE)
    }
    if (m->type == IPC_job && evil.n_own < LEASES) {
        evil.own[evil.n_own++] = m->job.lease;
    }
}

static bool is_own(const struct lease_id *lease)
{
    for (size_t i = 0; i < evil.n_own; i++) {
        if (lease_same(&evil.own[i], lease)) {
            return true;
        }
    }
    return false;
}

/* --- what it says -------------------------------------------------------------------------------------------------- */

static uint64_t some_id(void)
{
    uint64_t any, heard = evil.n_ids ? evil.ids[random_below((uint32_t)(evil.n_ids < POOL ? evil.n_ids : POOL))] : 1;
    random_bytes(&any, sizeof any);
    switch (random_below(4)) {
    case 0:
        return heard;
    case 1:
        return heard + random_below(9) - 4;
    case 2:
        return random_below(1000);
    default:
        return any;
    }
}

/* One it heard, one off by a bit, or none that anybody gave. */
static struct lease_id some_lease(void)
{
    struct lease_id l = evil.n_leases ? evil.leases[random_below((uint32_t)(evil.n_leases < POOL ? evil.n_leases : POOL))] : lease_draw();
    switch (random_below(6)) {
    case 0:
        l.octets[random_below(sizeof l.octets)] ^= 1;
        return l;
    case 1:
        return lease_draw();
    default:
        return l;
    }
}

static struct str cut(struct str s, size_t max)
{
    return str_slice(s, 0, s.n < max ? s.n : max);
}

static struct str some_text(size_t max)
{
    static char rubbish[4096];
    size_t at = evil.n_texts ? random_below((uint32_t)(evil.n_texts < TEXTS ? evil.n_texts : TEXTS)) : 0;
    switch (random_below(8)) {
    case 0:
        return STR("");
    case 1:
        random_bytes(rubbish, sizeof rubbish);
        return cut(str_from(rubbish, random_below(4096)), max);
    case 2:
        return cut(STR("postmaster@inside.test"), max);
    case 3:
        return cut(STR("../../etc/passwd"), max);
    default:
        return cut(str_from(evil.texts[at], evil.text_n[at]), max);
    }
}

static uint8_t some_octet(unsigned max)
{
    return (uint8_t)random_below(max ? max + 1 : random_below(3) ? 2 : 256);
}

#define SAY_u8(field, max) m->field = some_octet(max);
#define SAY_u16(field, max) m->field = (uint16_t)random_below(65536);
#define SAY_u32(field, max) m->field = random_below(5) ? random_below(100) : UINT32_MAX;
#define SAY_u64(field, max) m->field = some_id();
#define SAY_i64(field, max) m->field = (int64_t)some_id();
#define SAY_lease(field, max) m->field = some_lease();
#define SAY_str(field, max) m->field = some_text(max);
#define SAY_bytes(field, max) m->field = some_text(max);
#define SAY_FIELD(kind, field, max) SAY_##kind(field, max)
#define SAY(number, name)                                                                          \
    static void say_##name(struct ipc_##name *m)                                                   \
    {                                                                                              \
        IPC_FIELDS_##name(SAY_FIELD)                                                               \
    }
IPC_MESSAGES(SAY)

#define SAY_CASE(number, name)                                                                     \
    case IPC_##name:                                                                               \
        say_##name(&m->name);                                                                      \
        break;
static void fill(struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(SAY_CASE)
    }
    if (m->type == IPC_outcome_rcpt && is_own(&m->outcome_rcpt.lease)) {
        m->outcome_rcpt.result = 1; /* deferred */
    }
}

/* What each role may say to whom: as the rules of the other side have it. */
static const struct {
    enum role from, to;
    enum ipc_type types[24];
} may[] = {
    {ROLE_SMTPIN, ROLE_QUEUE, {IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop, IPC_refusal, IPC_alarm}},
    {ROLE_SMTPIN, ROLE_LOGIN, {IPC_login_begin, IPC_login_text, IPC_login_cancel}},
    {ROLE_SMTPOUT, ROLE_QUEUE,
     {IPC_outcome_host, IPC_outcome_rcpt, IPC_outcome, IPC_outcome_part, IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop,
      IPC_sighting, IPC_quirk, IPC_looked, IPC_probe_host, IPC_probe_done, IPC_rpt_session, IPC_rpt_written, IPC_rpt_received}},
    {ROLE_SMTPOUT, ROLE_KEYS, {IPC_unwrap, IPC_sign}},
    {ROLE_SMTPOUT, ROLE_LOOKUP, {IPC_resolve, IPC_post}},
    {ROLE_INSPECT, ROLE_QUEUE, {IPC_inspected, IPC_prepared_piece, IPC_prepared, IPC_inspector_leaves}},
    {ROLE_INSPECT, ROLE_KEYS, {IPC_unwrap}},
    {ROLE_WEB, ROLE_QUEUE, {IPC_portal_ask, IPC_alarm, IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop}},
    {ROLE_WEB, ROLE_KEYS, {IPC_unwrap}},
    {ROLE_WEB, ROLE_LOGIN, {IPC_login_begin, IPC_login_text, IPC_login_cancel}},
    {ROLE_LOGIN, ROLE_QUEUE, {IPC_proved, IPC_group_members, IPC_pass_proved, IPC_login_ask, IPC_login_judged}},
    {ROLE_LOOKUP, ROLE_QUEUE, {IPC_sts_policy, IPC_alarm, IPC_sts_answer, IPC_posted}},
    {ROLE_LOOKUP, ROLE_SMTPOUT, {IPC_resolved_host, IPC_resolved, IPC_posted}},
};

static enum ipc_type some_type(enum role to)
{
    static const enum ipc_type all[] = {
#define TYPE(number, name) IPC_##name,
        IPC_MESSAGES(TYPE)};
    if (evil.any && random_below(4) == 0) {
        return all[random_below(ARRAY_LEN(all))];
    }
    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        size_t n = 0;
        while (may[i].types[n]) {
            n++;
        }
        if (may[i].from == evil.role && may[i].to == to) {
            return may[i].types[random_below((uint32_t)n)];
        }
    }
    return IPC_none;
}

static void say_something(struct evil_peer *p)
{
    struct ipc_msg m = {.type = some_type(p->role)};
    if (m.type == IPC_none) {
        return;
    }
    if (random_below(8) || p->last.type == IPC_none) {
        fill(&m);
    } else {
        m = p->last; /* once more; what it views may be another's words by now */
    }
    p->last = m;
    if (evil.any && random_below(50) == 0) {
        int fd = file_memory("evil", STR("evil"));
        ipc_send_fd(p->channel, &m, fd);
        close(fd);
    } else {
        ipc_send(p->channel, &m);
    }
}

static void on_time(void *arg)
{
    (void)arg;
    for (size_t k = 0; k < AT_ONCE; k++) {
        size_t at = random_below(PEERS);
        for (size_t i = 0; i < PEERS; i++) { /* the next one that is there */
            struct evil_peer *p = &evil.peers[(at + i) % PEERS];
            if (p->channel) {
                say_something(p);
                break;
            }
        }
    }
    if (evil.any && random_below(20) == 0) {
        static struct evil_peer posternd = {.role = ROLE_END};
        posternd.channel = child_control(evil.child);
        say_something(&posternd);
    }
    timer_start(evil.timer, EVERY_MS);
}

/* --- the life of a process ------------------------------------------------------------------------------------------ */

static void on_any(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    (void)owner;
    (void)ch;
    hear(m);
    err_close_fd(&fd);
}

static const struct ipc_rule everything[] = {
#define EVERYTHING(number, name) {IPC_##name, on_any},
    IPC_MESSAGES(EVERYTHING){IPC_none, NULL}};

static void on_gone(void *owner, struct ipc_channel *ch)
{
    (void)owner;
    for (size_t i = 0; i < PEERS; i++) {
        evil.peers[i].channel = evil.peers[i].channel == ch ? NULL : evil.peers[i].channel;
    }
}

static void on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    (void)owner;
    (void)index;
    for (size_t i = 0; i < PEERS; i++) {
        if (!evil.peers[i].channel) {
            evil.peers[i].channel = ipc_channel_new(child_loop(c), fd, role_names[role], everything, on_gone, NULL);
            evil.peers[i].role = role;
            return;
        }
    }
    close(fd);
}

static void on_signing(void *owner, struct child *c, enum role role, int fd)
{
    (void)owner;
    (void)c;
    (void)role;
    close(fd);
}

static void on_listener(void *owner, struct child *c, struct str name, unsigned kind, int fd)
{
    (void)owner;
    (void)c;
    (void)name;
    (void)kind;
    close(fd);
}

static void on_shared(void *owner, struct child *c, struct str name, int fd)
{
    on_listener(owner, c, name, 0, fd);
}

static void sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    (void)owner;
    (void)c;
    *ret = (struct sandbox){.calls = SANDBOX_FILES};
}

static void on_start(void *owner, struct child *c)
{
    (void)owner;
    evil.child = c;
    evil.timer = timer_new(child_loop(c), on_time, NULL);
    timer_start(evil.timer, EVERY_MS);
}

static enum role role_of(const char *name)
{
    for (unsigned i = 0; i < ROLE_END; i++) {
        if (strcmp(role_names[i], name) == 0) {
            return (enum role)i;
        }
    }
    return ROLE_END;
}

int main(int argc, char **argv)
{
    static const struct ipc_rule more[] = {{IPC_ctl_public_key, on_any}, {IPC_metrics_text, on_any}, {IPC_none, NULL}};
    static const struct child_events events = {.rules = more, .on_peer = on_peer, .on_signing = on_signing, .on_listener = on_listener,
                                               .on_shared = on_shared, .sandbox = sandbox, .on_start = on_start};
    char path[600], here[600];
    CLEANUP(buf_free) struct buf mode = BUF_INIT(64);
    str_copy_cut(str_c(argv[0]), here, sizeof here);
    const char *name = basename(argv[0]);
    const char *folder = dirname(here);
    if (argc == 2 && strcmp(argv[1], "0") == 0 && strcmp(name, "lookup") != 0) {
        snprintf(path, sizeof path, "%s/real-%s", folder, name);
        execv(path, (char *[]){path, argv[1], NULL});
        return 1;
    }
    snprintf(path, sizeof path, "%s/evil.mode", folder);
    evil.any = file_read(path, &mode) == 0 && str_eq(str_trim(buf_str(&mode)), STR("any"));
    evil.name = name;
    evil.role = role_of(name);
    return child_main(argc, argv, name, &events, &evil);
}
