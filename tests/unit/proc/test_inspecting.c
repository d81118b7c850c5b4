/* SPDX-License-Identifier: Apache-2.0
 * test_inspecting.c: what an inspection finds in whole mails, by its lines
 * (policy/inspection.h). The mails in tests/fixtures/mail are made after public bug reports,
 * named in docs/field.md; those written here name theirs.
 */
#include "proc/inspecting.h"
#include "check.h"
#include "policy/inspection.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

static struct conf *conf_of(const char *blocks)
{
    struct buf text = BUF_INIT(1 << 16), problems = BUF_INIT(1 << 16);
    struct conf *c = NULL;
    char *packs = realpath("packs", NULL);
    assert_non_null(packs);
    assert_int_equal(
        buf_printf(&text,
                   "hostname a.test; listen smtp { address 127.0.0.1:25; }\n"
                   "inside { domains in.test; networks 10.0.0.0/8; deliver-to b.test; }\n"
                   "inspection { packs %s; } content \"all\" { pack pci glba hipaa; }\n%s",
                   packs, blocks),
        0);
    if (conf_parse(buf_str(&text), "t", &problems, &c) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    free(packs);
    buf_free(&text);
    buf_free(&problems);
    return c;
}

/* Packs are read once for each configuration. */
static struct {
    const struct conf *conf;
    struct inspecting *inspecting;
} last;

static void inspect(const struct conf *c, struct str message, struct buf *facts)
{
    struct buf problems = BUF_INIT(1 << 16);
    assert_true(!last.conf || last.conf == c);
    if (!last.conf && inspecting_new(c, NULL, &problems, &last.inspecting) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    last.conf = c;
    inspecting_run(last.inspecting, message, facts);
    buf_free(&problems);
}

static void done(struct conf *c)
{
    inspecting_free(last.conf ? last.inspecting : NULL);
    last.conf = NULL;
    conf_free(c);
}

static bool has(const struct buf *facts, const char *words)
{
    return memmem(buf_str(facts).p, buf_len(facts), words, strlen(words)) != NULL;
}

static void check_mail(const struct conf *c, const char *name, struct str message,
                       const char *there, const char *not_there)
{
    struct buf facts = BUF_INIT(INSPECTION_MAX);
    inspect(c, message, &facts);
    if ((there && !has(&facts, there)) || (not_there && has(&facts, not_there))) {
        fail_msg("%s: wants \"%s\", not \"%s\":\n" STR_FMT, name, there ? there : "",
                 not_there ? not_there : "", STR_ARG(buf_str(&facts)));
    }
    buf_free(&facts);
}

static void mails_of_the_field(void **state)
{
    static const struct {
        const char *file, *there, *not_there;
    } rows[] = {
        {"01-subject-two-words.eml", "flag\t[secure]\tsubject", NULL}, /* F1 */
        {"01-subject-two-words-ja.eml", "flag\t[secure]\tsubject", NULL},
        {"02-card-in-subject.eml", "found\tcard", NULL},
        {"26-flag-below-quote-gmail.eml", "flag\t[secure]\tbody", NULL}, /* F1b */
        {"26-flag-below-quote-thunderbird.eml", "flag\t[secure]\tbody", NULL},
        {"30-base64-two-pieces.eml", "found\tus-ssn", NULL}, /* F1c */
        {"30-base64-two-pieces-csv.eml", "us-ssn\thigh\t30\tattachment", NULL},
        {"17-smime-opaque.eml", "found\tus-ssn\thigh\t1\tbody", "problem"}, /* F17 */
        /* openssl cms -sign: RFC 8551 3.5.3 */
        {"44-smime-clear.eml", "attachment\tsignature", "problem"},
        {"44-smime-clear.eml", "flag\t[secure]\tbody", NULL},
        {"25-uuencode-inline.eml", "found\tus-ssn\thigh\t1\tattachment", NULL},
        {"25-uuencode-part.eml", "found\tus-ssn\thigh\t1\tattachment", "problem"},
        {"27-quoted-flag-outlook-desktop.eml", NULL, "flag\t"}, /* F15 */
        {"27-quoted-flag-outlook-german.eml", NULL, "flag\t"},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf message = BUF_INIT(1 << 20);
        char path[200];
        snprintf(path, sizeof path, "tests/fixtures/mail/%s", rows[i].file);
        assert_int_equal(file_read(path, &message), 0);
        check_mail(c, rows[i].file, buf_str(&message), rows[i].there, rows[i].not_there);
        buf_free(&message);
    }
    done(c);
}

#define HEAD     "From: a@in.test\r\nTo: b@out.test\r\nSubject: Re: x\r\n"
#define NEW      "From: a@in.test\r\nTo: b@out.test\r\nSubject: x\r\n"
#define HTML     HEAD "Content-Type: text/html\r\n\r\n"
#define NEW_HTML NEW "Content-Type: text/html\r\n\r\n"

#define EVENT(method, words) \
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:" method \
    "\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261112T143000Z\r\n" words \
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
#define CALENDAR NEW "Content-Type: text/calendar; charset=utf-8\r\n\r\n"
#define ALTERNATIVE \
    NEW "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
#define BESIDE NEW "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"

/* What the page shows as the text of a mail, flags count in, whatever kind of text it is.
 * Properties: RFC 5545 3.8.1; answers: RFC 5546 3.2.3; a calendar beside the text: RFC 6047 2.4;
 * XHTML: RFC 3236; types the wrong way round: ddeboer/imap#341; ATT00001.htm: what Exchange
 * makes of a text behind a picture (our own review). */
static void other_bodies(void **state)
{
    static const struct {
        const char *message;
        bool counts;
    } rows[] = {
        {CALENDAR EVENT("REQUEST", "SUMMARY:Visit\r\nDESCRIPTION:[secure] bring the results\r\n"),
         true},
        {CALENDAR EVENT("REQUEST", "SUMMARY:[secure] Visit\r\n"), true},
        {CALENDAR EVENT("REQUEST", "SUMMARY:Visit\r\nDESCRIPTION:hello\\n[sec\r\n ure]\\nbye\r\n"),
         true},
        {CALENDAR EVENT("REPLY", "SUMMARY:Visit\r\nCOMMENT:[secure] cannot come\r\n"), true},
        {CALENDAR EVENT("REPLY",
                        "SUMMARY:Visit\r\nDESCRIPTION:[secure] as you wrote\r\nCOMMENT:yes\r\n"),
         false},
        /* MS-OXCICAL 2.1.3.1.1.20.60, RFC 9073 6.5: what Outlook and others show in place of the
         * description */
        {CALENDAR EVENT(
             "REQUEST",
             "SUMMARY:Visit\r\nX-ALT-DESC;FMTTYPE=text/html:<p>hello\\, [<b>secure</b>]</p>\r\n"),
         true},
        {CALENDAR EVENT(
             "REQUEST",
             "STYLED-DESCRIPTION;VALUE=TEXT;FMTTYPE=text/html:<p>hello<br>\r\n [secure]</p>\r\n"),
         true},
        {CALENDAR EVENT(
             "REPLY",
             "SUMMARY:Visit\r\nX-ALT-DESC;FMTTYPE=text/html:<p>[secure]</p>\r\nCOMMENT:yes\r\n"),
         false},
        {ALTERNATIVE "Content-Type: text/calendar; name=invite.ics\r\n\r\n" EVENT(
             "REQUEST", "DESCRIPTION:[secure]\r\n") "--b--\r\n",
         true},
        {BESIDE
         "Content-Type: text/calendar; name=a.ics\r\nContent-Disposition: attachment\r\n\r\n" EVENT(
             "PUBLISH", "DESCRIPTION:[secure]\r\n") "--b--\r\n",
         false},
        {NEW "Content-Type: application/xhtml+xml\r\n\r\n<html "
             "xmlns=\"http://www.w3.org/1999/xhtml\"><body><p>[secure]</p></body></html>\r\n",
         true},
        {NEW "Content-Type: plain/text\r\n\r\n[secure]\r\n", true},
        {NEW "Content-Type: html/text\r\n\r\n<p>[<b>secure</b>]</p>\r\n", true},
        {BESIDE "Content-Type: text/html; name=ATT00001.htm\r\nContent-Disposition: attachment; "
                "filename=ATT00001.htm\r\n\r\n"
                "<p>[secure]</p>\r\n--b--\r\n",
         true},
        {BESIDE "Content-Type: text/html; name=ATT00001.htm\r\nContent-Disposition: attachment; "
                "filename=x.htm\r\n\r\n"
                "<p>[secure]</p>\r\n--b--\r\n",
         false},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[40];
        snprintf(name, sizeof name, "row %zu", i);
        check_mail(c, name, str_c(rows[i].message), rows[i].counts ? "flag\t[secure]\tbody" : NULL,
                   rows[i].counts ? NULL : "flag\t");
    }
    done(c);
}

/* What readers show of a text whose type they do not know, or that is not of its type: plain
 * text (RFC 2046 4.1.4; mutt, mutt_can_decode(); Thunderbird, mime_find_class()); of an
 * alternative any may be shown (5.1.4). */
static void bodies_of_odd_types(void **state)
{
    static const char *const types[] = {
        "text/calendar",   "text/calendar; name=x.ics",
        "application/ics", "text/vcard",
        "text/rtf",        "text/enriched",
        "text/richtext",   "text/x-own",
        "text/csv",        "text/directory",
        "application/pgp", "text/xml",
        "application/rtf",
    };
    static const char *const bodies[] = {
        "",
        "<html><style>",
        "X: y\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<style>",
    };
    static const char *const frames[] = {
        NEW "Content-Type: ",
        ALTERNATIVE "Content-Type: ",
        NEW "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: ",
        BESIDE "Content-Type: ",
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(types) * ARRAY_LEN(bodies) * ARRAY_LEN(frames); i++) {
        struct buf m = BUF_INIT(1000);
        size_t frame = i % ARRAY_LEN(frames), body = i / ARRAY_LEN(frames) % ARRAY_LEN(bodies);
        const char *type = types[i / ARRAY_LEN(frames) / ARRAY_LEN(bodies)];
        char name[80];
        bool is_file = strncmp(type, "application/", 12) == 0 &&
                       (body > 0 || (frame > 0 && strstr(type, "ics")));
        if (is_file || (frame == 3 && strstr(type, "name="))) {
            continue;
        }
        snprintf(name, sizeof name, "%s, body %zu, frame %zu", type, body, frame);
        assert_int_equal(buf_printf(&m, "%s%s\r\n\r\n%s[secure]\r\n%s", frames[frame], type,
                                    bodies[body], frame > 0 ? "--b--\r\n" : ""),
                         0);
        check_mail(c, name, buf_str(&m), "flag\t[secure]\tbody", NULL);
        buf_free(&m);
    }
    done(c);
}

/* RFC 5545 3.4, 3.1: what is no line of a calendar, or of one without events, is text to who
 * cannot read it. */
static void texts_around_calendars(void **state)
{
    static const char *const bodies[] = {
        "[secure]\r\n" EVENT("REQUEST", "SUMMARY:Visit\r\n"),
        EVENT("REQUEST", "SUMMARY:Visit\r\n") "\r\n[secure]\r\n",
        EVENT("REQUEST", "SUMMARY:Visit\r\nDESCRIPTION:hello\r\n[secure]\r\n"),
        "BEGIN:VCALENDAR\r\n[secure]\r\nEND:VCALENDAR\r\n",
        "BEGIN:VCALENDAR\r\nX-NOTE:[secure]\r\nEND:VCALENDAR\r\n",
        "BEGIN:VCALENDARS are [secure]\r\n",
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf m = BUF_INIT(1000);
        char name[40];
        snprintf(name, sizeof name, "row %zu", i);
        assert_int_equal(buf_printf(&m, "%s%s", CALENDAR, bodies[i]), 0);
        check_mail(c, name, buf_str(&m), "flag\t[secure]\tbody", NULL);
        buf_free(&m);
    }
    done(c);
}

/* New text below, or inside, what is quoted; and what mail programs quote. */
static void quotations(void **state)
{
    static const struct {
        const char *message;
        bool counts;
    } rows[] = {
        /* RFC 3676 4.5, bottom posting: only the marked lines are quoted */
        {HEAD "\r\nOn 23 Nov 2026, Bob <b@out.test> wrote:\r\n> old\r\n\r\n[secure]\r\nnew\r\n",
         true},
        {HEAD "\r\nOn 23 Nov 2026, Bob <b@out.test> wrote:\r\n\r\n> [secure]\r\n> old\r\n", false},
        {HEAD "\r\nAm 23.11.26 um 09:12 schrieb Bob:\r\n> alt\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nThanks\r\n\r\n-----Original Message-----\r\nFrom: Bob\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nThanks\r\n\r\n---------- Forwarded message ---------\r\nFrom: "
              "Bob\r\n\r\n[secure]\r\n",
         false},
        /* RFC 9580 7: the frame of a signed text is no quotation */
        {HEAD "\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: "
              "SHA256\r\n\r\n[secure]\r\nresult\r\n-----BEGIN PGP "
              "SIGNATURE-----\r\n\r\nxx\r\n-----END PGP SIGNATURE-----\r\n",
         true},
        /* RFC 3676 4.4: a ">" behind a stuffed space is the writer's, and no mark */
        {HEAD "Content-Type: text/plain; format=flowed\r\n\r\n > 5 mg [secure]\r\n", true},
        {HEAD "Content-Type: text/plain; format=flowed\r\n\r\n>[secure]\r\n> \r\n>> old\r\n",
         false},
        {HEAD "Content-Type: text/plain; format=flowed\r\n\r\n> > [secure]\r\n", false},
        /* sentences and strokes of people: ambiguous, so the safe side */
        {HEAD "\r\nAs the judge wrote:\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\n----- Agenda -----\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nFrom: London\r\nTo: Paris\r\nDate: Monday\r\n\r\n[secure]\r\n", true},
        /* Outlook in other languages */
        {HEAD "\r\nMerci\r\n\r\nDe : Bob <b@x.test>\r\nEnvoy\xc3\xa9 : lundi 23 novembre 2026 "
              "09:12\r\n\xc3\x80 : Anne\r\nObjet : x\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nGracias\r\n\r\nDe: Bob <b@x.test>\r\nEnviado el: lunes, 23 de noviembre de 2026 "
              "9:12\r\nPara: Ana\r\nAsunto: x\r\n\r\n[secure]\r\n",
         false},
        /* Outlook on the web: what follows the mark is quoted, to the end of what is around it */
        {HTML
         "<div>Thanks</div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Bob</div><div>[secure]</div>",
         false},
        {HTML
         "<div>[secure]</div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Bob</div><div>old</div>",
         true},
        /* GMX, Zimbra, Yahoo, Proton */
        {HTML "<div>Danke</div><div name=\"quote\"><div><b>Von:</b> Bob</div><div "
              "name=\"quoted-content\">[secure]</div></div>",
         false},
        {HTML "<p>Hi</p><div data-marker=\"__QUOTED_TEXT__\"><p>[secure]</p></div>", false},
        {HTML "<p>Hi</p><div data-marker=\"__QUOTED_TEXT__\"><p>old</p></div><p>[secure]</p>",
         true},
        {HTML "<div class=\"yahoo_quoted\"><div>[secure]</div></div>", false},
        {HTML "<div class=\"protonmail_quote\">On Monday<br><blockquote class=\"protonmail_quote\" "
              "type=\"cite\">[secure]</blockquote></div>",
         false},
        {HTML "<div class=\"protonmail_quote\">On Monday<br><blockquote class=\"protonmail_quote\" "
              "type=\"cite\">old</blockquote><p>[secure]</p></div>",
         true},
        /* RFC 8551 3.5.2: a signed mail is no quotation; RFC 3676 4.2: nor is a flag broken over
         * flowed lines */
        {HEAD "Content-Type: text/plain; format=flowed\r\n\r\nplease [sec \r\nure] this\r\n", true},
        /* quotations inside quotations, and ones that nothing closes */
        {HTML "<blockquote type=cite>a<blockquote>b</blockquote>[secure]</blockquote>", false},
        {HTML "<blockquote type=cite><blockquote type=cite>b</blockquote>a</blockquote>[secure]",
         true},
        /* the end tag of a block closes what is open inside it, but for cells (HTML standard
         * 13.2.6.4.7, 13.2.4.2) */
        {HTML "<blockquote type=cite><div>old</blockquote><p>[secure]", true},
        {HTML "<blockquote type=cite><div><p>old<div></BLOCKQUOTE >[secure]", true},
        {HTML "<ul><li><blockquote type=cite><div>old</li><li>[secure]</ul>", true},
        {HTML "<section><blockquote type=cite><div>old</section>[secure]", true},
        {HTML "<blockquote type=cite><div title='</blockquote>'>[secure]", false},
        {HTML "<blockquote type=cite><table><tr><td>old</blockquote><p>[secure]", false},
        {HTML "<blockquote type=cite><table><tr><td><div>old</blockquote><p>[secure]", false},
        /* a blockquote that no program marked: its writer's own (the buttons of Thunderbird,
         * TinyMCE, CKEditor), unless introduced */
        {HTML "<p>Hello</p><blockquote>[secure]</blockquote>", true},
        {HTML "<p>Hello</p><blockquote dir=ltr>[secure]</blockquote>", true},
        {HTML "<p>My proposal:</p><blockquote>[secure]</blockquote>", true},
        {HTML "<p>On 3 May 2026, Anna wrote:</p><blockquote>[secure]</blockquote>", false},
        {HTML "<p>Anna &lt;a@b.test&gt;<br>wrote:</p><blockquote>[secure]</blockquote>", false},
        {HTML "<blockquote class=\"spark_quote\">[secure]</blockquote>", false},
        {HTML "<blockquote cite=\"mid:1@out.test\">[secure]</blockquote>", false},
        {HTML "</blockquote></div>[secure]", true},
        /* what libxml2 2.9 and 2.14 stop at, and browsers show (HTML standard 13.2.5.43,
         * 13.2.6.4.22) */
        {HTML "<html><body></body></html>[secure]", true},
        {HTML "<!-->[secure]<p>", true},
        {HTML "<!--->[secure]<p>", true},
        {HTML "<!-- a --!>[secure]<p>", true},
        {HTML "<!-- nothing closes it [secure]", true},
        /* RFC 2183 2.1: a name makes no attachment of a body (Apple Mail, Outlook write
         * "inline"); a text of a kind of its own, alone */
        {HEAD "Content-Type: text/plain; name=x\r\n\r\n[secure]\r\n", true},
        {HEAD "Content-Type: text/html\r\nContent-Disposition: inline; "
              "filename=a.html\r\n\r\n<p>[secure]</p>\r\n",
         true},
        {HEAD "Content-Type: text/markdown\r\n\r\n[secure]\r\n", true},
        {HEAD "Content-Type: text/plain\r\nContent-Disposition: attachment; "
              "filename=x.txt\r\n\r\n[secure]\r\n",
         false},
        /* the button "indent" of Gmail and of Outlook on the web is no quotation; a stroke
         * beside the text is one */
        {HTML
         "<blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">[secure]</blockquote>",
         true},
        {HTML "<blockquote style=\"margin-top:0;margin-bottom:0\">[secure]</blockquote>", true},
        {HTML "<blockquote style=\"margin:0 0 0 .8ex;border-left:1px solid "
              "#ccc;padding-left:1ex\">[secure]</blockquote>",
         false},
        /* signs that nobody sees (FiltaQuilla#409, rspamd#4492), and those of East Asia's
         * keyboards */
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n[sec\xe2\x80\x8bure]\r\n", true},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n[\xe2\x80\x8bsecure]\r\n", true},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n\xef\xbc\xbb\xef\xbd\x93"
              "ecure\xef\xbc\xbd\r\n",
         true},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n\xe3\x80\x90secure\xe3\x80\x91\r\n",
         true},
        {HTML "[sec&shy;ure]", true},
        /* RFC 5322 3.6.4: a mail that answers none. The head of a memo and a sentence are its
         * writer's own */
        {NEW "\r\nFrom: HR\r\nTo: all\r\nDate: 3 May 2026\r\nSubject: salaries\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nOn 3 May 2026 Dr. Bell wrote:\r\n\r\n[secure]\r\n", true},
        {NEW "\r\n________________________________\r\nFrom: HR\r\nDate: 3 May\r\nSubject: "
             "x\r\n\r\n[secure]\r\n",
         true},
        {NEW "In-Reply-To: <1@out.test>\r\n\r\nThanks\r\n\r\nOn 3 May 2026, Dr. Bell <b@out.test> "
             "wrote:\r\n\r\n[secure]\r\n",
         false},
        {NEW "References: <1@out.test>\r\n\r\nThanks\r\n\r\nFrom: HR\r\nSent: 3 May 2026 "
             "09:12\r\nSubject: x\r\n\r\n[secure]\r\n",
         false},
        {NEW "\r\nOn 3 May 2026 Dr. Bell wrote:\r\n> [secure]\r\n", false},
        {NEW "\r\nSee below\r\n-----Original Message-----\r\nFrom: Bob\r\n\r\n[secure]\r\n", false},
        {NEW "\r\n>>> [secure] <<<\r\n\r\nreport attached\r\n", true},
        {NEW "\r\nValues\r\n>= 140 mmHg [secure]\r\n", true},
        {NEW "\r\nList:\r\n> a [secure]\r\n> b\r\n", false},
        /* RFC 4155 */
        {HEAD "\r\nOn 3 May 2026, Bob <b@out.test> wrote:\r\n\r\n>From now on [secure]\r\n", true},
        /* SpamAssassin's answers, discourse/email_reply_trimmer, osTicket-1.7#787: nothing new
         * stands above, so it stands below */
        {HEAD "\r\nOn 3 May 2026, Bob <b@out.test> wrote:\r\n\r\nold\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\n-----Original Message-----\r\nFrom: Bob\r\nSent: Monday\r\nSubject: "
              "x\r\n\r\nold\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nDear Bob,\r\n\r\n-----Original Message-----\r\nFrom: Bob\r\nSent: "
              "Monday\r\nSubject: x\r\n\r\n[secure]\r\n",
         false},
        /* Outlook Express (easy-ham-1 00689); a line before the marks (00971); marks of MH and
         * of Emacs (00392) */
        {HEAD "\r\nHi\r\n\r\n----- Original Message -----\r\nFrom: \"Bob\" <b@out.test>\r\nTo: "
              "x\r\nSent: Monday\r\nSubject: x\r\n\r\n\r\n> old\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026, Bob <b@out.test> wrote:\r\n\r\nBob,\r\n[secure]\r\n> "
              "old\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026, Bob <b@out.test> wrote:\r\n\r\n--] old\r\n--] "
              "text\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026, Bob <b@out.test> wrote:\r\n\r\nBob> old\r\nBob> "
              "text\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n------- Original Message -------\r\nOn Monday, May 3rd, 2026 at 9:12 "
              "AM, Bob <b@out.test> wrote:\r\n\r\n> old\r\n\r\n[secure]\r\n",
         true},
        /* 00450 */
        {HEAD "\r\nHello Adam,\r\n\r\nThursday, September 05, 2002, 11:33:18 PM, you "
              "wrote:\r\n\r\n\r\nALB> old\r\n\r\n[secure]\r\n\r\nALB> text\r\n",
         true},
        /* easy-ham-2 01132 */
        {HEAD
         "\r\nOn Sun, 21 Jul 2002 05:11:08 -0400\r\nBob <b@out.test> wrote:\r\n\r\n[secure]\r\n",
         true},
        /* Outlook leaves a no-break space above what it quotes; Apple Mail on a phone, Gmail in
         * German: the verb before the name */
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc2\xa0\r\nFrom: Bob\r\nSent: "
              "Monday\r\nTo: x\r\nSubject: x\r\n\r\nold\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nok\r\n\r\nAm 23.11.2026 um 09:12 schrieb Bob <b@out.test>:\r\n\r\n\r\nalt "
              "[secure]\r\n",
         false},
        {HEAD "\r\nok\r\n\r\nPlease answer 3 of the 5 to Bob:\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nHi\r\n\r\n----- Original Message -----\r\nFrom: Jim\r\nTo: a,\r\n b,\r\n c,\r\n "
              "d,\r\n e\r\nSent: Monday\r\nSubject: x\r\n\r\n> old\r\n\r\n[secure]\r\n",
         true},
        {HEAD
         "Content-Type: text/plain; charset=utf-8\r\n\r\nok\r\n\r\n-------- "
         "\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd1\x81\xd1\x8b\xd0\xbb\xd0\xb0\xd0\xb5\xd0\xbc\xd0\xbe"
         "\xd0\xb5 \xd1\x81\xd0\xbe\xd0\xbe\xd0\xb1\xd1\x89\xd0\xb5\xd0\xbd\xd0\xb8\xd0\xb5 "
         "--------\r\n[secure]\r\n",
         false},
        /* muttmua/mutt#97, RFC 934, Gnus, KMail: a forwarded message ends */
        {HEAD "\r\nFYI\r\n\r\n----- Forwarded message from Bob <b@out.test> -----\r\n\r\nDate: "
              "Mon, 3 May\r\nFrom: Bob\r\nSubject: x\r\n\r\nold\r\n\r\n----- End forwarded message "
              "-----\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nFYI\r\n------- Forwarded Message\r\n\r\nold\r\n\r\n------- End of Forwarded "
             "Message\r\n[secure]\r\n",
         true},
        {NEW
         "\r\nFYI\r\n\r\n---------- Forwarded message ---------\r\nFrom: Bob\r\n\r\n[secure]\r\n",
         false},
        /* sentences with a number, and an agenda below strokes, in an answer (chatmail/core
         * simplify, thunderbird-conversations#261) */
        {HEAD "\r\nIn your letter of 3 May you wrote:\r\n\r\n\"100\"\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nSee below\r\nPage 3: there is not really a pattern wrote:\r\n[secure]\r\n",
         true},
        {HEAD "\r\nAgenda\r\n-----------------------------\r\nFrom: 9 to 10 talks\r\n[secure]\r\n",
         true},
        /* Outlook in other languages, a long list of recipients, GMX, Yahoo, GroupWise */
        {HEAD "\r\nok\r\n\r\nDe: Bob\r\nEnviada em: 23.11.2026 09:12\r\nPara: n\r\nAssunto: "
              "x\r\n\r\n[secure]\r\n",
         false},
        {HEAD "Content-Type: text/plain; "
              "charset=utf-8\r\n\r\nok\r\n\r\n\xe5\xb7\xae\xe5\x87\xba\xe4\xba\xba: "
              "Bob\r\n\xe9\x80\x81\xe4\xbf\xa1\xe6\x97\xa5\xe6\x99\x82: 23.11.2026 "
              "09:12\r\n\xe4\xbb\xb6\xe5\x90\x8d: x\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nok\r\n\r\nFrom: Bob\r\nSent: Monday, November 23, 2026 9:12 AM\r\nTo: "
              "a;\r\nb;\r\nc;\r\nd;\r\ne;\r\nf;\r\ng\r\nSubject: x\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nDanke\r\n\r\nGesendet: Montag, 23. November 2026 um 09:12 Uhr\r\nVon: "
              "Bob\r\nAn: x\r\nBetreff: x\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nDanke\r\n\r\nAm Montag, 23. November 2026 um 09:12:00 MEZ hat Bob <b@out.test> "
              "Folgendes geschrieben:\r\n\r\n[secure]\r\n",
         false},
        {HEAD "\r\nDanke\r\n\r\n>>> Bob <b@out.test> 23.11.2026 09:12 >>>\r\nalt\r\n[secure]\r\n",
         false},
        /* people write in the frames of mail programs (mailgun/talon#20, #252; Mailspring
         * email_5; Thunderbird) */
        {HTML
         "<div class=\"moz-cite-prefix\">[secure] Dear Bob,</div><div class=\"moz-cite-prefix\">On "
         "23/11/2026 09:12, Bob wrote:<br></div><blockquote type=\"cite\">old</blockquote>",
         true},
        {HTML
         "<div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\">[secure]</div></div>",
         true},
        {HTML "<div class=\"gmail_quote\"><div>[secure]</div><div class=\"gmail_attr\">On Mon, Nov "
              "23, 2026 Bob &lt;b@out.test&gt; wrote:<br></div><blockquote "
              "class=\"gmail_quote\">old</blockquote></div>",
         true},
        {HTML "<p>Hi</p><div class=\"gmail_quote\"><div class=\"gmail_attr\">On Mon, Nov 23, 2026 "
              "Bob &lt;b@out.test&gt; wrote:<br></div>[secure]</div>",
         false},
        {HTML "<div class=\"moz-forward-container\">[secure] fyi<br><br>-------- Forwarded Message "
              "--------<p>old</p></div>",
         true},
        {HTML "<p>fyi</p><div class=\"moz-forward-container\"><br>-------- Forwarded Message "
              "--------<p>[secure]</p></div>",
         false},
        {HTML "<blockquote class=\"elementToProof\" style=\"background-color: rgb(255, 255, "
              "255);\">[secure]</blockquote>",
         true},
        {HTML "<blockquote class=\"webkit-indent-blockquote\" style=\"margin: 0 0 0 40px; border: "
              "none; padding: 0px;\">[secure]</blockquote>",
         true},
        {HTML "<blockquote style=\"margin: 0px 0px 0px 40px; border: medium; padding: "
              "0px;\">a<br>[secure]</blockquote>",
         true},
        {HTML "<blockquote style=\"border: 2px solid blue\">a<br>[secure]</blockquote>", false},
        {HTML "<div class=\"ydp1a2b3cyahoo_quoted\"><div>On Monday, 23 November 2026, Bob "
              "&lt;b@out.test&gt; wrote:</div><div>old</div></div><div>[secure]</div>",
         true},
        {HTML "<p>Hello</p><div style='border:none;border-left:solid blue "
              "1.5pt;padding:0cm'><p><b>From:</b> Bob<br><b>Sent:</b> Monday<br><b>Subject:</b> "
              "x</p><p>old</p></div><p>[secure]</p>",
         true},
        {HTML "<div>&nbsp;</div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Bob<br><b>Sent:</b> "
              "Monday<br><b>Subject:</b> x</div><div>old</div><div>[secure]</div>",
         true},
        {HTML "<table name=\"quote\"><tr><td>[secure]</td></tr></table>", true},
        /* a picture alone is quoted (Roundcube); a stroke below an introduction (Yahoo on
         * phones); Outlook's answer to Gmail */
        {HTML "<p>Hi</p><p>On 2026-11-23 09:12, Bob wrote:</p><blockquote type=\"cite\"><p><img "
              "src=\"cid:1\"></p></blockquote><p>[secure]</p>",
         true},
        {HTML "<p>Hi</p><blockquote style=\"margin: 0 0 20px 0;\"><div>On Mon, Nov 23, 2026 at "
              "9:12, Bob</div><div>&lt;b@out.test&gt; wrote:</div><div style=\"border-left: 1px "
              "solid #6D00F6;\">old</div></blockquote><div>[secure]</div>",
         true},
        {HTML "<blockquote style='border:none;border-left:solid #CCCCCC 1.0pt;padding:0in 0in 0in "
              "6.0pt'><p>[secure]</p></blockquote>",
         false},
        /* HTML standard 4.4.3: line ends in <pre> are line ends */
        {HTML "<pre>ok\r\n\r\nOn 1.1.26, Bob wrote:\r\n&gt; old\r\n&gt; [secure]\r\n</pre>", false},
        {HTML "<pre>ok\r\n\r\nOn 1.1.26, Bob wrote:\r\n&gt; old\r\n[secure]\r\n</pre>", true},
        {HTML "<div style=\"white-space: pre-wrap\">On 1.1.26, Bob wrote:\r\n&gt; old\r\n&gt; "
              "x\r\n[secure]</div><p>x</p>",
         true},
        {NEW "Content-Type: text/html\r\n\r\n<b>From:</b> HR<br><b>Date:</b> 3 "
             "May<br><b>Subject:</b> x<br><p>[secure]</p>",
         true},
        /* HTML standard 4.4.4: a quotation is an element; "> 5 mg" in a paragraph is a text */
        {NEW "Content-Type: text/html\r\n\r\n<p>&gt; 5 mg [secure]</p>", true},
        {NEW
         "Content-Type: text/html\r\n\r\n<p>Dose:</p><p> &gt; 5 mg</p><p>&gt; [secure]</p><p>x</p>",
         true},
        {HTML "<p>Dose:</p><p>&gt; 5 mg [secure]</p><p>daily</p>", true},
        {HTML "<p>&gt; a [secure]<br>&gt; b</p><p>daily</p>", false},
        {HTML "<p>Dose:</p><p>&gt; 5 mg</p><p>[secure]</p>", true},
        /* several classes on one element (Gmail since 2024) */
        {HTML "<div class=\"gmail_quote gmail_quote_container\"><div class=\"gmail_attr\">On "
              "Mon</div><blockquote class=\"gmail_quote\">[secure]</blockquote></div>",
         false},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[32];
        snprintf(name, sizeof name, "row %zu", i);
        check_mail(c, name, str_c(rows[i].message), rows[i].counts ? "flag\t[secure]\tbody" : NULL,
                   rows[i].counts ? NULL : "flag\t");
    }
    done(c);
}

