/* SPDX-License-Identifier: Apache-2.0
 * judge.h: what the files that judge a configuration as a whole share. judge.c begins and calls
 *
 *   endpoints.c   ports and servers          idle.c        settings that would do nothing
 *   lists.c       words of lists             idle_rules.c  rules that would do nothing
 *   flag_words.c  words of flags             unused.c      blocks that nobody names
 *   doors.c       who can come in            reach.c       rules that match nothing
 *   names.c       by which others know us    twins.c       rules that say the same
 *   ways.c        what protected mail must go by
 */
#pragma once
#include "conf/conf.h"
#include "conf/tree.h"

#include <stdio.h>

struct judge {
    const struct conf *conf;
    struct buf *problems;
    int result; /* 0 or -EINVAL */
};

void judge_bad(struct judge *j, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The place of a key in the file; of its block, or the file's beginning, when it is not there. */
struct conf_place judge_at_key(const struct judge *j, const char *block, const char *key);
/* Ports that we listen on, servers that mail goes to. */
void conf_judge_endpoints(struct judge *j);
void conf_judge_idle(struct judge *j);
/* What a rule or partner says and does not do. */
void conf_judge_idle_rule(struct judge *j, const struct conf_rule *r);
/* It says something about the connection; its action leaves nothing to send (and why). */
bool judge_speaks_of_transport(const struct conf_rule *r);
bool judge_sends_nothing(const struct conf *c, const void *rule);
#define JUDGE_REFUSED "mail that is refused or sent back goes to nobody"
/* Members of a list (of what: block and name) that only a login makes, where nobody logs in. */
void judge_login_members(struct judge *j, const char *block, const char *name,
                         const struct conf_words *list, struct conf_place at);
bool judge_is_partner(const struct conf_rule *r);
/* Groups, ladders, contents and certificates that nothing names; accounts that set nothing. */
void conf_judge_unused(struct judge *j);
/* Rules that say the same as one before them. */
void conf_judge_twins(struct judge *j);
/* Each word of each list. */
void conf_judge_lists(struct judge *j);
void conf_judge_doors(struct judge *j);
/* Words of the flags block. */
void conf_judge_flags(struct judge *j);
/* Names by which others know us: hostname, inside domains, signatures, the administrator. */
void conf_judge_names(struct judge *j);
/* Ladders, and what needs one. */
void conf_judge_ways(struct judge *j);
/* A rule block (not partner) whose direction goes against its other conditions. */
void conf_judge_direction(struct judge *j, const struct conf_rule *r);
/* True when one of the members may be somebody inside: of our domains, or logged in. */
bool conf_judge_may_be_inside(const struct conf *c, const struct conf_words *list);
/* A rule block about messages that a final one before it leaves no mail. */
void conf_judge_order(struct judge *j, size_t index);
/* True when all that `domain` means `list` means, too; each a domain or ".suffix" (all below),
 * canonical. */
bool judge_domain_covers(struct str list, struct str domain);
/* The group of a word "group:NAME", with or without its end; NULL: none. */
const struct conf_group *judge_group_named(const struct conf *c, const char *word);
/* True when the list holds that very word, in any letters. */
bool judge_has_word(const struct conf_words *list, const char *word);
/* True without a portal and without a submission listener. */
bool judge_nobody_logs_in(const struct conf *c);
/* True when a block may stand more than once. */
bool conf_block_is_repeated(const char *block);
/* True when people can log in by SMTP. */
bool judge_has_submission(const struct conf *c);
