/* SPDX-License-Identifier: Apache-2.0
 * test_portal.c: templates, what readers see of a message, conversations, keys of links, names
 * and words in header fields. Expected values: RFC 2047 and 2231 by Python's email package,
 * SHA-256 by FIPS 180-2's example, WCAG's own contrasts.
 */
#include "check.h"
#include "mime/reader.h"
#include "portal/packed.h"
#include "portal/template.h"
#include "portal/thread.h"
#include "seal/rest.h"
#include "wire/encoded.h"

/* --- templates ---------------------------------------------------------- */

static struct template *partial_t, *text_t;

static const struct template *partial(void *arg, struct str name)
{
    return str_eq(name, STR("part")) ? partial_t : NULL;
}

static const struct template *text(void *arg, struct str key)
{
    return str_eq(key, STR("hello")) ? text_t : NULL;
}

static const struct template_world world = {partial, text, NULL};

static struct template *made(const char *words, bool html)
{
    struct buf problems = BUF_INIT(4096);
    struct template *t = NULL;
    int r = template_new("file", str_c(words), html, &problems, &t);
    if (r < 0) {
        fail_msg("%s: " STR_FMT, words, STR_ARG(buf_str(&problems)));
    }
    buf_free(&problems);
    return t;
}

static void gives(const char *words, bool html, struct data *d, const char *expected)
{
    struct template *t = made(words, html);
    struct buf out = BUF_INIT(4096);
    assert_int_equal(template_write(t, &world, d, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal(buf_str(&out).p, expected);
    buf_free(&out);
    template_free(t);
}

static void templates_escape_always(void **state)
{
    struct arena a = ARENA_INIT(65536);
    struct data d = {.arena = &a};
    partial_t = made("[{{name}}]", true);
    text_t = made("Hello {{name}}", true);
    data_c(&d, "name", "<b> & \"x\" 'y' {{z}}");
    data_c(&d, "lines", "one\r\nBcc: two");
    data_c(&d, "empty", "");
    data_flag(&d, "on", true);
    for (int i = 0; i < 3; i++) {
        struct data *item = data_item(&d, "list");
        data_number(item, "n", (uint64_t)i);
    }
    gives("a {{name}} b", true, &d,
          "a &lt;b&gt; &amp; &quot;x&quot; &#39;y&#39; &#123;&#123;z}} b");
    gives("{{name}}", false, &d, "<b> & \"x\" 'y' {{z}}");
    gives("{{lines}}", false, &d, "one  Bcc: two"); /* a value is one line */
    gives("{{#list}}{{n}},{{/list}}{{^list}}none{{/list}}", true, &d, "0,1,2,");
    gives("{{#empty}}x{{/empty}}{{^empty}}none{{/empty}}{{#absent}}x{{/absent}}{{#on}}on{{/on}}",
          true, &d, "noneon");
    /* outer values are seen inside */
    gives("{{#list}}{{name}}{{/list}}", false, &d,
          "<b> & \"x\" 'y' {{z}}<b> & \"x\" 'y' {{z}}<b> & \"x\" 'y' {{z}}");
    gives("{{>part}}{{! a note }}{{t.hello}}", true, &d,
          "[&lt;b&gt; &amp; &quot;x&quot; &#39;y&#39; &#123;&#123;z}}]Hello &lt;b&gt; &amp; "
          "&quot;x&quot; &#39;y&#39; &#123;&#123;z}}");
    template_free(partial_t);
    template_free(text_t);
    arena_reset(&a);
}

static void broken_templates_are_named(void **state)
{
    static const char *const bad[][2] = {
        {"\n\n{{#a}}", "file:3: this section has no end: \"a\"\n"},
        {"{{/a}}", "file:1: this ends a section that was not begun: \"a\"\n"},
        {"{{#a}}\n{{/b}}", "file:2: this ends another section than the one that is open \"b\"\n"},
        {"x\n{{a", "file:2: {{ without }} before \"a\"\n"},
        {"{{{raw}}}",
         "file:1: not a name (values are always escaped, there is no other way): \"{raw\"\n"},
        {"{{&raw}}",
         "file:1: not a name (values are always escaped, there is no other way): \"&raw\"\n"},
        {"{{}}", "file:1: not a name (values are always escaped, there is no other way): \"\"\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf problems = BUF_INIT(4096);
        struct template *t = NULL;
        assert_int_equal(template_new("file", str_c(bad[i][0]), true, &problems, &t), -EINVAL);
        assert_int_equal(buf_append(&problems, "", 1), 0);
        assert_string_equal(buf_str(&problems).p, bad[i][1]);
        buf_free(&problems);
    }
    struct buf problems = BUF_INIT(4096);
    struct template *t = made("{{>nowhere}}\n{{t.nothing}}", true);
    assert_false(template_complete(t, &world, &problems));
    assert_true(str_eq(
        buf_str(&problems),
        STR("file:1: there is no template \"nowhere\"\nfile:2: there is no text \"nothing\"\n")));
    template_free(t);
    buf_free(&problems);
}

static void templates_cannot_run_away(void **state)
{
    struct arena a = ARENA_INIT(65536);
    struct data d = {.arena = &a};
    struct buf out = BUF_INIT(1000);
    partial_t = made("x{{>part}}", true); /* calls itself */
    assert_int_equal(template_write(partial_t, &world, &d, &out), -ENOSPC);
    template_free(partial_t);
    partial_t = NULL;
    buf_free(&out);
    arena_reset(&a);
}

/* --- what readers see --------------------------------------------------- */

static const char mail[] =
    "From: =?utf-8?q?Gr=C3=B6=C3=9Fe?= <a@b.test>\r\nTo: c@d.test\r\nSubject: "
    "=?utf-8?b?TMOkbmdl?=\r\nMessage-ID: <1@b.test>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; "
    "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n"
    "--x\r\nContent-Type: application/pdf; name=\"../a.pdf\"\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\nYWJj\r\n--x\r\nContent-Type: image/svg+xml\r\n\r\n<svg/>\r\n--x--\r\n";

static void views_survive_packing(void **state)
{
    struct view *v = view_of_message(str_from(mail, sizeof mail - 1));
    struct buf b = BUF_INIT(PACKED_MAX);
    struct packed p;
    assert_int_equal(packed_write(v, &b), 0);
    assert_int_equal(packed_read(buf_str(&b), &p), 0);
    assert_true(str_eq(p.from_name, STR("Größe")) && str_eq(p.subject, STR("Länge")) &&
                str_eq(p.message_id, STR("<1@b.test>")) && str_eq(p.text, STR("Grüße")));
    assert_int_equal(p.n_parts, 2);
    assert_true(str_eq(p.parts[0].name, STR("../a.pdf")) &&
                str_eq(p.parts[0].type, STR("application/pdf")) && p.parts[0].size == 3 &&
                p.parts[0].n_places == 1 && p.parts[0].places[0].encoding == TRANSFER_BASE64);
    assert_true(str_eq(str_slice(str_c(mail), p.parts[0].places[0].at, p.parts[0].places[0].at + 4),
                       STR("YWJj")));
    /* FIPS 180-2, B.1 */
    static const unsigned char abc[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    assert_memory_equal(p.parts[0].sha256.p, abc, 32);
    for (size_t n = 0; n < buf_len(&b); n++) { /* cut anywhere: refused, or less */
        struct packed cut;
        if (packed_read(str_slice(buf_str(&b), 0, n), &cut) == 0) {
            assert_true(cut.n_parts <= 2);
        }
    }
    static const char *const odd[] = {
        "z\0\0\0\0",
        "f\xff\xff\xff\xff",
        "p\1\0\0\0x",
        "f\5\0\0\0ab",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        assert_int_equal(packed_read(str_from(odd[i], i == 2 ? 6 : i == 3 ? 7 : 5), &p), -EBADMSG);
    }
    buf_free(&b);
    view_free(v);
}

/* A file inside another: each place as it was; what lies nowhere, or too deep, is refused. */
static void places_survive_packing(void **state)
{
    char name[] = "n", type[] = "t";
    struct view_part part = {
        .name = name,
        .type = type,
        .at = 7,
        .octets = 8,
        .encoding = TRANSFER_BASE64,
        .size = 3,
        .n_inner = 2,
        .inner = {{1, 6, TRANSFER_BER}, {2, UINT64_MAX - 2, TRANSFER_QUOTED}},
    };
    struct view v = {.parts = &part, .n_parts = 1, .text = BUF_INIT(1), .html = BUF_INIT(1)};
    struct buf b = BUF_INIT(PACKED_MAX);
    struct packed p;
    assert_int_equal(packed_write(&v, &b), 0);
    assert_int_equal(packed_read(buf_str(&b), &p), 0);
    assert_int_equal(p.parts[0].n_places, 3);
    assert_true(p.parts[0].places[1].octets == 6 && p.parts[0].places[1].encoding == TRANSFER_BER &&
                str_eq(p.parts[0].name, STR("n")));
    assert_true(p.parts[0].places[2].at == 2 && p.parts[0].places[2].octets == UINT64_MAX - 2);
    for (size_t n = 0; n < buf_len(&b); n++) {
        struct packed cut;
        assert_true(packed_read(str_slice(buf_str(&b), 0, n), &cut) < 0 || n == 0);
    }
    part.inner[1].octets++; /* beyond all numbers */
    buf_reset(&b);
    assert_int_equal(packed_write(&v, &b), 0);
    assert_int_equal(packed_read(buf_str(&b), &p), -EBADMSG);
    part.inner[1] = (struct nested_place){0, 0, TRANSFER_AS_IS};
    buf_reset(&b);
    assert_int_equal(packed_write(&v, &b), 0);
    assert_int_equal(packed_read(buf_str(&b), &p), -EBADMSG);
    buf_free(&b);
}

static void events_survive_packing(void **state)
{
    struct view *v = view_of_message(
        STR("From: a@b.test\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n"
            "METHOD:CANCEL\r\nBEGIN:VEVENT\r\nSUMMARY:Review\r\nRRULE:FREQ=DAILY\r\n"
            "DESCRIPTION:one\\ntwo\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"));
    struct buf b = BUF_INIT(PACKED_MAX);
    struct packed p;
    assert_int_equal(packed_write(v, &b), 0);
    assert_int_equal(packed_read(buf_str(&b), &p), 0);
    assert_int_equal(p.n_events, 1);
    assert_true(p.events[0].kind == EVENT_CANCELLED && p.events[0].repeats &&
                p.events[0].where.n == 0);
    assert_true(str_eq(p.events[0].what, STR("Review")) &&
                str_eq(p.events[0].about, STR("one\ntwo")));
    assert_int_equal(packed_read(str_from("v\2\0\0\0x0", 7), &p), -EBADMSG);
    assert_int_equal(packed_read(str_from("v\3\0\0\0009\060x", 8), &p), -EBADMSG);
    buf_free(&b);
    view_free(v);
}

static void html_keeps_what_is_harmless(void **state)
{
    static const char *const cases[][2] = {
        {"<p class=x id=y>a<b>b</b></p>", "<p>a<b>b</b></p>"},
        {"<script>x</script>a", "a"},
        {"<a href='https://x.test/?a=1&b=2'>l</a>",
         "<a href=\"https://x.test/?a=1&#38;b=2\" target=\"_blank\" rel=\"noopener noreferrer "
         "nofollow\">l</a>"},
        {"<a href='javascript:x'>l</a>", "<a>l</a>"},
        {"<a href='//x.test'>l</a>", "<a>l</a>"},
        {"<img src='cid:1' alt='p'>", "<img src=\"data:image/png;base64,YWJj\" alt=\"p\">"},
        {"<img src='http://x.test/1'>", "<img>"},
        {"<p style='color:red;position:fixed;background:url(x)'>a</p>", "<p>a</p>"},
        {"<unknown>a<custom-tag>b</custom-tag></unknown>", "ab"},
        {"a &lt;script&gt; b", "a &#60;script&#62; b"},
        {"<!-- c -->a", "a"},
    };
    const struct picture one = {.cid = "1", .type = "image/png", .octets = STR("abc")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT(4096);
        bool remote;
        struct reader r = reader_new(&mime_standard_limits, str_c(cases[i][0]));
        assert_true(sanitise_html(&r, str_c(cases[i][0]), &one, 1, &out, &remote));
        assert_int_equal(remote, i == 6);
        assert_int_equal(buf_append(&out, "", 1), 0);
        if (!strstr(buf_str(&out).p, cases[i][1])) {
            fail_msg("%s gives %s", cases[i][0], buf_str(&out).p);
        }
        buf_free(&out);
        mime_reading_free(r.out);
    }
}

/* --- conversations, keys, words ----------------------------------------- */

static void conversations_have_addresses(void **state)
{
    struct buf problems = BUF_INIT(4096);
    struct conf *c = NULL;
    char address[300];
    assert_int_equal(
        conf_parse(STR("hostname mx.clinic.test; listen smtp { address 127.0.0.1:25; } inside { "
                       "domains clinic.test; deliver-to x.test; }\n"
                       "portal { url https://secure.clinic.test; from secure@clinic.test; "
                       "proxy-address 127.0.0.1:8080; proxies 127.0.0.1; }"),
                   "t", &problems, &c),
        0);
    thread_address(c, STR("abcdefghjkmnpqrs"), address, sizeof address);
    assert_string_equal(address, "secure+abcdefghjkmnpqrs@clinic.test");
    assert_true(str_eq(thread_of_address(c, STR("SECURE+abcdefghjkmnpqrs@Clinic.test")),
                       STR("abcdefghjkmnpqrs")));
    static const char *const none[] = {
        "secure@clinic.test",
        "secure+@clinic.test",
        "secure+short@clinic.test",
        "secure+abcdefghjkmnpqrs@other.test",
        "other+abcdefghjkmnpqrs@clinic.test",
        "secure+abcdefghjkmnpq'rs@clinic.test",
        "",
        "@",
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_int_equal(thread_of_address(c, str_c(none[i])).n, 0);
    }
    assert_true(
        str_eq(thread_of_references(
                   c, STR("<1@x.test>\r\n <portal.abcdefghjkmnpqrs.01@mx.clinic.test> <2@x>")),
               STR("abcdefghjkmnpqrs")));
    assert_int_equal(thread_of_references(c, STR("<portal.abcdefghjkmnpqrs.01@evil.test>")).n, 0);
    assert_int_equal(thread_of_references(c, STR("<portal.abc")).n, 0);
    conf_free(c);
    static const char *const bad[] = {
        "portal { url http://x.test; from a@clinic.test; proxy-address 127.0.0.1:1; proxies "
        "127.0.0.1; }",
        "portal { url https://x.test/path; from a@clinic.test; proxy-address 127.0.0.1:1; proxies "
        "127.0.0.1; }",
        "portal { url https://x.test; from a@elsewhere.test; proxy-address 127.0.0.1:1; proxies "
        "127.0.0.1; }",
        "portal { url https://x.test; from a@clinic.test; }",
        "portal { url https://x.test; from a@clinic.test; address 127.0.0.1:443; }",
        "portal { url https://x.test; from a@clinic.test; proxy-address 127.0.0.1:1; }",
        "portal { url https://x.test; from a@clinic.test; proxy-address 127.0.0.1:1; proxies "
        "127.0.0.1; colour \"#cccccc\"; }",
        "portal { url https://x.test; }",
        "portal { url https://x.test; from a@clinic.test; proxy-address 127.0.0.1:1; proxies "
        "127.0.0.1; colour red; }",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf words = BUF_INIT(4096);
        assert_int_equal(buf_printf(&words,
                                    "hostname mx.clinic.test; listen smtp { address 127.0.0.1:25; "
                                    "} inside { domains clinic.test; deliver-to x.test; }\n%s",
                                    bad[i]),
                         0);
        c = NULL;
        if (conf_parse(buf_str(&words), "t", &problems, &c) == 0) {
            fail_msg("taken: %s", bad[i]);
        }
        buf_free(&words);
    }
    buf_free(&problems);
}

static void links_open_what_they_seal(void **state)
{
    unsigned char key[REST_KEY], view[REST_KEY], again[REST_KEY], wrapped[REST_WRAPPED_BY_LINK],
        back[REST_KEY];
    assert_int_equal(rest_init(), 0);
    memset(key, 7, sizeof key);
    rest_wrap_by_link(STR("abc"), key, wrapped);
    assert_int_equal(rest_unwrap_by_link(STR("abc"),
                                         str_from((const char *)wrapped, sizeof wrapped), back),
                     0);
    assert_memory_equal(key, back, sizeof key);
    assert_int_equal(rest_unwrap_by_link(STR("abd"),
                                         str_from((const char *)wrapped, sizeof wrapped), back),
                     -EBADMSG);
    assert_int_equal(rest_unwrap_by_link(STR("abc"),
                                         str_from((const char *)wrapped, sizeof wrapped - 1), back),
                     -EBADMSG);
    wrapped[30] ^= 1;
    assert_int_equal(rest_unwrap_by_link(STR("abc"),
                                         str_from((const char *)wrapped, sizeof wrapped), back),
                     -EBADMSG);
    rest_derive(key, "view", view);
    rest_derive(key, "other", again);
    assert_memory_not_equal(view, key, sizeof key);
    assert_memory_not_equal(view, again, sizeof key);
}

/* RFC 2047 2 MUST: a word has 75 characters at most
 * RFC 2047 2 MUST: a line with words has 76 at most
 * RFC 2047 5 MUST: characters are whole in each word we write
 * RFC 2047 5 MUST NOT: we write no word inside quotes */
static void words_in_header_fields(void **state)
{
    static const struct {
        const char *text;
        bool quoted;
        const char *expected;
    } cases[] = {
        {"plain", false, "plain"},
        {"a \"b\" \\", true, "\"a \\\"b\\\" \\\\\""},
        {"Größe", false, "=?UTF-8?B?R3LDtsOfZQ==?="}, /* email.header.Header('Größe', 'utf-8') */
        {"one\r\nBcc: x", false, "one  Bcc: x"},
        {"=?utf-8?q?x?=", false, "=?UTF-8?B?PT91dGYtOD9xP3g/PQ==?="},
    };
    struct buf out = BUF_INIT(8192);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&out);
        assert_int_equal(encoded_write(str_c(cases[i].text), cases[i].quoted, &out), 0);
        assert_true(str_eq(buf_str(&out), str_c(cases[i].expected)));
    }
    buf_reset(&out);
    /* email.utils.encode_rfc2231 */
    assert_int_equal(encoded_parameter("filename", STR("ä \".pdf"), &out), 0);
    assert_true(str_eq(buf_str(&out), STR(";\r\n filename*=UTF-8''%C3%A4%20%22.pdf")));
    char longer[400];
    memset(longer, 0xc3, sizeof longer);
    for (size_t i = 1; i < sizeof longer; i += 2) {
        longer[i] = (char)0xa4;
    }
    buf_reset(&out);
    assert_int_equal(encoded_write(str_from(longer, sizeof longer), false, &out), 0);
    struct str rest = buf_str(&out), line;
    /* RFC 2047 2: 76 characters of a line, of the first with the name of its field */
    for (size_t before = strlen("X-Postern-Tag: "); str_split(&rest, '\n', &line); before = 0) {
        size_t end = line.n > 0 && line.p[line.n - 1] == '\r' ? 1 : 0;
        assert_true(before + line.n - end <= 76);
        assert_true(line.n - end <= 1 + 75);
    }
    buf_free(&out);
}

int main(void)
{
    mime_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_escape_always),
        cmocka_unit_test(broken_templates_are_named),
        cmocka_unit_test(templates_cannot_run_away),
        cmocka_unit_test(views_survive_packing),
        cmocka_unit_test(places_survive_packing),
        cmocka_unit_test(events_survive_packing),
        cmocka_unit_test(html_keeps_what_is_harmless),
        cmocka_unit_test(conversations_have_addresses),
        cmocka_unit_test(links_open_what_they_seal),
        cmocka_unit_test(words_in_header_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
