/* SPDX-License-Identifier: Apache-2.0
 * test_health.c: words, the dictionary, names and sentences, and what the packs that come with
 * Postern say of somebody's health. Sentences that must be found and that must be quiet: field
 * case F8; further ones are in tests/corpus/plain.tsv. Names in other writings: RFC 6365 has
 * none, the forms here are those of CLDR's examples ("Müller", "O'Connor", "José"), and of a
 * macOS file name (letters with marks apart, Unicode NFD).
 */
#include "detect/detect.h"
#include "detect/lists.h"
#include "detect/terms.h"
#include "check.h"

static void folding(void **state)
{
    static const struct {
        const char *word, *form;
    } rows[] = {
        {"M\xc3\xbcller", "muller"},       {"M\xc3\x9cLLER", "muller"},
        {"Mu\xcc\x88ller", "muller"},      {"Gro\xc3\x9f", "gross"},
        {"\xc5\x81ukasz", "lukasz"},       {"c\xc5\x93liaque", "coeliaque"},
        {"Crohn\xe2\x80\x99s", "crohn's"}, {"\xc3\x81lvarez", "alvarez"},
        {"\xc5\xbd\xc5\xa1", "zs"},        {"\xd0\x98", "\xd0\x98"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char form[40];
        size_t n = word_fold(str_c(rows[i].word), form, sizeof form);
        assert_true(str_eq(str_from(form, n), str_c(rows[i].form)));
    }
    char small[4];
    assert_int_equal(word_fold(STR("long"), small, sizeof small), 0);
}

static void words_of_a_text(void **state)
{
    static const char text[] =
        "\xe2\x80\x9eHIV-Test\xe2\x80\x9c l'asthme, Crohn's; d\xe2\x80\x99Ouvi\xc3\xa9r \xc2\xab"
        "AIDS\xc2\xbb x";
    static const char *const words[] = {
        "HIV", "Test", "l", "asthme", "Crohn's", "d", "Ouvi\xc3\xa9r", "AIDS", "x",
    };
    struct word w = {0, 0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_true(word_next(str_c(text), w.end, &w));
        if (!str_eq(str_slice(str_c(text), w.at, w.end), str_c(words[i]))) {
            fail_msg("%s: " STR_FMT, words[i], STR_ARG(str_slice(str_c(text), w.at, w.end)));
        }
    }
    assert_false(word_next(str_c(text), w.end, &w));
    assert_true(word_is_capital(STR("\xc3\x89lodie")) && word_is_capital(STR("\xc5\xbdofie")) &&
                !word_is_capital(STR("\xc3\xa9t\xc3\xa9")));
    assert_true(word_is_shouted(STR("M\xc3\x9cLLER")) && !word_is_shouted(STR("Ab")) &&
                !word_is_shouted(STR("2007")));
}

static size_t length_found(const struct terms *t, const char *text)
{
    struct word w;
    size_t end;
    assert_true(word_next(str_c(text), 0, &w));
    return terms_find(t, str_c(text), w, &end) ? end : 0;
}

static void the_longest_term(void **state)
{
    struct terms *t = terms_new();
    assert_int_equal(terms_add(t, STR("insulin"), NULL, TERM_PLAIN), 0);
    assert_int_equal(terms_add(t, STR("insulin glargine"), NULL, TERM_PLAIN), 0);
    assert_int_equal(terms_add_ending(t, STR("krebs"), NULL), 0);
    assert_int_equal(length_found(t, "Insulin-Glargine at night"), 16);
    assert_int_equal(length_found(t, "insulin, glargine"), 17);
    assert_int_equal(length_found(t, "insulin at night"), 7);
    assert_int_equal(length_found(t, "insulinate"), 0);
    assert_int_equal(length_found(t, "Insulinen"), 9); /* plural and case */
    assert_int_equal(length_found(t, "insulinist"), 0);
    assert_int_equal(length_found(t, "Brustkrebs"), 10);
    assert_int_equal(length_found(t, "Krebs"), 0); /* an ending is no word */
    assert_int_equal(terms_add(t, STR("a b c d e f g h i"), NULL, TERM_PLAIN), -EINVAL);
    assert_int_equal(terms_add_ending(t, STR("it"), NULL), -EINVAL);
    terms_free(t);
}

static struct lists *people(void)
{
    static const char *const rows[][2] = {
        {"title", "mr"},       {"title", "herr"},       {"title", "m"},
        {"title", "frau"},     {"degree", "dr"},        {"given", "anna"},
        {"given", "robert"},   {"given-weak", "will"},  {"surname", "osei"},
        {"place", "hospital"}, {"abbreviation", "geb"}, {"patient", "patient"},
        {"relation", "tante"}, {"role", "son"},
    };
    struct lists *l = lists_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int list = lists_number(l, str_c(rows[i][0]));
        assert_true(list >= 0);
        assert_int_equal(lists_add(l, (unsigned)list, str_c(rows[i][1])), 0);
    }
    return l;
}

