/* SPDX-License-Identifier: Apache-2.0
 * speech.c: what a process of Postern that was taken over says: what its role may say, with
 * identifiers it heard, their neighbours and invented ones, in any order, twice, never; with
 * `any` also what only others may say. It never claims that mail it was given itself was
 * delivered: nothing could tell that lie from the truth, and so every "delivered" that is not
 * true is another's mail.
 */
#include "speech.h"
#include "base/clock.h"
#include "dice.h"
#include "sys/file.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AT_ONCE = 8,
    POOL = 512,
    TEXTS = 128,
    TEXT = 300,
    PEERS = 64,
    LEASES = 65536,
    SAID = 24,
    RECENT = 8
};

#define UNORDERED ((uint64_t)1 << 62) /* in the token of what must be refused */

struct speaker {
    struct ipc_channel *channel;
    enum role as, role;
    unsigned number, index; /* of the one it plays, and of the other */
    bool signing;           /* the channel of TLS signatures */
    bool careful;           /* it says seldom what is refused at once, so that the rest is heard */
    struct ipc_msg last;    /* said to it */
};

/* A recipient of a delivery that a smtpout was given. */
struct given {
    struct lease_id lease;
    uint64_t rcpt;
    unsigned number; /* of that smtpout */
};

static struct evil {
    bool any;
    int file;
    enum role as; /* whose words are being made */
    struct speaker peers[PEERS];
    uint64_t ids[POOL], token; /* token: of the question that came last */
    struct lease_id leases[POOL];
    /* read: of inspects; rcpt: whether a page is to be made */
    struct given given[LEASES], read[POOL];
    struct said {
        enum role as, to;
        unsigned number;
        enum ipc_type type;
    } said[SAID];
    uint64_t turns, n_said, token_made;
    struct lease_id job; /* a queue's: of the delivery it speaks of now */
    size_t n_ids, n_leases, n_given, n_read, n_unordered;
    char texts[TEXTS][TEXT];
    size_t text_n[TEXTS], n_texts;
    /* a message that it got, and its key; key: the same in clear, where it is known */
    unsigned char wrapped[256];
    size_t n_wrapped, n_body, n_key;
    char body[66560], key[32];
} evil;

/* --- what it heard ------------------------------------------------------ */

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
#define HEAR_u64(field, max) \
    hear_id(m->field); \
    evil.token = sizeof(#field) == sizeof("token") && #field[0] == 't' ? m->field : evil.token;
#define HEAR_i64(field, max)
#define HEAR_lease(field, max)  evil.leases[evil.n_leases++ % POOL] = m->field;
#define HEAR_str(field, max)    hear_text(m->field);
#define HEAR_bytes(field, max)  hear_text(m->field);
#define HEAR_key(field, max)    hear_id(m->field);
#define HEAR_serial(field, max) hear_id(m->field);
#define HEAR_store_enum(field, name)
#define HEAR_flag(field, max)
#define HEAR_enum(field, name)
#define HEAR_blob(field, max)        hear_text(m->field);
#define HEAR_FIELD(kind, field, max) HEAR_##kind(field, max)
#define HEAR(number, name, descriptor) \
    static void hear_##name(const struct ipc_##name *m) \
    { \
        (void)m; \
        IPC_FIELDS_##name(HEAR_FIELD) \
    }
IPC_MESSAGES(HEAR)

#define HEAR_CASE(number, name, descriptor) \
    case IPC_##name: \
        hear_##name(&m->name); \
        break;
static void hear(const struct speaker *p, const struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(HEAR_CASE)
    }
    if (m->type == IPC_job_rcpt) {
        evil.given[evil.n_given++ % LEASES] =
            (struct given){m->job_rcpt.lease, m->job_rcpt.rcpt, p->number};
    }
    bool unordered =
        m->type == IPC_submitted && p->as == ROLE_SMTPOUT && (m->submitted.token & UNORDERED);
    evil.n_unordered += unordered && m->submitted.result == 0;
    if (m->type == IPC_inspect) {
        evil.read[evil.n_read++ % POOL] =
            (struct given){m->inspect.lease, m->inspect.kind == JOB_PREPARE, p->number};
    }
    if (m->type == IPC_submit && m->submit.body.n > 0) {
        evil.n_wrapped = m->submit.sealed_key.n;
        evil.n_body = m->submit.body.n;
        memcpy(evil.wrapped, m->submit.sealed_key.p, evil.n_wrapped);
        memcpy(evil.body, m->submit.body.p, evil.n_body);
    }
}

