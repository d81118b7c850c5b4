/* SPDX-License-Identifier: Apache-2.0
 * check.h: cmocka, and a few words that unit tests share.
 */
#pragma once
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static inline void check_str(struct str got, const char *want)
{
    char *copy = str_dup(got);
    assert_string_equal(copy, want);
    free(copy);
}