static void names(void **state)
{
    static const struct {
        const char *text;
        bool name, given;
    } rows[] = {
        {"we saw Mr. O'Connor today", true, false},
        {"an Herrn", false, false},
        {"Herr Dr. Klaus-Dieter Neumann fehlt", true, false},
        {"M. Moreau est absent", true, false},
        {"see section M of it", false, false},
        {"Anna said so", false, true},
        {"ANNA STEINER KOMMT HEUTE", true, false},
        {"Anna-Lena Weber", true, false},
        {"Robert L. was here", true, false},
        {"Will you come", false, false},
        {"Will Turner came", true, false},
        {"Samuel Osei came", true, false},
        {"Dr. Anna Clark talks", false, false},
        {"the Anna Steiner Hospital opens", false, false},
        {"anna steiner", false, false},
        {"the patient Mei King came", true, false},
        {"Patient Safety Week begins", false, false},
        {"the ANNA rules are new", false, false},
        {"Study Shows Robert Miller Beats Common Cold", false, false},
        {"Anna\n\nSteiner", false, true},
        {"meine Tante Rosl kommt", false, true},
        {"Tante Rosl Huber kommt", true, true},
        {"und tante osei kommt", true, false},
        {"her son, Dmitri Volkovich, is ill", true, true},
        {"her son, Monday at nine", false, false},
        {"Son Goku and", false, false},
        {"seen: Rosler Anna came", true, false},
        {"for Rosler, Anna came", true, false},
        {"Dear Anna, so what", false, true},
        {"can u call anna osei back", true, false},
        {"pls call anna back", false, true},
        {"herr huber kommt morgen", true, false},
        {"und tante brandner kommt", false, true},
        {"Please Call anna back", false, false},
    };
    struct lists *l = people();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct list_facts f = lists_facts(l, str_c(rows[i].text), str_c(rows[i].text), SIZE_MAX);
        if (f.name != rows[i].name || f.given != rows[i].given) {
            fail_msg("%s: name %d, given %d", rows[i].text, f.name, f.given);
        }
    }
    lists_free(l);
}

/* Names that no list has, by how they are written. Where nouns have capitals, only pairs. */
static void unknown_names(void **state)
{
    static const struct {
        const char *text;
        bool unknown;
    } rows[] = {
        {"because Zbyniek is ill", true},
        {"because zbyniek is ill", false},
        {"Zbyniek is ill", false},
        {"Zbyniek Orel is ill", true},
        {"Siobhalla O'Dwyer is ill", true},
        {"a Monday in spring", false},
        {"das Heft von Zbyniek", false},
        {"das Heft von Zbyniek Orel", true},
        {"the Chaddock Hospital is open", false},
        {"on NSAIDs and HbA1c", false},
    };
    struct lists *l = people();
    assert_int_equal(lists_add(l, LIST_NOUNS, STR("das")), 0);
    int ordinary = lists_number(l, STR("ordinary"));
    assert_true(ordinary >= 0 && lists_add(l, (unsigned)ordinary, STR("Monday")) == 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct list_facts f = lists_facts(l, str_c(rows[i].text), str_c(rows[i].text), SIZE_MAX);
        if (f.unknown != rows[i].unknown) {
            fail_msg("%s: unknown %d", rows[i].text, f.unknown);
        }
    }
    lists_free(l);
}

