/* SPDX-License-Identifier: Apache-2.0
 * test_protect.c: flags and what is nearly one, the lines of an inspection, the record of a
 * protection, accounts with locks, rules in order, and the ladder with doubles for channels that
 * are not built.
 */
#include "check.h"
#include "policy/flags.h"
#include "policy/inspection.h"
#include "policy/policy.h"
#include "policy/protect.h"
#include "proc/queue/protection/channel.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = {
    "[secure]",     "[send secure]", "[sendsecure]",
    "[securetest]", "[cgnsecure]",   "[marked for secure delivery]",
    "+encrypt+",
};

static const char *found(const char *text, bool near_alone, bool *ret_exact)
{
    struct flag_found f;
    if (!flags_next(str_c(text), 0, words, ARRAY_LEN(words), near_alone, &f)) {
        return NULL;
    }
    assert_true(f.at + f.n <= strlen(text) && f.n > 0);
    *ret_exact = f.exact;
    return f.meant;
}

/* S59 to S64, forgiving in case and blanks. */
static void flags_as_people_write_them(void **state)
{
    static const struct {
        const char *text, *meant;
        bool exact;
    } rows[] = {
        {"[secure] x", "[secure]", true},
        {"x [SECURE]", "[secure]", true},
        {"x [ Secure\t]", "[secure]", true},
        {"[send  secure]", "[send secure]", true},
        {"[SendSecure]", "[send secure]", true},
        {"[cgnsecure]", "[cgnsecure]", true},
        {"[Marked for\r\n secure delivery] x", "[marked for secure delivery]", true},
        {"[securetest]", "[securetest]", true},
        {"[secure\xc2\xa0]", "[secure]", true},
        {"x +ENCRYPT+ y", "+encrypt+", true},
        {"[secrue] x", "[secure]", false},
        {"[secur] x", "[secure]", false},
        {"[secure} x", "[secure]", false},
        {"(secure] x", "[secure]", false},
        {"[seccure]", "[secure]", false},
        {"[sedure]", "[secure]", false},
        {"[send secrue]", "[send secure]", false},
        /* a clinic's administrator, first hours */
        {"[s\xc3\xa9"
         "cure] x",
         "[secure]", false},
        {"{secure} x", "[secure]", false},
        {"x {Secure}", "[secure]", false},
        {"[secure email] x", "[secure]", false},
        {"x [securemail]", "[secure]", false},
        {"[Secure E-Mail]", "[secure]", false},
        {"[send secured] x", "[secure]", false},
        {"[secure-send] x", "[secure]", false},
        {"[Send securely] x", "[secure]", false},
        {"Re: [Secure Email] invoice", NULL, false},
        {"[Secure Mail Gateway] down", NULL, false},
        {"[s\xc3\xa9"
         "cur\xc3\xa9]",
         NULL, false},
        {"a {secure} b", NULL, false},
        {"{secured}", NULL, false},
        {"[mail]", NULL, false},
        {"[secured mail]", NULL, false},
        /* field F5: ordinary mail */
        {"(secure) x", NULL, false},
        {"x (secure)", NULL, false},
        {"[Secure Boot] firmware update on Monday", NULL, false},
        {"Invoice for [F-Secure] renewal", NULL, false},
        {"[Cisco Secure] case 123", NULL, false},
        {"[Secure Score] weekly", NULL, false},
        {"[Fwd: Netscape vs. Apache Secure]", NULL, false},
        {"[Team Secure] lunch", NULL, false},
        {"[SECURE DELIVERY] parcel", NULL, false},
        {"[secure print] queue", NULL, false},
        {"(secure) login page", NULL, false},
        {"Re: [Secured] the venue", NULL, false},
        {"[Secures]", NULL, false},
        {"[unsecure]", NULL, false},
        {"[security] advisory", NULL, false},
        {"[Secure: new](1)", NULL, false},
        {"the form (secure) was sent", NULL, false},
        {"secure] x", "[secure]", false},
        {"x [secure", "[secure]", false},
        /* issue 21 2.3: half a bracket beside the word at an end of a subject */
        {"[ secure lab", "[secure]", false},
        {"secure ] lab", "[secure]", false},
        {"lab [ Secure", "[secure]", false},
        {"lab secure ]", "[secure]", false},
        {"see [ secure lab", NULL, false},
        {"is it secure ] or not", NULL, false},
        {"[ secrue lab", NULL, false},
        {"[ security lab", NULL, false},
        {"[ Secure Boot ] update", NULL, false},
        {"[mark for secure delivery]", "[marked for secure delivery]", false},
        {"Re: [EXTERNAL] minutes", NULL, false},
        {"[source] code", NULL, false},
        {"[insecure]", NULL, false},
        {"see [1] and (2)", NULL, false},
        {"a secure site", NULL, false},
        {"x+encrypt+y", NULL, false},
        {"", NULL, false},
        {"[", NULL, false},
        {"]", NULL, false},
        {"[]", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool exact = false;
        const char *meant = found(rows[i].text, false, &exact);
        if ((meant == NULL) != (rows[i].meant == NULL) ||
            (meant && (strcmp(meant, rows[i].meant) != 0 || exact != rows[i].exact))) {
            fail_msg("\"%s\": %s %d", rows[i].text, meant ? meant : "none", exact);
        }
    }
    bool exact;
    /* a body has brackets of its own */
    assert_null(found("we wrote (secure) in it", true, &exact));
    assert_non_null(found("hello\n [secrue] \nregards", true, &exact));
}

static void lines_of_an_inspection(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct str f[INSPECTION_FIELDS], rest;
    assert_int_equal(inspection_put(&b, "problem",
                                    (const struct str[]){STR("password"), STR("1.2"),
                                                         STR("a\tb\nflag\t[secure]\tsubject")},
                                    3),
                     0);
    rest = buf_str(&b);
    assert_true(inspection_next(&rest, "problem", f));
    assert_true(str_eq(f[2], STR("a b flag [secure] subject"))); /* a name cannot forge a line */
    assert_false(inspection_has(buf_str(&b), "flag", STR("[secure]")));
    size_t before = buf_len(&b);
    char longest[2000];
    memset(longest, 'x', sizeof longest);
    for (int i = 0; i < 10; i++) {
        size_t n = buf_len(&b);
        if (inspection_put(&b, "x", (const struct str[]){str_from(longest, sizeof longest)}, 1) <
            0) {
            assert_int_equal(buf_len(&b), n);
            before = n;
            break;
        }
    }
    assert_true(before > 500);
    buf_free(&b);
}

static struct conf *conf_of(const char *blocks)
{
    struct buf text = BUF_INIT(1 << 16), problems = BUF_INIT(1 << 16);
    struct conf *c = NULL;
    assert_int_equal(buf_printf(&text,
                                "hostname a.test; listen smtp { address 127.0.0.1:25; } inside { "
                                "domains in.test; networks 10.0.0.0/8; deliver-to b.test; }\n%s",
                                blocks),
                     0);
    if (conf_parse(buf_str(&text), "t", &problems, &c) < 0) {
        fail_msg("%.*s", (int)buf_len(&problems), buf_str(&problems).p);
    }
    buf_free(&text);
    buf_free(&problems);
    return c;
}

static void decide(const struct conf *c, const char *from, const char *to, const char *facts,
                   struct protection *p)
{
    const struct protect_mail m = {
        .reverse_path = str_c(from),
        .forward_path = str_c(to),
        .client_ip = STR("10.0.0.1"),
        .size = 1000,
        .facts = str_c(facts),
    };
    protect_decide(c, &m, p);
}

/* The narrower account says more, unless a broader one locked it. */
static void accounts_inherit(void **state)
{
    struct protection p;
    struct conf *c = conf_of(
        "ladder \"a\" { channels tls drop; } ladder \"b\" { channels hold; } group \"g\" { members "
        "x@in.test; }account default { protect secure; secure-from auth; ladder a; locked "
        "secure-from; } account @in.test { secure-from encrypt; protect none; }account group:g { "
        "protect escalated; ladder b; } account x@in.test { protect secure; }");
    decide(c, "y@in.test", "r@out.test", "", &p);
    assert_int_equal(p.demand, DEMAND_NONE);
    assert_int_equal(p.counts, COUNTS_AUTH);
    assert_string_equal(p.ladder, "a");
    decide(c, "x@in.test", "r@out.test", "", &p);
    assert_int_equal(p.demand, DEMAND_SECURE);
    assert_string_equal(p.ladder, "b");
    decide(c, "z@elsewhere.test", "r@out.test", "", &p);
    assert_int_equal(p.demand, DEMAND_SECURE);
    conf_free(c);
}

static void groups_of_every_kind(void **state)
{
    static const struct {
        const char *login, *certificate, *from;
        bool member;
    } rows[] = {
        {"", "", "x@in.test", false},
        {"eve", "", "x@in.test", true},
        {"EVE", "", "x@in.test", true},
        {"", "a.test mail.ward.test", "x@in.test", true},
        {"", "mail.ward.test.evil", "x@in.test", false},
        {"", "", "law@in.test", true},
        {"", "", "x@sub.dep.test", true},
        {"", "", "old@in.test", false},
    };
    struct protection p;
    struct conf *c =
        conf_of("group \"inner\" { members law@in.test @.dep.test \"old@in.test until 2001-01-01\" "
                "\"odd@in.test until never-ever\"; }group \"g\" { members login:eve "
                "cert:mail.ward.test group:inner; protect escalated; }");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct protect_mail m = {
            .reverse_path = str_c(rows[i].from),
            .forward_path = STR("r@out.test"),
            .login = str_c(rows[i].login),
            .certificate = str_c(rows[i].certificate),
            .client_ip = STR("10.0.0.1"),
            .facts = STR(""),
        };
        protect_decide(c, &m, &p);
        if ((p.demand == DEMAND_ESCALATED) != rows[i].member) {
            fail_msg("row %zu: %s", i, demand_name(p.demand));
        }
    }
    conf_free(c);
}

