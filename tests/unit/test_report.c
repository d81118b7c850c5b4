/* SPDX-License-Identifier: Apache-2.0
 * test_report.c: the bounce in the form of RFC 3464, and the message report.
 */
#include "check.h"
#include "policy/policy.h"
#include "report/dsn.h"
#include "report/message.h"
#include "report/protection.h"
#include "report/told.h"
#include "store/store.h"

#include <stdio.h>

static const struct dsn_rcpt rcpt = {
    .forward_path = STR("x@bad.test"),
    .reason = REASON_REJECTED,
    .code = STR("5.1.1"),
    .remote = true,
    .reply = STR("550 5.1.1 no such person, and a long explanation that has to be folded somewhere "
                 "near here"),
    .host = STR("mx.bad.test"),
    .last_ms = 880127706000,
};

/* RFC 5321 3.6.3 SHOULD: the notice has the form of RFC 3464
 * RFC 3461 5.2.8 MAY: one notice about several recipients
 * RFC 3461 6.2 MUST: the form is that of RFC 3464 */
static void bounce(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    const struct dsn d = {
        .hostname = STR("mx.test"),
        .organization = STR("Clinic"),
        .to = STR("a@b.test"),
        .id = STR("0000000000001"),
        .own_id = STR("0000000000002"),
        .arrived_ms = 880127706000,
        .at_ms = 880127706000,
        .rcpts = &rcpt,
        .n_rcpts = 1,
        .headers = STR("Subject: x\r\n"),
    };
    assert_int_equal(dsn_write(&d, &out), 0);
    struct str s = buf_str(&out);
    for (size_t i = 0; i < s.n; i++) { /* CRLF only, no line over 998, 7 bit */
        assert_true((unsigned char)s.p[i] < 0x80);
        assert_true(s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'));
    }
    assert_int_equal(buf_append(&out, "", 1), 0);
    static const char *const want[] = {
        "To: <a@b.test>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;\r\n",
        "Content-Type: message/delivery-status\r\n",
        "Reporting-MTA: dns;mx.test\r\n",
        "Final-Recipient: rfc822;x@bad.test\r\n",
        "Action: failed\r\n",
        "Status: 5.1.1\r\n",
        "Remote-MTA: dns;mx.bad.test\r\n",
        "Diagnostic-Code: smtp;550 5.1.1 no such person",
        "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n",
        "postmaster@mx.test",
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        if (!strstr(buf_str(&out).p, want[i])) {
            fail_msg("missing: %s in\n%s", want[i], buf_str(&out).p);
        }
    }
}

static void must_hold(const struct buf *out, const char *const *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strstr(buf_str(out).p, want[i])) {
            fail_msg("missing: %s in\n%s", want[i], buf_str(out).p);
        }
    }
}

static struct dsn notice_about(const struct dsn_rcpt *r, struct str to, struct str headers)
{
    return (struct dsn){
        .hostname = STR("mx.test"),
        .organization = STR("Z\xc3\xbcrich"),
        .to = to,
        .id = STR("1"),
        .own_id = STR("2"),
        .rcpts = r,
        .n_rcpts = 1,
        .headers = headers,
    };
}

/* To a sender of ASCII everything is ASCII, whatever the message, its recipients and the other
 * server said (RFC 6533 3: utf-8-addr-xtext with "+" as \x{2B}; RFC 6522 4).
 * openmediavault/openmediavault#1058: the notice of a message that needed SMTPUTF8 was marked as
 * needing it too, and failed as its original had. */
static void bounce_needs_nothing(void **state)
{
    static const struct dsn_rcpt r = {
        .forward_path = STR("j\xc3\xbcrgen+x@bad.test"),
        .reason = REASON_NO_UTF8,
        .reply = STR("550 caf\xc3\xa9"),
        .remote = true,
    };
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    const struct dsn d = notice_about(&r, STR("a@b.test"), STR("Subject: \xc3\xa4\r\n"));
    assert_int_equal(dsn_write(&d, &out), 0);
    struct str s = buf_str(&out);
    for (size_t i = 0; i < s.n; i++) {
        assert_true((unsigned char)s.p[i] < 0x80);
    }
    assert_int_equal(buf_append(&out, "", 1), 0);
    static const char *const want[] = {
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n",
        "Z=C3=BCrich",
        "550 caf=C3=A9",
        "Content-Type: message/delivery-status\r\n",
        "Final-Recipient: utf-8;j\\x{FC}rgen\\x{2B}x@bad.test\r\n",
        "Diagnostic-Code: smtp;550 caf??\r\n",
        "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\nSubject: =C3=A4\r\n",
    };
    must_hold(&out, want, ARRAY_LEN(want));
}

