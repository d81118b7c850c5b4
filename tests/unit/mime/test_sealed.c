/* SPDX-License-Identifier: Apache-2.0
 * test_sealed.c: encrypted or not, by the octets. tests/fixtures/sealed was made with OpenSSL
 * 3.0.19 (openssl cms) and GnuPG 2.2.40 of "Content-Type: text/plain", an empty line and
 * "[secure] my number is 536-90-4399" (stored-* and signed-*.asc, .b64 of list.csv: of that line
 * alone); what is right of the rest follows from RFC 5652 3, RFC 8551 3.2.2 and RFC 9580 10.3.
 */
#include "mime/sealed.h"
#include "check.h"
#include "mime/view.h"
#include "sys/file.h"
#include "wire/base64.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD "From: a@in.test\r\nTo: b@out.test\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
#define P7M(type) \
    HEAD "Content-Type: application/pkcs7-mime; name=smime.p7m" type \
         "\r\nContent-Transfer-Encoding: base64\r\n\r\n"
#define ENVELOPED P7M("; smime-type=enveloped-data")
#define PGP_MIME \
    HEAD "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; " \
         "boundary=b\r\n\r\n"
#define CONTROL "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
#define OCTETS  "--b\r\nContent-Type: application/octet-stream\r\n\r\n"
#define MIXED   HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static void message_of(const char *before, const char *file, const char *behind, struct buf *out)
{
    char path[200];
    snprintf(path, sizeof path, "tests/fixtures/sealed/%s", file ? file : "");
    assert_int_equal(buf_add(out, str_c(before)), 0);
    assert_int_equal(file ? file_read(path, out) : 0, 0);
    assert_int_equal(buf_add(out, str_c(behind)), 0);
}