static void rules_in_order(void **state)
{
    struct protection p;
    struct conf *c =
        conf_of("content \"k\" { pack p; mode enforce; }\n"
                "rule \"one\" { content k; to @bank.test; protect escalated; tag a; final yes; }\n"
                "rule \"two\" { content k; action hold; tag b; text \"looked at\"; }\n"
                "rule \"three\" { unread password crash; action bounce; }\n"
                "rule \"four\" { size-over 500; direction outbound; outbound require auth; }\n"
                "rule \"five\" { attachments *.exe pdf; tag c; mode report-only; }\n");
    decide(c, "x@in.test", "r@bank.test", "content\tk\n", &p);
    assert_int_equal(p.demand, DEMAND_ESCALATED);
    assert_int_equal(p.action, PROTECT_PASS);
    assert_int_equal(p.n_tags, 1);
    assert_int_equal(p.force, FORCE_NONE);
    decide(c, "x@in.test", "r@out.test", "content\tk\nproblem\tpassword\t2\tx.zip\n", &p);
    assert_int_equal(p.action, PROTECT_BOUNCE); /* the stronger of hold and bounce */
    assert_int_equal(p.force, FORCE_AUTH);
    decide(c, "x@in.test", "r@out.test", "content\tk\n", &p);
    assert_int_equal(p.action, PROTECT_HOLD);
    assert_string_equal(p.text, "looked at");
    decide(c, "x@in.test", "r@out.test", "failed\tcrash\n", &p);
    assert_int_equal(p.action, PROTECT_BOUNCE); /* a rule for that, instead of holding */
    decide(c, "x@in.test", "r@out.test", "attachment\tpdf\tletter.PDF\t10\t2\n", &p);
    assert_int_equal(p.n_tags, 0);
    assert_non_null(strstr(p.words, "report only: the rule \"five\" (line 7) would say: tag"));
    conf_free(c);
    c = conf_of("");
    decide(c, "x@in.test", "r@out.test", "failed\tcrash\n", &p);
    assert_int_equal(p.action, PROTECT_HOLD); /* never clean */
    conf_free(c);
    c = conf_of("rule \"r\" { unread any; to @out.test; action hold; } rule \"f\" { unread footer; "
                "to @strict.test; action bounce; }");
    decide(c, "x@in.test", "r@out.test", "problem\tfooter\t1\t\n", &p);
    assert_int_equal(p.action, PROTECT_PASS); /* usable beside mailing lists */
    decide(c, "x@in.test", "r@out.test", "problem\tfooter\t1\t\nproblem\toutside\t1\t\n", &p);
    assert_int_equal(p.action, PROTECT_HOLD);
    decide(c, "x@in.test", "r@strict.test", "problem\tfooter\t1\t\n", &p);
    assert_int_equal(p.action, PROTECT_BOUNCE);
    conf_free(c);
}

