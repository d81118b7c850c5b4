/* SPDX-License-Identifier: Apache-2.0
 * test_attribution.c: lines of mail programs that introduce a quotation, and those of people
 * that look nearly so. The first are those of github/email_reply_parser,
 * crisp-oss/email-reply-parser, discourse/email_reply_trimmer, closeio/quotequail and
 * mailgun/talon, with names and dates of our own; the second are ours.
 */
#include "check.h"
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_of_programs),
                                       cmocka_unit_test(lines_of_either),
                                       cmocka_unit_test(lines_of_people),
                                       cmocka_unit_test(moments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
