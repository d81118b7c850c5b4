/* SPDX-License-Identifier: Apache-2.0
 * test_wire.c: addresses, dot stuffing, header walking, dates, ids, Received. Expected values from
 * RFC 5321, 5322, 6531, 3848, 8314.
 */
#include "check.h"
#include "wire/address.h"
#include "wire/date.h"
#include "wire/dot.h"
#include "wire/header.h"
#include "wire/id.h"
#include "wire/received.h"

#include <stdio.h>

struct path_case {
    const char *text;
    const char *whole; /* NULL: refused */
    bool utf8;
};

/* RFC 5321 3.3 SHOULD NOT: no source routes are sent
 * RFC 5321 3.6.1 SHOULD NOT: no explicit source routes are made
 * RFC 5321 3.6.1 SHOULD: the route of an address is ignored
 * RFC 5321 4.1.1.3 MUST: source routes are recognised
 * RFC 5321 4.1.1.3 SHOULD: source routes are stripped
 * RFC 5321 4.1.2 MUST NOT: no control characters in MAIL and RCPT
 * RFC 5321 C MUST: source routes are taken in RCPT and MAIL
 * RFC 5321 F.2 MUST NOT: no guessing at shortcuts in a route */
static void paths(void **state)
{
    static const struct path_case cases[] = {
        {"<Smith@bar.com>", "Smith@bar.com", false},
        /* RFC 5321 appendix C */
        {"<@hosta.int,@jkl.org:userc@d.bar.org>", "userc@d.bar.org", false},
        {"<\"Joe \\\"Q\\\" Public\"@example.org>", "\"Joe \\\"Q\\\" Public\"@example.org", false},
        {"<\"\"@example.org>", "\"\"@example.org", false},
        {"<a@[192.0.2.1]>", "a@[192.0.2.1]", false},
        {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", false},
        {"<a!#$%&'*+-/=?^_`{|}~b@x.org>", "a!#$%&'*+-/=?^_`{|}~b@x.org", false},
        {"<Postmaster>", "Postmaster", false},
        {"<\xc3\xa4@example.org>", "\xc3\xa4@example.org", true},
        {"<\xc3\xa4@example.org>", NULL, false},
        {"<a@example.org\xff>", NULL, true},
        {"<>", NULL, false},
        {"<a>", NULL, false},
        {"a@b.org", NULL, false},
        {"<a@b.org", NULL, false},
        {"<a@>", NULL, false},
        {"<@b.org>", NULL, false},
        /* such mailboxes exist: KumoCorp/kumomta#77, jstedfast/MimeKit#1092 */
        {"<a..b@c.org>", "a..b@c.org", false},
        {"<.a@c.org>", ".a@c.org", false},
        {"<a.@c.org>", "a.@c.org", false},
        {"<..@c.org>", "..@c.org", false},
        /* a name that ends at the root of DNS (RFC 1034 3.1); the address is the same */
        {"<a@c.org.>", "a@c.org", false},
        {"<@hosta.int.:a@c.org.>", "a@c.org", false},
        {"<a@c.org..>", NULL, false},
        {"<a@.>", NULL, false},
        {"<a@.c.org>", NULL, false},
        {"<a@[192.0.2.1].>", NULL, false},
        {"<a b@c.org>", NULL, false},
        {"<a@b@c.org>", NULL, false},
        {"<a@-b.org>", NULL, false},
        {"<a@b-.org>", NULL, false},
        {"<a@b..org>", NULL, false},
        {"<a@[300.0.0.1]>", NULL, false},
        {"<a@[IPv6:192.0.2.1]>", NULL, false},
        {"<\"a\"b@c.org>", NULL, false},
        {"<\"a\r\n\"@c.org>", NULL, false},
        {"<;touch x;@c.org>", NULL, false}, /* CVE-2020-7247: no special case lets this by */
        {"<@a.org,b.org:c@d.org>", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str rest = str_c(cases[i].text);
        struct address a;
        int r = address_path(&rest, cases[i].utf8, false, true, &a);
        if (!cases[i].whole) {
            if (r == 0) {
                fail_msg("accepted: %s", cases[i].text);
            }
            continue;
        }
        if (r != 0) {
            fail_msg("refused: %s", cases[i].text);
        }
        check_str(a.whole, cases[i].whole);
        assert_int_equal(rest.n, 0);
    }
}

static void path_sizes(void **state)
{
    static const int taken[] = {64, 70, 124, 250, ADDRESS_MAX - 6};
    char text[1200], local[1000], label[70];
    struct address a;
    memset(local, 'l', sizeof local);
    memset(label, 'd', sizeof label);
    /* RFC 5321 4.5.3.1: local part 64, domain 255 must be taken */
    snprintf(text, sizeof text, "<%.64s@%.63s.%.63s.%.63s.%.63s>", local, label, label, label,
             label);
    struct str rest = str_c(text);
    assert_int_equal(address_path(&rest, false, false, false, &a), 0);
    assert_int_equal(a.domain.n, 255);
    /* and there should be no limit beyond: aio-libs/aiosmtpd#257, roehling/postsrsd#108 */
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        snprintf(text, sizeof text, "<%.*s@x.org>", taken[i], local);
        rest = str_c(text);
        assert_int_equal(address_path(&rest, false, false, false, &a), 0);
        assert_int_equal(a.local.n, taken[i]);
    }
    snprintf(text, sizeof text, "<%.*s@x.org>", ADDRESS_MAX - 5, local);
    rest = str_c(text);
    assert_int_equal(address_path(&rest, false, false, false, &a), -EMSGSIZE);
    snprintf(text, sizeof text, "<a@%.64s.org>", label);
    rest = str_c(text);
    assert_int_equal(address_path(&rest, false, false, false, &a), -EINVAL);
    snprintf(text, sizeof text, "<a@%.63s.%.63s.%.63s.%.63s.x>", label, label, label, label);
    rest = str_c(text);
    assert_int_equal(address_path(&rest, false, false, false, &a), -EINVAL);
}

static void networks(void **state)
{
    struct address_net n;
    assert_int_equal(address_net_parse(STR("10.0.0.0/8"), &n), 0);
    assert_true(address_net_has(&n, STR("10.255.1.2")));
    assert_true(address_net_has(&n, STR("::ffff:10.1.2.3")));
    assert_false(address_net_has(&n, STR("11.0.0.0")));
    assert_false(address_net_has(&n, STR("::1")));
    assert_int_equal(address_net_parse(STR("2001:db8::/33"), &n), 0);
    assert_true(address_net_has(&n, STR("2001:db8:7fff::1")));
    assert_false(address_net_has(&n, STR("2001:db8:8000::1")));
    assert_int_equal(address_net_parse(STR("10.0.0.1/8"), &n), -EINVAL);
    assert_int_equal(address_net_parse(STR("10.0.0.0/33"), &n), -EINVAL);
    assert_int_equal(address_net_parse(STR("10.0.0"), &n), -EINVAL);
}

/* Reads `wire` in pieces of the given size; returns the text, the problem and what was left
 * over. */
static enum dot_problem undot(const char *wire, size_t n, size_t piece, struct buf *out,
                              size_t *left, bool *done)
{
    struct dot_reader d = {0};
    size_t at = 0;
    while (at < n && !d.done) {
        size_t take = n - at < piece ? n - at : piece;
        struct str in = str_from(wire + at, take), text;
        while (in.n > 0 && !d.done) {
            dot_read(&d, &in, &text);
            assert_int_equal(buf_add(out, text), 0);
        }
        at += take - in.n;
    }
    *left = n - at;
    *done = d.done;
    return d.problem;
}

struct dot_case {
    const char *wire, *text;
    enum dot_problem problem;
    bool done;
    size_t left;
};

/* RFC 5321 4.1.1.4 MUST NOT: no CRLF is added before the final dot
 * RFC 5321 4.1.1.4 MUST: text without a last CRLF is refused or gets one */
static void dots(void **state)
{
    static const struct dot_case cases[] = {
        {".\r\n", "", DOT_FINE, true, 0},
        {"a\r\n.\r\n", "a\r\n", DOT_FINE, true, 0},
        {"..\r\n.\r\nQUIT\r\n", ".\r\n", DOT_FINE, true, 6},
        {"..a\r\n...\r\n.\r\n", ".a\r\n..\r\n", DOT_FINE, true, 0},
        {"a\r\n.b\r\n.\r\n", "a\r\nb\r\n", DOT_FINE, true, 0},
        /* none of these ends the message (requirement SM3; smuggling) */
        {"a\n.\n", "a\n.\n", DOT_BARE_LF, false, 0},
        {"a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", DOT_BARE_LF, true, 0},
        {"a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", DOT_BARE_CR, true, 0},
        {"a\r\r\n.\r\n", "a\r\r\n", DOT_BARE_CR, true, 0},
        {"a\r\n.\n\r\n.\r\n", NULL, DOT_BARE_LF, true, 0},
        {"a\r\n.\rb\r\n.\r\n", NULL, DOT_BARE_CR, true, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece < 20; piece++) {
            CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
            size_t left;
            bool done;
            assert_int_equal(undot(cases[i].wire, strlen(cases[i].wire), piece, &out, &left, &done),
                             cases[i].problem);
            assert_int_equal(done, cases[i].done);
            assert_int_equal(left, cases[i].left);
            if (cases[i].text) {
                check_str(buf_str(&out), cases[i].text);
            }
        }
    }
    CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
    size_t left;
    bool done;
    assert_int_equal(undot("a\0b\r\n.\r\n", 8, 3, &out, &left, &done), DOT_NUL);
}

/* A text of several blocks with one octet changed, anywhere: read at once as it is read octet by
 * octet. */
static void dots_in_blocks(void **state)
{
    static const char odd[] = {'.', '\r', '\n', '\0'};
    char text[1000];
    for (size_t at = 0; at < sizeof text - 10; at++) {
        for (size_t o = 0; o < sizeof odd; o++) {
            CLEANUP(buf_free) struct buf whole = BUF_INIT(4096), single = BUF_INIT(4096);
            size_t left[2];
            bool done[2];
            for (size_t i = 0; i < sizeof text; i++) {
                text[i] = i % 36 == 34 ? '\r' : i % 36 == 35 ? '\n' : 'x';
            }
            memcpy(text + sizeof text - 5, "\r\n.\r\n", 5);
            text[at] = odd[o];
            enum dot_problem problem = undot(text, sizeof text, 1, &single, &left[0], &done[0]);
            assert_int_equal(undot(text, sizeof text, sizeof text, &whole, &left[1], &done[1]),
                             problem);
            assert_int_equal(left[0], left[1]);
            assert_int_equal(done[0], done[1]);
            assert_true(str_eq(buf_str(&whole), buf_str(&single)));
            bool crlf = at % 36 >= 34,
                 kept = odd[o] == '.' || (crlf && odd[o] == (at % 36 == 34 ? '\r' : '\n'));
            assert_int_equal(problem == DOT_FINE, kept && !(crlf && odd[o] == '.'));
        }
    }
}

/* The same for writing: as many octets more as there are dots that begin a line (RFC 5321
 * 4.5.2). */
static void dots_written_in_blocks(void **state)
{
    char text[1000];
    for (size_t at = 0; at < sizeof text; at++) {
        CLEANUP(buf_free) struct buf wire = BUF_INIT(4096), back = BUF_INIT(4096);
        struct dot_writer w = {0};
        size_t left;
        bool done;
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = i % 36 == 34 ? '\r' : i % 36 == 35 ? '\n' : 'x';
        }
        text[at] = at % 36 < 34 ? '.' : text[at];
        assert_int_equal(dot_write(&w, str_from(text, sizeof text), &wire), 0);
        assert_int_equal(buf_len(&wire), sizeof text + (at % 36 == 0));
        assert_int_equal(dot_finish(&w, &wire), 0);
        assert_int_equal(undot(wire.p + wire.head, buf_len(&wire), 1, &back, &left, &done),
                         DOT_FINE);
        assert_true(done && buf_len(&back) == sizeof text + 2 &&
                    memcmp(back.p + back.head, text, sizeof text) == 0);
    }
}

