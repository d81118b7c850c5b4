/* SPDX-License-Identifier: Apache-2.0
 * postern.h: the inside of the postern command: one function per command, shared asking.
 */
#pragma once
#include "conf/conf.h"
#include "proc/admin_verbs.h"
#include "report/json.h"
#include "report/message.h"
#include "sys/ipc.h"

enum { EXIT_OK = 0, EXIT_NO = 1, EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_CONFIG = 78 };

struct options {
    const char *config;
    bool json;
    int argc; /* words behind the command's name */
    char **argv;
};

/* Rows of an answer, kept with their strings. */
struct answer {
    struct ipc_msg *rows;
    char **memory;
    size_t n;
    bool ok;
    char text[1100];
};

/* Loads the configuration; says what is wrong on standard error. 0 or an exit status. */
int load_config(const struct options *o, struct conf **ret);
/* Asks posternd or queue ("posternd.sock", "queue.sock"). 0 or an exit status (already said). */
int ask(const struct options *o, const char *socket_name, enum admin_verb verb, const char *argument,
        struct answer *ret);
void answer_free(struct answer *a);
/* Prints JSON; frees it. */
void print_json(struct json *j);
void print_buf(struct buf *b);
/* True on a terminal without NO_COLOR. */
bool colours(void);

int command_status(const struct options *o);
int command_reload(const struct options *o);
int command_check_config(const struct options *o);
int command_manual(const struct options *o);
int command_queue(const struct options *o);
int command_message(const struct options *o);
int command_explain(const struct options *o);