/* What stands between a place and the person next to it, and around the place. */
static void between_and_around(void **state)
{
    static const struct {
        const char *text;
        unsigned apart;
        bool between, around;
    } rows[] = {
        {"Anna Steiner wrote of asthma", 2, true, true},
        {"asthma of Anna Steiner, she wrote", 1, false, false},
        {"asthma, wrote Anna Steiner", 1, true, false},
        {"here asthma is rare", LISTS_ALONE, false, false},
        {"Anna Steiner has asthma, wrote the paper of the town", 1, false, false},
        {"Anna wrote that today her asthma is bad", 0, false, true},
    };
    struct lists *l = people();
    int verbs = lists_number(l, STR("verbs"));
    assert_true(verbs >= 0 && lists_add(l, (unsigned)verbs, STR("wrote")) == 0);
    assert_int_equal(lists_add(l, LIST_THIRD, STR("her")), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = str_c(rows[i].text);
        size_t at = (size_t)(strstr(rows[i].text, "asthma") - rows[i].text);
        struct list_facts f = lists_facts(l, text, text, at);
        bool between = f.between >> verbs & 1, around = f.around >> verbs & 1;
        if (f.apart != rows[i].apart || between != rows[i].between || around != rows[i].around) {
            fail_msg("%s: apart %u, between %d, around %d", rows[i].text, f.apart, between, around);
        }
    }
    lists_free(l);
}

static void citations(void **state)
{
    struct lists *l = people();
    struct str cited = STR("Osei and Huber (2014) on asthma");
    struct str other = STR("asthma (since 2014), 2013 fever");
    assert_true(lists_facts(l, cited, cited, cited.n).lists >> LIST_CITED & 1);
    assert_false(lists_facts(l, other, other, other.n).lists >> LIST_CITED & 1);
    lists_free(l);
}

static void greetings(void **state)
{
    struct lists *l = people();
    assert_int_equal(lists_add(l, LIST_GREETING, STR("Dear")), 0);
    assert_true(lists_greets(l, STR("Our ref 12\n\nDear Mr Osei,\nyour test is back")));
    assert_true(lists_greets(l, STR("Dear Anna,\nso what")));
    assert_false(lists_greets(l, STR("Dear customer,\nMr Osei is away")));
    lists_free(l);
}

static void sentences(void **state)
{
    static const struct {
        const char *text, *word, *sentence;
    } rows[] = {
        {"It rained. Mr. Osei came at 9:00. He left.", "came", " Mr. Osei came at 9:00"},
        {"Anna Steiner, geb. 7. Mai 1966, kommt. Ja.", "kommt",
         "Anna Steiner, geb. 7. Mai 1966, kommt"},
        {"one\n\ntwo J. P. Morgan\nthree\n\nfour", "three", "\ntwo J. P. Morgan\nthree"},
        {"Anna Steiner, z.n. Apoplex, kommt. Ja.", "kommt", "Anna Steiner, z.n. Apoplex, kommt"},
        {"On Monday Anna wrote:\n> he came", "came", "> he came"},
    };
    struct lists *l = people();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t from;
        struct str s =
            lists_sentence(l, str_c(rows[i].text),
                           (size_t)(strstr(rows[i].text, rows[i].word) - rows[i].text), &from);
        struct str want = str_c(rows[i].sentence);
        if (s.n < want.n || memcmp(s.p, want.p, want.n) != 0 || s.n > want.n + 1) {
            fail_msg("\"" STR_FMT "\", not \"%s\"", STR_ARG(s), rows[i].sentence);
        }
    }
    lists_free(l);
}

static void on_rule(void *arg, const char *pack, const char *rule, const char *title)
{
    *(bool *)arg |= strcmp(pack, "patients") == 0 || strcmp(pack, "hipaa") == 0 ||
                    strcmp(pack, "uk-health") == 0;
}

static void check_texts(const struct detect_packs *p, const char *const *texts, bool found)
{
    for (size_t i = 0; texts[i]; i++) {
        const struct detect_text one = {str_c(texts[i]), DETECT_BODY};
        struct detect_result r;
        bool fulfilled = false;
        detect_scan(p, &one, 1, &r);
        detect_rules(p, &r, on_rule, &fulfilled);
        detect_result_free(&r);
        if (fulfilled != found) {
            fail_msg("%s: %s", found ? "missed" : "wrong", texts[i]);
        }
    }
}

/* Field case F8, its three sentences to be found and its 26 texts without a patient, restated in
 * its order. */
