/* SPDX-License-Identifier: Apache-2.0
 * evil.c: a process of Postern that was taken over. Started by posternd under the name of a real
 * one (tests/live/test_evil.py puts it there): the first copy is the real program, every other
 * one says what it pleases (speech.c) on each channel it was given. Of those that there is one
 * of (lookup, queue, keys) it is the evil one.
 *
 * In the file `evil.mode` beside it stand "rules", "any", "mute", "leaves" or "holds" and, where
 * something is to be said again, a seed (dice.h); else each life draws one and logs it. With
 * "any" it also says what only others may say; with "mute" it says only that it reads, and ends
 * as soon as it was given something; with "leaves" it says that it is ready, and ends as one
 * that can never run here; with "holds" it says that it has what it was given, and never ends
 * it. In some lives it lies to posternd alone.
 */
#include "dice.h"
#include "speech.h"
#include "sys/file.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVERY_MS = 10 };

static struct evil {
    bool any, mute, holds, leaves, lies; /* lies: to posternd, in this life */
    enum role role;
    struct child *child;
    struct timer *timer;
} evil;

/* What each may tell posternd: of sockets that broke, with others' names and numbers, in bursts,
 * that it refuses a reload that nobody asked for, and that it is ready, again; and in some lives
 * a worker ends as one that is not to be started again. */
static void lie_to_posternd(void)
{
    static uint64_t serial, turn;
    for (unsigned i = 0; turn % 100 == 99 && i < 100; i++) {
        struct ipc_msg m = {.type = IPC_ctl_peer_lost, .ctl_peer_lost = {.serial = ++serial}};
        m.ctl_peer_lost.role = dice_below(8) ? ROLE_QUEUE : (uint8_t)dice_below(ROLE_END);
        m.ctl_peer_lost.signing = dice_below(8) == 0;
        ipc_send(child_control(evil.child), &m);
    }
    static const char numbers[] = /* two of them are lines of Prometheus */
        "postern_lie 1 postern_lie 2\npostern_lie{process=\"queue-0\"} 3\n"
        "postern_lie{a=\"b\\\",c=\"} 4\"} 5\npostern_lie{a=\"\r\"} 6\npostern_lie{} 7\n{a=\"b\"} "
        "8\n"
        "postern_lie{a=\"b\" 9\n# TYPE postern_lie 10\npostern_lie{a=\"b\"} 11";
    const struct ipc_msg status = {.type = IPC_ctl_status,
                                   .ctl_status = {.metrics = str_c(numbers),
                                                  .counters =
                                                      STR("lie=\033]0;x\007\302\2332J\177\b")}};
    ipc_send(child_control(evil.child), &status);
    if (turn == 0 && evil.role == ROLE_INSPECT) { /* a successor, and the next one from that */
        ipc_send(child_control(evil.child), &(struct ipc_msg){.type = IPC_ctl_replace});
    }
    /* each one a line of posternd's own, were it asked */
    for (unsigned i = 0; turn == 80 && i < 1000; i++) {
        const struct ipc_ctl_reloaded r = {.generation = dice_below(2), .problem = STR("lie")};
        ipc_send(child_control(evil.child),
                 &(struct ipc_msg){.type = IPC_ctl_reloaded, .ctl_reloaded = r});
    }
    bool is_worker = evil.role != ROLE_QUEUE && evil.role != ROLE_KEYS;
    if (turn == 60 && is_worker && dice_below(2) == 0) {
        exit(CHILD_NEVER); /* as one that cannot run here at all */
    }
    if (++turn % 1000 == 0) {
        const struct ipc_msg m = {.type = IPC_ctl_ready, .ctl_ready = {.sandbox = STR("none")}};
        ipc_send(child_control(evil.child), &m);
    }
}

