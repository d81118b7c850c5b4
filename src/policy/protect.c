/* SPDX-License-Identifier: Apache-2.0
 * protect.c: the steps by which a message's need is raised, in the order of docs/protection.md.
 * Nothing lowers what another step raised; only encryption by the senders themselves turns
 * `escalated` into `secure`.
 *
 * What can go wrong: an inspection that failed: never clean, held unless a rule says otherwise.
 */
#include "policy/protect.h"
#include "policy/inspection.h"

#include <stdio.h>

#define NAME_OF(n, s) s,

const char *protect_action_name(enum protect_action a)
{
    static const char *const names[] = {PROTECT_ACTIONS(NAME_OF)};
    return a < PROTECT_ACTION_END ? names[a] : "unknown";
}

const char *protect_direction_name(enum protect_direction d)
{
    static const char *const names[] = {"outbound", "inbound", "internal"};
    return d < DIRECTION_END ? names[d] : "unknown";
}

const char *demand_name(enum demand d)
{
    static const char *const names[] = {POLICY_DEMANDS(NAME_OF)};
    return d < DEMAND_END ? names[d] : "unknown";
}

/* --- words -------------------------------------------------------------- */

static void protect_say(struct protection *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void protect_say(struct protection *p, const char *fmt, ...)
{
    size_t used = strlen(p->words);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(p->words + used, sizeof p->words - used, fmt, ap);
    va_end(ap);
    used += n > 0 ? (size_t)n : 0;
    if (used + 2 > sizeof p->words) {
        p->words[used < sizeof p->words ? used : 0] = '\0'; /* no room for a whole line more */
    } else {
        memcpy(p->words + used, "\n", 2);
    }
}

static enum demand protect_demand_of(int protect)
{
    return protect == CONF_PROTECT_ESCALATED ? DEMAND_ESCALATED
           : protect == CONF_PROTECT_SECURE  ? DEMAND_SECURE
                                             : DEMAND_NONE;
}

static void raise_demand(struct protection *p, enum demand to)
{
    p->demand = to > p->demand ? to : p->demand;
}

/* --- who and where ------------------------------------------------------ */

bool protect_is_from_inside(const struct conf *c, const struct protect_mail *m)
{
    return m->login.n > 0 || conf_net_listed(&c->inside_networks, m->client_ip);
}

static enum protect_direction direction_of(const struct conf *c, const struct protect_mail *m)
{
    struct domain_name domain = domain_of(m->forward_path);
    bool to_inside = domain_is_none(domain) || conf_is_inside(c, domain);
    return !protect_is_from_inside(c, m) ? DIRECTION_INBOUND
           : to_inside                   ? DIRECTION_INTERNAL
                                         : DIRECTION_OUTBOUND;
}

/* How narrow a block about accounts is; 0: it is not about this sender. */
static unsigned narrowness(const struct conf *c, const struct conf_account *a,
                           const struct protect_mail *m)
{
    const struct conf_words one = {(const char **)(uintptr_t)&a->name, 1};
    if (strcmp(a->name, "default") == 0) {
        return 1;
    }
    if (!conf_list_has(c, &one, m->reverse_path, m->login, m->certificate)) {
        return 0;
    }
    return a->name[0] == '@' ? 2 : strncmp(a->name, "group:", 6) == 0 ? 3 : 4;
}

static bool locks(const struct conf_account *a, const char *setting)
{
    for (size_t i = 0; i < a->locked.n; i++) {
        if (strcmp(a->locked.v[i], setting) == 0) {
            return true;
        }
    }
    return false;
}

struct account {
    int secure_from, protect, flags;
    const char *ladder;
    const struct conf_account *protect_by, *flags_by;
};

/* default, then the domain's, the groups', the address's own; what a broader one locked stays. */
static struct account protect_account_of(const struct conf *c, const struct protect_mail *m)
{
    struct account mine = {0};
    bool locked_secure = false, locked_protect = false, locked_flags = false, locked_ladder = false;
    for (unsigned level = 1; level <= 4; level++) {
        for (size_t i = 0; i < c->n_accounts_of; i++) {
            const struct conf_account *a = &c->accounts_of[i];
            if (narrowness(c, a, m) != level) {
                continue;
            }
            mine.secure_from = a->secure_from && !locked_secure ? a->secure_from : mine.secure_from;
            if (a->protect && !locked_protect) {
                mine.protect = a->protect;
                mine.protect_by = a;
            }
            if (a->flags && !locked_flags) {
                mine.flags = a->flags;
                mine.flags_by = a;
            }
            mine.ladder = a->ladder && !locked_ladder ? a->ladder : mine.ladder;
            locked_secure |= locks(a, "secure-from");
            locked_protect |= locks(a, "protect");
            locked_flags |= locks(a, "flags");
            locked_ladder |= locks(a, "ladder");
        }
    }
    return mine;
}

/* --- flags, groups, content --------------------------------------------- */

/* The strongest action stands; among equals the first. */
static void protect_act(struct protection *p, enum protect_action action, const char *text)
{
    if (action > p->action) {
        p->action = action;
        p->text = text;
    }
}

static void take_flags(const struct conf *c, struct str facts, struct protection *p)
{
    struct str f[INSPECTION_FIELDS], rest = facts;
    enum demand wanted = protect_demand_of(c->flags.protect);
    while (inspection_next(&rest, "flag", f)) {
        raise_demand(p, wanted);
        p->remove_flags |= c->flags.remove && str_eq(f[1], STR("subject"));
        protect_say(p, "%s: the flag " STR_FMT " in the " STR_FMT, demand_name(wanted),
                    STR_ARG(f[0]), STR_ARG(f[1]));
    }
    for (rest = facts; inspection_next(&rest, "label", f);) {
        raise_demand(p, wanted);
        protect_say(p, "%s: the label " STR_FMT, demand_name(wanted), STR_ARG(f[0]));
    }
    for (rest = facts; inspection_next(&rest, "asks", f);) {
        enum demand asked = str_eq(f[0], STR("transport")) ? DEMAND_SECURE : DEMAND_ESCALATED;
        raise_demand(p, asked);
        protect_say(p, "%s: the field X-Postern-Protect: " STR_FMT, demand_name(asked),
                    STR_ARG(f[0]));
    }
    for (rest = facts;
         inspection_next(&rest, "near", f) && c->flags.near_miss != CONF_NEAR_IGNORE;) {
        if (c->flags.near_miss == CONF_NEAR_PROTECT) {
            raise_demand(p, wanted);
            p->remove_flags |= c->flags.remove && str_eq(f[2], STR("subject"));
            protect_say(p, "%s: \"" STR_FMT "\" in the " STR_FMT ", nearly the flag " STR_FMT,
                        demand_name(wanted), STR_ARG(f[0]), STR_ARG(f[2]), STR_ARG(f[1]));
        } else {
            protect_act(p, PROTECT_ASK, NULL);
            protect_say(p,
                        "\"" STR_FMT "\" in the " STR_FMT " is nearly the flag " STR_FMT
                        ": write " STR_FMT ", or take the word out, and send again",
                        STR_ARG(f[0]), STR_ARG(f[2]), STR_ARG(f[1]), STR_ARG(f[1]));
        }
    }
}

/* Why a flag that is there does nothing. */
static void tell_of_no_flags(struct str facts, const struct conf_account *by, struct protection *p)
{
    static const struct {
        const char *key, *words;
    } kinds[] = {
        {"flag", "the flag "},
        {"label", "the label "},
        {"asks", "the field X-Postern-Protect: "},
        {"near", "nearly a flag, "},
    };
    struct str f[INSPECTION_FIELDS];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (struct str rest = facts; inspection_next(&rest, kinds[i].key, f);) {
            protect_say(p, "nothing by %s" STR_FMT ": the account \"%s\" (line %lld) says flags no",
                        kinds[i].words, STR_ARG(f[0]), by->name, (long long)by->line);
        }
    }
}