/* It was given this recipient with this lease, and so may say anything of it. */
static bool is_own(const struct speaker *p, const struct lease_id *lease, uint64_t rcpt)
{
    for (size_t i = 0; i < evil.n_given && i < LEASES; i++) {
        const struct given *g = &evil.given[i];
        if (g->number == p->number && g->rcpt == rcpt && lease_same(&g->lease, lease)) {
            return true;
        }
    }
    return false;
}

/* One of the last. */
static const struct given *some_given(const struct given *all, size_t n, size_t max)
{
    return &all[(n - 1 - dice_below(n < RECENT ? (uint32_t)n : RECENT)) % max];
}

/* --- what it says ------------------------------------------------------- */

static uint64_t some_id(void)
{
    uint64_t any,
        heard = evil.n_ids ? evil.ids[dice_below((uint32_t)(evil.n_ids < POOL ? evil.n_ids : POOL))]
                           : 1;
    dice_bytes(&any, sizeof any);
    switch (dice_below(6)) {
    case 0:
        return heard;
    case 1:
        return heard + dice_below(9) - 4;
    case 3:
    case 4:
        return evil.token;
    case 2:
        return dice_below(1000);
    default:
        return any;
    }
}

/* One it heard, one off by a bit, or none that anybody gave. */
static struct lease_id some_lease(void)
{
    struct lease_id l =
        evil.n_leases
            ? evil.leases[dice_below((uint32_t)(evil.n_leases < POOL ? evil.n_leases : POOL))]
            : dice_lease();
    if (evil.as == ROLE_QUEUE && dice_below(2)) {
        return evil.job;
    }
    switch (dice_below(6)) {
    case 0:
        l.octets[dice_below(sizeof l.octets)] ^= 1;
        return l;
    case 1:
        return dice_lease();
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
    size_t at =
        evil.n_texts ? dice_below((uint32_t)(evil.n_texts < TEXTS ? evil.n_texts : TEXTS)) : 0;
    switch (dice_below(evil.as == ROLE_QUEUE ? 10 : 8)) {
    case 0:
        return STR("");
    case 8:
        return cut(dice_below(2) ? STR("good.test") : STR("127.0.0.1"), max);
    case 9:
        return cut(STR("<evil@good.test>"), max);
    case 1:
        dice_bytes(rubbish, sizeof rubbish);
        return cut(str_from(rubbish, dice_below(4096)), max);
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
    return (uint8_t)dice_below(max ? max + 1 : dice_below(3) ? 2 : 256);
}

#define SAY_u8(field, max)          m->field = some_octet(max);
#define SAY_u16(field, max)         m->field = (uint16_t)dice_below(65536);
#define SAY_u32(field, max)         m->field = dice_below(5) ? dice_below(100) : UINT32_MAX;
#define SAY_u64(field, max)         m->field = some_id();
#define SAY_i64(field, max)         m->field = (int64_t)some_id();
#define SAY_lease(field, max)       m->field = some_lease();
#define SAY_str(field, max)         m->field = some_text(max);
#define SAY_bytes(field, max)       m->field = some_text(max);
#define SAY_key(field, max)         m->field = some_id();
#define SAY_serial(field, max)      m->field = some_id();
#define SAY_store_enum(field, name) SAY_enum(field, name)
#define SAY_enum(field, name)       m->field = (enum name)some_octet(IPC_END_##name - 1);
#define SAY_flag(field, max)        m->field = dice_below(2);
#define SAY_blob(field, max)        m->field = some_text(max);
#define SAY_FIELD(kind, field, max) SAY_##kind(field, max)
#define SAY(number, name, descriptor) \
    static void say_##name(struct ipc_##name *m) \
    { \
        IPC_FIELDS_##name(SAY_FIELD) \
    }
IPC_MESSAGES(SAY)

#define SAY_CASE(number, name, descriptor) \
    case IPC_##name: \
        say_##name(&m->name); \
        break;
static void fill(const struct speaker *p, struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(SAY_CASE)
    }
    if (m->type == IPC_unwrapped && evil.n_key > 0 && dice_below(4)) {
        m->unwrapped.ok = 1;
        m->unwrapped.key = str_from(evil.key, evil.n_key);
    }
    if (m->type == IPC_outcome_rcpt && is_own(p, &m->outcome_rcpt.lease, m->outcome_rcpt.rcpt)) {
        m->outcome_rcpt.result = 1; /* deferred */
    }
}

/* What each role may say to whom: as the rules of the other side have it. */
static const struct {
    enum role from, to;
    enum ipc_type types[24];
} may[] = {
    {ROLE_KEYS, ROLE_QUEUE, {IPC_link_sealed}},
    {ROLE_KEYS, ROLE_SMTPOUT, {IPC_unwrapped, IPC_signature}},
    {ROLE_KEYS, ROLE_INSPECT, {IPC_unwrapped}},
    {ROLE_KEYS, ROLE_WEB, {IPC_unwrapped}},
    {ROLE_QUEUE, ROLE_KEYS, {IPC_lease_open, IPC_lease_close, IPC_seal_link}},
    {ROLE_QUEUE, ROLE_SMTPIN, {IPC_submitted, IPC_spool_opened}},
    {ROLE_QUEUE,
     ROLE_SMTPOUT,
     {IPC_job_rcpt, IPC_job_rcpt, IPC_quirk, IPC_job, IPC_outcome_saved, IPC_submitted, IPC_probe,
      IPC_system_mail, IPC_envelope_mail, IPC_rpt_policy, IPC_rpt_failure, IPC_rpt_write}},
    {ROLE_QUEUE, ROLE_LOOKUP, {IPC_post, IPC_sts_policy, IPC_sts_loaded, IPC_sts_ask}},
    {ROLE_QUEUE,
     ROLE_LOGIN,
     {IPC_account, IPC_account_gone, IPC_accounts_loaded, IPC_group_ask, IPC_prove, IPC_pass_kept,
      IPC_login_ruling}},
    {ROLE_QUEUE, ROLE_INSPECT, {IPC_inspect}},
    {ROLE_QUEUE,
     ROLE_WEB,
     {IPC_portal_answer, IPC_portal_answer, IPC_row_envelope, IPC_row_envelope_event,
      IPC_portal_piece, IPC_row_fate, IPC_submitted, IPC_spool_opened}},
    {ROLE_SMTPIN,
     ROLE_QUEUE,
     {IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop, IPC_refusal, IPC_alarm}},
    {ROLE_SMTPIN, ROLE_LOGIN, {IPC_login_begin, IPC_login_text, IPC_login_cancel}},
    {ROLE_SMTPOUT,
     ROLE_QUEUE,
     {IPC_worker_ready, IPC_lease_taken, IPC_outcome_host, IPC_outcome_rcpt, IPC_outcome,
      IPC_outcome_part, IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop,
      IPC_observation, IPC_quirk, IPC_looked, IPC_probe_host, IPC_probe_done, IPC_rpt_session,
      IPC_rpt_written, IPC_rpt_received}},
    {ROLE_SMTPOUT, ROLE_KEYS, {IPC_unwrap, IPC_sign}},
    {ROLE_SMTPOUT, ROLE_LOOKUP, {IPC_resolve, IPC_post}},
    {ROLE_INSPECT,
     ROLE_QUEUE,
     {IPC_worker_ready, IPC_lease_taken, IPC_inspected, IPC_prepared_piece, IPC_prepared,
      IPC_inspector_leaves}},
    {ROLE_INSPECT, ROLE_KEYS, {IPC_unwrap}},
    {ROLE_WEB,
     ROLE_QUEUE,
     {IPC_portal_ask, IPC_alarm, IPC_submit_rcpt, IPC_submit, IPC_spool_open, IPC_spool_drop}},
    {ROLE_WEB, ROLE_KEYS, {IPC_unwrap}},
    {ROLE_WEB, ROLE_LOGIN, {IPC_login_begin, IPC_login_text, IPC_login_cancel}},
    {ROLE_LOGIN,
     ROLE_QUEUE,
     {IPC_proved, IPC_group_members, IPC_pass_proved, IPC_login_ask, IPC_login_judged}},
    {ROLE_LOOKUP, ROLE_QUEUE, {IPC_sts_policy, IPC_alarm, IPC_sts_answer, IPC_posted}},
    {ROLE_LOGIN, ROLE_SMTPIN, {IPC_login_step}},
    {ROLE_LOGIN, ROLE_WEB, {IPC_login_step}},
    {ROLE_LOOKUP, ROLE_SMTPOUT, {IPC_resolved_host, IPC_resolved, IPC_posted}},
};

/* Without what should go before it. */
static bool is_refused_soon(enum ipc_type t)
{
    static const enum ipc_type soon[] = {
        IPC_job,          IPC_rpt_policy,    IPC_rpt_failure,    IPC_rpt_write,    IPC_submitted,
        IPC_spool_opened, IPC_login_ruling,  IPC_pass_kept,      IPC_inspect,      IPC_submit,
        IPC_spool_drop,   IPC_alarm,         IPC_outcome_host,   IPC_outcome_rcpt, IPC_outcome_part,
        IPC_outcome,      IPC_inspected,     IPC_prepared_piece, IPC_prepared,     IPC_login_judged,
        IPC_proved,       IPC_group_members, IPC_rpt_written,    IPC_probe_host,   IPC_probe_done,
        IPC_unwrap,       IPC_lease_taken,   IPC_worker_ready,
    };
    for (size_t i = 0; i < ARRAY_LEN(soon); i++) {
        if (soon[i] == t) {
            return true;
        }
    }
    return false;
}

static enum ipc_type some_type(const struct speaker *p)
{
    static const enum ipc_type all[] = {
#define TYPE(number, name, descriptor) IPC_##name,
        IPC_MESSAGES(TYPE)};
    if (evil.any && dice_below(4) == 0 && (!p->careful || dice_below(100) == 0)) {
        return all[dice_below(ARRAY_LEN(all))];
    }
    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        size_t n = 0;
        while (may[i].types[n]) {
            n++;
        }
        if (may[i].from == p->as && may[i].to == p->role) {
            enum ipc_type t = may[i].types[dice_below((uint32_t)n)];
            return is_refused_soon(t) && p->careful && dice_below(100) ? IPC_none : t;
        }
    }
    return IPC_none;
}

