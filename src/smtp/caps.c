/* SPDX-License-Identifier: Apache-2.0
 * caps.c: the reply to EHLO, a line at a time (RFC 5321 4.1.1.1). Pure. Called by client.c.
 */
#include "smtp/client.h"

#include <stdio.h>
#include <string.h>

/* RFC 5321 4.1.1.1 MUST: keywords of EHLO are read in any case */
void smtp_caps_learn(struct smtp_caps *caps, struct str line)
{
    size_t space = str_find(line, ' ', 0);
    struct str keyword = str_slice(line, 0, space);
    struct str value = str_trim(str_slice(line, space, line.n));
    caps->pipelining |= str_eq_nocase(keyword, STR("PIPELINING"));
    caps->starttls |= str_eq_nocase(keyword, STR("STARTTLS"));
    caps->is_8bit |= str_eq_nocase(keyword, STR("8BITMIME"));
    caps->utf8 |= str_eq_nocase(keyword, STR("SMTPUTF8"));
    caps->requiretls |= str_eq_nocase(keyword, STR("REQUIRETLS"));
    caps->masked |= str_starts_nocase(keyword, STR("XXXX")); /* requirement TL9 */
    caps->enhanced |= str_eq_nocase(keyword, STR("ENHANCEDSTATUSCODES"));
    caps->chunking |= str_eq_nocase(keyword, STR("CHUNKING"));
    caps->binary |= str_eq_nocase(keyword, STR("BINARYMIME"));
    caps->dsn |= str_eq_nocase(keyword, STR("DSN"));
    if (str_eq_nocase(keyword, STR("AUTH"))) {
        /* of a line before: some servers have one for old clients, too */
        size_t n = strlen(caps->auth);
        snprintf(caps->auth + n, sizeof caps->auth - n, "%s" STR_FMT, n ? " " : "", STR_ARG(value));
    }
    if (str_eq_nocase(keyword, STR("SIZE"))) {
        caps->has_size = str_to_u64(value, UINT64_MAX / 2, &caps->size) == 0;
    }
}
