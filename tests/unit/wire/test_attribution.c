/* SPDX-License-Identifier: Apache-2.0
 * test_attribution.c: lines of mail programs that introduce a quotation, and those of people
 * that look nearly so. The first are those of github/email_reply_parser,
 * crisp-oss/email-reply-parser, discourse/email_reply_trimmer, closeio/quotequail and
 * mailgun/talon, with names and dates of our own; the second are ours.
 */
#include "check.h"
#include "base/buf.h"
#include "wire/attribution.h"

#include <stdio.h>

static void check(const char *const *lines, size_t n, enum attribution wanted)
{
    for (size_t i = 0; i < n; i++) {
        struct str line = str_c(lines[i]), above = STR("");
        size_t end = str_find(line, '\n', 0);
        bool two_lines;
        if (end < line.n) {
            above = str_slice(line, 0, end);
            line = str_slice(line, end + 1, line.n);
        }
        enum attribution got = attribution_of(above, line, &two_lines);
        if (got != wanted || (got == ATTRIBUTION_FULL && two_lines != (above.n > 0))) {
            fail_msg("%d, not %d: %s", got, wanted, lines[i]);
        }
    }
}

static void lines_of_programs(void **state)
{
    static const char *const lines[] = {
        "On Mon, Nov 23, 2026 at 9:12 AM Bob Smith <b@x.example> wrote:",
        "On Mon, Nov 23, 2026 at 9:12 AM +0100, \"Bob Smith\" <b@x.example> wrote:",
        "On Mon, Nov 23, 2026 at 9:12 AM Bob Smith\n<b@x.example> wrote:",
        "On Wed, 25 Sep 2026 at 03:57 PM, jorge <b@x.example> wrote:",
        "On Sun, 21 Jul 2026 05:11:08 -0400\nBob <b@x.example> wrote:",
        "On Monday, November 23, 2026 at 09:12:33 AM GMT+1, Bob Smith <b@x.example> wrote:",
        "At 09:12 AM 11/23/2026, Bob Smith <b@x.example> wrote:",
        "Am 23.11.2026 um 09:12 schrieb Bob Smith <b@x.example>:",
        "Am 23.11.26 um 09:12 schrieb Bob von der Heide <b@x.example>:",
        "Am Montag, 23. November 2026 um 09:12:00 MEZ hat Bob <b@x.example> Folgendes geschrieben:",
        "Bob Smith <b@x.example> schrieb am Mo., 23. Nov. 2026 um 09:12 Uhr:",
        "Le lun. 23 nov. 2026 à 09:12, Bob Smith <b@x.example> a écrit\u00a0:",
        "Le 23 nov. 2026 09 h 12, \"Bob Smith\" <b@x.example> a écrit :",
        "Le 23 janv. 2026 à 22:03, Brendan xxx <b@x.example<mailto:b@x.example>> a écrit:",
        "W dniu 28 stycznia 2026 01:53 użytkownik Zoe xxx <z@x.example>\nnapisał:",
        "El lun, 23 nov 2026 a las 9:12, Bob (<b@x.example>) escribió:",
        "Il giorno lun 23 nov 2026 alle ore 09:12 Bob Smith <b@x.example> ha scritto:",
        "Em seg., 23 de nov. de 2026 às 09:12, Bob Smith <b@x.example> escreveu:",
        "Op ma 23 nov 2026 om 09:12 schreef Bob Smith <b@x.example>:",
        "Op 24 aug. 2026 om 16:48 heeft ven88 via Meta <b@x.example> het volgende geschreven:",
        "Den 15. jun. 2026 kl. 20.42 skrev Jeff Atwood <b@x.example>:",
        "søn. 30. apr. 2026 kl. 00.26 skrev David Taylor <b@x.example>:",
        "Dnia 14 lip 2026 o godz. 00:25 Michael Downey <b@x.example> napisał(a):",
        "pon., 23 lis 2026 o 09:12 Bob Smith <b@x.example> napisał(a):",
        "po 23. 11. 2026 v 9:12 odesílatel Bob Smith <b@x.example> napsal:",
        "ti 23. marrask. 2026 klo 9.12 Bob Smith (b@x.example) kirjoitti:",
        "Bob Smith <b@x.example> ezt írta (időpont: 2026. nov. 23., H, 9:12):",
        "вт, 5 янв. 2026 г. в 23:39, Erlend Heggen <b@x.example>:",
        "30 серп. 2026 р. 20:45 \"Arpit\" <b@x.example> пише:",
        "Bob Smith <b@x.example>, 23 Kas 2026 Pzt, 09:12 tarihinde şunu yazdı:",
        "2026年11月23日(月) 9:12 Bob Smith <b@x.example>:",
        "Bob Smith <b@x.example> 于2026年11月23日周一 09:12写道：",
        "2026년 11월 23일 (월) 오전 9:12, Bob Smith <b@x.example>님이 작성:",
        "2026-10-18 0:17 GMT+03:00 Matt Palmer <b@x.example>:",
        "30.09.2026, 18.30, \"John - Doe\" <b@x.example>:",
        "On 3 May 2026, bob@x.example <bob@x.example> wrote:",
        ">>> Bob Smith <b@x.example> 11/23/2026 9:12 AM >>>",
    };
    check(lines, ARRAY_LEN(lines), ATTRIBUTION_FULL);
}