/* Some messages may have a file, by the table. */
static bool may_have_file(enum ipc_type t)
{
    return t == IPC_spool_opened || t == IPC_job || t == IPC_inspect || t == IPC_portal_answer;
}

static void send_it(struct speaker *p, const struct ipc_msg *m)
{
    evil.said[evil.n_said++ % SAID] = (struct said){p->as, p->role, p->number, m->type};
    bool file = may_have_file(m->type) ? dice_below(2) : evil.any && dice_below(50) == 0;
    if (file) {
        ipc_send_fd(p->channel, m, dup(evil.file));
    } else {
        ipc_send(p->channel, m);
    }
}

static void say_something(struct speaker *p)
{
    struct ipc_msg m = {
        .type = p->signing ? dice_below(2) ? IPC_tls_signature : IPC_ticket_secret : some_type(p),
    };
    evil.as = p->as;
    if (m.type == IPC_none) {
        return;
    }
    if (dice_below(8) || p->last.type == IPC_none) {
        fill(p, &m);
    } else {
        m = p->last; /* once more; what it views may be another's words by now */
    }
    p->last = m;
    send_it(p, &m);
}

/* Of a kind that it plays. */
static struct speaker *some_peer(enum role as, enum role role)
{
    size_t at = dice_below(PEERS);
    for (size_t i = 0; i < PEERS; i++) {
        struct speaker *p = &evil.peers[(at + i) % PEERS];
        if (p->channel && (as == ROLE_END || (!p->signing && p->as == as && p->role == role))) {
            return p;
        }
    }
    return NULL;
}