/* Why a flag that is there does nothing; and what to do about one that stands only in what is
 * quoted. */
static void flags_that_do_nothing_are_said(void **state)
{
    struct protection p;
    struct conf *c = conf_of("account default { flags no; }");
    decide(c, "x@in.test", "r@out.test", "flag\t[secure]\tsubject\nasks\tportal\n", &p);
    assert_int_equal(p.demand, DEMAND_NONE);
    assert_non_null(
        strstr(p.words, "nothing by the flag [secure]: the account \"default\" (line "));
    assert_non_null(strstr(p.words, "nothing by the field X-Postern-Protect: portal: the account"));
    decide(c, "x@in.test", "r@out.test", "", &p);
    assert_string_equal(p.words, "");
    conf_free(c);
    c = conf_of("");
    decide(c, "x@in.test", "r@out.test", "quoted\t[secure]\tnew\tattached\n", &p);
    assert_non_null(
        strstr(p.words, "stands only in an attached mail: this mail is not protected by it. To "
                        "protect a mail, write the flag at the top of its text or in the subject"));
    conf_free(c);
}

/* docs/portal.md: a rule raises the level. The greatest of those that are met, in whatever order;
 * none takes it down. */
static void levels_only_rise(void **state)
{
    static const struct {
        const char *rules;
        int level; /* 1 + level, 0: not said */
    } cases[] = {
        {"rule \"a\" { pickup-level 1; } rule \"b\" { pickup-level 3; } rule \"c\" { pickup-level "
         "2; }",
         4},
        {"rule \"a\" { pickup-level 3; } rule \"b\" { pickup-level 0; }", 4},
        {"rule \"a\" { pickup-level 2; } rule \"b\" { protect secure; }", 3},
        {"rule \"a\" { pickup-level 2; } rule \"b\" { header \"X-Level: low\"; pickup-level 0; }",
         3},
        {"rule \"a\" { pickup-level 1; } rule \"b\" { pickup-level 3; mode report-only; }", 2},
        {"rule \"a\" { protect secure; }", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1000];
        struct protection p;
        snprintf(text, sizeof text,
                 "portal { url https://p.in.test; from p@in.test; proxy-address 127.0.0.1:1; "
                 "proxies 127.0.0.1; } %s",
                 cases[i].rules);
        struct conf *c = conf_of(text);
        decide(c, "x@in.test", "r@out.test", "", &p);
        if (p.pickup_level != cases[i].level) {
            fail_msg("%s: %d", cases[i].rules, p.pickup_level);
        }
        conf_free(c);
    }
}

