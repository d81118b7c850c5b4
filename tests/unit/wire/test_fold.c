/* SPDX-License-Identifier: Apache-2.0
 * test_fold.c: header lines that are too long. Rules: RFC 5322 2.1.1 (998 octets), 2.2.3
 * (unfolding takes out the CRLF alone), 4.2 (no line of blanks alone); RFC 6376 3.4.1, 3.5
 * (c=simple, which is also the default). Cases: grommunio/gromox#360 and rspamd/rspamd#5323
 * (References of long threads, which Postfix cuts within a message id, so that signatures
 * break).
 */
#include "wire/fold.h"
#include "wire/header.h"
#include "wire/section.h"
#include "check.h"

#include <stdio.h>

enum { LINE_MAX_OCTETS = 998 };

/* All lines are short enough, none is blank, and without the CRLFs before blanks it is what it
 * was. */
static void check_folded(struct str field, struct str folded)
{
    char *before = malloc(field.n + 1), *after = malloc(folded.n + 1);
    size_t n = 0, m = 0, line = 0, words = 0;
    for (size_t i = 0; i < field.n; i++) {
        bool fold = field.p[i] == '\r' || field.p[i] == '\n';
        before[n] = field.p[i];
        n += !fold;
    }
    for (size_t i = 0; i < folded.n; i++) {
        char c = folded.p[i];
        after[m] = c;
        m += c != '\r' && c != '\n';
        line += c != '\r' && c != '\n';
        words += c != ' ' && c != '\t' && c != '\r' && c != '\n';
        if (c == '\n') {
            assert_true(line <= LINE_MAX_OCTETS && words > 0 && folded.p[i - 1] == '\r');
            assert_true(i + 1 == folded.n || folded.p[i + 1] == ' ' || folded.p[i + 1] == '\t');
            line = words = 0;
        }
    }
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
}

static void words_of_every_length(void **state)
{
    static const size_t lengths[] = {1, 2, 39, 72, 300, 498, 499, 500, 990, 996, 997};
    for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
        for (size_t blanks = 1; blanks < 4; blanks++) {
            struct buf field = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
            assert_int_equal(buf_add(&field, STR("References:")), 0);
            for (size_t words = 0; words < 3000 / lengths[k] + 2; words++) {
                assert_int_equal(buf_add(&field,
                                         str_slice(STR(" \t "), 0,
                                                   lengths[k] + blanks > LINE_MAX_OCTETS ? 1
                                                                                         : blanks)),
                                 0);
                for (size_t i = 0; i < lengths[k]; i++) {
                    assert_int_equal(buf_append(&field, "x", 1), 0);
                }
            }
            assert_int_equal(buf_add(&field, STR("\r\n")), 0);
            assert_int_equal(fold_field(buf_str(&field), &out), 0);
            check_folded(buf_str(&field), buf_str(&out));
            buf_free(&field);
            buf_free(&out);
        }
    }
}

static void what_is_short_stays(void **state)
{
    static const char *const fields[] = {
        "Subject: x\r\n", "X:\r\n", "X: a\r\n b\r\n\tc\r\n", "no field\r\n", "X: a\n b\n", "",
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct buf out = BUF_INIT(1000);
        assert_int_equal(fold_field(str_c(fields[i]), &out), 0);
        check_str(buf_str(&out), fields[i]);
        buf_free(&out);
    }
}

/* Neither is cut: no word in two, no line of blanks. The engine refuses the first. */
static void what_cannot_be_folded_stays(void **state)
{
    char word[2100], blanks[2100];
    struct buf out = BUF_INIT(5000);
    snprintf(word, sizeof word, "X:%0*d\r\n", 2000, 0);
    assert_int_equal(fold_field(str_c(word), &out), 0);
    check_str(buf_str(&out), word);
    buf_reset(&out);
    snprintf(blanks, sizeof blanks, "X:a%2000s\r\n", "");
    assert_int_equal(fold_field(str_c(blanks), &out), 0);
    check_str(buf_str(&out), blanks);
    buf_free(&out);
}

static void signatures(void **state)
{
    static const struct {
        const char *section;
        bool breaks;
    } rows[] = {
        {"From: a\r\n", false},
        {"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; h=from\r\n", false},
        {"DKIM-Signature: v=1;\r\n\tc=relaxed; h=from\r\n", false},
        {"DKIM-Signature: v=1; c = relaxed / relaxed ; h=from\r\n", false},
        {"dkim-signature: v=1; c=simple/relaxed; h=from\r\n", true},
        {"DKIM-Signature: v=1; h=from; d=x\r\n", true},
        {"DKIM-Signature: v=1; c=relaxed; h=from\r\nDKIM-Signature: v=1; h=from\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(fold_breaks_signature(str_c(rows[i].section)), rows[i].breaks);
    }
}

/* As it is used: the section is folded, but not under such a signature. */
static void in_a_section(void **state)
{
    static const char *const signatures_of[] = {
        "",
        "DKIM-Signature: c=relaxed/relaxed; h=subject\r\n",
        "DKIM-Signature: c=simple/simple; h=subject\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(signatures_of); i++) {
        struct buf section = BUF_INIT(10000), out = BUF_INIT(10000);
        struct section_done done;
        assert_int_equal(buf_printf(&section, "%sSubject: %0600d %0600d\r\n\r\n", signatures_of[i],
                                    1, 2),
                         0);
        assert_int_equal(section_write(buf_str(&section),
                                       &(struct section_change){.authserv_id = STR("")}, &out,
                                       &done),
                         0);
        assert_int_equal(buf_len(&out) - buf_len(&section), i < 2 ? 2 : 0);
        buf_free(&section);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_every_length),
        cmocka_unit_test(what_is_short_stays),
        cmocka_unit_test(what_cannot_be_folded_stays),
        cmocka_unit_test(signatures),
        cmocka_unit_test(in_a_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