/* An evil queue's delivery that goes through: a message it got, to somebody else; its end is
 * said twice, or its lease given again. */
static void say_delivery(void)
{
    struct speaker *out = some_peer(ROLE_QUEUE, ROLE_SMTPOUT),
                   *keys = some_peer(ROLE_QUEUE, ROLE_KEYS);
    struct ipc_msg job = {.type = IPC_job};
    if (!out || evil.n_body == 0) {
        return;
    }
    evil.job = out->careful || dice_below(4) ? dice_lease() : evil.job;
    ipc_send(keys ? keys->channel : NULL,
             &(struct ipc_msg){.type = IPC_lease_open,
                               .lease_open = {
                                   .lease = evil.job,
                                   .role = ROLE_SMTPOUT,
                                   .index = out->index,
                                   .sealed_key =
                                       str_from((const char *)evil.wrapped, evil.n_wrapped),
                               }});
    for (uint32_t i = dice_below(4) + out->careful; i > 0; i--) {
        ipc_send(out->channel, &(struct ipc_msg){.type = IPC_job_rcpt,
                                                 .job_rcpt = {
                                                     .lease = evil.job,
                                                     .rcpt = some_id(),
                                                     .forward_path = STR("evil@good.test"),
                                                 }});
    }
    fill(out, &job);
    job.job.lease = evil.job;
    job.job.size = evil.n_body;
    job.job.next_hop = job.job.memory_key = STR("good.test");
    job.job.port = dice_below(2) ? 25 : 0;
    job.job.kind = dice_below(3) ? 0 : job.job.kind;
    job.job.body = dice_below(4) ? str_from(evil.body, evil.n_body) : job.job.body;
    ipc_send(out->channel, &job);
}