static void plain_sentences(void **state)
{
    static const char *const found[] = {
        "Your HIV test came back positive",
        "The biopsy of Karen White shows invasive ductal carcinoma",
        "Mrs. Evelyn Park will come for her chemotherapy",
        "Frau M\xc3\xbcller-L\xc3\xbc"
        "denscheidt hat Brustkrebs",
        "JOS\xc3\x89 LE\xc3\x93N PADECE ESQUIZOFRENIA",
        "H\xc3\xa9l\xc3\xa8ne Dupont, n\xc3\xa9"
        "e le 12/05/1940, suit une chimioth\xc3\xa9rapie",
        "Mr. Osei came in on Monday. He was diagnosed with epilepsy.",
        NULL,
    };
    /* RFC 5545's lines, cells of tables, XML and JSON (RFC 8259): what stands right before a
     * title; notes of a practice */
    static const char *const noted[] = {
        "DESCRIPTION:Mr. Baker was diagnosed with hepatitis C.",
        "<note>Mr. Baker was diagnosed with hepatitis C.</note>",
        "1;Mr. Baker;hepatitis C;new",
        "{\"note\":\"Mr. Baker was diagnosed with hepatitis C.\"}",
        "Mr Baker, diabetes",
        "Tom Baker (diabetes)",
        "Hello,\n\n09:30 Mr. Baker: diabetes\n10:00 Frau Schulz, Asthma\n\nsee you at the meeting",
        "Kontrolle Herr Berger (Diabetes)",
        "Chemotherapy Tom Baker",
        "Tom Baker: chemotherapy",
        "Chemo Frau Berger",
        "Herr Berger kommt am Montag zur Chemotherapie.",
        "Mr Baker comes for chemotherapy on Monday.",
        "Patient Berger kommt zur Dialyse",
        "Anna Berger is pregnant",
        "Mme Martin : cancer du sein",
        "M. Dupont vient lundi pour sa chimioth\xc3\xa9rapie.",
        "Control Sr. Garc\xc3\xad"
        "a (diabetes)",
        "La Sra. L\xc3\xb3pez viene ma\xc3\xb1"
        "ana a di\xc3\xa1lisis.",
        "Surname;Given name;Complaint\nBaker;Tom;hepatitis C",
        "Surname\tGiven name\tComplaint\nCole\tAnn\tasthma",
        NULL,
    };
    static const char *const quiet[] = {
        "Join us for Patient Safety Week: our talk on asthma and allergies is on Monday in the "
        "main hall.",
        "The new Patient Information Leaflet for metformin is printed; please collect your copies.",
        "Outpatient Physical Therapy opens at 8. Ask about our arthritis class.",
        "Minutes: Patient Care Committee discussed the influenza campaign.",
        "Patient Portal Update: you can now order repeat prescriptions, also for insulin glargine.",
        "Dear all, the Resident Assistant Program meets on Friday. Flyers about depression are in "
        "the office.",
        "Inpatient Nursing Services is looking for volunteers for the diabetes day.",
        "Patient Experience Survey 2026: results for the cancer ward will be shown at noon.",
        "Subject: Resident Evil Village is out! The reviewers had a heart attack.",
        "Die Sitzung ist am Montag. Frau Weber arbeitet als Lehrerin, geboren am 14.03.1961 in "
        "Bonn.",
        "Lebenslauf: geboren am 02.11.1985, Ausbildung als Koch, danach als Kellner in Kiel.",
        "Geburtsdatum: 03.04.1990. Ich bewerbe mich als Fahrer.",
        "Date of birth 03/14/1961 for the hotel booking; the room for hearing aids users, please.",
        "DOB 03/14/1961, passport copy follows. Our flight to Cancun was a shock, what a headache!",
        "N\xc3\xa9"
        "e le 12/05/1970 \xc3\xa0 Lyon, elle a le go\xc3\xbbt du risque et travaille comme guide.",
        "CV: born 3 March 1971, teacher; hobbies: gout, wine and cooking.",
        "Employee record: date of birth 1988-02-01, start date 2020-01-01, department: Lupus "
        "Consulting.",
        "Travel: DOB 5/6/1980, seat 12A, meal: lactose intolerance.",
        "Our school: pupil born on 4 May 2015, allergy form attached.",
        "HR: DOB 1/2/1979. Sick note until Friday (flu).",
        "DOB 1/2/1979; visa for Malaria-free area; vaccination: yellow fever.",
        "Insurance quote, DOB 09/09/1969, smoker no, hypertension no.",
        "He was born on 4 July 1976 and wrote a book about dementia.",
        "Patient zero in this outage was Server Room Two; a stroke of bad luck.",
        "Client: Acme Ltd, Member Benefits Team, we offer migraine-free accounting. Migration to "
        "SAP.",
        "Mr Smith has a cold. Mrs Jones called about the order of aspirin.",
        "Rota week 48: Dr Brown asthma clinic Monday, Mary Jones diabetes clinic Tuesday.",
        "Talk Mr Baker: diabetes",
        "Tom Baker (Cancer Research UK)",
        "Patient Portal: diabetes",
        "Frau Schulz, Krebshilfe",
        "Dialyse: Ansprechpartner Herr Klein",
        NULL,
    };
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct detect_packs *p = detect_packs_new();
    assert_int_equal(detect_packs_load(p, "packs", NULL, 0, &problems), 0);
    check_texts(p, found, true);
    check_texts(p, noted, true);
    check_texts(p, quiet, false);
    detect_packs_free(p);
}