static void records_keep_their_meaning(void **state)
{
    struct buf b = BUF_INIT(PROTECT_RECORD_MAX);
    struct protect_record r =
                              {
                                  .demand = DEMAND_SECURE,
                                  .counts = COUNTS_AUTH,
                                  .force = FORCE_AUTH,
                                  .remove_flags = true,
                                  .off_site = true,
                                  .by_person = true,
                                  .rung = 2,
                                  .pickup_level = 3,
                                  .ladder = "my ladder",
                                  .tags = "a, b",
                                  .words = STR("one\ntwo\n"),
                              },
                          s;
    assert_int_equal(protect_record_write(&r, &b), 0);
    protect_record_read(buf_str(&b), &s);
    assert_true(s.demand == r.demand && s.counts == r.counts && s.force == r.force &&
                s.remove_flags && s.off_site && s.by_person && !s.asked && !s.may_send_as_is &&
                s.rung == 2 && s.pickup_level == 3);
    protect_record_read(STR("1 1 0 0 2 0 0\tl\tt\t\nwords\n"), &s); /* of an earlier version */
    assert_true(s.demand == (enum demand)1 && s.rung == 2 && s.pickup_level == 0);
    protect_record_read(buf_str(&b), &s);
    assert_string_equal(s.ladder, "my ladder");
    assert_string_equal(s.tags, "a, b");
    assert_true(str_eq(s.words, STR("one\ntwo\n")));
    static const char *const odd[] = {
        "", "x", "9 9 9 9 9\ta\tb\n", "1 2\n", "1 1 1 1 99999999999\tl\tt\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        protect_record_read(str_c(odd[i]), &s);
        /* not understood: never weaker than it was */
        assert_int_equal(s.demand, odd[i][0] ? DEMAND_ESCALATED : DEMAND_NONE);
        assert_true(s.rung < 256);
    }
    buf_reset(&b);
    assert_int_equal(protect_record_write(&(struct protect_record){.counts = COUNTS_CERT,
                                                                   .ladder = "default"},
                                          &b),
                     0);
    assert_int_equal(buf_len(&b), 0); /* nothing special: nothing kept */
    buf_free(&b);
}