/* Sentences and lists of one's own that look nearly as what programs write above a quotation
 * (tests/unit/wire/test_attribution.c has more of the sentences); and what programs write:
 * forwards and answers of crisp-oss/email-forward-parser, closeio/quotequail. */
static void introductions_of_ones_own(void **state)
{
    static const struct {
        const char *message;
        bool counts;
    } rows[] = {
        {HEAD "\r\nDear all,\r\n\r\nPlease reach Dr. Meier <m@clinic.example>, who wrote:\r\n\r\n- "
              "blood test\r\n- [secure] x-ray\r\n",
         true},
        {HEAD "\r\nHello\r\n\r\nI asked bob@x.example and he wrote:\r\n\r\nno. [secure]\r\n", true},
        {HEAD "\r\nHi\r\n\r\nPlease send the 2 forms for the 3 patients to Dr. Meier "
              "<m@clinic.example>:\r\n\r\n- [secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026 at 10:00 Dr. Meier <m@clinic.example> wrote:\r\n\r\n- "
              "one\r\n- [secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026 at 10:00 Dr. Meier <m@clinic.example> wrote:\r\n\r\n1. "
              "one\r\n2. [secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOn 3 May 2026 at 10:00 Dr. Meier <m@clinic.example> "
              "wrote:\r\n\r\n\"one\"\r\n\r\n[secure]\r\n",
         true},
        {HEAD
         "\r\nThanks\r\n\r\nOn 3 May 2026 at 10:00 Dr. Bell wrote:\r\n\r\nold\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nThanks\r\n\r\nFrom: Zurich\r\nTo: Vienna\r\nDate: 3 May 2026\r\nSubject: "
              "conference\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nThanks\r\n\r\nFrom: Zurich HB\r\nTo: Wien\r\nDate: Monday 3 May 2026, "
              "09:12\r\nSubject: trip\r\n\r\nseat [secure]\r\n",
         true},
        {HEAD "\r\nThanks\r\n\r\nFrom: HR\r\nTo: all\r\nDate: 3 May 2026\r\nSubject: "
              "salaries\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nThanks\r\n\r\nFrom: HR <hr@x.example>\r\nTo: all\r\nDate: 3 May "
              "2026\r\nSubject: salaries\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nDanke\r\n\r\nVon: Station 3\r\nAn: Radiologie\r\nDatum: 03.05.2026 "
              "10:00\r\nBetreff: Verlegung\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nDanke\r\n\r\nDatum: 03.05.2026 10:00\r\nVon: Station 3\r\nBetreff: "
              "Verlegung\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nDate: tomorrow\r\nFrom: 9\r\nTo: 12\r\nSubject: maths\r\nRoom: "
              "5\r\n\r\n[secure]\r\n",
         true},
        {HEAD
         "\r\nHi\r\n\r\nNo: 4711\r\nSent: 2026-05-03 10:00\r\nSubject: order\r\n\r\n[secure]\r\n",
         true},
        {HEAD
         "\r\nHi\r\n\r\nFrom: stock\r\nSent: 3 parcels\r\nSubject: order 17\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nOrder\r\nFrom: Bob <b@x.example>\r\nDate: 2026-05-03\r\nSubject: 3 "
              "chairs\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nFrom: the beginning it was clear.\r\nWe said so on\r\nDate: "
              "yes\r\nSubject: no\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nDate: 3 May 2026 10:00\r\nthen a long text\r\nof lines of my "
              "own\r\nFrom: Bob <b@x.example>\r\nSubject: x\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n________________________________\r\nFrom: HR\r\nDate: 3 "
              "May\r\nSubject: x\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n-----------------------------\r\nFrom: Zurich\r\nSubject: "
              "trip\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n-----------------------------\r\nDate: 3 May\r\nFrom: 9 to "
              "10\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n----- Notes on the original message -----\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nHi\r\n\r\n----- My original message -----\r\n\r\n[secure]\r\n", true},
        {HEAD "\r\nHi\r\n\r\n----- Original message to bob@x.example -----\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n----- Original message formats, see below -----\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n----- How we handle forwarded messages from patients "
              "-----\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\n>>> see bob@x.example >>>\r\n[secure]\r\n", true},
        {HEAD "\r\nHi\r\n\r\n>= 140 mmHg [secure]\r\n\r\nbye\r\n", true},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\nHi\r\n\r\nDe: Genève\r\nÀ: "
              "Lyon\r\nDate: 3 mai 2026\r\nObjet: train\r\n\r\n[secure]\r\n",
         true},
        {HEAD "\r\nHi\r\n\r\nDa: Milano\r\nA: Roma\r\nData: 3 maggio 2026 10:00\r\nOggetto: "
              "treno\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nDear all,\r\n\r\nPlease reach Dr. Meier <m@clinic.example>, who wrote:\r\n\r\n- "
             "[secure] x-ray\r\n",
         true},
        {NEW "\r\nHello\r\n\r\nI asked bob@x.example and he wrote:\r\n\r\nno. [secure]\r\n", true},
        {NEW "\r\nDose:\r\n> 5 mg [secure]\r\n\r\nbye\r\n", true},
        {NEW "\r\nPlease reach Dr. Meier <m@clinic.example>, who wrote:\r\n> 5 mg "
             "[secure]\r\n\r\nbye\r\n",
         true},
        {NEW "\r\nOn Mon, 23 Nov 2026 at 9:12 Bob <b@x.example> wrote:\r\n\r\n[secure]\r\n", true},
        {NEW "\r\nHi\r\nOn Mon, 23 Nov 2026 at 9:12 Bob <b@x.example> wrote:\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nHi\r\n\r\nFrom: Bob <b@x.example>\r\nSent: Monday, November 23, 2026 9:12 "
             "AM\r\nTo: A\r\nSubject: x\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nFrom: Zurich\r\nTo: Vienna\r\nDate: 3 May 2026 09:12\r\nSubject: "
             "x\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nHi\r\n\r\n----- Notes on the original message -----\r\n\r\n[secure]\r\n", true},
        {NEW "\r\nHi\r\n\r\n----- Bob <b@x.example> and what he wrote: -----\r\n\r\n[secure]\r\n",
         true},
        {NEW "\r\nOn Mon, 23 Nov 2026 at 9:12 Bob <b@x.example> wrote:\r\n-----Original "
             "Message-----\r\n[secure]\r\n",
         true},
        {HTML "<p>Hi</p><p>Please reach Dr. Meier &lt;m@clinic.example&gt;, who "
              "wrote:</p><ul><li>x<li>[secure]</ul>",
         true},
        {HTML "<p>Hi</p><p>Please reach Dr. Meier &lt;m@clinic.example&gt;, who "
              "wrote:</p><blockquote>[secure]</blockquote>",
         true},
        {HTML "<p>Hi</p><p>Room 5:</p><blockquote>[secure]</blockquote>", true},
        {HTML "<p>Hi</p><p>Your 3 questions to bob@x.example:</p><blockquote>[secure]</blockquote>",
         true},
        {HTML "<p>Hi</p><p>Room 5:</p><div style=\"border-left: 1px solid red\">[secure]</div>",
         true},
        {HTML "<p>Hi</p><p>I asked bob@x.example and he wrote:</p><div style=\"border-left: 1px "
              "solid red\">[secure]</div>",
         true},
        {HTML "<p>Hi</p><table><tr><td>From:</td><td>Zurich</td></tr><tr><td>To:</td><td>Vienna</"
              "td></tr><tr><td>Date:</td><td>3 May 2026 "
              "09:12</td></tr><tr><td>Subject:</td><td>x</td></tr></table><p>[secure]</p>",
         true},
        {HTML "<p>Hi</p><p><b>From:</b> HR<br><b>Date:</b> 3 May 2026<br><b>Subject:</b> "
              "x</p><p>[secure]</p>",
         true},
        {HTML "<p>Hi</p><p>&gt;= 140 mmHg [secure]</p><p>bye</p>", true},
        {NEW_HTML
         "<p>Hi</p><p>I asked bob@x.example and he wrote:</p><blockquote>[secure]</blockquote>",
         true},
        {NEW_HTML
         "<p>Hi</p><p>On Mon, 23 Nov 2026 Bob &lt;b@x.example&gt; wrote:</p><p>[secure]</p>",
         true},
        {NEW_HTML "<p>Hi</p><p><b>From:</b> Bob &lt;b@x.example&gt;<br><b>Sent:</b> Monday, "
                  "November 23, 2026 9:12 AM<br><b>Subject:</b> x</p><p>[secure]</p>",
         true},
        {NEW_HTML "<div id=\"divRplyFwdMsg\"></div><p>[secure]</p>", true},
        {HEAD "\r\nHi\r\n\r\nDate: 3 May 2026 10:00,\r\nsome text of mine,\r\nFrom: Bob "
              "<b@x.example>,\r\nSubject: x\r\n\r\n[secure]\r\n",
         true},
        {NEW_HTML "<p>Hi</p><blockquote class=\"wp-block-quote\">[secure]</blockquote>", true},
        {NEW_HTML
         "<p>Hi</p><blockquote style=\"border-left: 3px solid #ccc\">[secure]</blockquote>",
         true},
        {NEW_HTML "<p>Hi</p><blockquote cite=\"https://x.example/\">[secure]</blockquote>", true},
        {HEAD "\r\nHi\r\n\r\nFrom: Human Resources \r\n<a-really-long+1234556@x.example> \r\nSent: "
              "Monday, August 26, 2019 4:37 PM\r\nTo: A <a@x.example>\r\nSubject: A\r\n\r\nTest "
              "[secure]\r\n",
         false},
        {HTML "<p>Hi</p><blockquote style=\"border-left: 3px solid #ccc\">[secure]</blockquote>",
         false},
        {NEW_HTML "<p>Hi</p><blockquote type=\"cite\">old<br>[secure]</blockquote>", false},
        {HEAD "\r\nHi\r\n\r\nFrom: Bob Smith <b@x.example>\r\nSent: Monday, November 23, 2026 9:12 "
              "AM\r\nTo: Anna <a@x.example>\r\nSubject: RE: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nFrom: Smith, Bob\r\nSent: Monday, November 23, 2026 9:12 AM\r\nTo: "
              "Jones, Anna\r\nCc: Berg, Carl; Doe, John\r\nSubject: RE: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nVon: Bob Smith <b@x.example>\r\nGesendet: Montag, 23. November 2026 "
              "09:12\r\nAn: A\r\nBetreff: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nVon: Bob Smith <b@x.example>\r\nDatum: Montag, 23. November 2026 um "
              "09:12\r\nAn: A <a@x.example>\r\nBetreff: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nFrom: Bob Smith <b@x.example>\r\nDate: Monday, 23 November 2026 at "
              "09:12\r\nTo: A <a@x.example>\r\nSubject: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD
         "\r\nHi\r\n\r\n________________________________\r\nFrom: Bob Smith <b@x.example>\r\nSent: "
         "Monday, November 23, 2026 9:12 AM\r\nTo: A\r\nSubject: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n________________________________\r\nFrom: Bob Smith\r\nSent: Monday, "
              "November 23, 2026 9:12 AM\r\nTo: A\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nFrom: Bob Smith [mailto:b@x.example]\r\nSent: Monday, November 23, "
              "2026 9:12 AM\r\nTo: A\r\nImportance: High\r\nSubject: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nGesendet: Montag, 23. November 2026 um 09:12 Uhr\r\nVon: \"Bob\" "
              "<b@x.example>\r\nAn: x\r\nBetreff: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\nHi\r\n\r\nDe : Bob "
              "<b@x.example>\r\nEnvoyé : lundi 23 novembre 2026 09:12\r\nÀ : A\r\nObjet : "
              "x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD
         "Content-Type: text/plain; charset=utf-8\r\n\r\nHi\r\n\r\nDe : Bob <b@x.example>\r\nDate "
         ": lundi, 23 novembre 2026 à 09 h 12\r\nÀ : A\r\nObjet : x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\nFra: Bob <b@x.example>\r\nDato: torsdag, 28. oktober 2021 kl. "
              "12.06\r\nTil: A\r\nEmne: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n-----Original Message-----\r\nFrom: Bob\r\nSent: Monday\r\n\r\nold "
              "[secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n-------- Original message --------\r\nFrom: Bob "
              "<b@x.example>\r\nDate: 23/11/2026 09:12\r\nSubject: x\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n---------- Forwarded message ---------\r\nFrom: Bob "
              "<b@x.example>\r\nDate: Mon, 23 Nov 2026\r\n\r\nold [secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n----- Forwarded message from Bob <b@x.example> -----\r\n\r\nold "
              "[secure]\r\n",
         false},
        {HEAD "\r\nHi\r\n\r\n------- Forwarded Message\r\n\r\nold [secure]\r\n", false},
        {HEAD "\r\nHi\r\n\r\n   ----- Forwarded Message ----- From: Bob <b@x.example>To: \"a\" "
              "<a@x.example>Sent: Monday, November 23, 2026 9:12Subject: x\r\n old [secure]\r\n",
         false},
        {NEW "\r\nHi\r\n\r\n-----Original Message-----\r\nFrom: Bob\r\n\r\nold [secure]\r\n",
         false},
        {HTML
         "<p>Hi</p><div><div style=\"border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in "
         "0in 0in\"><p><b>From:</b> Bob &lt;b@x.example&gt;<br><b>Sent:</b> Monday, November 23, "
         "2026 9:12 AM<br><b>To:</b> A<br><b>Subject:</b> x</p></div></div><p>old [secure]</p>",
         false},
        {HTML "<p>Hi</p><p><b>From: </b>Bob Smith &lt;b@x.example&gt;<br><b>Date: </b>Monday, 23 "
              "November 2026 at 09:12<br><b>To: </b>A<br><b>Subject: </b>x</p><p>old [secure]</p>",
         false},
        {HTML "<p>Hi</p><blockquote type=\"cite\">old [secure]</blockquote>", false},
        {HTML "<p>Hi</p><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Bob</div><div>[secure]</div>",
         false},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_mail(c, rows[i].message, str_c(rows[i].message),
                   rows[i].counts ? "flag\t[secure]\tbody" : NULL,
                   rows[i].counts ? NULL : "flag\t");
    }
    done(c);
}