/* The flag for trying, and one that stands only in what a new mail quotes: the sender hears what
 * was done. True: it is a trial. */
static bool take_questions(const struct conf *c, struct str facts, struct protection *p)
{
    struct str f[INSPECTION_FIELDS], rest = facts;
    enum demand wanted = protect_demand_of(c->flags.protect);
    bool goes_out = p->direction == DIRECTION_OUTBOUND, tests = inspection_next(&rest, "test", f);
    if (tests) {
        enum demand raised = goes_out ? wanted : DEMAND_NONE;
        raise_demand(p, raised);
        p->remove_flags |= c->flags.remove && str_eq(f[0], STR("subject"));
        p->tells_outcome = true;
        protect_say(p, "%s: the flag %s in the " STR_FMT "%s%s", demand_name(raised), c->flags.test,
                    STR_ARG(f[0]), goes_out ? "" : "; a recipient inside needs nothing",
                    c->flags.trial ? "; a trial: nothing is sent" : "");
    }
    if (rest = facts, inspection_next(&rest, "quoted", f) && goes_out && str_eq(f[1], STR("new"))) {
        p->tells_outcome = true;
        const char *where = str_eq(f[2], STR("attached")) ? "an attached mail" : "the quoted part";
        protect_say(p,
                    "the flag " STR_FMT
                    " stands only in %s: this mail is not protected by it. To protect a mail, "
                    "write the flag at the top of its text or in the subject",
                    STR_ARG(f[0]), where);
    }
    return tests && c->flags.trial;
}

