/* SPDX-License-Identifier: Apache-2.0
 * params.h: the parameters of Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2231, RFC
 * 2183), all of them: a name that is there twice, or in the old and in the new form, or whose
 * value has an end that is not clear (a.exe (1).pdf without quotes), has as many values, since
 * readers of mail do not agree which counts.
 *
 * Called by tree.c. What can go wrong: nothing; what is no parameter is skipped.
 */
#pragma once
#include "mime/reader.h"

enum { PARAMS_MAX = 50, PARAM_NAME_MAX = 40, PARAM_VALUE_MAX = 8192 };

struct param {
    char name[PARAM_NAME_MAX]; /* lowercase, without "*" */
    char *value;               /* UTF-8 */
};

struct params {
    struct param v[PARAMS_MAX];
    size_t n;
    bool cut; /* there were more, or longer ones: a limit of the part */
};

/* Reads the value of a field (octets as they came, folded or not). Free with params_free. */
void params_read(struct reader *r, const char *part, struct str value, struct params *ret);
void params_free(struct params *p);
/* The next value of that name, in the order in which a reader of today prefers them: extended
 * (RFC 2231), then plain, each as they came; *cursor starts at 0. NULL: no more. */
const char *params_next(const struct params *p, const char *name, size_t *cursor);