#define MIXED(part) \
    HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; " \
         "boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n" part "\r\n\r\nMZ\r\n--b--\r\n"

/* RFC 2047 3: a word in ISO-2022-JP begins in ASCII, whatever the one before ended in; Python's
 * email goes on in that state. */
static void words_with_states(void **state)
{
    struct conf *c = conf_of("");
    check_mail(c, "by itself",
               STR("From: a@in.test\r\nTo: b@out.test\r\nSubject: =?iso-2022-jp?B?eBskQjghOnc=?= "
                   "=?iso-2022-jp?B?IFtzZWN1cmVd?=\r\n\r\nx\r\n"),
               "flag\t[secure]\tsubject", NULL);
    check_mail(c, "in pieces",
               STR("From: a@in.test\r\nTo: b@out.test\r\nSubject: =?iso-2022-jp?B?W3NlYw==?= "
                   "=?iso-2022-jp?B?dXJlXQ==?=\r\n\r\nx\r\n"),
               "flag\t[secure]\tsubject", NULL);
    done(c);
}

/* Field F13: a rule for *.exe sees every name that a reader of mail may give the file. */
static void names_of_attachments(void **state)
{
    static const char *const parts[] = {
        "Content-Type: application/octet-stream; name=x.exe\r\nContent-Disposition: attachment; "
        "filename=x.txt",
        "Content-Disposition: attachment; filename=x.txt; filename=x.exe",
        "Content-Disposition: attachment; filename=x.exe; filename*=UTF-8''x.txt",
        "Content-Disposition: attachment; filename=x.txt; filename*0=x.; filename*1=exe",
        "Content-Disposition: attachment; filename=x.txt\r\nContent-Disposition: attachment; "
        "filename=x.exe",
        "Content-Disposition: attachment; filename=\"x.exe.\"",
        "Content-Disposition: attachment; filename=\"x.exe . .\"",
        "Content-Disposition: attachment; filename=\"x.e\xe2\x80\x8bxe\"",    /* U+200B */
        "Content-Disposition: attachment; filename=\"txt.\xe2\x80\xae.exe\"", /* U+202E */
        "Content-Disposition: attachment; filename=\"=?utf-8?B?eC4=?= =?utf-8?B?ZXhl?=\"",
        "Content-Disposition: attachment; filename*=UTF-8''x%2Eexe",
        "Content-Disposition: attachment; filename=my report.exe",
        /* RFC 2183 2 wants a type first, RFC 2045 5.1 a semicolon; the parameter of the other
         * field */
        "Content-Disposition: filename=x.exe",
        "Content-Disposition: attachment filename=x.exe",
        "Content-Disposition: attachment; filename=\"x.txt\" filename=x.exe",
        "Content-Disposition: attachment; name=x.exe",
        "Content-Type: application/octet-stream; filename=x.exe",
        /* Unicode's White_Space, full stops and quotes at the end, which Windows or programs
         * drop */
        "Content-Disposition: attachment; filename=\"x.exe\xe3\x80\x80\"",
        "Content-Disposition: attachment; filename=\"x.exe\xc2\xa0. \xe2\x80\x83\"",
        "Content-Disposition: attachment; filename='x.exe'",
        "Content-Disposition: attachment; filename*=UTF-8''x.txt%00.exe",
        "Content-Disposition: attachment; filename*=UTF-8''x.exe%00.txt",
        /* RFC 2045 8, RFC 2557 4.2: shown where there is no name */
        "Content-Type: application/octet-stream\r\nContent-Description: x.exe",
        "Content-Type: application/octet-stream\r\nContent-Location: http://x.test/a/x.exe?b=c.txt",
        /* RFC 2045 5.1: comments around each word */
        "Content-Disposition: (c) attachment (d); (e) filename=\"x.exe\"",
        /* jlawyerorg/j-lawyer-org#1838, thunderbird/thunderbird-android#3324: the whole field as
         * encoded words */
        "Content-Type: =?unknown-8bit?q?application/octet-stream=3B_?=\r\n "
        "=?unknown-8bit?q?_name=3D=22a=2Eexe=22?=",
        "Content-Disposition: =?utf-8?B?YXR0YWNobWVudDsgZmlsZW5hbWU9InguZXhlIg==?=",
        /* Windows and Linux take 255 characters */
        "Content-Disposition: attachment; filename=\"a name with more than a hundred and "
        "twenty-eight letters, as some programs make them of the whole subject of a mail, and its "
        "ending behind them all.exe\"",
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct buf message = BUF_INIT(1 << 16), facts = BUF_INIT(INSPECTION_MAX);
        assert_int_equal(buf_printf(&message, MIXED("%s"), parts[i]), 0);
        inspect(c, buf_str(&message), &facts);
        if (!has(&facts, "***.exe\t")) {
            fail_msg("%s:\n" STR_FMT, parts[i], STR_ARG(buf_str(&facts)));
        }
        buf_free(&message);
        buf_free(&facts);
    }
    done(c);
}