static void take_groups(const struct conf *c, const struct protect_mail *m, struct protection *p)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        const struct conf_group *g = &c->groups[i];
        if (g->protect &&
            conf_list_has(c, &g->members, m->reverse_path, m->login, m->certificate)) {
            raise_demand(p, protect_demand_of(g->protect));
            protect_say(p, "%s: the sender is in the group \"%s\" (line %lld)",
                        demand_name(protect_demand_of(g->protect)), g->name, (long long)g->line);
        }
    }
}

static void take_contents(const struct conf *c, struct str facts, struct protection *p)
{
    for (size_t i = 0; i < c->n_contents; i++) {
        const struct conf_content *k = &c->contents[i];
        if (!inspection_has(facts, "content", str_c(k->name))) {
            continue;
        }
        if (k->mode == CONF_REPORT_ONLY) {
            protect_say(p, "report only: the content \"%s\" (line %lld) would make it %s", k->name,
                        (long long)k->line, demand_name(protect_demand_of(k->protect)));
        } else {
            raise_demand(p, protect_demand_of(k->protect));
            protect_say(p, "%s: the content \"%s\" (line %lld)",
                        demand_name(protect_demand_of(k->protect)), k->name, (long long)k->line);
        }
    }
}

/* --- rules -------------------------------------------------------------- */

static bool has_ending(struct str name, struct str pattern)
{
    return pattern.n > 1 && pattern.p[0] == '*' &&
           str_ends_nocase(name, str_slice(pattern, 1, pattern.n));
}

/* By its kind, or by any of the names it carries. */
static bool names_attachment(const struct conf_words *wanted, struct str facts)
{
    struct str f[INSPECTION_FIELDS];
    for (size_t i = 0; i < wanted->n; i++) {
        struct str w = str_c(wanted->v[i]), rest = facts;
        while (inspection_next(&rest, "attachment", f)) {
            if (has_ending(f[1], w) || str_eq_nocase(f[0], w)) {
                return true;
            }
        }
        rest = facts;
        while (inspection_next(&rest, "named", f)) {
            if (has_ending(f[0], w)) {
                return true;
            }
        }
    }
    return false;
}

static bool names_problem(const struct conf_words *wanted, struct str facts)
{
    struct str f[INSPECTION_FIELDS], none[INSPECTION_FIELDS];
    for (size_t i = 0; i < wanted->n; i++) {
        struct str rest = facts, w = str_c(wanted->v[i]);
        bool any = str_eq(w, STR("any"));
        if (any || str_eq(w, STR("crash"))) {
            struct str failed = facts;
            if (inspection_next(&failed, "failed", none)) {
                return true;
            }
        }
        while (inspection_next(&rest, "problem", f)) {
            /* the footer was read, and nobody sees it otherwise */
            if (str_eq(f[0], w) || (any && !str_eq(f[0], STR("footer")))) {
                return true;
            }
        }
    }
    return false;
}