/* Whom mail of an evil smtpin is for: it is tried, read before it is tried, made into a page. */
static struct str some_recipient(void)
{
    static const char *const to[] = {"evil@good.test", "nurse@inside.test", "evil@portal.test"};
    return str_c(to[dice_below(ARRAY_LEN(to))]);
}

/* An evil smtpin's message that is taken: mail has to be there before anybody can lie about it. */
static void say_message(void)
{
    static unsigned counter;
    struct speaker *queue = some_peer(ROLE_SMTPIN, ROLE_QUEUE);
    struct ipc_msg m = {.type = IPC_submit};
    uint64_t token = ++evil.token_made;
    if (!queue || evil.n_body == 0) {
        return;
    }
    for (uint32_t i = dice_below(3) + queue->careful; i > 0; i--) {
        const struct ipc_submit_rcpt to = {
            .token = token,
            .forward_path = some_recipient(),
            .notify = some_octet(0),
        };
        send_it(queue, &(struct ipc_msg){.type = IPC_submit_rcpt, .submit_rcpt = to});
    }
    evil.as = ROLE_SMTPIN;
    fill(queue, &m);
    m.submit.token = token;
    m.submit.id = id_make(clock_wall_ms(), ID_MAKERS_SMTPIN + queue->number, counter++);
    m.submit.reverse_path = dice_below(4) ? STR("nurse@inside.test") : STR("");
    m.submit.size = evil.n_body;
    m.submit.spool = STR("");
    m.submit.body = str_from(evil.body, evil.n_body);
    m.submit.sealed_key = str_from((const char *)evil.wrapped, evil.n_wrapped);
    send_it(queue, &m);
}

/* A smtpout's mail in our name that nobody ordered, with all that another's would have. */
static void forge_mail(void)
{
    static unsigned counter;
    struct speaker *queue = some_peer(ROLE_SMTPOUT, ROLE_QUEUE);
    struct ipc_msg m = {.type = IPC_submit};
    uint64_t token = UNORDERED | ++evil.token_made;
    if (!queue || queue->careful || evil.n_body == 0) {
        return;
    }
    const struct ipc_submit_rcpt to = {.token = token, .forward_path = some_recipient()};
    send_it(queue, &(struct ipc_msg){.type = IPC_submit_rcpt, .submit_rcpt = to});
    evil.as = ROLE_SMTPOUT;
    fill(queue, &m);
    m.submit.token = token;
    m.submit.id = id_make(clock_wall_ms(), ID_MAKERS_SMTPOUT + queue->number, counter++);
    m.submit.lease = dice_below(2) ? dice_lease() : (struct lease_id){0};
    m.submit.reverse_path = dice_below(2) ? STR("") : STR("nurse@inside.test");
    m.submit.size = evil.n_body;
    m.submit.spool = STR("");
    m.submit.body = str_from(evil.body, evil.n_body);
    m.submit.sealed_key = str_from((const char *)evil.wrapped, evil.n_wrapped);
    send_it(queue, &m);
}