/* --- the ladder --------------------------------------------------------- */

static unsigned double_took;

static void double_take(const struct channel_call *call)
{
    double_took++;
    call->rcpt->state = RCPT_DELIVERED;
}

static void ladders_with_doubles(void **state)
{
    const struct ladder_order all =
        {.rungs = {{CHANNEL_TLS, 1000}, {CHANNEL_SMIME, 0}, {CHANNEL_PORTAL, 0}, {CHANNEL_HOLD, 0}},
         .n = 4};
    channel_table table = {[CHANNEL_HOLD] = {channel_hold}, [CHANNEL_DROP] = {channel_drop}};
    struct store_rcpt r = {0};
    const struct channel_call call = {.rcpt = &r, .tells_sender = true, .why = "why"};
    struct protect_record secure = {.demand = DEMAND_SECURE},
                          escalated = {.demand = DEMAND_ESCALATED};
    const uint32_t without = 1u << CHANNEL_TLS | 1u << CHANNEL_HOLD | 1u << CHANNEL_DROP,
                   with = without | 1u << CHANNEL_PORTAL;
    assert_true(channels_enter(table, without, &all, &secure, 0, &call)); /* transport */
    /* S/MIME is not built, no portal is configured */
    assert_false(channels_enter(table, without, &all, &secure, secure.rung + 1, &call));
    assert_true(r.state == RCPT_HELD && r.notice == NOTICE_DUE && secure.rung == 3);
    table[CHANNEL_PORTAL].take = double_take; /* plugged in */
    r = (struct store_rcpt){0};
    assert_false(channels_enter(table, with, &all, &escalated, 0, &call));
    assert_true(r.state == RCPT_DELIVERED && double_took == 1 && escalated.rung == 2);
    const struct ladder_order tls_only = {.rungs = {{CHANNEL_TLS, 1000}}, .n = 1};
    r = (struct store_rcpt){0};
    /* never by transport alone */
    assert_false(channels_enter(table, with, &tls_only, &escalated, 0, &call));
    assert_true(r.state == RCPT_FAILED && r.reason == REASON_NO_SECURE_CHANNEL);
}