static bool names_content(const struct conf_words *wanted, struct str facts)
{
    for (size_t i = 0; i < wanted->n; i++) {
        if (inspection_has(facts, "content", str_c(wanted->v[i]))) {
            return true;
        }
    }
    return false;
}

static bool names_login(const struct conf_words *wanted, struct str login)
{
    for (size_t i = 0; i < wanted->n; i++) {
        if (address_same(str_c(wanted->v[i]), login)) {
            return true;
        }
    }
    return false;
}

static bool has_flag(struct str facts)
{
    struct str f[INSPECTION_FIELDS], rest = facts;
    static const char *const keys[] = {"flag", "test", "label", "asks"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (rest = facts, inspection_next(&rest, keys[i], f)) {
            return true;
        }
    }
    return false;
}

static bool is_direction(int wanted, enum protect_direction d)
{
    return wanted == CONF_ANY || (wanted == CONF_OUTBOUND && d == DIRECTION_OUTBOUND) ||
           (wanted == CONF_INBOUND && d == DIRECTION_INBOUND) ||
           (wanted == CONF_INTERNAL && d == DIRECTION_INTERNAL);
}

static bool rule_matches(const struct conf *c, const struct conf_rule *r,
                         const struct protect_mail *m, enum protect_direction d)
{
    return is_direction(r->direction, d) &&
           (r->from.n == 0 ||
            conf_list_has(c, &r->from, m->reverse_path, m->login, m->certificate)) &&
           (r->to.n == 0 || conf_list_has(c, &r->to, m->forward_path, STR(""), STR(""))) &&
           (!r->flag || has_flag(m->facts)) &&
           (r->content.n == 0 || names_content(&r->content, m->facts)) &&
           (r->unread.n == 0 || names_problem(&r->unread, m->facts)) &&
           (r->attachments.n == 0 || names_attachment(&r->attachments, m->facts)) &&
           (!r->header || inspection_has(m->facts, "header", str_c(r->header))) &&
           (r->clients.n == 0 || conf_net_listed(&r->clients, m->client_ip)) &&
           (r->logins.n == 0 || names_login(&r->logins, m->login)) &&
           m->size >= (uint64_t)(r->size_over > 0 ? r->size_over + 1 : 0);
}

static void add_name(const char **list, size_t *n, const char *name)
{
    for (size_t i = 0; name && i < *n; i++) {
        name = strcmp(list[i], name) == 0 ? NULL : name;
    }
    if (name && *n < PROTECT_LIST_MAX) {
        list[(*n)++] = name;
    }
}

static enum protect_action protect_action_of(int action)
{
    /* clang-format off */
    static const enum protect_action actions[] = {
        [CONF_PASS] = PROTECT_PASS,
        [CONF_REJECT] = PROTECT_REJECT,
        [CONF_BOUNCE] = PROTECT_BOUNCE,
        [CONF_HOLD] = PROTECT_HOLD,
        [CONF_CHOOSE] = PROTECT_CHOOSE,
    };
    /* clang-format on */
    return actions[action];
}

/* What it does, in words. */
static void rule_words(const struct conf_rule *r, char *dst, size_t size)
{
    struct buf b = BUF_INIT(size - 1);
    static const char *const forces[] = {"", "encrypt", "cert", "auth", "pin"},
                             *const protects[] = {"", "secure", "escalated"};
    if (r->protect) {
        (void)!buf_printf(&b, " protect %s", protects[r->protect]);
    }
    if (r->outbound) {
        (void)!buf_printf(&b, " require %s", forces[r->outbound]);
    }
    if (r->action) {
        (void)!buf_printf(&b, " %s", protect_action_name(protect_action_of(r->action)));
    }
    if (r->ladder) {
        (void)!buf_printf(&b, " ladder %s", r->ladder);
    }
    if (r->pickup_level) {
        (void)!buf_printf(&b, " pickup-level %d", r->pickup_level - 1);
    }
    if (r->tag || r->notify || r->copy_to) {
        (void)!buf_printf(&b, "%s%s%s", r->tag ? " tag" : "", r->notify ? " notify" : "",
                          r->copy_to ? " copy" : "");
    }
    str_copy_cut(buf_len(&b) ? buf_str(&b) : STR(" nothing"), dst, size);
    buf_free(&b);
}