/* What came of a delivery: of its own, or of another smtpout's; each part once, twice or never. */
static void say_ending(void)
{
    static const enum ipc_type parts[] = {
        IPC_outcome_host,
        IPC_outcome_rcpt,
        IPC_outcome_part,
        IPC_outcome,
    };
    struct speaker *queue = some_peer(ROLE_SMTPOUT, ROLE_QUEUE);
    if (!queue || evil.n_given == 0) {
        return;
    }
    bool lies = !queue->careful || dice_below(10) == 0;
    const struct given *g = some_given(evil.given, evil.n_given, LEASES);
    const struct given *other = some_given(evil.given, evil.n_given, LEASES);
    if (lies && evil.n_read > 0 && dice_below(8) == 0) {
        g = some_given(evil.read, evil.n_read, POOL); /* what an inspect has in hand */
    }
    evil.as = ROLE_SMTPOUT;
    for (size_t i = 0; i < ARRAY_LEN(parts) && (lies || g->number == queue->number); i++) {
        for (uint32_t n = lies ? dice_below(3) : 1; n > 0; n--) {
            struct ipc_msg m = {.type = parts[i]};
            fill(queue, &m);
            memcpy(&m.outcome, &g->lease, sizeof g->lease); /* the first field of each of them */
            if (m.type == IPC_outcome_rcpt) {
                m.outcome_rcpt.rcpt = lies && dice_below(2) ? other->rcpt : g->rcpt;
                m.outcome_rcpt.result = is_own(queue, &g->lease, m.outcome_rcpt.rcpt) ? 1 : 0;
            }
            send_it(queue, &m);
        }
    }
}

/* What an inspect says of a message: that it was given, or another; as a whole, in pieces,
 * twice. */
static void say_findings(void)
{
    struct speaker *queue = some_peer(ROLE_INSPECT, ROLE_QUEUE);
    if (!queue || evil.n_read == 0) {
        return;
    }
    static const enum ipc_type parts[] = {
        IPC_prepared_piece,
        IPC_prepared_piece,
        IPC_prepared,
        IPC_inspected,
    };
    const struct given *g = some_given(evil.read, evil.n_read, POOL);
    if (queue->careful && g->number != queue->number && dice_below(20)) {
        return;
    }
    size_t at = g->rcpt ? 0 : 3, end = g->rcpt ? 3 : 4; /* what it was asked for */
    if (!queue->careful && dice_below(4) == 0) {
        at = 0;
        end = ARRAY_LEN(parts);
    }
    evil.as = ROLE_INSPECT;
    for (; at < end; at++) {
        for (uint32_t n = queue->careful ? 1 : dice_below(3); n > 0; n--) {
            struct ipc_msg m = {.type = parts[at]};
            fill(queue, &m);
            memcpy(&m.inspected, &g->lease, sizeof g->lease); /* the first field of each of them */
            send_it(queue, &m);
        }
    }
}

void speech_turn(void)
{
    dice_turn(evil.turns++);
    for (size_t k = 0; k < AT_ONCE; k++) {
        struct speaker *p = some_peer(ROLE_END, ROLE_END);
        if (p) {
            say_something(p);
        }
    }
    if (dice_below(4) == 0) {
        say_delivery();
    }
    if (dice_below(4) == 0) {
        say_message();
    }
    say_ending();
    if (dice_below(8) == 0) {
        forge_mail();
    }
    if (dice_below(2) == 0) {
        say_findings();
    }
}

void speech_tell(FILE *to)
{
    fprintf(to, "POSTERN_EVIL_SEED=%llu; said last, in turn %llu:\n",
            (unsigned long long)dice_seed(), (unsigned long long)evil.turns);
    for (uint64_t i = evil.n_said < SAID ? 0 : evil.n_said - SAID; i < evil.n_said; i++) {
        const struct said *s = &evil.said[i % SAID];
        fprintf(to, "  %s-%u to %s: %s\n", role_names[s->as], s->number, role_names[s->to],
                ipc_name(s->type));
    }
}

bool speech_was_given(void)
{
    return evil.n_given + evil.n_read > 0;
}

static void take_once(enum role as, const struct given *all, size_t n, size_t max, size_t *taken)
{
    struct speaker *queue = *taken < n ? some_peer(as, ROLE_QUEUE) : NULL;
    for (; queue && *taken < n; ++*taken) {
        ipc_send(queue->channel,
                 &(struct ipc_msg){.type = IPC_lease_taken,
                                   .lease_taken = {.lease = all[*taken % max].lease}});
    }
}

