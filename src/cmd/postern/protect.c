/* SPDX-License-Identifier: Apache-2.0
 * protect.c: the part of postern explain that is about what a message needs: for one message, with
 * its content, and for the mail of the last days under another configuration (--replay). The same
 * functions decide as in the gateway.
 */
#include "policy/hop.h"
#include "cmd/postern/protect.h"
#include "policy/inspection.h"
#include "policy/ladder.h"
#include "policy/verdict.h"
#include "proc/inspecting.h"
#include "report/protection.h"
#include "store/store.h"
#include "sys/file.h"
#include "sys/sandbox.h"
#include "wire/id.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 256 * 1024 * 1024 };

/* --- one message -------------------------------------------------------- */

/* Reads the message in a process of its own, inside a sandbox, and takes the lines it writes. 0
 * or -EIO. */
static int inspect_apart(const struct inspecting *i, struct str message, struct buf *facts)
{
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const struct sandbox walls = {0};
        char text[256];
        struct buf found = BUF_INIT(INSPECTION_MAX);
        if (sandbox_enter(&walls, text, sizeof text) < 0) {
            _exit(1);
        }
        inspecting_run(i, message, &found);
        _exit(file_write_all(ends[1], buf_str(&found)) < 0);
    }
    close(ends[1]);
    int r = pid < 0 ? -errno : file_read_fd(ends[0], facts);
    close(ends[0]);
    bool well =
        pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return r < 0 || !well ? -EIO : 0;
}

int protect_inspect_file(const struct conf *c, const char *path, struct buf *facts,
                         uint64_t *ret_size)
{
    CLEANUP(buf_wipe) struct buf message = BUF_INIT(MESSAGE_MAX);
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct inspecting *i;
    int r = strcmp(path, "-") == 0 ? file_read_fd(0, &message) : file_read(path, &message);
    if (r < 0) {
        if (r == -ENOSPC) {
            fprintf(stderr, "postern: %s is larger than %d MB: it is not read\n", path,
                    MESSAGE_MAX / (1024 * 1024));
        } else {
            fprintf(stderr, "postern: %s cannot be read: %s\n", path, strerror(-r));
        }
        return EXIT_NO_INPUT;
    }
    mime_init();
    struct mime_pdf *pdf = mime_pdf_new();
    r = inspecting_new(c, pdf, &problems, &i);
    if (r < 0) {
        fprintf(stderr, STR_FMT, STR_ARG(buf_str(&problems)));
        mime_pdf_free(pdf);
        return EXIT_CONFIG;
    }
    if (inspect_apart(i, buf_str(&message), facts) < 0) { /* as the gateway would have it */
        buf_reset(facts);
        (void)!inspection_put(facts, "failed", (const struct str[]){STR("crash")}, 1);
    }
    *ret_size = buf_len(&message);
    inspecting_free(i);
    mime_pdf_free(pdf);
    return 0;
}

void protect_sender_of(const struct conf *c, struct str from, const struct sender_words *w,
                       struct sender *ret)
{
    *ret = (struct sender){0};
    str_copy_cut(str_c(w->login), ret->login, sizeof ret->login);
    str_copy_cut(str_c(w->client), ret->client, sizeof ret->client);
    if (w->login || w->client || !conf_is_inside(c, domain_of(from))) {
        return;
    }
    /* an inside sender comes from an inside network, unless told otherwise */
    if (c->inside_networks.n > 0) {
        struct str network = str_c(c->inside_networks.v[0]);
        str_copy_cut(str_slice(network, 0, str_find(network, '/', 0)), ret->client,
                     sizeof ret->client);
    } else {
        str_copy_cut(from, ret->login, sizeof ret->login);
    }
}

static const char *action_words(enum protect_action a)
{
    static const char *const words[] = {
        "it is sent",
        "it is held, and its sender is asked what to do",
        "it is held for somebody to review",
        "it is sent back",
        "it is refused while the client waits, else sent back",
        "it is refused with the question whether a flag was meant",
        "it is delivered to nobody, and its sender is told what would have been done",
    };
    return a < PROTECT_ACTION_END ? words[a] : "";
}

