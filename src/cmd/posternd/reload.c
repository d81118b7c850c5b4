/* SPDX-License-Identifier: Apache-2.0
 * reload.c: a new configuration in the place of the old one: judged as at a start, put in force in
 * every process, and told: to who asked, to the log, and as an act to the queue, which keeps acts.
 * Called by main.c (SIGHUP) and control.c (postern reload).
 *
 * What can go wrong: the queue is not there when the act is done: it is told when it is. What is
 * refused changes nothing.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "conf/schema.h"
#include "conf/tree.h"
#include "proc/admin_verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RELOAD_MS = 15000, FINDINGS_MAX = 256 * 1024 };

/* --- who did it, and what became of it ---------------------------------- */

void reload_send_acts(struct posternd *d, struct ipc_channel *queue)
{
    for (size_t i = 0; i < d->n_acts; i++) {
        const struct reload_act *a = &d->acts[i];
        ipc_send(queue, &(struct ipc_msg){.type = IPC_row_act,
                                          .row_act = {
                                              .at_ms = a->at_ms,
                                              .verb = str_c(admin_verb_name(ADMIN_RELOAD)),
                                              .detail = str_c(a->detail),
                                              .by = str_c(a->who.by),
                                              .uid = a->who.uid,
                                          }});
    }
    d->n_acts = 0;
}

/* Of several that the queue could not be told, the newest are kept. */
static void tell_act(struct posternd *d, const struct reload_by *who, struct str result)
{
    if (!*who->by) {
        return; /* nobody did it: files changed */
    }
    if (d->n_acts == ACTS_WAITING_MAX) {
        memmove(&d->acts[0], &d->acts[1], --d->n_acts * sizeof d->acts[0]);
    }
    struct reload_act *a = &d->acts[d->n_acts++];
    *a = (struct reload_act){.at_ms = clock_wall_ms(), .who = *who};
    result = str_slice(result, 0, str_find(result, '\n', 0));
    str_copy_cut(result, a->detail, sizeof a->detail);
    log_notice("act", KV("verb", "reload"), KVS("detail", str_c(a->detail)), KV("by", a->who.by),
               KVN("uid", a->who.uid));
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].role == ROLE_QUEUE && d->children[i].control && d->children[i].ready) {
            reload_send_acts(d, d->children[i].control);
        }
    }
}

/* What is found in the file: to the log and, a row each, to who asked. *ret_first: the first error,
 * a view of the lines. */
void reload_tell_findings(const struct posternd *d, struct str all, struct str *ret_first)
{
    struct conf_finding f;
    *ret_first = STR("");
    for (struct str rest = all; rest.n > 0;) {
        struct str line = str_slice(rest, 0, str_find(rest, '\n', 0));
        if (!conf_finding_next(&rest, &f)) {
            break;
        }
        line.n = line.n < ROW_FINDING_MAX ? line.n : ROW_FINDING_MAX;
        if (d->reload_to) {
            ipc_send(d->reload_to,
                     &(struct ipc_msg){.type = IPC_row_finding, .row_finding = {.line = line}});
        }
        *ret_first = ret_first->n == 0 && !f.is_warning ? line : *ret_first;
        if (f.is_warning) {
            log_warn("configuration-warning", KVS("file", f.file), KVN("line", f.line),
                     KVS("text", f.text), KVS("hint", f.hint));
        }
    }
}

void reload_tell_open(const struct conf *c)
{
    if (conf_networks_are_everybody(&c->inside_networks)) {
        log_error("open-relay", KV("setting", "networks"),
                  KV("what", "everybody in the internet may send mail to anywhere in your name; "
                             "name your own networks"));
    }
}

/* --- the reload --------------------------------------------------------- */

struct changes {
    struct buf fixed;     /* names of settings that only a start of posternd puts in force */
    bool renew[ROLE_END]; /* processes that read a changed one at their start */
};

static void on_difference(void *arg, const struct conf_key *key)
{
    struct changes *c = arg;
    if (conf_key_needs_start(key)) {
        (void)!buf_printf(&c->fixed, "%s%s%s%s", buf_len(&c->fixed) ? ", " : "", key->block,
                          *key->block ? " " : "", key->name);
    }
    for (enum role role = 0; role < ROLE_END; role++) {
        c->renew[role] |= conf_key_starts(key, role_names[role]);
    }
}

/* What the new configuration asks for beyond processes that read it: nothing of it is in force yet.
 * 0, or -errno with lines. */
