/* SPDX-License-Identifier: Apache-2.0
 * groups.c: members of groups in the directory (ldap:DN in a group block), asked of login at the
 * start, with a new configuration and every ten minutes, and kept in the store. A group that
 * could never be asked counts everyone as a member: a mandatory group must not be weaker while
 * the directory is away.
 *
 * Called by main.c. What can go wrong: the directory is away (the last answer stays), a group
 * that is not there (the same as away, and said in the log), more members than MEMBERS_MAX
 * (those beyond are members, too, as nobody knows).
 */
#include "base/clock.h"
#include "base/log.h"
#include "proc/queue/pickup/guessing.h"
#include "proc/queue/pickup/proofs.h"
#include "proc/queue/queue.h"
#include "store/account.h"
#include "wire/limits.h"

#include <stdlib.h>

enum {
    GROUPS_MAX = 64,
    MEMBERS_MAX = 200000,
    TEXT_MAX = 16 * 1024 * 1024,
    REFRESH_MS = 10 * 60 * 1000,
    AGAIN_MS = 30 * 1000
};

struct directory_group {
    char *name;
    struct map *members;          /* struct address_key; NULL: never asked with success */
    struct buf coming;            /* of the answer under way */
    uint64_t token;               /* of the question under way, 0: none */
    const struct ipc_channel *at; /* who has it */
};

static struct directory_group groups[GROUPS_MAX];
static size_t n_groups;

static struct directory_group *groups_find(struct str name, bool add)
{
    for (size_t i = 0; i < n_groups; i++) {
        if (str_eq_nocase(str_c(groups[i].name), name)) {
            return &groups[i];
        }
    }
    if (!add || n_groups == GROUPS_MAX) {
        return NULL;
    }
    groups[n_groups] =
        (struct directory_group){.name = str_dup(name), .coming = BUF_INIT(TEXT_MAX)};
    return &groups[n_groups++];
}

static struct map *members_of(struct str addresses)
{
    struct map *m = map_new(MEMBERS_MAX);
    struct str one;
    while (addresses.n > 0 && str_split(&addresses, ' ', &one)) {
        const struct address_key key = address_key(one);
        if (key.text[0]) {
            (void)!map_put(m, str_c(key.text), groups);
        }
    }
    return m;
}

/* For conf_list_has(). */
static bool is_member(void *arg, struct str name, struct str address)
{
    const struct directory_group *g = groups_find(name, false);
    const struct address_key key = address_key(address);
    if (!g || !g->members || (address.n > 0 && !key.text[0]) ||
        map_len(g->members) == MEMBERS_MAX) {
        return true;
    }
    return map_get(g->members, str_c(key.text)) != NULL;
}

static void ask_again_in(struct queue *q, int64_t ms)
{
    timer_start(q->admin.groups_timer, ms);
}

static void groups_ask_all(void *arg)
{
    struct queue *q = arg;
    const struct conf *c = child_conf(q->child);
    struct ipc_channel *to = NULL;
    size_t asked = 0;
    for (size_t i = 0; i < LOGIN_MAX && !to; i++) {
        to = q->admin.logins[i];
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        for (size_t k = 0; k < c->groups[i].members.n; k++) {
            struct str word = str_c(c->groups[i].members.v[k]);
            struct directory_group *g = str_starts_nocase(word, STR("ldap:"))
                                            ? groups_find(str_slice(word, 5, word.n), true)
                                            : NULL;
            if (g && to) {
                g->token = ++q->next_token;
                g->at = to;
                buf_reset(&g->coming);
                ipc_send(to, &(struct ipc_msg){.type = IPC_group_ask,
                                               .group_ask = {.token = g->token,
                                                             .group = str_c(g->name)}});
                asked++;
            }
        }
    }
    ask_again_in(q, asked > 0 || to ? REFRESH_MS : AGAIN_MS);
}

static void on_members(void *owner, struct ipc_channel *ch, const struct ipc_group_members *m)
{
    struct queue *q = owner;
    struct directory_group *g = NULL;
    for (size_t i = 0; i < n_groups && m->token; i++) {
        g = groups[i].token == m->token ? &groups[i] : g;
    }
    if (!g) {
        return;
    }
    if (g->at != ch) {
        ipc_refuse(ch, "a group that another was asked for");
        return;
    }
    if (!m->ok) {
        log_error("group-unknown", KV("group", g->name),
                  KV("what", g->members
                                 ? "the directory did not answer; its last answer stays"
                                 : "the directory did not answer: everyone counts as a member"));
        ask_again_in(q, AGAIN_MS);
        return;
    }
    (void)!buf_add(&g->coming, m->addresses);
    if (m->more) {
        return;
    }
    map_free(g->members);
    g->members = members_of(buf_str(&g->coming));
    g->token = 0;
    store_put_directory_group(q->store, str_c(g->name), clock_wall_ms(), buf_str(&g->coming));
    log_info("group-read", KV("group", g->name), KVN("members", map_len(g->members)));
    buf_free(&g->coming);
    g->coming = BUF_INIT(TEXT_MAX);
}

const struct ipc_rule queue_login_rules[] = {IPC_ON(group_members, on_members),
                                             IPC_ON(proved, proofs_on_proved),
                                             IPC_ON(pass_proved, portal_on_pass_proved),
                                             IPC_ON(login_ask, guessing_on_ask),
                                             IPC_ON(login_judged, guessing_on_judged),
                                             IPC_RULES_END};

static void groups_load_one(void *arg, struct str name, struct str addresses)
{
    struct directory_group *g = groups_find(name, true);
    if (g) {
        map_free(g->members);
        g->members = members_of(addresses);
    }
}

static void groups_on_loaded(void *arg, enum store_result result)
{
    if (result != STORE_OK) {
        log_error("groups-not-loaded",
                  KV("what", "everyone counts as a member until the directory answers"));
    }
}

void groups_load(struct queue *q)
{
    conf_set_directory(is_member, q);
    q->admin.groups_timer = timer_new(child_loop(q->child), groups_ask_all, q);
    store_read(q->store, &(struct store_query){.what = STORE_DIRECTORY_GROUPS},
               &(struct store_rows){.arg = q, .group = groups_load_one, .done = groups_on_loaded});
    ask_again_in(q, 0);
}

void groups_ask_soon(struct queue *q)
{
    if (q->admin.groups_timer) {
        ask_again_in(q, 100);
    }
}
