/* SPDX-License-Identifier: Apache-2.0
 * postern.h: the inside of the postern command: one function per command, shared asking.
 */
#pragma once
#include "conf/conf.h"
#include "proc/admin_verbs.h"
#include "report/json.h"
#include "report/message.h"
#include "ipc/channel.h"

#include <stdio.h>

enum {
    EXIT_OK = 0,
    EXIT_NO = 1,
    EXIT_USAGE = 64,
    EXIT_NO_INPUT = 66,
    EXIT_UNAVAILABLE = 69,
    EXIT_CONFIG = 78
};

struct options {
    const char *config;
    const char *by; /* who acts, as given; NULL: found out by acting.c */
    bool json;
    int argc; /* words after the command's name */
    char **argv;
};

/* What posternd or queue responded: its rows, kept with their strings. */
struct response {
    struct ipc_msg *rows;
    char **memory;
    size_t n;
    bool ok;
    char text[1100];
};

/* Loads the configuration; says what is wrong on standard error. 0 or an exit status. */
int load_config(const struct options *o, struct conf **ret);
/* store.c: is the at-rest key the one that a store was written with (kept: its fingerprint, ""
 * not noted yet)? Appends words about what is wrong and what to do; none when it fits, or cannot
 * be read by who we are. */
void at_rest_problem(const struct conf *c, const char *kept, struct buf *ret_problem);
/* store.c: the same of the configuration's store, as findings about the setting at-rest-key;
 * what could not be seen is a warning. Reads only, also beside a running gateway. 0, or -EINVAL:
 * the start would refuse it. */
int at_rest_check(const struct conf *c, struct buf *problems);
/* store.c: mail that waits to be picked up where there is no portal any more, in words ("":
 * there is none, or the store may not be read by us); and the same as a warning about the
 * configuration. */
void pickup_without_portal(const struct conf *c, char *ret_text, size_t size);
#define PICKUP_ADVICE \
    "Put the block back until that day, or end them: postern envelope list, postern envelope " \
    "recall. Their senders are told when their time is over"
void pickup_check(const struct conf *c, struct buf *problems);
/* Asks posternd or queue ("posternd.sock", "queue.sock"). 0 or an exit status (already said). */
int ask(const struct options *o, const char *socket_name, enum admin_verb verb,
        const char *argument, struct response *ret);
/* The same of the queue; without a word when posternd is not running. */
int ask_quietly(const struct options *o, enum admin_verb verb, const char *argument,
                struct response *ret);
/* The same of the queue, with octets. */
int ask_with(const struct options *o, enum admin_verb verb, const char *argument, struct str data,
             struct response *ret);
/* A connection for several questions. 0 and a descriptor, or an exit status. */
int ask_connect(const struct options *o, const char *socket_name, bool quiet, int *ret_fd);
/* The next message on a connection of ask_connect() to the queue; waits with an eye on the process
 * queue, and gives up when that is down. 0, or -errno; -EHOSTDOWN: the queue, its words then in
 * why. */
int response_next(const struct options *o, int fd, char *frame, struct str *pending,
                  struct ipc_msg *ret, char *why, size_t size);
/* Whether the queue is up, from posternd's answer about its processes; its words in why when it
 * is not. */
enum queue_state { QUEUE_UP, QUEUE_STARTS, QUEUE_SILENT, QUEUE_DOWN };
enum queue_state queue_state_of(const struct response *status, char *why, size_t size);
/* status.c: what it means that a process which is up does not answer; NULL: it does. */
const char *status_silence(const struct ipc_row_process *p);
/* Asks posternd about its processes; without a word when it is not running. */
int ask_status_quietly(const struct options *o, struct response *ret);
/* Says what is wrong with the answer, frees it; the exit status. */
int response_end(const struct options *o, struct response *a);
/* Adds a copy of a row. */
void response_keep(struct response *a, const struct ipc_msg *m);
void response_free(struct response *a);
/* Lines of findings (conf/tree.h) as a list (config.c). */
struct json *findings_json(struct str lines);
/* Prints JSON; frees it. */
void print_json(struct json *j);
void print_buf(struct buf *b);
/* Strangers wrote some of it, or a process that was taken over: what would move the cursor of a
 * terminal, or say something to it, becomes "?" where it lies. Lines and tabs stay. */
void tame_text(struct str s);
/* True on a terminal without NO_COLOR. */
bool colours(void);

int command_acts(const struct options *o);
int command_status(const struct options *o);
int command_reload(const struct options *o);
int command_check_config(const struct options *o);
int command_manual(const struct options *o);
int command_queue(const struct options *o);
int command_message(const struct options *o);
int command_explain(const struct options *o);
int command_probe(const struct options *o);
int command_domains(const struct options *o);
int command_exception(const struct options *o);
int command_sts(const struct options *o);
int command_tlsrpt(const struct options *o);
int command_user(const struct options *o);
int command_refusals(const struct options *o);
int command_store(const struct options *o);
int command_init(const struct options *o);
/* What init asks for, a line each. */
void init_options(FILE *to);
void detect_options(FILE *to);
int command_doctor(const struct options *o);
int command_forward(const struct options *o);
int command_envelope(const struct options *o);
int command_portal(const struct options *o);
int command_detect(const struct options *o);

/* "2026-11-22 03:04" or "never". */
const char *when(int64_t ms, char dst[32]);