static void take_rule(const struct conf_rule *r, struct protection *p, const char **ladder)
{
    char words[160];
    rule_words(r, words, sizeof words);
    if (r->mode == CONF_REPORT_ONLY) {
        protect_say(p, "report only: the rule \"%s\" (line %lld) would say:%s", r->name,
                    (long long)r->line, words);
        return;
    }
    raise_demand(p, protect_demand_of(r->protect));
    p->force = conf_rule_is_conditional(r) && (enum force)r->outbound > p->force
                   ? (enum force)r->outbound
                   : p->force;
    if (r->action == CONF_CHOOSE && p->action < PROTECT_CHOOSE) {
        p->may_send_as_is = r->as_is;
        p->ask_ms = r->ask_time;
    }
    protect_act(p, protect_action_of(r->action), r->text);
    *ladder = *ladder ? *ladder : r->ladder;
    p->pickup_level = r->pickup_level > p->pickup_level ? r->pickup_level : p->pickup_level;
    add_name(p->tags, &p->n_tags, r->tag);
    add_name(p->notify, &p->n_notify, r->notify);
    add_name(p->copy_to, &p->n_copy_to, r->copy_to);
    protect_say(p, "rule \"%s\" (line %lld):%s", r->name, (long long)r->line, words);
}

static bool is_rule(const struct conf_rule *r)
{
    return strcmp(r->kind, "rule") == 0;
}

/* Only rules that say more than rules_route() hears are worth a line. */
static bool says_something(const struct conf_rule *r)
{
    return conf_rule_is_conditional(r) || r->protect || r->action || r->ladder || r->pickup_level ||
           r->tag || r->notify || r->copy_to;
}

static void take_rules(const struct conf *c, const struct protect_mail *m, struct protection *p,
                       const char **ladder)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];
        if (!is_rule(r) || !says_something(r) || !rule_matches(c, r, m, p->direction)) {
            continue;
        }
        take_rule(r, p, ladder);
        if (r->final && r->mode != CONF_REPORT_ONLY) {
            protect_say(p, "rule \"%s\" (line %lld) is final", r->name, (long long)r->line);
            break;
        }
    }
}

/* --- the whole ---------------------------------------------------------- */

/* What becomes of such mail depends on what is in it. */
static bool must_be_read(const struct conf *c, enum protect_direction d)
{
    if (d == DIRECTION_OUTBOUND && (!conf_flags_are_off(c) || c->n_contents > 0)) {
        return true;
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];
        if (is_rule(r) &&
            (r->flag || r->content.n || r->unread.n || r->attachments.n || r->header ||
             r->copy_to) &&
            is_direction(r->direction, d)) {
            return true;
        }
    }
    return false;
}

/* Never clean: what could not be inspected is held, unless a rule for that (unread crash) had
 * its say. */
static void take_failure(const struct conf *c, const struct protect_mail *m, struct protection *p)
{
    struct str f[INSPECTION_FIELDS], rest = m->facts;
    bool said = false;
    if (!inspection_next(&rest, "failed", f)) {
        return;
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        said |= is_rule(&c->rules[i]) && c->rules[i].unread.n > 0 &&
                c->rules[i].mode == CONF_ENFORCE && rule_matches(c, &c->rules[i], m, p->direction);
    }
    if (!said && !must_be_read(c, p->direction)) {
        protect_say(p,
                    "it could not be inspected (" STR_FMT
                    "), and only the word for trying was looked for in it",
                    STR_ARG(f[0]));
    } else if (!said) {
        protect_act(p, PROTECT_HOLD, NULL);
        protect_say(p, "hold: the message could not be inspected (" STR_FMT ")", STR_ARG(f[0]));
    }
}