/* SSN 536-90-4399, card 4539 5787 6362 1486 */
#define DATA        "U1NOIDUzNi05MC00Mzk5LCBjYXJkIDQ1MzkgNTc4NyA2MzYyIDE0ODYK"
#define PART(type)  BESIDE "Content-Type: " type "\r\n\r\n"
#define CARD(lines) "BEGIN:VCARD\r\nFN:x\r\n" lines "END:VCARD\r\n--b--\r\n"

/* Files that stand in a text. RFC 5545 3.8.1.1; their names: spatie/icalendar-generator#142;
 * said twice: nextcloud/calendar#4427; vCard 2.1 2.1.4.2, RFC 2426 3.1.4, RFC 6350 6.8.1;
 * vCalendar 1.0; POSIX uuencode -m; RFC 2397, also with escapes. */
static void files_in_texts(void **state)
{
    static const struct {
        const char *message, *name;
    } rows[] = {
        {PART("text/calendar") EVENT(
             "REQUEST",
             "ATTACH;X-FILENAME=a.csv;FMTTYPE=text/csv;ENCODING=BASE64;VALUE=BINARY:\r\n " DATA
             "\r\n") "--b--\r\n",
         "***.csv"},
        {PART("text/calendar; name=i.ics")
             EVENT("REQUEST",
                   "ATTACH;ENCODING=BASE64,BASE64;VALUE=BINARY;FILE\r\n NAME=\"a:b.csv\":" DATA
                   "\r\n") "--b--\r\n",
         "***.csv"},
        {PART("text/calendar") EVENT("REQUEST", "ATTACH;FMTTYPE=text/csv:data:text/csv;base64," DATA
                                                "\r\n") "--b--\r\n",
         NULL},
        {PART("text/vcard; name=a.vcf") CARD("KEY;ENCODING=b:" DATA "\r\n"), NULL},
        {PART("text/vcard; name=a.vcf") CARD("KEY;BASE64:\r\n " DATA "\r\n\r\n"), NULL},
        {PART("text/vcard; name=a.vcf") CARD("KEY:data:text/plain;base64\\," DATA "\r\n"), NULL},
        {PART("text/x-vcalendar; name=a.vcs") "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:"
                                              "VEVENT\r\nDESCRIPTION;ENCODING=quoted-printable:SSN "
                                              "536=2D90=2D=\r\n"
                                              "4399\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n",
         NULL},
        {NEW "\r\nhi\r\n\r\nbegin-base64 644 a.csv\r\n" DATA "\r\n====\r\n", "***.csv"},
        {NEW "Content-Type: text/html\r\n\r\n<a href=\"data:text/csv;base64," DATA
             "\" download=\"a.csv\">x</a>",
         "***.csv"},
        {NEW "Content-Type: text/html\r\n\r\n<a download=a.csv "
             "href='data:text/plain,SSN%20536%2D90%2D4399'>x</a>",
         "***.csv"},
        {NEW
         "Content-Type: text/html\r\n\r\n<object data=\"data:;base64,U1NOIDUzNi05MC00Mzk5%0A\">",
         NULL},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[32];
        snprintf(name, sizeof name, "row %zu", i);
        check_mail(c, name, str_c(rows[i].message), "found\tus-ssn", "problem");
        check_mail(c, name, str_c(rows[i].message), rows[i].name, NULL);
    }
    check_mail(c, "a picture that is seen",
               STR(NEW "Content-Type: text/html\r\n\r\n<p>x <img "
                       "src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\"></p>"),
               "problem\timage", "attachment\t");
    check_mail(c, "a word",
               STR(NEW "Content-Type: text/html\r\n\r\n<p>our data: a, b/c, and more</p>"), NULL,
               "attachment");
    check_mail(c, "a sentence", STR(NEW "\r\nbegin-base64 644 is how it starts\r\n"), NULL,
               "attachment\t");
    done(c);
}