static int reload_prepare(const struct posternd *d, const struct conf *next,
                          struct changes *changes, struct ports *ports, struct buf *problems)
{
    char problem[512] = "";
    conf_differences(d->conf, next, changes, on_difference);
    if (buf_len(&changes->fixed) > 0) {
        return buf_printf(problems,
                          "%s: nothing was reloaded: a change of \"" STR_FMT
                          "\" needs a restart of posternd\n",
                          d->conf_path, STR_ARG(buf_str(&changes->fixed))) < 0
                   ? -ENOSPC
                   : -EINVAL;
    }
    int r = ports_open(next, &d->ports, ports, problem, sizeof problem);
    if (r < 0) {
        (void)!buf_printf(problems, "%s: nothing was reloaded: %s\n", d->conf_path, problem);
    }
    return r;
}

/* The new configuration is in force here, and on its way to everybody. */
static void reload_apply(struct posternd *d, struct conf *next, struct pairs *pairs,
                         const struct ports *ports, const struct changes *changes)
{
    conf_free(d->conf);
    d->conf = next;
    pairs_free(d->pairs);
    d->pairs = pairs;
    ports_replace(&d->ports, ports);
    log_open("posternd", next->log.level, next->log.format, next->log.to == CONF_LOG_SYSLOG);
    reload_tell_open(next);
    children_plan(d);
    for (enum role role = 0; role < ROLE_END; role++) {
        if (changes->renew[role]) {
            children_renew(d, role);
        }
    }
    children_reload(d);
    timer_start(d->reload_timer, RELOAD_MS);
}

static int reload_judge(struct posternd *d, struct buf *problems, struct str *ret_first,
                        struct buf *all, struct conf **ret_next, struct pairs **ret_pairs)
{
    int r = conf_load(d->conf_path, all, ret_next);
    r = r < 0 ? r : preflight(*ret_next, PREFLIGHT_RELOAD, d->conf, all);
    reload_tell_findings(d, buf_str(all), ret_first);
    return r < 0 ? r : handover_pairs(*ret_next, d->pairs, problems, ret_pairs);
}

static int reload(struct posternd *d, struct buf *problems)
{
    CLEANUP(buf_free) struct buf all = BUF_INIT(FINDINGS_MAX);
    struct conf *next = NULL;
    struct pairs *pairs = NULL;
    struct str first;
    int r = reload_judge(d, problems, &first, &all, &next, &pairs);
    struct changes changes = {.fixed = BUF_INIT(4096)};
    struct ports ports;
    r = r < 0 ? r : reload_prepare(d, next, &changes, &ports, problems);
    if (r == 0) {
        for (enum role role = 0; role < ROLE_END; role++) {
            changes.renew[role] |= handover_start_files_changed(d, next, role);
        }
        reload_apply(d, next, pairs, &ports, &changes);
    } else {
        CLEANUP(buf_free) struct buf result = BUF_INIT(64 * 1024);
        first = first.n > 0 ? first : buf_str(problems);
        log_error("reload-refused", KVS("problem", str_slice(first, 0, str_find(first, '\n', 0))),
                  KV("what", "the old configuration stays in force"));
        (void)!buf_printf(&result, "refused: " STR_FMT, STR_ARG(first));
        tell_act(d, &d->reload_by, buf_str(&result));
        pairs_free(pairs);
        conf_free(next);
    }
    buf_free(&changes.fixed);
    return r;
}

/* Who has not confirmed the new configuration, by name. A process that ended meanwhile starts with
 * it. */
static void unconfirmed(const struct posternd *d, struct buf *names)
{
    for (size_t i = 0; i < d->n_children; i++) {
        const struct supervised *s = &d->children[i];
        if (s->reload_due || s->reload_refused) {
            (void)!buf_printf(names, "%s%s%s", buf_len(names) ? ", " : "", s->name,
                              s->reload_refused ? " (refused it)" : "");
        }
    }
}

/* What of the reload is not in force, a line each; nothing when all is. */
static void not_in_force(const struct posternd *d, struct buf *text)
{
    CLEANUP(buf_free) struct buf names = BUF_INIT(4096), waiting = BUF_INIT(512);
    unconfirmed(d, &names);
    (void)pairs_waiting(d->pairs, clock_mono_ms(), 0, &waiting);
    if (buf_len(&names) > 0) {
        (void)!buf_printf(text,
                          "The new configuration is in force, but not in these processes: " STR_FMT
                          ". Reload again; if that does not help, restart posternd.\n",
                          STR_ARG(buf_str(&names)));
    }
    if (buf_len(&waiting) > 0) {
        (void)!buf_printf(text,
                          "The new configuration is in force, but not all of its files: " STR_FMT
                          "\n",
                          STR_ARG(str_trim_lines(buf_str(&waiting))));
    }
}

