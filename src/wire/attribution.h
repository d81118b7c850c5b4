/* SPDX-License-Identifier: Apache-2.0
 * attribution.h: the line by which a mail program says whose text it quotes below: "On 3 May 2026,
 * Anna <anna@a.example> wrote:". Pure. Called by detect/quote.c and mime/html.c.
 *
 * People write lines that look nearly so ("Please reach Dr. Meier <m@clinic.example>, who wrote:"),
 * and what stands below those is their own. So an attribution has the parts that programs write, in
 * their order, and nothing else: how it begins, a date with its year, a name, an address, "wrote".
 * What can go wrong: a program or language that is not known. Its line is none, the safe side.
 */
#pragma once
#include "base/str.h"

enum attribution {
    ATTRIBUTION_NONE,
    ATTRIBUTION_SHORT, /* "Bob <bob@b.example> wrote:", "On 3 May 2026, Anna wrote:": people write
                          so, too, so something must mark what is quoted */
    ATTRIBUTION_FULL,  /* "On 3 May 2026, Anna <anna@a.example> wrote:" */
};

/* above: the line above, which a long attribution begins in; empty: none. */
enum attribution attribution_of(struct str above, struct str line, bool *ret_two_lines);
/* Takes the colon off its end, and blanks before that (French has a no-break space there). False:
 * it has none. */
bool attribution_take_colon(struct str *line);

/* When a message was sent, as a text says, in any language that writes the digits of ASCII: a date
 * with its year, a time of day. */
struct attribution_moment {
    bool date, time;
};
struct attribution_moment attribution_moment_of(struct str s);
/* A few words that may be somebody's name, and are not a sentence. */
bool attribution_is_name(struct str s);
