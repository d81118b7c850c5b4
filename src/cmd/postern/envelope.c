/* SPDX-License-Identifier: Apache-2.0
 * envelope.c: postern envelope: what waits in the portal, what happened to it, and changing it.
 */
#include "cmd/postern/postern.h"
#include "report/envelope.h"
#include "seal/password.h"
#include "seal/rest.h"
#include "store/envelope.h"
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_row(const struct ipc_row_envelope *e, bool first)
{
    char id[ID_TEXT], made[32], until[32], opened[32];
    const struct str from = e->sender.n > 0 ? e->sender : STR("(copy of an answer)");
    id_text(e->envelope, id);
    if (first) {
        printf("%-13s  %-28s %-28s %-16s %-10s %-16s %s\n", "ENVELOPE", "TO", "FROM", "MADE",
               "STATE", "FIRST READ", "UNTIL");
    }
    printf("%s  %-28.*s %-28.*s %-16s %-10s %-16s %s%s%s\n", id, STR_ARG(e->address), STR_ARG(from),
           when(e->made_ms, made), envelope_state_name(e->state), when(e->opened_ms, opened),
           when(e->expires_ms, until), e->sealed ? ", sealed" : "",
           e->legal_hold ? ", legal hold" : "");
}

static int envelope_list(const struct options *o)
{
    struct response a;
    char argument[600] = "";
    if (o->argc == 3 && (strcmp(o->argv[1], "--to") == 0 || strcmp(o->argv[1], "--from") == 0)) {
        snprintf(argument, sizeof argument, "%s %s", o->argv[1] + 2, o->argv[2]);
    } else if (o->argc != 1) {
        return -1;
    }
    int r = ask(o, "queue.sock", ADMIN_ENVELOPES, argument, &a);
    if (r) {
        return r;
    }
    struct json *all = o->json ? report_array() : NULL;
    for (size_t i = 0; i < a.n; i++) {
        if (all) {
            report_append(all, envelope_json(&a.rows[i].row_envelope, NULL, 0));
        } else {
            print_row(&a.rows[i].row_envelope, i == 0);
        }
    }
    if (all) {
        print_json(all);
    } else if (a.n == 0 && a.ok) {
        puts("The portal is empty.");
    }
    return response_end(o, &a);
}

static int envelope_show(const struct options *o)
{
    struct response a;
    if (o->argc != 2) {
        return -1;
    }
    int r = ask(o, "queue.sock", ADMIN_ENVELOPE, o->argv[1], &a);
    if (r) {
        return r;
    }
    const struct ipc_row_envelope_event **events = err_calloc(a.n + 1, sizeof *events);
    size_t n = 0;
    const struct ipc_row_envelope *e = NULL;
    for (size_t i = 0; i < a.n; i++) {
        if (a.rows[i].type == IPC_row_envelope) {
            e = &a.rows[i].row_envelope;
        } else {
            events[n++] = &a.rows[i].row_envelope_event;
        }
    }
    if (e && o->json) {
        print_json(envelope_json(e, events, n));
    } else if (e) {
        struct buf text = BUF_INIT(1024 * 1024);
        must(envelope_text(e, events, n, &text) == 0);
        print_buf(&text);
        buf_free(&text);
    }
    free(events);
    return response_end(o, &a);
}

/* A phrase is read from standard input: it stands in no list of processes. */
static bool read_phrase(char *dst, size_t size)
{
    fputs("Phrase: ", stderr);
    if (!fgets(dst, (int)size, stdin)) {
        return false;
    }
    dst[strcspn(dst, "\r\n")] = '\0';
    struct str trimmed = str_trim(str_c(dst)); /* as what recipients type is */
    memmove(dst, trimmed.p, trimmed.n);
    dst[trimmed.n] = '\0';
    return *dst != '\0';
}

static int envelope_change(const struct options *o)
{
    struct response a;
    char argument[900], phrase[300] = "", hash[PASSWORD_HASH_MAX];
    bool takes_word = strcmp(o->argv[0], "extend") == 0 || strcmp(o->argv[0], "level") == 0,
         is_phrase = strcmp(o->argv[0], "phrase") == 0;
    if (o->argc != (takes_word ? 3 : 2) || (is_phrase && !read_phrase(phrase, sizeof phrase))) {
        return -1;
    }
    if (is_phrase && (rest_init() < 0 || password_hash(phrase, hash) < 0)) {
        fputs("postern: not enough memory to hash the phrase\n", stderr);
        return EXIT_NO;
    }
    explicit_bzero(phrase, sizeof phrase);
    snprintf(argument, sizeof argument, "%s %s %s", o->argv[0], o->argv[1],
             takes_word  ? o->argv[2]
             : is_phrase ? hash
                         : "");
    int r = ask(o, "queue.sock", ADMIN_ENVELOPE_ACT, argument, &a);
    explicit_bzero(argument, sizeof argument);
    if (r) {
        return r;
    }
    if (a.ok && !o->json) {
        puts(strcmp(o->argv[0], "recall") == 0
                 ? "Recalled: its key is destroyed. Whatever was read or downloaded before is out "
                   "of reach (postern envelope show)."
                 : "Done.");
    }
    return response_end(o, &a);
}

int command_envelope(const struct options *o)
{
    static const char *const changes[] = {
        "extend", "recall", "lock",   "unlock", "resend",
        "level",  "hold",   "unhold", "phrase", "lower",
    };
    int r = -1;
    if (o->argc > 0 && strcmp(o->argv[0], "list") == 0) {
        r = envelope_list(o);
    } else if (o->argc > 0 && strcmp(o->argv[0], "show") == 0) {
        r = envelope_show(o);
    }
    for (size_t i = 0; o->argc > 0 && i < ARRAY_LEN(changes); i++) {
        r = strcmp(o->argv[0], changes[i]) == 0 ? envelope_change(o) : r;
    }
    if (r < 0) {
        fputs("usage: postern envelope list [--to ADDRESS|--from ADDRESS] | show ENVELOPE | extend "
              "ENVELOPE DAYS | level ENVELOPE 0|1|2 |\n"
              "                recall|lock|unlock|resend|hold|unhold|phrase|lower ENVELOPE\n",
              stderr);
        return EXIT_USAGE;
    }
    return r;
}