/* How long transport is tried is said only where something comes after it. */
static void print_ladder(const struct conf *c, const struct ladder_order *l, bool no_transport)
{
    printf("  Ladder:");
    for (unsigned i = 0; i < l->n; i++) {
        printf("%s %s", i ? " >" : "", channel_name(l->rungs[i].channel));
        if (l->rungs[i].channel != CHANNEL_TLS) {
            continue;
        }
        if (no_transport) {
            printf(" (not for this mail)");
        } else if (ladder_next(l, i + 1, ladder_there(c), false) < l->n) {
            printf(" (for %lld s)", (long long)l->rungs[i].patience_ms / 1000);
        } else {
            printf(" (until the mail's lifetime ends)");
        }
    }
}

void protect_print(const struct conf *c, const struct protection *p, struct str facts)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(256 * 1024);
    struct protect_record record;
    struct ladder_order l;
    protect_record_of(p, &record);
    if (facts.n > 0 && inspection_words(facts, &text) == 0) {
        printf("  What was found in it (values masked):\n" STR_FMT, STR_ARG(buf_str(&text)));
    }
    buf_reset(&text);
    CLEANUP(buf_free) struct buf kept = BUF_INIT(PROTECT_RECORD_MAX * 2);
    (void)!protect_record_write(&record, &kept);
    printf("  Direction: %s; %s\n", protect_direction_name(p->direction),
           p->action == PROTECT_PASS && p->demand != DEMAND_NONE ? "its ladder decides"
                                                                 : action_words(p->action));
    if (protection_words(buf_str(&kept), "  ", &text) == 0) {
        printf(STR_FMT, STR_ARG(buf_str(&text)));
    }
    if (p->demand == DEMAND_NONE) {
        return;
    }
    ladder_of(c, p->ladder, &l);
    print_ladder(c, &l, p->demand == DEMAND_ESCALATED);
    puts(ladder_next(&l, 0, ladder_there(c), p->demand != DEMAND_ESCALATED) == l.n
             ? "\n  No rung of it can take this message: it comes back."
             : "");
}

struct json *protect_json(const struct protection *p, struct str facts)
{
    CLEANUP(buf_free) struct buf kept = BUF_INIT(PROTECT_RECORD_MAX * 2);
    struct protect_record record;
    protect_record_of(p, &record);
    (void)!protect_record_write(&record, &kept);
    struct json *o = protection_json(buf_str(&kept));
    report_put_str(o, "direction", str_c(protect_direction_name(p->direction)));
    report_put_str(o, "action", str_c(protect_action_name(p->action)));
    report_put(o, "inspection", inspection_json(facts));
    return o;
}

/* --- replay ------------------------------------------------------------- */

/* "7d", "24h", "90m": milliseconds; 0: none of these. */
static int64_t span_of(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    int64_t unit = strcmp(end, "d") == 0   ? 86400000
                   : strcmp(end, "h") == 0 ? 3600000
                   : strcmp(end, "m") == 0 ? 60000
                                           : 0;
    return n > 0 && n < 100000 ? n * unit : 0;
}

/* What was found then, as this configuration would have said it: contents without an expression
 * follow from the rules of their packs that were fulfilled. */
static void restate(const struct conf *c, struct str facts, struct buf *out)
{
    struct str f[INSPECTION_FIELDS], rest = facts;
    (void)!buf_add(out, facts);
    for (size_t i = 0; i < c->n_contents; i++) {
        const struct conf_content *k = &c->contents[i];
        bool holds = false;
        for (rest = facts; !k->when && !holds && inspection_next(&rest, "rule", f);) {
            for (size_t n = 0; n < k->packs.n; n++) {
                struct str pack = str_c(k->packs.v[n]);
                holds |= f[0].n > pack.n && f[0].p[pack.n] == '/' && str_starts_nocase(f[0], pack);
            }
        }
        if (holds && !inspection_has(facts, "content", str_c(k->name))) {
            (void)!inspection_put(out, "content", (const struct str[]){str_c(k->name)}, 1);
        }
    }
}

static enum protect_action action_then(const struct ipc_row_rcpt *r)
{
    static const struct {
        enum reason reason;
        enum protect_action action;
    } then[] = {
        {REASON_HELD, PROTECT_HOLD},      {REASON_ASKED, PROTECT_CHOOSE},
        {REASON_REFUSED, PROTECT_BOUNCE}, {REASON_TESTED, PROTECT_TEST},
        {REASON_NEAR_MISS, PROTECT_ASK},
    };
    for (size_t i = 0; i < ARRAY_LEN(then); i++) {
        if (r->reason == then[i].reason) {
            return then[i].action;
        }
    }
    return PROTECT_PASS; /* how its delivery went does not matter here */
}