/* The pack's own vectors hold; each of the n mistaken ones is told so, from its beginning. */
static void check_pack(const char *text, const char *const (*mistakes)[2], size_t n)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(4096);
    struct detect_packs *p = detect_packs_new();
    if (detect_packs_add(p, str_c(text), "test", &problems) < 0 ||
        detect_packs_test(p, &problems) < 0) {
        fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
    }
    detect_packs_free(p);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&problems);
        p = detect_packs_new();
        assert_int_equal(detect_packs_add(p, str_c(mistakes[i][0]), "test", &problems), -EINVAL);
        if (!str_eq(str_slice(buf_str(&problems), 0, strlen(mistakes[i][1])),
                    str_c(mistakes[i][1]))) {
            fail_msg(STR_FMT, STR_ARG(buf_str(&problems)));
        }
        detect_packs_free(p);
    }
}

static void links_of_a_pack(void **state)
{
    static const char text[] =
        "pack p 1\nwords care diagnos*, came back\nwords you your\nwords not talk\ntype a\n exact "
        "AIDS\n forms e\n phrase flu\n not flu season\n"
        "type l\n link 40 [you] ~ a\n add 20 care\n add -50 not\nrule r l\n good your flu was "
        "diagnosed\n good Your flu came back\n"
        "good your flue diagnosis\n bad your flu\n bad a flu was diagnosed\n bad your talk on flu "
        "came back\n bad your flu season diagnosis\n"
        " good your AIDS diagnosis\ntype m\n link 60 next [you] ~ a\nrule s m\n good here is your "
        "own flu\n bad your own aunt Mary has flu\nrule t l\n bad your hearing aids diagnosis\n "
        "bad YOUR HEARING AIDS DIAGNOSIS\n bad your diagnosis http://x.example/flu\n"
        "words title mr\nmore a\n phrase mumps\ntype n\n link 60 beside ~ a\nrule u n\n good Seen: "
        "Mr Parry. Had mumps.\n"
        " good Had mumps. Seen: Mr Parry.\n bad Seen: Mr Parry.\\n\\nHad mumps.\n"
        "words topic about\ntype told\n phrase [has/had] the [flu/croup]\n not [has/had] the flu "
        "bug\n"
        " good Ann had the croup\n bad Ann had the flu bug\n bad Ann had croup\n"
        "type v\n link 60 name ~ a, told\n add -60 next topic\nrule w v\n"
        " good Mr Parry has flu\n bad Mr Parry wrote about flu\n"
        "words note visit\ntype x\n link 60 noted ~ a\nrule y x\n good Visit Mr Parry: flu\n good "
        "9:30 Mr Parry, flu\n"
        " bad Visit Mr Parry: flu course\n bad My lists: Mr Parry, flu\n";
    static const char *const mistakes[][2] = {
        {"pack p 1\ntype a\n phrase b\n link 50 x ~ a\n",
         "test:4: there is no type or list \"x\": 50 x ~ a\n"},
        {"pack p 1\ntype a\n phrase b\ntype l\n link 50 name ~ c\n",
         "test:5: there is no type \"c\": 50 name ~ c\n"},
        {"pack p 1\ntype a\n phrase b [c/d\n",
         "test:3: alternatives stand in brackets: [one/other]: b [c/d\n"},
        {"pack p 1\ntype a\n add 200 b\n",
         "test:3: a score from -100 to 100 and a list are wanted, not \"200\": 200 b\n"},
        {"pack p 1\nmore b\n", "test:2: there is no type of this name yet: b\n"},
        {"pack p 1\ntype a\n phrase b\n context 5 c\nmore a\n context 5 d\n",
         "test:7: the words of context stand where the type begins: a\n"},
        {"pack p 1\nwords b d*\n",
         "test:2: a list holds words, up to three together, or three letters and a star: d*\n"},
    };
    check_pack(text, mistakes, ARRAY_LEN(mistakes));
}