/* Programs write so above lines they mark; people do above what they tell in their own words. */
static void lines_of_either(void **state)
{
    static const char *const lines[] = {
        "Bob Smith <b@x.example> wrote:",
        "Gavin Sinclair (b@x.example) wrote:",
        "Anna <a@b.example>\nwrote:",
        "bob@x.example wrote:",
        "On 3 May 2026 Dr. Bell wrote:",
        "Am 3.5.2026 hat Frau Dr. Meier geschrieben:",
        "On 23 Nov 2026, at 09:12, Bob Smith wrote:",
        "On 10/12/26 12:30, Jeff Atwood wrote:",
    };
    check(lines, ARRAY_LEN(lines), ATTRIBUTION_SHORT);
}

static void lines_of_people(void **state)
{
    static const char *const lines[] = {
        "Please reach Dr. Meier <m@clinic.example>, who wrote:",
        "I asked bob@x.example and he wrote:",
        "bob@x.example told me what he wrote:",
        "@Bob, as you wrote:",
        "Please send the 2 forms for the 3 patients to Dr. Meier <m@clinic.example>:",
        "The appointment on 23.11.2026 at 10:00 is with Dr. Meier <m@clinic.example>:",
        "Termin am 23.11.2026 um 10:00 bei Dr. Meier <m@clinic.example>:",
        "23.11.2026 10:00 Dr. Meier <m@clinic.example>:",
        "Termin 23.11.2026 10:00, \"Dr. Meier\" <m@clinic.example>:",
        "Call on 24.11.2026 16:32 GMT+01:00 Dr. Meier <m@clinic.example>:",
        "Приём 23 нояб. 2026 г. в 09:12, Meier <m@clinic.example>:",
        "Bitte an Dr. Meier <m@clinic.example> bis 3.5.2026, 12:00 Uhr:",
        "Mail vom 3.5.2026 10:00 an Dr. Meier <m@clinic.example>:",
        "Am 3.5.2026 um 9:12 schrieb ich an Dr. Meier <m@clinic.example>:",
        "Am 3.5.2026 um 9:12 schrieb mir Dr. Meier <m@clinic.example>:",
        "Am 3.5.2026 um 9:12 habe ich Frau Berg <b@x.example> geschrieben:",
        "Am 3. Mai 2026 um 10:00 hat Frau Dr. Meier aus Zimmer 5 geschrieben:",
        "On page 3 Dr. Bell wrote:",
        "On 2 occasions Dr. Bell wrote:",
        "On 3 May Dr. Bell wrote:",
        "On 3 May 2026 Anna also wrote:",
        "On 3 May 2026 at 10:00 we agreed the following with Bob <b@x.example>, who wrote:",
        "On 3 May 2026 at 10:00 I asked Bob, and on 5 May 2026 at 9:12 he wrote:",
        "On 3 May 2026 at 10:00 Bob <b@x.example> kindly wrote:",
        "In chapters 3 and 4 the author wrote:",
        "2 doctors wrote:",
        "On behalf of the clinic (m@clinic.example)\nDr. Meier wrote:",
        "Comme Dr. Meier <m@clinic.example> a écrit le 3 mai 2026 à 10:00 :",
        "Dr. Meier <m@clinic.example> escribió el 3.5.2026, 10:00:",
        "Wie Dr. Meier <m@clinic.example> am 3.5.2026 um 10:00 schrieb:",
        "Le docteur Martin <m@clinic.example> nous a écrit :",
        "J'ai joint le 3 mai 2026 à 10:00 Mme Martin <m@clinic.example>, qui a écrit :",
        "El 3 de mayo de 2026 hablé con Ana <a@x.example> que escribió:",
        "Op 3 mei 2026 heb ik Jan <j@x.example> gebeld en hij schreef:",
        "Я спросил bob@x.example, и он написал:",
        "In your letter of 3 May 2026 at 10:00 you wrote:",
        ">>> see bob@x.example >>>",
        "wrote:",
        ":",
        "",
        "On 3 May 2026 at 9:12, Anna <a@x.example> wrote",
    };
    check(lines, ARRAY_LEN(lines), ATTRIBUTION_NONE);
}

