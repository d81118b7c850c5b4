/* SPDX-License-Identifier: Apache-2.0
 * protect.h: what a message needs, for postern explain.
 */
#pragma once
#include "cmd/postern/postern.h"
#include "conf/conf.h"
#include "policy/protect.h"

/* --client and --login, NULL: not given. */
struct sender_words {
    const char *client, *login;
};
/* The sender, as the gateway would know them. */
struct sender {
    char client[64], login[256];
};

/* Without words, a sender in an inside domain comes from the first inside network. */
void protect_sender_of(const struct conf *c, struct str from, const struct sender_words *w,
                       struct sender *ret);
/* What is in a message file. 0 or an exit status (already said). */
int protect_inspect_file(const struct conf *c, const char *path, struct buf *facts,
                         uint64_t *ret_size);
void protect_print(const struct conf *c, const struct protection *p, struct str facts);
struct json *protect_json(const struct protection *p, struct str facts);
/* The mail since then ("7d") under the configuration of the options: what would change. The exit
 * status. */
int protect_replay(const struct options *o, const char *since);