static void smime_take(const struct channel_call *call)
{
    channel_wait(call, HOP_PORTAL, REASON_PICKUP); /* a destination of its own, when there is one */
}

/* A further channel is a row: what takes the mail, where it stands until a process has made
 * something of it, which kind of job that is, what a page says beforehand. */
static void a_new_channel_is_a_row(void **state)
{
    const channel_table table = {
        [CHANNEL_SMIME] =
            {
                .take = smime_take,
                .making = {.hop = HOP_PORTAL, .job = JOB_PREPARE, .busy = "is being encrypted"},
                .fate = FATE_TLS,
            },
        [CHANNEL_HOLD] = {channel_hold},
        [CHANNEL_DROP] = {channel_drop},
    };
    const struct ladder_order l = {.rungs = {{CHANNEL_TLS, 1000},
                                             {CHANNEL_SMIME, 0},
                                             {CHANNEL_HOLD, 0}},
                                   .n = 3};
    struct store_rcpt r = {.state = RCPT_QUEUED, .code = STR("4.7.4"), .next_ms = 9};
    const struct channel_call call = {.rcpt = &r, .tells_sender = true, .why = "no TLS"};
    struct protect_record record = {.demand = DEMAND_SECURE};
    const uint32_t there = 1u << CHANNEL_TLS | 1u << CHANNEL_SMIME | 1u << CHANNEL_HOLD;
    assert_true(channels_enter(table, there, &l, &record, 0, &call)); /* transport first */
    assert_false(channels_enter(table, there, &l, &record, record.rung + 1, &call));
    assert_true(record.rung == 1 && r.state == RCPT_QUEUED && r.next_ms == 0 && r.code.n == 0);
    const struct channel_making *making = channels_making_at(table, hop_kind(r.next_hop));
    assert_true(making && making->job == JOB_PREPARE);
    assert_ptr_equal(channels_making(table, JOB_PREPARE), making);
    assert_null(channels_making(table, JOB_INSPECT));
    assert_null(channels_making(table, JOB_DELIVER));
    assert_null(channels_making_at(table, HOP_DOMAIN));
    assert_null(channels_making_at(table, HOP_INSPECT));
    /* it did not come about: the next rung */
    assert_false(channels_enter(table, there, &l, &record, record.rung + 1, &call));
    assert_true(record.rung == 2 && r.state == RCPT_HELD && r.notice == NOTICE_DUE);
    /* an installation that does not have it passes it over */
    assert_false(channels_enter(table, there & ~(1u << CHANNEL_SMIME), &l, &record, 1, &call));
    assert_true(record.rung == 2);
}