static void take_secure_from(struct protection *p, int account, int partner)
{
    int from = partner ? partner : account;
    p->counts = from == CONF_SECURE_ENCRYPT ? COUNTS_ENCRYPT
                : from == CONF_SECURE_AUTH  ? COUNTS_AUTH
                                            : COUNTS_CERT;
    if (from == CONF_SECURE_NEVER && p->demand == DEMAND_SECURE) {
        p->demand = DEMAND_ESCALATED;
        protect_say(p, "escalated: for this %s transport alone does not count as secure",
                    partner ? "partner" : "sender");
    }
}

static void take_encryption(struct str facts, struct protection *p)
{
    struct str f[INSPECTION_FIELDS];
    if (p->demand == DEMAND_ESCALATED && inspection_next(&facts, "encrypted", f)) {
        p->demand = DEMAND_SECURE;
        protect_say(p,
                    "secure: the sender encrypted it themselves (" STR_FMT
                    "); it still needs a secure connection",
                    STR_ARG(f[0]));
    }
}

/* Sent on by a server of ours for somebody outside: their address is the envelope's sender, or
 * lies in it (SRS). A bounce has none. */
static bool is_sent_on(const struct conf *c, const struct protect_mail *m)
{
    static const char *const marks[] = {
        "SRS0=", "SRS0-", "SRS0+", "SRS1=", "SRS1-", "SRS1+", "+SRS=", "+SRS0=", "+caf_=",
    };
    struct str from = m->reverse_path;
    bool rewritten = false;
    /* those of SRS begin it, Exchange's and Gmail's stand behind the mailbox */
    for (size_t k = 0; k < ARRAY_LEN(marks); k++) {
        struct str mark = str_c(marks[k]);
        for (size_t i = 0; i + mark.n <= from.n && !rewritten && (k >= 6 || i == 0); i++) {
            rewritten = str_starts_nocase(str_slice(from, i, from.n), mark);
        }
    }
    return from.n > 0 && (rewritten || !conf_is_inside(c, domain_of(from)));
}

/* What leaves the house without its sender having addressed it there goes over a secure
 * connection. */
static void take_off_site(const struct conf *c, const struct protect_mail *m, struct protection *p)
{
    struct domain_name domain = domain_of(m->forward_path);
    bool to_inside = domain_is_none(domain) || conf_is_inside(c, domain);
    bool sent_on = p->direction == DIRECTION_OUTBOUND && is_sent_on(c, m);
    if (to_inside || (!m->is_copy && !sent_on) || p->demand >= DEMAND_SECURE) {
        return;
    }
    p->demand = DEMAND_SECURE;
    p->ladder = ""; /* transport alone */
    p->off_site = true;
    protect_say(p, "secure: %s, which is kept to TLS",
                m->is_copy ? "a copy that leaves the house"
                           : "sent on by a server inside for a sender outside");
}

void protect_decide(const struct conf *c, const struct protect_mail *m, struct protection *ret)
{
    const struct conf_rule *partner = conf_partner_for(c, domain_of(m->forward_path));
    *ret = (struct protection){.direction = direction_of(c, m), .counts = COUNTS_CERT};
    struct account mine = protect_account_of(c, m);
    const char *ladder = NULL;
    if (ret->direction == DIRECTION_OUTBOUND) {
        if (mine.protect > 1) {
            raise_demand(ret, protect_demand_of(mine.protect - 1));
            protect_say(ret, "%s: the account \"%s\" (line %lld)", demand_name(ret->demand),
                        mine.protect_by->name, (long long)mine.protect_by->line);
        }
        take_groups(c, m, ret);
        if (mine.flags != 2) {
            take_flags(c, m->facts, ret);
        } else {
            tell_of_no_flags(m->facts, mine.flags_by, ret);
        }
        take_contents(c, m->facts, ret);
    }
    bool is_trial =
        ret->direction != DIRECTION_INBOUND && mine.flags != 2 && take_questions(c, m->facts, ret);
    take_rules(c, m, ret, &ladder);
    take_failure(c, m, ret);
    take_secure_from(ret, mine.secure_from, partner ? partner->secure_from : 0);
    take_encryption(m->facts, ret);
    ladder = ladder ? ladder : partner && partner->ladder ? partner->ladder : mine.ladder;
    ret->ladder = ladder ? ladder : "default";
    take_off_site(c, m, ret);
    if (is_trial) {
        ret->would = ret->action;
        ret->action = PROTECT_TEST; /* it goes to nobody, whatever else would have been done */
    }
}