static void on_time(void *arg)
{
    if (evil.mute) {
        if (speech_was_given()) {
            exit(0);
        }
        timer_start(evil.timer, EVERY_MS);
        return;
    }
    if (evil.leaves) {
        exit(CHILD_NEVER);
    }
    if (evil.holds) {
        speech_takes();
        timer_start(evil.timer, EVERY_MS);
        return;
    }
    if (evil.lies) { /* and nothing else, or it would be gone soon */
        lie_to_posternd();
        timer_start(evil.timer, EVERY_MS);
        return;
    }
    speech_turn();
    /* what mail would be sealed with from now on */
    if (evil.role == ROLE_KEYS && dice_below(50) == 0) {
        unsigned char key[32];
        dice_bytes(key, sizeof key);
        ipc_send(child_control(evil.child),
                 &(struct ipc_msg){.type = IPC_ctl_public_key,
                                   .ctl_public_key = {
                                       .key = str_from((const char *)key, sizeof key)}});
    }
    if (evil.any && dice_below(20) == 0) {
        speech_to(child_control(evil.child), evil.role, ROLE_END);
    }
    timer_start(evil.timer, EVERY_MS);
}

#define DEAF(name) \
    static void on_##name(void *owner, struct ipc_channel *ch, const struct ipc_##name *m) \
    { \
    }
DEAF(ctl_public_key)
DEAF(metrics_text)
DEAF(alarm)
DEAF(row_act)

static void on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    speech_take(child_loop(c), evil.role, child_index(c), role, index, false, fd);
}

static void on_signing(void *owner, struct child *c, enum role role, int fd)
{
    if (evil.role == ROLE_KEYS) {
        speech_take(child_loop(c), evil.role, child_index(c), role, 0, true, fd);
    } else {
        close(fd);
    }
}

static void on_listener(void *owner, struct child *c, struct str name, unsigned kind, int fd)
{
    close(fd);
}

static void on_shared(void *owner, struct child *c, struct str name, int fd)
{
    on_listener(owner, c, name, 0, fd);
}

static void sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_FILES};
}

static void on_start(void *owner, struct child *c)
{
    evil.child = c;
    evil.timer = timer_new(child_loop(c), on_time, NULL);
    timer_start(evil.timer, EVERY_MS);
}

/* Lines of another process, in each form that the log has, and what speaks to a terminal. */
static void write_lies(void)
{
    fputs("time=2001-02-03T10:00:00.000Z level=error process=queue-9 event=forgery\n"
          "{\"time\":\"2001-02-03T10:00:00.000Z\",\"level\":\"error\",\"process\":\"queue-9\","
          "\"event\":\"forgery\"}\n"
          "0 0 forgery process=\"queue-9\"\n"
          "\x1b]0;forgery\x07\n",
          stderr);
}

/* There is one of them only. */
static bool is_alone(const char *name)
{
    static const char *const names[] = {"lookup", "queue", "keys", "metrics"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    static const struct ipc_rule more[] = {IPC_ON(ctl_public_key, on_ctl_public_key),
                                           IPC_ON(metrics_text, on_metrics_text),
                                           IPC_ON(alarm, on_alarm), IPC_ON(row_act, on_row_act),
                                           IPC_RULES_END};
    static const struct child_events events = {
        .rules = more,
        .on_peer = on_peer,
        .on_signing = on_signing,
        .on_listener = on_listener,
        .on_shared = on_shared,
        .sandbox = sandbox,
        .on_start = on_start,
    };
    char path[600], here[600];
    CLEANUP(buf_free) struct buf mode = BUF_INIT(65536); /* file_read() wants room */
    str_copy_cut(str_c(argv[0]), here, sizeof here);
    const char *name = basename(argv[0]);
    const char *folder = dirname(here);
    if (argc == 2 && strcmp(argv[1], "0") == 0 && !is_alone(name)) {
        snprintf(path, sizeof path, "%s/real-%s", folder, name);
        execv(path, (char *[]){path, argv[1], NULL});
        return 1;
    }
    snprintf(path, sizeof path, "%s/evil.mode", folder);
    struct str said = file_read(path, &mode) == 0 ? str_trim(buf_str(&mode)) : STR(""),
               word = STR("");
    (void)!str_split(&said, ' ', &word);
    evil.any = str_eq(word, STR("any"));
    evil.mute = str_eq(word, STR("mute"));
    evil.leaves = str_eq(word, STR("leaves"));
    evil.holds = str_eq(word, STR("holds"));
    char seed[32];
    str_copy_cut(said, seed, sizeof seed);
    dice_begin(seed);
    fprintf(stderr, "%s: POSTERN_EVIL_SEED=%llu\n", name, (unsigned long long)dice_seed());
    write_lies();
    evil.lies = dice_below(2) == 0;
    speech_begin(evil.any);
    evil.role = speech_role(name);
    return child_main(argc, argv, name, &events, &evil);
}