static void end_reload(struct posternd *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(1024);
    timer_stop(d->reload_timer);
    not_in_force(d, &text);
    bool whole = buf_len(&text) == 0;
    if (whole) {
        log_notice("reloaded", KV("file", d->conf_path), KVN("generation", d->generation));
    } else {
        log_error("reload-incomplete", KV("file", d->conf_path), KVN("generation", d->generation),
                  KVS("problem", str_trim_lines(buf_str(&text))));
    }
    notify_manager("READY=1");
    tell_act(d, &d->reload_by, whole ? STR("in force") : buf_str(&text));
    if (d->reload_to) {
        control_done(d->reload_to, whole, whole ? STR("reloaded") : buf_str(&text));
    }
    d->reload_to = NULL;
    if (d->reload_again) {
        d->reload_again = false;
        buf_reset(&text);
        struct reload_by again = d->reload_again_by;
        (void)!control_reload(d, &again, &text); /* the log says what comes of it */
    }
}

void reload_on_timeout(void *arg)
{
    end_reload(arg);
}

void control_reload_came(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].reload_due) {
            return;
        }
    }
    if (timer_is_running(d->reload_timer)) {
        end_reload(d);
    }
}

int control_reload(struct posternd *d, const struct reload_by *by, struct buf *problems)
{
    char state[64];
    if (timer_is_running(d->reload_timer)) {
        (void)!buf_printf(problems,
                          "another reload is under way; the file is read again after it\n");
        d->reload_again = true;
        d->reload_again_by = *by;
        return -EBUSY;
    }
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)clock_mono_ms() * 1000);
    notify_manager(state);
    d->reload_by = *by;
    int r = reload(d, problems);
    if (r < 0) {
        notify_manager("READY=1");
    } else {
        control_reload_came(d);
    }
    return r;
}

/* Who asks means another file than the one that would be read again: its changes would not be in
 * force, and "reloaded" would say that they are. theirs: its real path, or empty. */
static bool is_other_file(const struct posternd *d, struct str theirs, struct buf *problems)
{
    char ours[4096];
    if (theirs.n == 0 || !realpath(d->conf_path, ours) || str_eq(theirs, str_c(ours))) {
        return false;
    }
    (void)!buf_printf(problems,
                      "posternd runs with %s, not with " STR_FMT
                      ": change that one, or start posternd with -c " STR_FMT "\n",
                      ours, STR_ARG(theirs), STR_ARG(theirs));
    return true;
}

/* 0, and the answer comes once every process has confirmed, or -errno with lines in problems. */
static int reload_of(struct posternd *d, const struct reload_by *who, struct str file,
                     struct buf *problems)
{
    CLEANUP(buf_free) struct buf result = BUF_INIT(16 * 1024);
    if (!is_other_file(d, file, problems)) {
        return control_reload(d, who, problems);
    }
    (void)!buf_printf(&result, "refused: " STR_FMT, STR_ARG(buf_str(problems)));
    tell_act(d, who, buf_str(&result));
    return -EINVAL;
}

void reload_asked(struct posternd *d, struct ipc_channel *ch, struct str by, struct str file)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024), answer = BUF_INIT(80 * 1024);
    struct reload_by who = {.uid = *(const uint32_t *)ipc_channel_data(ch)};
    bool busy = timer_is_running(d->reload_timer);
    if (!admin_by_ok(by)) {
        control_done(ch, false,
                     STR("Not reloaded: who does this is not said, or not as a name of up to 100 "
                         "octets: write --by NAME\n"));
        return;
    }
    str_copy_cut(by, who.by, sizeof who.by);
    d->reload_to = busy ? d->reload_to : ch;
    int r = reload_of(d, &who, file, &problems);
    if (r < 0) {
        d->reload_to = busy ? d->reload_to : NULL;
        must(buf_printf(&answer, "%s" STR_FMT,
                        r == -EBUSY ? "" : "Not reloaded; the old configuration stays in force:\n",
                        STR_ARG(buf_str(&problems))) == 0);
        control_done(ch, false, buf_str(&answer));
    }
}