/* Only an address that needs SMTPUTF8 itself gets the forms of RFC 6533 3 and 6. */
static void bounce_to_an_international_address(void **state)
{
    static const struct dsn_rcpt r = {
        .forward_path = STR("j\xc3\xbcrgen+x@bad.test"),
        .reason = REASON_REJECTED,
    };
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    struct dsn d = notice_about(&r, STR("\xc3\xa4@b.test"), STR("Subject: \xc3\xa4\r\n"));
    d.utf8 = true;
    assert_int_equal(dsn_write(&d, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    static const char *const want[] = {
        "To: <\xc3\xa4@b.test>\r\n",
        "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Final-Recipient: utf-8;j\xc3\xbcrgen\\x{2B}x@bad.test\r\n",
        "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: "
        "\xc3\xa4\r\n",
    };
    must_hold(&out, want, ARRAY_LEN(want));
}

/* Octets in no known character set, and lines over 998 (RFC 6522 4: quoted-printable where
 * headers are broken). */
static void bounce_with_broken_headers(void **state)
{
    char line[1200];
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    struct dsn d = notice_about(&rcpt, STR("a@b.test"), STR("Subject: \xe4\r\n"));
    assert_int_equal(dsn_write(&d, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_non_null(strstr(buf_str(&out).p,
                           "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: "
                           "quoted-printable\r\n\r\nSubject: =E4\r\n"));
    memset(line, 'x', sizeof line);
    memcpy(line, "To: ", 4);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    d.headers = str_from(line, sizeof line);
    buf_reset(&out);
    assert_int_equal(dsn_write(&d, &out), 0);
    size_t octets = 0;
    for (size_t i = 0; i < buf_len(&out); i++) {
        octets = buf_str(&out).p[i] == '\n' ? 0 : octets + 1;
        assert_true(octets <= 999);
    }
}

/* Both recipients were in a round of two servers; each server took one of them: what is said of
 * each is of its own session. */
static void report_of_two_servers(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    const struct ipc_row_message m = {
        .id = 1,
        .reverse_path = STR("a@b.test"),
        .protocol = STR("ESMTP"),
        .helo = STR("h"),
        .client = STR("192.0.2.1"),
    };
    const struct ipc_row_rcpt x = {
        .rcpt = 5,
        .forward_path = STR("x@y.test"),
        .state = RCPT_DELIVERED,
        .reason = REASON_SENT,
        .host = STR("mx1"),
    };
    const struct ipc_row_rcpt z = {
        .rcpt = 6,
        .forward_path = STR("z@y.test"),
        .state = RCPT_DELIVERED,
        .reason = REASON_SENT_PLAIN,
        .host = STR("mx2"),
    };
    const struct ipc_row_attempt a = {
        .rcpts = STR("5,6"),
        .host = STR("mx1"),
        .reason = REASON_SENT,
        .sess = SESS_PKIX_OK,
        .grade = GRADE_CERT,
        .tls_version = STR("TLSv1.3"),
        .tls_cipher = STR("X"),
    };
    const struct ipc_row_attempt b = {
        .rcpts = STR("5,6"),
        .host = STR("mx2"),
        .reason = REASON_SENT_PLAIN,
        .sess = SESS_NOADV,
        .grade = GRADE_PLAIN,
    };
    const struct ipc_row_rcpt *rcpts[] = {&x, &z};
    const struct ipc_row_attempt *attempts[] = {&a, &b};
    const struct message_report r = {&m, rcpts, 2, attempts, 2};
    static const char *const want[] = {
        "To <x@y.test>: delivered\n  Sent securely: yes; ",
        "By: mx1 ",
        "To <z@y.test>: delivered\n  Sent securely: NO; not encrypted",
        "By: mx2 ",
    };
    assert_int_equal(message_report_words(&r, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    must_hold(&out, want, ARRAY_LEN(want));
}

/* That processes of ours ended over a message is what an administrator must know of it; of a
 * message without that nothing is said. */
static void report_of_ended_processes(void **state)
{
    static const char *const words[] = {
        "",
        "  1 process of ours ended over it; another one holds it\n",
        "  2 processes of ours ended over it\n",
    };
    for (uint32_t deaths = 0; deaths < ARRAY_LEN(words); deaths++) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(64 * 1024);
        const struct ipc_row_message m = {.id = 1, .deaths = deaths};
        const struct message_report r = {.message = &m};
        assert_int_equal(message_report_words(&r, &out), 0);
        assert_int_equal(str_has(buf_str(&out), STR("ended over it")), deaths > 0);
        assert_true(str_has(buf_str(&out), str_c(words[deaths])));
    }
}

/* 200 of 250: five are shown, and how many more there are is said. */
static void report_of_many_recipients(void **state)
{
    enum { ALL = 250, TRIED = 200 };
    static struct ipc_row_rcpt rows[ALL];
    static const char *const want[] = {
        "     for r0@y.test, r1@y.test, r2@y.test, r3@y.test, r4@y.test and 195 more\n",
    };
    const struct ipc_row_rcpt *rcpts[ALL];
    char paths[ALL][20];
    CLEANUP(buf_free) struct buf out = BUF_INIT(256 * 1024), numbers = BUF_INIT(8192);
    const struct ipc_row_message m = {
        .id = 1,
        .reverse_path = STR("a@b.test"),
        .protocol = STR("ESMTP"),
        .helo = STR("h"),
        .client = STR("192.0.2.1"),
    };
    for (size_t i = 0; i < ALL; i++) {
        snprintf(paths[i], sizeof paths[i], "r%zu@y.test", i);
        rows[i] = (struct ipc_row_rcpt){.rcpt = 1000000000 + i, .forward_path = str_c(paths[i])};
        rcpts[i] = &rows[i];
        assert_int_equal(i < TRIED ? buf_printf(&numbers, "%s%zu", i ? "," : "", 1000000000 + i)
                                   : 0,
                         0);
    }
    const struct ipc_row_attempt a = {.rcpts = buf_str(&numbers), .host = STR("mx")},
                                 *attempts[] = {&a};
    const struct message_report r = {&m, rcpts, ALL, attempts, 1};
    assert_int_equal(message_report_words(&r, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    must_hold(&out, want, ARRAY_LEN(want));
}

/* RFC 3463 2: class 4 with a failure that another day may mend. What waited in vain says so, and
 * what it waited for. */
static void bounce_of_what_expired(void **state)
{
    static const struct dsn_rcpt tried = {
        .forward_path = STR("x@y.test"),
        .reason = REASON_CONNECT,
        .code = STR("4.4.1"),
        .reply = STR("Connection refused"),
        .expired = true,
    };
    static const struct dsn_rcpt never = {
        .forward_path = STR("x@y.test"),
        .reason = REASON_EXPIRED,
        .expired = true,
    };
    static const char *const first[] = {
        "could not be delivered to:\r\n\r\n<x@y.test>\r\n    it expired; at the last attempt:\r\n  "
        "  no connection",
        "Action: failed\r\nStatus: 4.4.1\r\n",
    };
    static const char *const second[] = {
        "<x@y.test>\r\n    the message could not be delivered within its lifetime\r\n",
        "Action: failed\r\nStatus: 4.4.7\r\n",
    };
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    struct dsn d = notice_about(&tried, STR("a@b.test"), STR(""));
    assert_int_equal(dsn_write(&d, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    must_hold(&out, first, ARRAY_LEN(first));
    buf_reset(&out);
    d = notice_about(&never, STR("a@b.test"), STR(""));
    assert_int_equal(dsn_write(&d, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    must_hold(&out, second, ARRAY_LEN(second));
}

static void report_words(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536), json = BUF_INIT(65536);
    const struct ipc_row_message m = {
        .id = 1,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = 1000,
        .protocol = STR("ESMTP"),
        .helo = STR("h"),
        .client = STR("192.0.2.1"),
    };
    const struct ipc_row_rcpt good = {
        .rcpt = 5,
        .forward_path = STR("x@y.test"),
        .state = RCPT_DELIVERED,
        .reason = REASON_SENT,
        .host = STR("mx"),
        .last_ms = 2000,
    };
    const struct ipc_row_rcpt clear = {
        .rcpt = 6,
        .forward_path = STR("z@y.test"),
        .state = RCPT_DELIVERED,
        .reason = REASON_SENT_PLAIN,
        .host = STR("mx"),
        .last_ms = 2000,
    };
    const struct ipc_row_attempt a = {
        .rcpts = STR("4,5"),
        .host = STR("mx"),
        .sess = SESS_PKIX_OK,
        .grade = GRADE_CERT,
        .tls_version = STR("TLSv1.3"),
        .tls_cipher = STR("X"),
        .tls_bits = 256,
        .cert_check = STR("fine"),
    };
    const struct ipc_row_attempt b = {
        .rcpts = STR("6"),
        .host = STR("mx"),
        .sess = SESS_NOADV,
        .grade = GRADE_PLAIN,
        .raised = RAISED(RULE),
    };
    const struct ipc_row_rcpt *rcpts[] = {&good, &clear};
    const struct ipc_row_attempt *attempts[] = {&a, &b};
    const struct message_report r = {&m, rcpts, 2, attempts, 2};
    assert_int_equal(message_report_words(&r, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_non_null(strstr(buf_str(&out).p, "To <x@y.test>: delivered 1970-01-01T00:00:02Z\n  Sent "
                                            "securely: yes; encrypted, certificate verified"));
    assert_non_null(strstr(buf_str(&out).p, "Sent securely: NO; not encrypted"));
    assert_non_null(strstr(buf_str(&out).p, "demanded by: a rule"));
    assert_int_equal(report_render(message_report_json(&r), &json), 0);
    assert_int_equal(buf_append(&json, "", 1), 0);
    assert_non_null(strstr(buf_str(&json).p, "\"tls-version\": \"TLSv1.3\""));
    assert_non_null(strstr(buf_str(&json).p, "\"state\": \"delivered\""));
}

/* A sender is told only where the notice arrived, and where there is one to tell. */
static void who_was_told(void **state)
{
    const struct ipc_row_message m =
                                     {
                                         .id = 1,
                                         .reverse_path = STR("a@b.test"),
                                         .protocol = STR("ESMTP"),
                                     },
                                 null = {.id = 1, .protocol = STR("ESMTP")};
    const struct ipc_row_rcpt told = {
        .rcpt = 5,
        .forward_path = STR("x@y.test"),
        .state = RCPT_FAILED,
        .bounced = 1,
    };
    const struct ipc_row_rcpt untold = {
        .rcpt = 5,
        .forward_path = STR("x@y.test"),
        .state = RCPT_FAILED,
        .bounced = 1,
        .notice = NOTICE_LOST,
    };
    const struct {
        const struct ipc_row_message *m;
        const struct ipc_row_rcpt *r;
        const char *words, *json;
    } cases[] = {
        {&m, &told, "The sender was told.", "\"sender-told\": true"},
        {&m, &untold, "and was not told.", "\"sender-told\": false"},
        {&null, &told, "and was not told.", "\"sender-told\": false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf words = BUF_INIT(65536), json = BUF_INIT(65536);
        const struct ipc_row_rcpt *rcpts[] = {cases[i].r};
        const struct message_report r = {cases[i].m, rcpts, 1, NULL, 0};
        assert_int_equal(message_report_words(&r, &words), 0);
        assert_int_equal(report_render(message_report_json(&r), &json), 0);
        assert_int_equal(buf_append(&words, "", 1) | buf_append(&json, "", 1), 0);
        must_hold(&words, &cases[i].words, 1);
        must_hold(&json, &cases[i].json, 1);
    }
}

/* A first try by a new user: "the flag for a test  in the subject". */
static void flags_found(void **state)
{
    CLEANUP(buf_free) struct buf words = BUF_INIT(65536);
    assert_int_equal(inspection_words(STR("test\tsubject\nflag\t[secure]\tsubject\n"), &words), 0);
    assert_int_equal(buf_append(&words, "", 1), 0);
    assert_string_equal(buf_str(&words).p, "    the flag for a test in the subject\n"
                                           "    the flag [secure] in the subject\n");
}

/* "attachment : text", "part 2: password: protected by a password", and an attached mail's flag
 * "in the quoted part". */
static void lines_of_an_inspection(void **state)
{
    CLEANUP(buf_free) struct buf words = BUF_INIT(65536);
    assert_int_equal(
        inspection_words(
            STR("quoted\t[secure]\tnew\tattached\nquoted\t[secure]"
                "\tnew\tquoted\nproblem\tpassword\t2\tencrypted with S/MIME\nproblem\theader\t\t\n"
                "attachment\ttext\t\t5\t\nattachment\tpdf\t***.pdf\t7\t2\nnamed\t***.exe\t\n"),
            &words),
        0);
    assert_int_equal(buf_append(&words, "", 1), 0);
    assert_string_equal(
        buf_str(&words).p,
        "    the flag [secure] stands only in an attached mail: it does not protect this message\n"
        "    the flag [secure] stands only in the quoted part: it does not protect this message\n"
        "    part 2: protected by a password (password): encrypted with S/MIME\n"
        "    the message: a header section with lines that are no fields (header)\n"
        "    attachment: text, 5 octets\n"
        "    attachment 2: pdf, 7 octets, ***.pdf\n"
        "    attachment is also called ***.exe\n");
}

/* The longest of everything, many times: as many as there is room for, and the rest is counted.
 * What other servers answer stands in it, so no size may end the process. */
static void told_of_many(void **state)
{
    enum { MANY = 200, ADDRESS = 900, REPLY = 1024, WORDS = 1598 };
    static char address[ADDRESS], reply[REPLY], words[WORDS];
    static struct told_rcpt rcpts[MANY];
    memset(address, 'a', sizeof address);
    memset(reply, 0xfc, sizeof reply);
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = i % 2 ? '\n' : 'w'; /* each line gets an indent */
    }
    for (size_t i = 0; i < MANY; i++) {
        rcpts[i] = (struct told_rcpt){
            .forward_path = {address, ADDRESS},
            .state = RCPT_FAILED,
            .reason = REASON_REJECTED,
            .reply = {reply, REPLY},
            .words = {words, WORDS},
        };
    }
    const struct told t = {
        .hostname = {address, 255},
        .organization = {address, 255},
        .administrator = {address, ADDRESS},
        .id = STR("6H2K0S3DW0G03"),
        .rcpts = rcpts,
        .n_rcpts = MANY,
    };
    static const size_t rooms[] = {20 * 1024, 40 * 1024};
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        CLEANUP(buf_free) struct buf out = BUF_INIT(rooms[i]);
        assert_int_equal(told_write(&t, &out), 0);
        assert_non_null(
            memmem(buf_str(&out).p, buf_len(&out), "for whom there is no room here", 30));
        assert_true(buf_len(&out) > ADDRESS + REPLY + WORDS); /* somebody stands in it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounce),
        cmocka_unit_test(bounce_needs_nothing),
        cmocka_unit_test(bounce_to_an_international_address),
        cmocka_unit_test(bounce_with_broken_headers),
        cmocka_unit_test(report_of_two_servers),
        cmocka_unit_test(report_of_ended_processes),
        cmocka_unit_test(report_of_many_recipients),
        cmocka_unit_test(bounce_of_what_expired),
        cmocka_unit_test(report_words),
        cmocka_unit_test(who_was_told),
        cmocka_unit_test(flags_found),
        cmocka_unit_test(lines_of_an_inspection),
        cmocka_unit_test(told_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