/* A word of one's own between blanks of any kind, and at the end of a sentence (our own review). */
static void words_of_ones_own(void **state)
{
    static const struct {
        const char *message;
        bool counts;
    } rows[] = {
        {NEW "Content-Type: text/html; charset=utf-8\r\n\r\n<p>&nbsp;#secure&nbsp;</p>", true},
        {NEW "\r\nplease #secure.\r\n", true},
        {NEW "\r\n#secure: the results\r\n", true},
        {NEW "\r\n+encrypt+, please\r\n", true},
        {NEW "\r\nhttps://in.test/#secure\r\n", false},
        {NEW "\r\n#secured\r\n", false},
        {NEW "\r\n#secure.in.test\r\n", false},
    };
    struct conf *c = conf_of("flags { words \"#secure\" \"+encrypt+\"; }");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[32];
        snprintf(name, sizeof name, "row %zu", i);
        check_mail(c, name, str_c(rows[i].message), rows[i].counts ? "flag\t" : NULL,
                   rows[i].counts ? NULL : "flag\t");
    }
    done(c);
}

/* Of many names the last is as good as the first: what is not read is a limit. */
static void too_many_names(void **state)
{
    static const struct {
        const char *field;
        unsigned n;
        bool cut;
    } rows[] = {
        {"Content-Disposition: attachment", 18, false},
        {"Content-Disposition: attachment", 30, true},
        {"Content-Disposition: attachment", 70, true},
        {"Content-Disposition: attachment", 230, true},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf fields = BUF_INIT(1 << 16), m = BUF_INIT(1 << 16);
        assert_int_equal(buf_add(&fields, str_c(rows[i].field)), 0);
        for (unsigned k = 0; k < rows[i].n; k++) {
            assert_int_equal(buf_printf(&fields, ";\r\n filename=\"x%u.txt\"", k), 0);
        }
        assert_int_equal(buf_printf(&m, MIXED(STR_FMT), STR_ARG(buf_str(&fields))), 0);
        check_mail(c, "many names", buf_str(&m), rows[i].cut ? "problem\tlimit" : "named\t",
                   rows[i].cut ? NULL : "problem\tlimit");
        buf_free(&fields);
        buf_free(&m);
    }
    done(c);
}