bool protect_needs_inspection(const struct conf *c, const struct protect_mail *m)
{
    enum protect_direction d = direction_of(c, m);
    bool may_be_tested = d == DIRECTION_INTERNAL && m->reverse_path.n > 0 &&
                         !conf_flags_are_off(c) && c->flags.test && *c->flags.test &&
                         protect_account_of(c, m).flags != 2;
    return may_be_tested || must_be_read(c, d);
}

/* --- the record --------------------------------------------------------- */

void protect_record_of(const struct protection *p, struct protect_record *ret)
{
    struct buf tags = BUF_INIT(sizeof ret->tags - 1);
    *ret = (struct protect_record){
        .demand = p->demand,
        .counts = p->counts,
        .force = p->force,
        .remove_flags = p->remove_flags,
        .off_site = p->off_site,
        .pickup_level = p->pickup_level,
        .words = str_c(p->words),
    };
    str_copy_cut(str_c(p->ladder), ret->ladder, sizeof ret->ladder);
    for (size_t i = 0; i < p->n_tags; i++) {
        (void)!buf_printf(&tags, "%s%s", i ? ", " : "", p->tags[i]);
    }
    str_copy_cut(buf_str(&tags), ret->tags, sizeof ret->tags);
    buf_free(&tags);
}

int protect_record_write(const struct protect_record *r, struct buf *out)
{
    if (!r->back[0] && !r->thread[0] && r->demand == DEMAND_NONE && r->force == FORCE_NONE &&
        !r->tags[0] && !r->remove_flags && r->words.n == 0) {
        return 0;
    }
    return buf_printf(out, "%u %u %u %u %u %u %lld %d\t%s\t%s\t%s\t%s\n" STR_FMT, r->demand,
                      r->counts, r->force, r->remove_flags, r->rung,
                      r->asked + 2u * r->may_send_as_is + 4u * r->off_site + 8u * r->by_person,
                      (long long)r->asked_until_ms, r->pickup_level, r->ladder, r->tags, r->back,
                      r->thread, STR_ARG(r->words));
}

void protect_record_read(struct str text, struct protect_record *ret)
{
    struct str line, numbers, ladder, tags = STR(""), back = STR(""), one;
    uint64_t n[8] = {0};
    static const uint64_t most[8] =
        {DEMAND_END - 1, COUNTS_END - 1, FORCE_END - 1, 1, 255, 15, INT64_MAX, 4};
    enum { BEFORE_LEVELS = 7 }; /* records of earlier versions end there */
    *ret = (struct protect_record){.counts = COUNTS_CERT};
    if (text.n == 0) {
        return;
    }
    ret->demand = DEMAND_ESCALATED; /* until it was understood: never weaker than what it said */
    if (!str_split(&text, '\n', &line) || !str_split(&line, '\t', &numbers) ||
        !str_split(&line, '\t', &ladder)) {
        return;
    }
    (void)str_split(&line, '\t', &tags);
    (void)str_split(&line, '\t', &back);
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        if (i == BEFORE_LEVELS && !numbers.p) {
            break;
        }
        if (!str_split(&numbers, ' ', &one) || str_to_u64(one, most[i], &n[i]) < 0) {
            return;
        }
    }
    *ret = (struct protect_record){
        .demand = (enum demand)n[0],
        .counts = (enum counts)n[1],
        .force = (enum force)n[2],
        .remove_flags = n[3] != 0,
        .rung = (unsigned)n[4],
        .asked = n[5] & 1,
        .may_send_as_is = n[5] & 2,
        .off_site = n[5] & 4,
        .by_person = n[5] & 8,
        .asked_until_ms = (int64_t)n[6],
        .pickup_level = (int)n[7],
        .words = text,
    };
    str_copy_cut(ladder, ret->ladder, sizeof ret->ladder);
    str_copy_cut(tags, ret->tags, sizeof ret->tags);
    str_copy_cut(back, ret->back, sizeof ret->back);
    str_copy_cut(line, ret->thread, sizeof ret->thread);
}