/* Sums in hundredths, told behind each sentence: zero or more is found, and weighed is only what
 * has flu or a hint. */
static void weights_of_a_pack(void **state)
{
    static const char text[] =
        "pack p 1\nwords title mr\nwords kin aunt\ntype a\n phrase flu\ntype who\n phrase patient\n"
        "type l\n link 40 name ~ a\n link 60 who ~ a\n weigh -100 always\n weigh 60 name\n weigh "
        "60 before\n weigh 30 score 40\n"
        " weigh 50 type a\n weigh -50 length 10\n weigh -90 word Film\n weigh 60 list kin\n hint "
        "b\xc3\xa9"
        "dridden\n"
        " weigh 45 word bedridden\nrule r l\n"
        " good Mr Parry has flu.\n" /* -100 60 30 50 */
        " bad The flu is about.\n"  /* -100 50 */
        /* -100 60 30 50 -90 */
        " bad Mr Parry's film about flu.\n"
        /* -100 60 30 50 -50 */
        " bad Mr Parry has it since he came back from the long journey: flu.\n"
        /* -100 60 50 */
        " good My aunt Mary Miller and I, with flu.\n"
        /* the second: -100 60 50 */
        " good Mr Parry called. Flu!\n"
        /* another paragraph: -100 50 */
        " bad Mr Parry called.\\n\\nFlu!\n"
        /* -100 60 45: seven letters count, and once */
        " good Mr Parry, bedriddens\n"
        /* no hint: not weighed */
        " bad Mr Parry of bedrock, my aunt's.\n"
        /* a record: its link alone decides */
        " good patient with flu at the film\n"
        "words you your\ntype m\n link 40 name ~ a\n weigh -100 always\n weigh 1 type a\n weigh 40 "
        "who you\n"
        " weigh 30 meets you a, named a\n weigh 35 pair worse flu\nrule s m\n"
        " bad your flu is worse\n" /* -100 1 40 30 */
        /* -100 1 40 30 35 */
        " good your worse flu, worse flu\n"
        /* -100 1 35 */
        " bad a worse flu\n"
        /* -100 1 30 35 */
        " bad Mr Parry's worse flu\n";
    static const char *const mistakes[][2] = {
        {"pack p 1\ntype a\n phrase b\n weigh x always\n",
         "test:4: a weight is NUMBER and what it is of (always, name, score, length, who, list, "
         "type, meets, word, pair), not: x always\n"},
        {"pack p 1\ntype a\n phrase b\n weigh 5001 always\n", "test:4: a weight is NUMBER"},
        {"pack p 1\ntype a\n phrase b\n weigh 5 list c\n",
         "test:4: nothing of this kind can weigh: \"c\": 5 list c\n"},
        {"pack p 1\ntype a\n phrase b\n weigh 5 score 45\n",
         "test:4: nothing of this kind can weigh: \"45\""},
        {"pack p 1\ntype a\n phrase b\n weigh 5 word two words\n",
         "test:4: nothing of this kind can weigh: \"two words\""},
        {"pack p 1\ntype a\n phrase b\n hint two words\n",
         "test:4: a hint is one word, not \"two words\""},
    };
    check_pack(text, mistakes, ARRAY_LEN(mistakes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_a_pack),
        cmocka_unit_test(folding),
        cmocka_unit_test(words_of_a_text),
        cmocka_unit_test(the_longest_term),
        cmocka_unit_test(names),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(between_and_around),
        cmocka_unit_test(citations),
        cmocka_unit_test(greetings),
        cmocka_unit_test(sentences),
        cmocka_unit_test(links_of_a_pack),
        cmocka_unit_test(plain_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