struct replay {
    const struct conf *conf;
    const struct ipc_row_message *message;
    struct buf facts;
    struct json *all;
    size_t messages, recipients, changes, uninspected, by_person;
};

static const char *protect_verdict_words(enum demand d, enum protect_action a)
{
    return a == PROTECT_PASS ? demand_name(d) : protect_action_name(a);
}

static void replay_rcpt(struct replay *w, const struct ipc_row_rcpt *r)
{
    const struct ipc_row_message *m = w->message;
    const struct protect_mail mail = {
        .reverse_path = m->reverse_path,
        .forward_path = r->forward_path,
        .login = m->login,
        .client_ip = m->client,
        .certificate = m->certificate,
        .size = m->size,
        .facts = buf_str(&w->facts),
    };
    struct protect_record then;
    struct protection *now = err_calloc(1, sizeof *now);
    char id[ID_TEXT];
    protect_record_read(r->protection, &then);
    if (then.by_person || r->state == RCPT_DELETED) { /* what the rules said then is not kept */
        w->by_person++;
        free(now);
        return;
    }
    protect_decide(w->conf, &mail, now);
    w->recipients++;
    w->uninspected += w->facts.tail == 0 && protect_needs_inspection(w->conf, &mail);
    enum protect_action acted = action_then(r);
    /* a person's rung of the ladder is not a rule's action */
    bool by_ladder = acted == PROTECT_HOLD && then.demand != DEMAND_NONE;
    acted = by_ladder ? PROTECT_PASS : acted;
    enum protect_action acts = now->action == PROTECT_REJECT ? PROTECT_BOUNCE : now->action;
    if (then.demand != now->demand || acted != acts) {
        w->changes++;
        id_text(m->id, id);
        if (w->all) {
            struct json *o = protect_json(now, STR(""));
            report_put_str(o, "id", str_c(id));
            report_put_str(o, "from", m->reverse_path);
            report_put_str(o, "to", r->forward_path);
            report_put_str(o, "was", str_c(protect_verdict_words(then.demand, acted)));
            report_put_str(o, "would-be", str_c(protect_verdict_words(now->demand, acts)));
            report_append(w->all, o);
        } else {
            printf("%s  %-10s -> %-10s <" STR_FMT "> -> <" STR_FMT ">\n", id,
                   protect_verdict_words(then.demand, acted),
                   protect_verdict_words(now->demand, acts), STR_ARG(m->reverse_path),
                   STR_ARG(r->forward_path));
            struct str words = str_c(now->words), line;
            while (words.n > 0 && str_split(&words, '\n', &line)) {
                if (line.n > 0) {
                    printf("                 " STR_FMT "\n", STR_ARG(line));
                }
            }
        }
    }
    free(now);
}

int protect_replay(const struct options *o, const char *since)
{
    struct replay w = {.facts = BUF_INIT(2 * INSPECTION_MAX)};
    struct response a;
    struct conf *conf;
    char argument[32];
    int64_t span = span_of(since);
    if (span == 0) {
        fputs("postern: --replay takes a time such as 7d, 24h or 90m\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &conf);
    if (r) {
        return r;
    }
    snprintf(argument, sizeof argument, "%lld", (long long)time(NULL) * 1000 - (long long)span);
    r = ask(o, "queue.sock", ADMIN_REPLAY, argument, &a);
    if (r) {
        conf_free(conf);
        return r;
    }
    w.conf = conf;
    w.all = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_msg *m = &a.rows[i];
        if (m->type == IPC_row_message) {
            w.message = &m->row_message;
            w.messages++;
            buf_reset(&w.facts);
        } else if (m->type == IPC_row_inspection) {
            restate(conf, m->row_inspection.facts, &w.facts);
        } else if (m->type == IPC_row_rcpt && w.message &&
                   hop_kind(m->row_rcpt.next_hop) != HOP_INSPECT) {
            replay_rcpt(&w, &m->row_rcpt);
        }
    }
    if (w.all) {
        print_json(w.all);
    } else {
        printf("%zu of %zu recipients in %zu messages would be treated differently.%s%s\n",
               w.changes, w.recipients, w.messages, *a.text ? " " : "", a.text);
        if (w.by_person > 0) {
            printf("%zu more were released, sent or ended by a person, and are not compared.\n",
                   w.by_person);
        }
        if (w.uninspected > 0) {
            printf("%zu had not been inspected then: their content is not known.\n", w.uninspected);
        }
    }
    r = response_end(o, &a);
    buf_free(&w.facts);
    conf_free(conf);
    return r;
}