/* RFC 5321 4.5.2 MUST: what is changed on the way in is undone on the way out */
static void dots_round_trip(void **state)
{
    static const char text[] = ".\r\n..x\r\na.b\r\n\r\n.last";
    CLEANUP(buf_free) struct buf wire = BUF_INIT(4096), back = BUF_INIT(4096);
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct dot_writer w = {0};
        size_t left;
        bool done;
        buf_reset(&wire);
        buf_reset(&back);
        assert_int_equal(dot_write(&w, str_from(text, cut), &wire), 0);
        assert_int_equal(dot_write(&w,
                                   str_from(text + cut,
                                            sizeof text - 1 - (cut < sizeof text ? cut : 0)),
                                   &wire),
                         0);
        assert_int_equal(dot_finish(&w, &wire), 0);
        assert_int_equal(undot(wire.p + wire.head, buf_len(&wire), 7, &back, &left, &done),
                         DOT_FINE);
        assert_true(done);
        check_str(buf_str(&back), ".\r\n..x\r\na.b\r\n\r\n.last\r\n");
    }
}

static void headers(void **state)
{
    struct str m = STR("A: 1\r\nB: x\r\n\ty\r\nbroken\r\nC:\r\n\r\nbody: no\r\n"), name, value;
    assert_int_equal(header_section(m), 28);
    assert_true(header_next(&m, &name, &value));
    check_str(name, "A");
    check_str(value, "1");
    assert_true(header_next(&m, &name, &value));
    check_str(value, "x\r\n\ty");
    assert_true(header_next(&m, &name, &value));
    check_str(name, "");
    assert_true(header_next(&m, &name, &value));
    assert_false(header_next(&m, &name, &value));
}