/* What people write with a date (%d) and somebody's address (%p), by a small grammar. */
static void sentences(void **state)
{
    static const char *const forms[] = {
        "Please write to %p:",
        "Please forward this to %p by %d:",
        "I met %p on %d and he wrote:",
        "On %d I met %p:",
        "On %d I wrote to %p:",
        "On %d %p told me, and I wrote:",
        "Meeting on %d with %p:",
        "The notes of %p of %d:",
        "%p asked on %d:",
        "On %d, as %p wrote:",
        "See what %p wrote:",
        "Yesterday %p wrote:",
        "In the letter of %d %p wrote:",
        "Our answer to %p of %d:",
        "%d call with %p:",
        "For %p, %d:",
        "Results %d %p:",
        "Copy to %p, sent %d:",
        "On %d patients of %p wrote:",
        "From %d on, %p is in charge of:",
        "At %d %p starts with:",
        "%p and I on %d wrote:",
        "Agenda %d, %p:",
        "%p (until %d) has:",
        "To do until %d for %p:",
        "On %d the office of %p wrote:",
        "Invoice of %d from %p:",
        "On %d please call %p:",
        "Bitte an %p senden:",
        "Bitte bis %d an %p:",
        "Am %d traf ich %p:",
        "Am %d habe ich %p getroffen, sie schrieb:",
        "Termin am %d mit %p:",
        "Termin %d, %p:",
        "Die Notizen von %p vom %d:",
        "%p fragt am %d:",
        "Wie %p am %d schrieb:",
        "Gestern hat %p geschrieben:",
        "Im Brief vom %d schrieb %p:",
        "Unsere Antwort an %p vom %d:",
        "Anruf %d bei %p:",
        "Für %p, %d:",
        "Befund %d %p:",
        "Am %d schrieb die Praxis %p:",
        "Am %d bitte %p anrufen:",
        "Am %d schrieb uns %p:",
        "Am %d ist %p im Dienst:",
        "Ab %d gilt bei %p:",
        "Rechnung vom %d von %p:",
        "Am %d Visite mit %p:",
        "Am %d OP bei %p:",
        "Am %d Frau Berg bei %p:",
        "Veuillez écrire à %p :",
        "Le %d j'ai vu %p :",
        "Le %d rendez-vous avec %p :",
        "Le %d chez %p :",
        "Rendez-vous le %d, %p :",
        "Comme %p a écrit le %d :",
        "Le %d, %p nous a écrit :",
        "Réponse à %p du %d :",
        "El %d hablé con %p:",
        "El %d cita con %p:",
        "Como %p escribió el %d:",
        "Para %p, %d:",
        "Il %d ho visto %p:",
        "Il %d visita con %p:",
        "Come %p ha scritto il %d:",
        "Appuntamento %d %p:",
    };
    static const char *const dates[] = {
        "3 May 2026",
        "3.5.2026",
        "03.05.2026 um 10:00",
        "3 May 2026 at 10:00",
        "2026-05-03 10:00",
        "Monday, 3 May 2026, 10:00 AM",
        "5/3/2026",
    };
    static const char *const people[] = {
        "Dr. Meier <m@clinic.example>",
        "m@clinic.example",
        "\"Meier, Max\" <m@clinic.example>",
    };
    for (size_t i = 0; i < ARRAY_LEN(forms) * ARRAY_LEN(dates) * ARRAY_LEN(people); i++) {
        const char *date = dates[i % ARRAY_LEN(dates)];
        const char *who = people[i / ARRAY_LEN(dates) % ARRAY_LEN(people)];
        struct buf line = BUF_INIT(1000);
        bool two_lines;
        for (const char *c = forms[i / ARRAY_LEN(dates) / ARRAY_LEN(people)]; *c; c++) {
            bool mark = c[0] == '%';
            c += mark;
            struct str part = !mark ? str_from(c, 1) : *c == 'd' ? str_c(date) : str_c(who);
            assert_int_equal(buf_add(&line, part), 0);
        }
        if (attribution_of(STR(""), buf_str(&line), &two_lines) == ATTRIBUTION_FULL) {
            fail_msg(STR_FMT, STR_ARG(buf_str(&line)));
        }
        buf_free(&line);
    }
}

static void moments(void **state)
{
    static const struct {
        const char *text;
        bool date, time;
    } rows[] = {
        {"Monday, November 23, 2026 9:12 AM", true, true},
        {"torsdag, 28. oktober 2026 kl. 12.06", true, true},
        {"26. oktober 2026 kl. 14.25.08 EEST", true, true},
        {"lundi, 23 novembre 2026 à 09 h 12", true, true},
        {"2026-11-23T09:12:33Z", true, true},
        {"23/11/26 09:12", true, true},
        {"3 May 2026", true, false},
        {"23.11.2026", true, false},
        {"23.11. 10:00", false, true},
        {"3 May", false, false},
        {"9 to 10", false, false},
        {"1.2.3", false, false},
        {"45/67/89 99:99", false, false},
        {"192.168.1.1", false, false},
        {"12345678901234567890", false, false},
        {"2026:11:23", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attribution_moment m = attribution_moment_of(str_c(rows[i].text));
        if (m.date != rows[i].date || m.time != rows[i].time) {
            fail_msg("%s: date %d, time %d", rows[i].text, m.date, m.time);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_programs), cmocka_unit_test(lines_of_either),
        cmocka_unit_test(lines_of_people),   cmocka_unit_test(sentences),
        cmocka_unit_test(moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