static bool has(const struct mime_reading *m, enum mime_problem_kind kind)
{
    for (size_t i = 0; i < m->n_problems; i++) {
        if (m->problems[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool has_text(const struct mime_reading *m, enum mime_place place, const char *text)
{
    for (size_t i = 0; i < m->n_texts; i++) {
        struct str s = buf_str(&m->texts[i].text);
        if (m->texts[i].place == place && memmem(s.p, s.n, text, strlen(text))) {
            return true;
        }
    }
    return false;
}

/* What is encrypted as a whole, whatever it is called. */
static void encrypted(void **state)
{
    static const struct {
        const char *before, *file, *behind;
        enum mime_encryption is;
    } rows[] = {
        {ENVELOPED, "enveloped.b64", "", MIME_SMIME},
        {ENVELOPED, "enveloped-stream.b64", "", MIME_SMIME},
        {P7M("; smime-type=authEnveloped-data"), "auth-enveloped.b64", "", MIME_SMIME},
        /* RFC 8551 3.2.2: the parameter may be missing */
        {P7M(""), "enveloped.b64", "", MIME_SMIME},
        {P7M("; smime-type=signed-data"), "enveloped.b64", "", MIME_SMIME},
        {HEAD "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "enveloped.b64", "", MIME_SMIME},
        {PGP_MIME CONTROL OCTETS, "password.asc", "--b--\r\n", MIME_PGP},
        {PGP_MIME CONTROL OCTETS, "key.asc", "--b--\r\n", MIME_PGP},
        {HEAD "\r\n\r\n", "password.asc", "\r\n", MIME_PGP_INLINE},
        {HEAD "\r\n", "key.asc", "", MIME_PGP_INLINE},
        {HEAD "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "password.b64", "", MIME_PGP_INLINE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(1 << 16);
        message_of(rows[i].before, rows[i].file, rows[i].behind, &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        if (m->encryption != rows[i].is) {
            fail_msg("row %zu: %s", i, mime_encryption_name(m->encryption));
        }
        mime_reading_free(m);
        buf_free(&b);
    }
}

/* What only says so is in clear, and its text is read: where flags count, or as a file. */
static void not_encrypted(void **state)
{
    static const struct {
        const char *before, *file, *behind;
        bool in_body; /* "[secure]" is read there */
        enum mime_problem_kind problem;
    } rows[] = {
        {ENVELOPED, "signed.b64", "", true, MIME_PROBLEM_END},
        {HEAD "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "signed.b64", "", true, MIME_PROBLEM_END},
        {HEAD "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n", NULL,
         "[secure] hello\r\n", true, MIME_DAMAGED},
        {HEAD "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n", NULL,
         "Content-Type: text/plain\r\n\r\n[secure]\r\n", true, MIME_DAMAGED},
        {ENVELOPED, NULL, "MIIB\r\n", false, MIME_OPAQUE},
        {PGP_MIME "--b\r\n\r\n[secure] hello\r\n--b--\r\n", NULL, "", true, MIME_DAMAGED},
        {PGP_MIME CONTROL OCTETS, NULL, "[secure] hello\r\n--b--\r\n", true, MIME_DAMAGED},
        {PGP_MIME CONTROL OCTETS, "signed.asc", "--b--\r\n", true, MIME_DAMAGED},
        {PGP_MIME CONTROL OCTETS, NULL,
         "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA5FSBjmLTPMfAQf/Z2d7\r\n-----END PGP "
         "MESSAGE-----\r\n--b--\r\n",
         false, MIME_DAMAGED},
        {PGP_MIME CONTROL OCTETS, "password.asc", "--b\r\n\r\n[secure]\r\n--b--\r\n", true,
         MIME_DAMAGED},
        {HEAD "\r\n", NULL,
         "-----BEGIN PGP MESSAGE-----\r\n\r\n[secure]\r\n-----END PGP MESSAGE-----\r\n", true,
         MIME_PROBLEM_END},
        {HEAD "\r\n", "signed.asc", "", true, MIME_PROBLEM_END},
        {HEAD "\r\nhello [secure]\r\n", "password.asc", "", true, MIME_PASSWORD},
        {HEAD "\r\n", "password.asc", "hello [secure]\r\n", true, MIME_PASSWORD},
        /* a text, or a file in clear, beside what is encrypted */
        {MIXED "--b\r\n\r\n[secure]\r\n--b\r\nContent-Type: "
               "application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "enveloped.b64", "--b--\r\n", true, MIME_PASSWORD},
        {MIXED "--b\r\n\r\n", "password.asc",
         "--b\r\nContent-Type: text/csv\r\nContent-Disposition: "
         "attachment\r\n\r\n[secure]\r\n--b--\r\n",
         false, MIME_PROBLEM_END},
        {MIXED "--b\r\n\r\nsee [secure]\r\n--b\r\nContent-Type: application/octet-stream; "
               "name=x.pgp\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "password.b64", "--b--\r\n", true, MIME_PASSWORD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(1 << 16);
        message_of(rows[i].before, rows[i].file, rows[i].behind, &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        bool seen = has_text(m, MIME_BODY, "[secure]");
        if (m->encryption != MIME_CLEAR || seen != rows[i].in_body ||
            (rows[i].problem < MIME_PROBLEM_END && !has(m, rows[i].problem))) {
            fail_msg("row %zu: %s, text in the body %d, problems %zu", i,
                     mime_encryption_name(m->encryption), seen, m->n_problems);
        }
        mime_reading_free(m);
        buf_free(&b);
    }
}

static bool has_name(const struct mime_reading *m, const char *name)
{
    for (size_t i = 0; i < m->n_attachments; i++) {
        if (strcmp(m->attachments[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* OpenPGP that is signed or only compressed (RFC 9580 10.3; gpg --sign, --store of GnuPG
 * 2.2.40): each compression of 9.4, in armour as the body, quoted, in HTML and as a file, and
 * not in armour. The page shows the text. */
static void open_messages(void **state)
{
    static const char *const files[] = {
        "stored-zip.asc", "stored-zlib.asc", "stored-bzip2.asc", "stored-none.asc",
        "signed-zip.asc", "signed-none.asc", "signed.asc",
    };
    static const char *const around[][2] = {
        {HEAD "\r\n", ""},
        {HEAD "\r\nhello\r\n\r\n", "bye\r\n"},
        {HEAD "Content-Type: text/html\r\n\r\n<pre>", "</pre>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(files) * ARRAY_LEN(around); i++) {
        struct buf b = BUF_INIT(1 << 16);
        const char *const *side = around[i / ARRAY_LEN(files)];
        message_of(side[0], files[i % ARRAY_LEN(files)], side[1], &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        if (!has_text(m, MIME_BODY, "[secure] my number is 536-90-4399") || m->n_problems > 0) {
            fail_msg("%s in %s: problems %zu", files[i % ARRAY_LEN(files)], side[0], m->n_problems);
        }
        mime_reading_free(m);
        struct view *v = view_of_message(buf_str(&b));
        bool shown = memmem(buf_str(&v->text).p, buf_len(&v->text), "536-90-4399", 11);
        assert_true(shown && !v->pgp);
        bool in_html = memmem(buf_str(&v->html).p, buf_len(&v->html), "536-90-4399", 11);
        assert_true(i < 2 * ARRAY_LEN(files) || in_html);
        view_free(v);
        buf_free(&b);
    }
    struct buf b = BUF_INIT(1 << 16);
    message_of(MIXED "--b\r\n\r\nhi\r\n--b\r\nContent-Type: application/octet-stream; "
                     "name=list.csv.gpg\r\nContent-Transfer-Encoding: base64\r\n\r\n",
               "signed-file.b64", "--b--\r\n", &b);
    struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
    assert_true(has_text(m, MIME_ATTACHMENT, "536-90-4399") && has_name(m, "list.csv") &&
                m->n_problems == 0);
    mime_reading_free(m);
    buf_free(&b);
}

/* The armour of a file with something else around its lines. */
static void odd_armour(const char *file, const char *head, const char *before_line,
                       const char *behind_line, struct buf *out)
{
    struct buf b = BUF_INIT(1 << 16);
    message_of("", file, "", &b);
    struct str rest = buf_str(&b), line;
    bool in_head = true;
    for (unsigned n = 0; str_split(&rest, '\n', &line); n++) {
        bool is_stroke = str_starts_nocase(line, STR("-----"));
        if (in_head && line.n == 0) {
            assert_int_equal(buf_add(out, str_c(head)), 0);
            in_head = false;
        } else {
            assert_int_equal(buf_printf(out, "%s" STR_FMT "%s\r\n", is_stroke ? "" : before_line,
                                        STR_ARG(line), is_stroke ? "" : behind_line),
                             0);
        }
    }
    buf_free(&b);
}

/* What is no armour by RFC 9580 6.2, but may be opened by hand, or by a lenient program (GnuPG
 * skips what is no letter of base64): read, or named where it cannot be. */
static void odd_armours(void **state)
{
    static const struct {
        const char *head, *before, *behind;
    } rows[] = {
        {"", "", ""}, /* no empty line */
        {"\r\n", "", ""},
        {"\r\n\r\n", "", ""},
        {"Comment without a colon\r\n\r\n", "", ""},
        {" \t\r\n", "", ""},
        {"\xc2\xa0\r\n", "", ""}, /* &nbsp; */
        {"\r\n", "> ", ""},
        /* each line end twice */
        {"\r\n", "", "\r\n"},
        {"\r\n", "| ", ""},
        {"\r\n", "", "\xc2\xa0"},
        {"\r\n", "# ", " #"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(1 << 16);
        bool many = i >= ARRAY_LEN(rows);
        assert_int_equal(buf_add(&b,
                                 STR(HEAD
                                     "Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n")),
                         0);
        struct buf head = BUF_INIT(1 << 16);
        for (int k = 0; many && k < 60; k++) {
            assert_int_equal(buf_printf(&head, "Comment: line %d of the notes of a gateway\r\n", k),
                             0);
        }
        assert_int_equal(buf_printf(&head, "%s%c", rows[i % ARRAY_LEN(rows)].head, 0), 0);
        odd_armour("signed-none.asc", buf_str(&head).p, rows[i % ARRAY_LEN(rows)].before,
                   rows[i % ARRAY_LEN(rows)].behind, &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        if (!has_text(m, MIME_BODY, "536-90-4399") && !has(m, MIME_OPAQUE)) {
            fail_msg("row %zu: %zu problems\n" STR_FMT, i, m->n_problems, STR_ARG(buf_str(&b)));
        }
        mime_reading_free(m);
        buf_free(&head);
        buf_free(&b);
    }
}

/* What stands inside armour in clear is not encrypted with it: lines that are no base64, text
 * beside its last line. */
static void words_inside_armour(void **state)
{
    static const char *const behind[] = {"", "\r\nMr Baker has asthma\r\n", " Mr Baker has asthma"};
    for (size_t i = 0; i < 2 * ARRAY_LEN(behind); i++) {
        struct buf b = BUF_INIT(1 << 16), m = BUF_INIT(1 << 16);
        message_of("", "password.asc", "", &b);
        struct str all = str_trim_lines(buf_str(&b));
        size_t end = all.n - strlen("-----END PGP MESSAGE-----"),
               cut = i < ARRAY_LEN(behind) ? all.n : end;
        assert_int_equal(buf_add(&m, str_slice(all, 0, cut)), 0);
        assert_int_equal(buf_printf(&m, "%s%s", behind[i % ARRAY_LEN(behind)],
                                    cut < all.n ? "\r\n-----END PGP MESSAGE-----\r\n" : ""),
                         0);
        assert_int_equal(sealed_octets(buf_str(&m)) == SEAL_PGP, i % ARRAY_LEN(behind) == 0);
        buf_free(&b);
        buf_free(&m);
    }
}

/* What cannot be opened is named, and the page says so: armour around something else, a message
 * that is cut; and what is none is not. */
static void closed_messages(void **state)
{
    static const struct {
        const char *text;
        bool opaque;
    } rows[] = {
        {"-----BEGIN PGP "
         "MESSAGE-----\r\n\r\nUGF0aWVudCBKYW5lIE1pbGxlciA1MzYtOTAtNDM5OQ==\r\n-----END PGP "
         "MESSAGE-----\r\n",
         true},
        {"-----BEGIN PGP MESSAGE-----\r\n\r\noy4BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\r\n-----END "
         "PGP MESSAGE-----\r\n",
         true},
        {"The line -----BEGIN PGP MESSAGE----- stands above, and another one is the last.\r\n",
         false},
        {"It begins with -----BEGIN PGP MESSAGE-----\r\n\r\nand ends with another line.\r\n",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(1 << 16);
        message_of(HEAD "\r\nsee\r\n", NULL, rows[i].text, &b);
        struct mime_reading *m = mime_read(buf_str(&b), &mime_standard_limits);
        struct view *v = view_of_message(buf_str(&b));
        if (has(m, MIME_OPAQUE) != rows[i].opaque || v->pgp != rows[i].opaque) {
            fail_msg("row %zu: %zu problems, page %d", i, m->n_problems, v->pgp);
        }
        view_free(v);
        mime_reading_free(m);
        buf_free(&b);
    }
}

/* RFC 3274, RFC 8551 3.6; made with zlib of Python 3.11, as openssl cms here compresses nothing. */
static void compressed_is_read(void **state)
{
    static const char mail[] =
        "" P7M("; smime-type=compressed-data") "MH8GCyqGSIb3DQEJEAEJoHAwbgIBADANBgsqhkiG9w0BCRADCDB"
                                               "aBgkqhkiG9w0BBwGgTQRLeJxz\r\n"
                                               "zs8rSc0r0Q2pLEi1UihJrSjRL8hJzMzj5eLlii5OTS4tSo1VyMj"
                                               "k5UpOLEpRMDE1tlQwNbcwVzAz\r\n"
                                               "NjNSMDSxMOPlAgDlohMH\r\n";
    struct mime_reading *m = mime_read(str_c(mail), &mime_standard_limits);
    assert_true(has_text(m, MIME_BODY, "[secure] hi") && m->n_problems == 0 &&
                m->encryption == MIME_CLEAR);
    mime_reading_free(m);
    struct view *v = view_of_message(str_c(mail));
    assert_true(!v->smime && memmem(buf_str(&v->text).p, buf_len(&v->text), "[secure] hi", 11));
    view_free(v);
}

/* The page says that something is encrypted only where it is. */
static void pages(void **state)
{
    static const struct {
        const char *before, *file, *behind;
        bool pgp, smime;
        const char *text;
    } rows[] = {
        {ENVELOPED, "enveloped.b64", "", false, true, NULL},
        {ENVELOPED, "signed.b64", "", false, false, "536-90-4399"},
        {HEAD "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n", NULL,
         "hello\r\n", false, false, NULL},
        {PGP_MIME CONTROL OCTETS, "password.asc", "--b--\r\n", true, false, NULL},
        /* it is nowhere on the page */
        {PGP_MIME CONTROL OCTETS, "signed.asc", "--b--\r\n", true, false, NULL},
        {PGP_MIME CONTROL "--b\r\n\r\nhello\r\n--b--\r\n", NULL, "", false, false, "hello"},
        {HEAD "\r\n", "password.asc", "", true, false, NULL},
        {HEAD "\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nsome words\r\n-----END PGP MESSAGE-----\r\n",
         NULL, "", false, false, "some words"},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9t\xc3\xa9 in France\r\n",
         NULL, "", false, false, "France"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(1 << 16);
        message_of(rows[i].before, rows[i].file, rows[i].behind, &b);
        struct view *v = view_of_message(buf_str(&b));
        struct str text = buf_str(&v->text);
        bool shown = !rows[i].text ||
                     (text.n > 0 && memmem(text.p, text.n, rows[i].text, strlen(rows[i].text)));
        if (v->pgp != rows[i].pgp || v->smime != rows[i].smime || !shown) {
            fail_msg("row %zu: pgp %d smime %d: " STR_FMT, i, v->pgp, v->smime, STR_ARG(text));
        }
        view_free(v);
        buf_free(&b);
    }
}

/* RFC 9580 4.2: lengths of each form, in pieces, and what is cut. */
static void packets(void **state)
{
    static const struct {
        struct str octets;
        enum seal seal;
    } rows[] = {
        {STR("\xc1\x01\x03\xd2\x02\x01\xff"), SEAL_PGP},
        {STR("\xc1\x01\x03\xd2\xff\0\0\0\x02\x01\xff"), SEAL_PGP},
        {STR("\x84\x01\x03\xa4\x02\x01\xff"), SEAL_PGP},
        {STR("\x84\x01\x03\xa7\x01\xff\xfe"), SEAL_PGP},     /* to the end */
        {STR("\xd2\xe1\x01\xff\x01\xfe"), SEAL_PGP},         /* two octets and one */
        {STR("\xd2\x02\x01\xff\xd5\x02\xff\xff"), SEAL_PGP}, /* padding */
        {STR("\xd2\x02\x01\xff"
             "hello"),
         SEAL_NONE},
        {STR("\xd2\x05\x01\xff"), SEAL_NONE},
        {STR("\xc1\x01\x03"), SEAL_NONE},
        {STR("\xc3"), SEAL_NONE},
        {STR("\xcb\x02\x01\xff"), SEAL_NONE}, /* literal data */
        {STR("\xc8\x02\x01\xff"), SEAL_NONE}, /* compressed */
        {STR(""), SEAL_NONE},
        {STR("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03 and then a text"), SEAL_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (sealed_octets(rows[i].octets) != rows[i].seal) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encrypted),       cmocka_unit_test(not_encrypted),
        cmocka_unit_test(pages),           cmocka_unit_test(open_messages),
        cmocka_unit_test(odd_armours),     cmocka_unit_test(words_inside_armour),
        cmocka_unit_test(closed_messages), cmocka_unit_test(compressed_is_read),
        cmocka_unit_test(packets),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