static void ladders_are_checked(void **state)
{
    struct ladder_order l;
    struct conf *c = conf_of("ladder \"default\" { channels tls:30m hold; }");
    ladder_of(c, "default", &l);
    assert_true(l.n == 2 && l.rungs[0].patience_ms == 30 * 60 * 1000 &&
                l.rungs[1].channel == CHANNEL_HOLD);
    ladder_of(c, LADDER_PORTAL_ONLY, &l);
    /* there is none */
    assert_true(l.n == 1 && l.rungs[0].channel == CHANNEL_TLS &&
                !(ladder_there(c) >> CHANNEL_PORTAL & 1));
    conf_free(c);
    c = conf_of("portal { url https://p.in.test; from p@in.test; proxy-address 127.0.0.1:1; "
                "proxies 127.0.0.1; } ladder \"own\" { channels tls:1h portal; }");
    ladder_of(c, "own", &l);
    assert_true(l.n == 2 && l.rungs[1].channel == CHANNEL_PORTAL &&
                (ladder_there(c) >> CHANNEL_PORTAL & 1));
    ladder_of(c, "default", &l); /* without a block of that name */
    assert_true(l.n == 2 && l.rungs[0].channel == CHANNEL_TLS &&
                l.rungs[1].channel == CHANNEL_PORTAL);
    ladder_of(c, LADDER_PORTAL_ONLY, &l);
    assert_true(l.n == 1 && l.rungs[0].channel == CHANNEL_PORTAL);
    conf_free(c);
    static const char *const bad[] = {
        "ladder \"a\" { channels hold tls; }",
        "ladder \"a\" { channels portal; }",
        "ladder \"a\" { channels tls smime; }",
        "ladder \"a\" { channels hold:5m; }",
        "account default { ladder nowhere; }",
        "account x { }",
        "rule \"r\" { content nothing; }",
        "rule \"r\" { unread everything; }",
        "group \"g\" { members a@b.test; } group \"g\" { members a@c.test; }",
        "flags { in footer; }",
        "group \"g\" { members \"ldap:cn=x\"; }",
        "directory { url \"ldap://127.0.0.1\"; } group \"g\" { members \"ldap:cn=x\"; } account "
        "group:g { protect none; }",
        "directory { url \"ldap://127.0.0.1\"; } group \"g\" { members \"ldap:cn=x\"; } rule "
        "\"r\" { from group:g; protect secure; final yes; }",
        "rule \"r\" { content k; inbound require tls; } content \"k\" { pack p; }",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf text = BUF_INIT(1 << 16), problems = BUF_INIT(1 << 16);
        assert_int_equal(buf_printf(&text,
                                    "hostname a.test; listen smtp { address 127.0.0.1:25; }\n%s",
                                    bad[i]),
                         0);
        c = NULL;
        if (conf_parse(buf_str(&text), "t", &problems, &c) == 0) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_true(buf_len(&problems) > 0);
        buf_free(&text);
        buf_free(&problems);
    }
}

/* What children get says the same, with the lines of the file. */
static void lines_travel(void **state)
{
    struct buf text = BUF_INIT(1 << 20), problems = BUF_INIT(1 << 16);
    struct conf *c = conf_of("\n\nrule \"here\" { protect secure; }"), *again;
    assert_int_equal(conf_write(c, &text), 0);
    assert_int_equal(conf_parse(buf_str(&text), "t", &problems, &again), 0);
    assert_int_equal(again->rules[0].line, 4);
    assert_int_equal(again->flags.words.n, 5);
    assert_string_equal(again->flags.words.v[4], "[marked for secure delivery]");
    conf_free(c);
    conf_free(again);
    buf_free(&text);
    buf_free(&problems);
}

/* S42, S43: what leaves the house without its sender having sent it there is kept to TLS
 * (docs/decisions/0032). */
