/* SPDX-License-Identifier: Apache-2.0
 * extension.c: names of SMTP extensions that can be done without. Pure. Called by conf, the client
 * engine, smtpout, queue and the postern command.
 */
#include "wire/extension.h"

#include <stdio.h>

#define EXTENSION_WORD(name, word, days) word,
static const char *const words[] = {EXTENSIONS(EXTENSION_WORD)};
#define EXTENSION_DAYS(name, word, days) days,
static const unsigned char days[] = {EXTENSIONS(EXTENSION_DAYS)};

const char *extension_name(enum extension e)
{
    return e < EXTENSION_END ? words[e] : "unknown";
}

unsigned extension_days(enum extension e)
{
    return e < EXTENSION_END ? days[e] : 0;
}

enum extension extension_from(struct str word)
{
    enum extension e = 0;
    while (e < EXTENSION_END && !str_eq_nocase(word, str_c(words[e]))) {
        e++;
    }
    return e;
}

void extension_words(extension_set set, char *dst, size_t size)
{
    size_t n = 0;
    *dst = '\0';
    for (enum extension e = 0; e < EXTENSION_END; e++) {
        if (set & (extension_set)1 << e) {
            n += (size_t)snprintf(dst + n, size - n, "%s%s", n ? " " : "", words[e]);
            must(n < size);
        }
    }
}