/* A subject behind more fields than are kept, and a flag at the end of a long one: seen, or no
 * clean bill. */
static void long_heads(void **state)
{
    struct buf many = BUF_INIT(1 << 20), longest = BUF_INIT(1 << 20);
    struct conf *c = conf_of("");
    for (int i = 0; i < 700; i++) {
        assert_int_equal(buf_printf(&many, "X-%d: y\r\n", i), 0);
    }
    assert_int_equal(buf_add(&many, STR("X-Postern-Protect: portal\r\n\r\nhi\r\n")), 0);
    check_mail(c, "a late field", buf_str(&many), "asks\tportal", NULL);
    static const char two[] =
        "From: a@b.test\r\nTo: c@d.test\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\nSubject: "
        "x\r\nSubject: =?utf-8?B?W3NlY3VyZV0geQ==?=\r\n\r\nhi\r\n";
    check_mail(c, "two subjects", str_c(two), "flag\t[secure]\tsubject", NULL);
    buf_reset(&many);
    for (int i = 0; i < 2500; i++) {
        assert_int_equal(buf_printf(&many, "X-%d: y\r\n", i), 0);
    }
    assert_int_equal(buf_add(&many, STR("Subject: [secure] x\r\n\r\nhi\r\n")), 0);
    check_mail(c, "many fields", buf_str(&many), "flag\t[secure]", NULL);
    check_mail(c, "many fields", buf_str(&many), "failed\tlimit", NULL);
    assert_int_equal(buf_add(&longest, STR("Subject:")), 0);
    for (int i = 0; i < 30000; i++) {
        assert_int_equal(buf_add(&longest, STR(" wordword\r\n")), 0);
    }
    assert_int_equal(buf_add(&longest, STR(" [secure]\r\n\r\nhi\r\n")), 0);
    check_mail(c, "a long field", buf_str(&longest), "flag\t[secure]", NULL);
    check_mail(c, "a long field is read whole", buf_str(&longest), NULL, "failed\tlimit");
    buf_free(&many);
    buf_free(&longest);
    done(c);
}