static void off_site(void **state)
{
    static const struct {
        const char *from, *login, *client, *to;
        bool is_copy;
        enum demand right;
    } rows[] = {
        {"a@in.test", "", "10.0.0.1", "r@out.test", false, DEMAND_NONE},
        {"a@else.test", "", "10.0.0.1", "r@out.test", false, DEMAND_SECURE},
        {"a@ELSE.test", "", "10.0.0.1", "r@in.test", false, DEMAND_NONE},
        {"srs0=HHH=TT=else.test=a@in.test", "", "10.0.0.1", "r@out.test", false, DEMAND_SECURE},
        {"SRS1+HHH=relay.test==HHH=TT=else.test=a@in.test", "", "10.0.0.1", "r@out.test", false,
         DEMAND_SECURE},
        {"srs0lo@in.test", "", "10.0.0.1", "r@out.test", false, DEMAND_NONE},
        {"", "", "10.0.0.1", "r@out.test", false, DEMAND_NONE},
        /* sender any */
        {"a@else.test", "server", "192.0.2.1", "r@out.test", false, DEMAND_SECURE},
        {"a@in.test", "ann", "192.0.2.1", "r@out.test", false, DEMAND_NONE},
        {"a@in.test", "", "10.0.0.1", "archive@out.test", true, DEMAND_SECURE},
        {"a@else.test", "", "192.0.2.1", "archive@out.test", true, DEMAND_SECURE},
        {"a@else.test", "", "192.0.2.1", "archive@in.test", true, DEMAND_NONE},
    };
    struct protection p;
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct protect_mail m = {
            .reverse_path = str_c(rows[i].from),
            .forward_path = str_c(rows[i].to),
            .login = str_c(rows[i].login),
            .client_ip = str_c(rows[i].client),
            .facts = STR(""),
            .is_copy = rows[i].is_copy,
        };
        protect_decide(c, &m, &p);
        if (p.demand != rows[i].right) {
            fail_msg("row %zu: %s", i, demand_name(p.demand));
        }
        /* an exception for the domain lifts it */
        assert_true(p.off_site == (p.demand != DEMAND_NONE));
    }
    conf_free(c);
    c = conf_of("rule \"r\" { to @out.test; protect secure; }");
    protect_decide(c,
                   &(struct protect_mail){
                       .reverse_path = STR("a@else.test"),
                       .forward_path = STR("r@out.test"),
                       .client_ip = STR("10.0.0.1"),
                       .facts = STR(""),
                   },
                   &p);
    /* a rule's demand is the rule's: no exception lifts it */
    assert_true(p.demand == DEMAND_SECURE && !p.off_site);
    conf_free(c);
}

/* A copy is made where mails are decided behind an inspection: a rule with copy-to wants one,
 * whatever else it says. */
static void copies_need_the_long_way(void **state)
{
    const struct protect_mail in = {
        .reverse_path = STR("a@else.test"),
        .forward_path = STR("x@in.test"),
        .client_ip = STR("192.0.2.1"),
        .facts = STR(""),
    };
    const struct protect_mail out = {
        .reverse_path = STR("x@in.test"),
        .forward_path = STR("a@else.test"),
        .client_ip = STR("10.0.0.1"),
        .facts = STR(""),
    };
    struct conf *c =
        conf_of("flags { in none; } rule \"all\" { direction inbound; copy-to archive@in.test; }");
    assert_true(protect_needs_inspection(c, &in) && !protect_needs_inspection(c, &out));
    conf_free(c);
}

/* Labels are a flag of their own: they are looked for although no word is (postern.conf(5),
 * labels). */
static void labels_alone_are_looked_for(void **state)
{
    const struct protect_mail out = {
        .reverse_path = STR("x@in.test"),
        .forward_path = STR("a@else.test"),
        .client_ip = STR("10.0.0.1"),
        .facts = STR(""),
    };
    struct conf *c = conf_of("flags { in none; labels Confidential; }");
    assert_true(protect_needs_inspection(c, &out));
    assert_true(!conf_flags_have_words(c) && !conf_flags_count_in(c, "header"));
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_as_people_write_them),
        cmocka_unit_test(lines_of_an_inspection),
        cmocka_unit_test(accounts_inherit),
        cmocka_unit_test(flags_that_do_nothing_are_said),
        cmocka_unit_test(groups_of_every_kind),
        cmocka_unit_test(rules_in_order),
        cmocka_unit_test(levels_only_rise),
        cmocka_unit_test(records_keep_their_meaning),
        cmocka_unit_test(ladders_with_doubles),
        cmocka_unit_test(a_new_channel_is_a_row),
        cmocka_unit_test(ladders_are_checked),
        cmocka_unit_test(lines_travel),
        cmocka_unit_test(off_site),
        cmocka_unit_test(copies_need_the_long_way),
        cmocka_unit_test(labels_alone_are_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