/* RFC 5322 A.1.1, A.5, A.6.2; the numbers by GNU date -d. 4.3: other names of zones (and 3.3:
 * -0000 is UTC, and says nothing about the writer's zone) give a moment to programs that need
 * one, and none to readers. */
static void dates_that_are_read(void **state)
{
    static const struct {
        const char *value;
        int64_t seconds; /* -1: none */
        int hour, offset;
        const char *zone;
    } rows[] = {
        {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, 9, -360, "UTC-6"},
        {" 21 Nov 97 09:55:06 GMT", 880106106, 9, 0, "UTC"},
        {"Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", -27723480, 23, -210, "UTC-3:30"},
        {"30 Nov 2026 10:00 +0530", 1796013000, 10, 330, "UTC+5:30"},
        {"Mon, 30 nov 2026 10:00:00 EST", 1796050800, 10, -300, "UTC-5"},
        {"Mon, 30 Nov 2026 10:00:00 X", 1796032800, 10, 0, "X"},
        {"30 Nov 2026 10:00 -0000", 1796032800, 10, 0, "UTC"},
        {"30 Nov 2026 10:00 ut", 1796032800, 10, 0, "UTC"},
        {"30 Jul 2026 10:00 CEST", 1785405600, 10, 0, "CEST"},
        {"30 Jul 2026 10:00 CHAST (x)", 1785405600, 10, 0, "CHAST"},
        {"30 Nov 2026 10:00", 1796032800, 10, 0, ""},
        {"30 Nov 2026 10:00 +100", -1, 0, 0, ""},
        {"31 Feb 2026 10:00 +0000", -1, 0, 0, ""},
        {"30 Nov 2026 25:00 +0000", -1, 0, 0, ""},
        {"30 Nov 2026", -1, 0, 0, ""},
        {"2026-11-30T10:00:00Z", -1, 0, 0, ""},
        {"yesterday", -1, 0, 0, ""},
        {"", -1, 0, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct date_said said;
        char zone[DATE_MAX];
        bool read = date_read(str_c(rows[i].value), &said);
        assert_int_equal(read, rows[i].seconds != -1);
        if (read) {
            assert_int_equal(said.wall_ms, 1000 * rows[i].seconds);
            assert_int_equal(said.hour, rows[i].hour);
            assert_int_equal(said.offset, rows[i].offset);
            date_zone(&said, zone);
            assert_string_equal(zone, rows[i].zone);
        }
    }
}

/* RFC 5321 4.4 SHOULD: dates have an offset, no name of a zone
 * RFC 5321 4.4 MUST NOT: years have four digits */
static void dates(void **state)
{
    char text[DATE_MAX];
    date_rfc5322(880127706000, text); /* the example of RFC 5322 A.1.1, in UTC */
    assert_string_equal(text, "Fri, 21 Nov 1997 15:55:06 +0000");
    date_iso(951782400000, text);
    assert_string_equal(text, "2000-02-29T00:00:00Z");
}

static void ids(void **state)
{
    char text[ID_TEXT];
    uint64_t id = id_make(1795304887123, 3, 16000), back;
    id_text(id, text);
    assert_int_equal(strlen(text), 13);
    assert_int_equal(id_parse(str_c(text), &back), 0);
    assert_true(back == id);
    id_text(UINT64_MAX, text);
    assert_int_equal(id_parse(str_c(text), &back), 0);
    assert_true(back == UINT64_MAX);
    assert_int_equal(id_parse(STR("ZZZZZZZZZZZZZ"), &back), -EINVAL); /* over 64 bits */
    assert_int_equal(id_parse(STR("0123456789ABL"), &back), -EINVAL);
    assert_int_equal(id_parse(STR(""), &back), -EINVAL);
}

/* RFC 5321 4.4 MUST: Received has FROM, with the name said and the address
 * RFC 5321 4.4 SHOULD NOT: no unregistered protocol names in WITH */
static void received_field(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(4096);
    const struct received r = {
        .helo = STR("evil (using TLSv1.3)\r\nX: y"),
        .client_ip = STR("2001:db8::1"),
        .by = STR("mx.example.org"),
        .id = STR("0123456789ABC"),
        .for_path = STR("a@b.org"),
        .esmtp = true,
        .tls_version = STR("TLSv1.3"),
        .tls_cipher = STR("TLS_AES_256_GCM_SHA384"),
        .tls_suite = STR("TLS_AES_256_GCM_SHA384"),
        .tls_bits = 256,
        .tls_alg_bits = 256,
        .tls_group = STR("x25519"),
        .tls_signature = STR("ECDSA"),
        .at_ms = 880127706000,
    };
    assert_int_equal(received_write(&r, &out), 0);
    check_str(buf_str(&out),
              "Received: from evil??using?TLSv1.3???X:?y ([IPv6:2001:db8::1])\r\n"
              "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n"
              "\t key-exchange x25519 server-signature ECDSA)\r\n"
              "\tby mx.example.org (Postern) with ESMTPS tls TLS_AES_256_GCM_SHA384\r\n"
              "\tid 0123456789ABC\r\n\tfor <a@b.org>; Fri, 21 Nov 1997 15:55:06 +0000\r\n");
    /* RFC 3848, RFC 6531 4.3 */
    assert_string_equal(received_protocol(false, false, false, false), "SMTP");
    assert_string_equal(received_protocol(true, false, false, false), "ESMTP");
    assert_string_equal(received_protocol(true, true, true, false), "UTF8SMTPS");
    assert_string_equal(received_protocol(true, true, false, true), "ESMTPSA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(path_sizes),
        cmocka_unit_test(networks),
        cmocka_unit_test(dots),
        cmocka_unit_test(dots_round_trip),
        cmocka_unit_test(dots_in_blocks),
        cmocka_unit_test(dots_written_in_blocks),
        cmocka_unit_test(headers),
        cmocka_unit_test(dates_that_are_read),
        cmocka_unit_test(dates),
        cmocka_unit_test(ids),
        cmocka_unit_test(received_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