/* RFC 2045 6.1, RFC 822 3.4.3: an encoding as most readers take it, and where they differ, as
 * each of them does (GMime takes what begins with the word, Python's email 3.11 the word alone,
 * even without its comment). */
static void encodings(void **state)
{
    static const struct {
        const char *fields, *text;
        bool is_odd;
    } rows[] = {
        {"Content-Transfer-Encoding: base64", "W3NlY3VyZV0gaGVsbG8K", false},
        {"Content-Transfer-Encoding: (c) base64", "W3NlY3VyZV0gaGVsbG8K", false},
        {"Content-Transfer-Encoding: (a (b) c) base64 (d)", "W3NlY3VyZV0gaGVsbG8K", false},
        {"Content-Transfer-Encoding:\r\n base64 ", "W3NlY3VyZV0gaGVsbG8K", false},
        {"Content-Transfer-Encoding: \t BASE64\t", "W3NlY3VyZV0gaGVsbG8K", false},
        {"Content-Transfer-Encoding: base64;", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: base64; x=y", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: \"base64\"", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: base64 8bit", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: base64junk", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: base-64", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: (base64", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: base64;", "[secure] hello", true},
        {"Content-Transfer-Encoding: quoted-printable;", "[sec=75re] hello", true},
        {"Content-Transfer-Encoding: 'quoted-printable'", "[sec=75re] hello", true},
        {"Content-Transfer-Encoding: \xc2\xa0quoted-printable", "[sec=75re] hello", true},
        {"Content-Transfer-Encoding: x-unknown", "[sec=75re] hello", true},
        {"Content-Transfer-Encoding: x-unknown", "W3NlY3VyZV0gaGVsbG8K", true},
        {"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: quoted-printable",
         "[sec=75re] hello", true},
        {"Content-Transfer-Encoding: quoted-printable\r\nContent-Transfer-Encoding: 7bit",
         "[sec=75re] hello", true},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(1 << 16);
        assert_int_equal(buf_printf(&m, HEAD "%s\r\n\r\n%s\r\n", rows[i].fields, rows[i].text), 0);
        check_mail(c, rows[i].fields, buf_str(&m), "flag\t[secure]\tbody",
                   rows[i].is_odd ? NULL : "problem\t");
        check_mail(c, rows[i].fields, buf_str(&m), rows[i].is_odd ? "problem\tencoding" : NULL,
                   NULL);
        buf_free(&m);
    }
    done(c);
}

#define TWO_PARTS(behind) \
    HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; " \
         "boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n" behind

/* What list programs put behind the last boundary, in the forms they document, and what only
 * looks like it. */
static void footers(void **state)
{
    static const struct {
        const char *message, *there, *not_there;
    } rows[] = {
        /* Majordomo 1.94 message_footer; LISTSERV BOTTOM_BANNER; ezmlm addtrailer(1); Yahoo
         * Groups (2002) */
        {TWO_PARTS("\r\n-\r\nTo UNSUBSCRIBE, send mail to majordomo@lists.example\r\n"),
         "problem\tfooter", "problem\toutside"},
        {TWO_PARTS("\r\n########################################################################"
                   "\r\n\r\nTo unsubscribe from the X-L list, click the following link:\r\n"
                   "https://listserv.example/cgi-bin/"
                   "wa?SUBED1=X-L&A=1&token=0123456789012345678901234567890123456789\r\n"),
         "problem\tfooter", "problem\toutside"},
        {TWO_PARTS("---------------------------------------------------------------------\r\nTo "
                   "unsubscribe, e-mail: dev-unsubscribe@x.example\r\n"),
         "problem\tfooter", "problem\toutside"},
        {TWO_PARTS("\r\n------------------------ Yahoo! Groups Sponsor "
                   "---------------------~-->\r\n--------------------------------------------------"
                   "-------------------~->\r\n\r\nYour use of it is subject to "
                   "http://docs.yahoo.example/info/terms/ \r\n"),
         "problem\tfooter", "problem\toutside"},
        /* what it says counts all the same */
        {TWO_PARTS("\r\n[secure]\r\n"), "flag\t[secure]\tbody", NULL},
        /* a part that some readers may find, and text that is hidden there */
        {TWO_PARTS("\r\n--b\r\n\r\nanother\r\n"), "problem\toutside", "problem\tfooter"},
        {TWO_PARTS("\r\nContent-Type: text/plain\r\n\r\nx\r\n"), "problem\toutside",
         "problem\tfooter"},
        {TWO_PARTS("\r\nUEsDBBQAAAAIAAAAIQDfpNJsWgEAACAFAAATAAgCW0NvbnRlbnRfVHlwZXNdLnht\r\n"),
         "problem\toutside", "problem\tfooter"},
        {TWO_PARTS("\r\nGr\xc3\xbc\xc3\x9f"
                   "e\r\n"),
         "problem\toutside", "problem\tfooter"},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_mail(c, "footer", str_c(rows[i].message), rows[i].there, rows[i].not_there);
    }
    done(c);
}

/* A flag in a mail that is attached: its text is read as new text, its subject is another
 * mail's, and the sender hears of it. */
static void flags_of_attached_mails(void **state)
{
#define ATTACHED(fields, text) \
    NEW "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; " \
        "boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n" \
        "Content-Type: message/rfc822\r\n\r\n" fields "\r\n\r\n" text "\r\n--b--\r\n"
    static const struct {
        const char *message, *there, *not_there;
    } rows[] = {
        {ATTACHED("Subject: [secure] x", "hi"), "quoted\t[secure]\tnew\tattached", "flag\t"},
        {ATTACHED("Subject: x", "[secure]"), "flag\t[secure]\tbody", "quoted\t"},
        {ATTACHED("Subject: [secure] x", "[secure]"), "flag\t[secure]\tbody", "quoted\t"},
        {NEW "\r\nSee below\r\n-----Original Message-----\r\nFrom: Bob\r\n\r\n[secure]\r\n",
         "quoted\t[secure]\tnew\tquoted", "flag\t"},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_mail(c, "attached", str_c(rows[i].message), rows[i].there, rows[i].not_there);
    }
    done(c);
}

/* Where programs do not agree what the structure of a mail is, each reading is looked through.
 * Made after the reports named. */
#define SIGNED(subtype, type, octets) \
    NEW "Content-Type: multipart/" subtype \
        "; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: application/" type \
        "\r\n\r\n" octets "\r\n--b--\r\n"

/* What only says to be a signature is a file like any other. */
static void signatures_that_are_none(void **state)
{
    static const struct {
        const char *message, *there, *not_there;
    } rows[] = {
        {SIGNED("signed", "pkcs7-signature", "\x01\x02\x03"), "problem\tunknown", "signature"},
        {SIGNED("signed", "pkcs7-signature", "SSN 536-90-4399"), "found\tus-ssn", "signature"},
        {SIGNED("mixed", "pkcs7-signature", "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"),
         "problem\tunknown", "signature"},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_mail(c, rows[i].message, str_c(rows[i].message), rows[i].there, rows[i].not_there);
    }
    done(c);
}

/* X-Postern-Protect, Sensitivity (RFC 2156) and Microsoft's labels: what each is taken for. */
static void field_words(void *arg, const struct inspecting_field *f)
{
    (void)!buf_printf(arg, "%s=" STR_FMT "/" STR_FMT "%s%s ", f->name, STR_ARG(str_trim(f->value)),
                      STR_ARG(f->meant), f->is_label ? " label" : "", f->counts ? "" : " no");
}

static void fields_that_ask(void **state)
{
    static const struct {
        const char *settings, *fields, *words;
    } rows[] = {
        {"", "X-Postern-Protect: Portal\r\nX-Postern-Protect: please\r\n",
         "X-Postern-Protect=Portal/portal X-Postern-Protect=please/ no "},
        {"flags { in subject; }", "X-Postern-Protect: portal\r\n", ""},
        {"", "Sensitivity: Private\r\n", "Sensitivity=Private/ label no "},
        {"flags { labels private Confidential; }",
         "Sensitivity: Private\r\nmsip_labels: MSIP_Label_1_Enabled=true; "
         "MSIP_Label_1_Name=confidential;\r\n",
         "Sensitivity=Private/private label msip_labels=confidential/Confidential label "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf *c = conf_of(rows[i].settings);
        struct buf message = BUF_INIT(4096), words = BUF_INIT(4096);
        assert_int_equal(buf_printf(&message, NEW "%s\r\nhi\r\n", rows[i].fields), 0);
        struct mime_reading *m = mime_read(buf_str(&message), &mime_standard_limits);
        inspecting_fields(c, m, field_words, &words);
        if (!str_eq(buf_str(&words), str_c(rows[i].words))) {
            fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(buf_str(&words)), rows[i].words);
        }
        mime_reading_free(m);
        buf_free(&message);
        buf_free(&words);
        done(c);
    }
}

static void odd_structures(void **state)
{
    static const struct {
        const char *report, *message, *there;
    } rows[] = {
        {"rspamd/rspamd#327",
         NEW "Content-Type: multipart/alternative; boundary=b\r\nContent-Type: "
             "multipart/alternative; boundary=a\r\n\r\n--b\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\nW3NlY3VyZV0gaGVsbG8K\r\n--b--\r\n",
         "problem\tfield"},
        {"the same, the other way round",
         NEW "Content-Type: multipart/alternative; boundary=a\r\nContent-Type: "
             "multipart/alternative; boundary=b\r\n\r\n--b\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\nW3NlY3VyZV0gaGVsbG8K\r\n--b--\r\n",
         "problem\tfield"},
        {"MQpeng/eml-parse-js#47",
         NEW
         "\r\n\r\n\r\nContent-type: multipart/related;\r\n\tBoundary=\"0__=4E\"\r\n\r\n--0__=4E\r\n"
         "Content-transfer-encoding: quoted-printable\r\n\r\n[sec=75re]\r\n--0__=4E--\r\n",
         "problem\theader"},
        {"MQpeng/eml-parse-js#51",
         NEW "Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: "
             "text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
             "[sec=75re]\r\n--b--\r\n",
         "problem\theader"},
        {"namecheap/fast_mail_parser#150",
         NEW "Content-Type: multipart/alternative; boundary=\"_--=_M\"\r\nMIME-Version: 1.0\r\n "
             "hello\r\n--_--=_M\r\n"
             "Content-Type: text/plain\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n[sec=75re]\r\n--_--=_M--\r\n",
         "problem\theader"},
        {"jstedfast/MimeKit#278",
         "From: a@in.test\r\nContent-Type: multipart/mixed;\r\n boundary=--boundary_0\r\n "
         "\r\nSubject: x\r\n\r\n----boundary_0\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\nW3NlY3VyZV0gaGVsbG8K\r\n----boundary_0--\r\n",
         NULL},
        {"rspamd/rspamd#4394",
         NEW "Content-Type: multipart/mixed; boundary=\"-\"\r\n\r\n[secure]\r\n",
         "problem\tboundary"},
        {"Webklex/php-imap#544",
         NEW
         "Content-Type: multipart/mixed; boundary=\"-\"\r\n\r\n---\r\n\r\n[secure]\r\n-----\r\n",
         NULL},
        {"rspamd/rspamd#4740",
         NEW "Content-Type: multipart/related;\r\n  "
             "boundary=\"----=_1.1\"\r\n\r\n------=_1.1\r\nContent-Type: "
             "multipart/alternative;\r\n  boundary=\"----=_2.1\"\r\n\r\n"
             "------=_2.1\r\n\r\n\r\n------=_2.1--\r\n\r\n------=_1.1\r\nContent-Type: "
             "text/html\r\n\r\n<p>[secure]</p>\r\n------=_1.1--\r\n",
         NULL},
        {"thunderbird/thunderbird-android#889",
         NEW "Content-Type: multipart/alternative; "
             "boundary=\"-----7D\"\r\n\r\n-------7D\r\nContent-Type: text/plain\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n\r\n-------7D\r\nContent-Type: "
             "text/html\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n<BODY>[sec=75re]\r\n-------7D--\r\n",
         NULL},
        {"jstedfast/MimeKit#94",
         NEW "Content-Type: text/plain; charset = \"iso-8859-1\" Content-Transfer-Encoding: "
             "8bit\r\n\r\nGr\xfc\xdf"
             "e [secure]\r\n",
         NULL},
        {"postalsys/postal-mime#4",
         NEW "X-C: Content-Type: multipart/mixed; boundary=\"zz\"\r\nContent-Type: "
             "multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\n[secure]\r\n--b--\r\n",
         NULL},
        {"dinhvh/libetpan#384",
         NEW "Content-Type: multipart/alternative;\r\n        "
             "boundary=\"Apple-Mail=_DDA\"\r\n\r\n[secure]\r\n",
         "problem\tboundary"},
        {"jhillyerd/enmime#156",
         NEW "Content-Type: "
             "multipart/related;boundary=d\r\n\r\n--d\r\n\r\n[secure]\r\n\r\n--d\r\nContent-Type: "
             "text/csv\r\n\r\nx",
         "problem\tboundary"},
    };
    struct conf *c = conf_of("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_mail(c, rows[i].report, str_c(rows[i].message), "flag\t[secure]\tbody", NULL);
        check_mail(c, rows[i].report, str_c(rows[i].message), rows[i].there, NULL);
    }
    done(c);
}

/* Field F7 (WHATWG Encoding Standard 4.2, 8.1.2, 10.2.1; HTML standard 13.2.3.2): labels and
 * octets as all readers of today take them. */
static void character_sets_of_the_field(void **state)
{
    static const struct {
        const char *type, *octets, *text;
    } rows[] = {
        {"text/plain; charset=ks_c_5601-1987", "\x81\x41 [secure]", "\xea\xb0\x82 [secure]"},
        {"text/plain; charset=iso-8859-8-i", "\xe0 [secure]", "\xd7\x90 [secure]"},
        {"text/plain; charset=x-sjis", "\x83\x65\x83\x58\x83\x67 [secure]",
         "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88 [secure]"},
        {"text/plain; charset=gb2312", "\xe9\x46 [secure]", "\xe9\x95\x95 [secure]"},
        {"text/plain; charset=iso-8859-1", "\x80 \x93 [secure]",
         "\xe2\x82\xac \xe2\x80\x9c [secure]"},
        {"text/plain; charset=us-ascii", "\xc3\xa9 [secure]", "\xc3\xa9 [secure]"},
        {"text/html", "<meta charset=shift_jis><p>\x83\x65 [secure]", "\xe3\x83\x86 [secure]"},
        {"text/plain; charset=utf-8",
         "a\xff"
         "b [secure]",
         "a\xef\xbf\xbd"
         "b [secure]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf m = BUF_INIT(1 << 16);
        bool read = false;
        assert_int_equal(buf_printf(&m, NEW "MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n%s\r\n",
                                    rows[i].type, rows[i].octets),
                         0);
        struct mime_reading *r = mime_read(buf_str(&m), &mime_standard_limits);
        for (size_t k = 0; k < r->n_texts; k++) {
            struct str t = buf_str(&r->texts[k].text);
            read |= t.n > 0 && memmem(t.p, t.n, rows[i].text, strlen(rows[i].text));
        }
        if (!read) {
            fail_msg("%s: not \"%s\"", rows[i].type, rows[i].text);
        }
        mime_reading_free(r);
        buf_free(&m);
    }
}

/* Field F10 (ECBS's IBAN examples; the forms that AWS, GitLab, Anthropic and GitHub document):
 * what is found is in a rule. */
static void rules_of_the_field(void **state)
{
    static const char *const tokens[] = {
        "AKIAQWERTYUIOPASDFGH",
        "glpat-aB3dE6gH9jK2mN5pQ8sT",
        "sk-ant-oat01-"
        "q7Zk2LxT0vRb9MwYc4HdJe8NfUa1SgPi3Wo5Xt6Bq7Zk2LxT0vRb9MwYc4HdJe8NfUa1SgPi3Wo5Xt6BzKdQpLmA",
        "ghs_1234567_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJnaXRodWIiLCJzdWIiOiI5In0."
        "q7Zk2LxT0vRb9MwYc4HdJe8NfUa1SgPi",
        "postgres://clinic:Sommer2026@db.clinic.example:5432/records",
    };
    struct conf *c = conf_of("content \"s\" { pack secrets; }");
    check_mail(c, "F10", STR(NEW "\r\nPlease pay to IBAN DE89 3704 0044 0532 0130 00.\r\n"),
               "rule\tglba/iban", NULL);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct buf m = BUF_INIT(4096);
        assert_int_equal(buf_printf(&m, NEW "\r\nuse %s for now\r\n", tokens[i]), 0);
        check_mail(c, tokens[i], buf_str(&m), "content\ts", NULL);
        buf_free(&m);
    }
    done(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mails_of_the_field),
        cmocka_unit_test(quotations),
        cmocka_unit_test(introductions_of_ones_own),
        cmocka_unit_test(other_bodies),
        cmocka_unit_test(bodies_of_odd_types),
        cmocka_unit_test(texts_around_calendars),
        cmocka_unit_test(words_with_states),
        cmocka_unit_test(names_of_attachments),
        cmocka_unit_test(files_in_texts),
        cmocka_unit_test(words_of_ones_own),
        cmocka_unit_test(long_heads),
        cmocka_unit_test(footers),
        cmocka_unit_test(encodings),
        cmocka_unit_test(too_many_names),
        cmocka_unit_test(flags_of_attached_mails),
        cmocka_unit_test(odd_structures),
        cmocka_unit_test(signatures_that_are_none),
        cmocka_unit_test(fields_that_ask),
        cmocka_unit_test(character_sets_of_the_field),
        cmocka_unit_test(rules_of_the_field),
    };
    mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