void speech_takes(void)
{
    static size_t given, read;
    take_once(ROLE_SMTPOUT, evil.given, evil.n_given, LEASES, &given);
    take_once(ROLE_INSPECT, evil.read, evil.n_read, POOL, &read);
}

size_t speech_unordered(void)
{
    return evil.n_unordered;
}

void speech_to(struct ipc_channel *ch, enum role as, enum role role)
{
    struct speaker p = {.channel = ch, .as = as, .role = role};
    say_something(&p);
}

void speech_knows(struct str wrapped, struct str body, struct str key)
{
    evil.n_wrapped = cut(wrapped, sizeof evil.wrapped).n;
    evil.n_body = cut(body, sizeof evil.body).n;
    evil.n_key = cut(key, sizeof evil.key).n;
    memcpy(evil.wrapped, wrapped.p, evil.n_wrapped);
    memcpy(evil.body, body.p, evil.n_body);
    memcpy(evil.key, key.p, evil.n_key);
}

void speech_begin(bool any)
{
    evil.any = any;
    evil.file = file_memory("evil", STR("evil")); /* a sandbox allows none later */
}

static void on_any(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    err_close_fd(&fd);
    dice_take(DICE_ANSWER);
    for (size_t i = 0; i < PEERS; i++) {
        struct speaker *p = &evil.peers[i];
        if (p->channel == ch) {
            hear(p, m);
        }
        bool answers = p->channel == ch && (p->as == ROLE_QUEUE || p->as == ROLE_KEYS ||
                                            p->as == ROLE_LOOKUP || p->as == ROLE_LOGIN);
        /* of the wrong kind or twice; or none */
        for (uint32_t n = answers ? dice_below(4) : 0; n > 0; n--) {
            say_something(p);
        }
    }
}

#define ANY_none(name) \
    static void any_##name(void *owner, struct ipc_channel *ch, const struct ipc_##name *m) \
    { \
        on_any(owner, ch, &(struct ipc_msg){.type = IPC_##name, .name = *m}, -1); \
    }
#define ANY_always(name) \
    static void any_##name(void *owner, struct ipc_channel *ch, const struct ipc_##name *m, \
                           int fd) \
    { \
        on_any(owner, ch, &(struct ipc_msg){.type = IPC_##name, .name = *m}, fd); \
    }
#define ANY_sometimes(name)           ANY_always(name)
#define ANY(number, name, descriptor) ANY_##descriptor(name)
IPC_MESSAGES(ANY)

#define HEARS(number, name, descriptor) IPC_ON(name, any_##name),
const struct ipc_rule speech_hears[] = {IPC_MESSAGES(HEARS) IPC_RULES_END};

static void on_gone(void *owner, struct ipc_channel *ch)
{
    for (size_t i = 0; i < PEERS; i++) {
        evil.peers[i].channel = evil.peers[i].channel == ch ? NULL : evil.peers[i].channel;
    }
}

void speech_take(struct loop *l, enum role as, unsigned number, enum role role, unsigned index,
                 bool signing, int fd)
{
    for (size_t i = 0; i < PEERS; i++) {
        struct speaker *p = &evil.peers[i];
        if (!p->channel) {
            *p = (struct speaker){
                .as = as,
                .number = number,
                .role = role,
                .index = index,
                .signing = signing,
                .careful = dice_below(4) > 0,
            };
            p->channel = ipc_channel_new(l, fd, role_names[role], speech_hears, on_gone, NULL);
            /* else it is given nothing */
            if (role == ROLE_QUEUE && (as == ROLE_SMTPOUT || as == ROLE_INSPECT)) {
                ipc_send(p->channel, &(struct ipc_msg){.type = IPC_worker_ready});
            }
            return;
        }
    }
    close(fd);
}

bool speech_lost(enum role as, unsigned number)
{
    for (size_t i = 0; i < PEERS; i++) {
        const struct speaker *p = &evil.peers[i];
        if (p->channel && p->as == as && p->number == number && !p->signing) {
            return false;
        }
    }
    return true;
}

enum role speech_role(const char *name)
{
    for (unsigned i = 0; i < ROLE_END; i++) {
        if (strcmp(role_names[i], name) == 0) {
            return (enum role)i;
        }
    }
    return ROLE_END;
}
