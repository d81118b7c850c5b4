/* SPDX-License-Identifier: Apache-2.0
 * checks.c: check digits, ranges and dates of identifiers. Pure. Called through their names in pack
 * files; sources are named in checks.h and with each table.
 *
 * What can go wrong: a random number passes (one in 10 for a single check digit): packs say what
 * else is needed. Numbers of one repeated digit pass several checks and are never real.
 */
#include "detect/checks.h"
#include "wire/base64.h"

enum { PLAIN_MAX = 40 };

/* Letters and digits only, letters in capitals. 0 when it is too long for any identifier. */
static size_t checks_plain(struct str text, char dst[PLAIN_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        /* what parts groups, also at the end of a line (groups.c) */
        if (c && strchr(" -./_\t\r\n>|", c)) {
            continue;
        }
        if (n == PLAIN_MAX) {
            return 0;
        }
        dst[n++] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    dst[n] = '\0';
    return n;
}

static bool checks_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool all_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!checks_is_digit(p[i])) {
            return false;
        }
    }
    return n > 0;
}

static bool is_repeat(const char *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (p[i] != p[0]) {
            return false;
        }
    }
    return true;
}

static unsigned checks_number(const char *p, size_t n)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value * 10 + (unsigned)(p[i] - '0');
    }
    return value;
}

/* ISO/IEC 7812-1, annex B. `sum` is what digits in front have added. */
static bool luhn(const char *p, size_t n, unsigned sum)
{
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(p[n - 1 - i] - '0');
        d = i % 2 ? d * 2 : d;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* Issuer identification numbers of the card schemes, first six digits, and lengths. */
static const struct {
    unsigned from, to;
    unsigned char shortest, longest;
} issuers[] = {
    {400000, 499999, 13, 19}, /* Visa: 13, 16, 19 */
    {510000, 559999, 16, 16}, /* Mastercard */
    {222100, 272099, 16, 16}, /* Mastercard, since 2017 */
    {220000, 220499, 16, 19}, /* Mir */
    {606282, 606282, 16, 16}, /* Hipercard */
    {340000, 349999, 15, 15},
    {370000, 379999, 15, 15}, /* American Express */
    /* Diners Club */
    {300000, 305999, 14, 19},
    {309500, 309599, 14, 19},
    {360000, 369999, 14, 19},
    {380000, 399999, 14, 19},
    {601100, 601199, 16, 19},
    {622126, 622925, 16, 19},
    {644000, 659999, 16, 19}, /* Discover */
    {352800, 358999, 16, 19}, /* JCB */
    {620000, 629999, 16, 19},
    {810000, 817199, 16, 19}, /* UnionPay */
    /* Maestro */
    {500000, 509999, 12, 19},
    {560000, 589999, 12, 19},
    {630000, 639999, 12, 19},
    {670000, 679999, 12, 19},
};

bool check_card(struct str text)
{
    char p[PLAIN_MAX + 1];
    size_t n = checks_plain(text, p);
    if (n < 13 || n > 19 || !all_digits(p, n) || is_repeat(p, n) || !luhn(p, n, 0)) {
        return false;
    }
    unsigned issuer = checks_number(p, 6);
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        if (issuer >= issuers[i].from && issuer <= issuers[i].to && n >= issuers[i].shortest &&
            n <= issuers[i].longest) {
            return issuer / 100000 != 4 || n == 13 || n == 16 || n == 19;
        }
    }
    return false;
}

/* Registry of ISO 13616: country and length of the whole. */
static const char ibans[][5] = {
    "AD24", "AE23", "AL28", "AT20", "AZ28", "BA20", "BE16", "BG22", "BH22", "BI27", "BR29", "BY28",
    "CH21", "CR22", "CY28", "CZ24", "DE22", "DJ27", "DK18", "DO28", "EE20", "EG29", "ES24", "FI18",
    "FK18", "FO18", "FR27", "GB22", "GE22", "GI23", "GL18", "GR27", "GT28", "HN28", "HR21", "HU28",
    "IE22", "IL23", "IQ23", "IS26", "IT27", "JO30", "KW30", "KZ20", "LB28", "LC32", "LI21", "LT20",
    "LU20", "LV21", "LY25", "MC27", "MD24", "ME22", "MK19", "MN20", "MR27", "MT31", "MU30", "NI28",
    "NL18", "NO15", "OM23", "PK24", "PL28", "PS29", "PT25", "QA29", "RO24", "RS22", "RU33", "SA24",
    "SC31", "SD18", "SE24", "SI19", "SK24", "SM27", "SO23", "ST25", "SV28", "TL23", "TN24", "TR26",
    "UA29", "VA22", "VG24", "XK20", "YE30",
};

/* Where the registry knows digits only behind the country. */
static const char digit_ibans[] = "AE AT BA BE BI CR CZ DE DJ DK EE EG ES FI FO GL HR HU IL IS LT "
                                  "LY ME MN MR NO PL PT RS SD SE SI SK SO ST TL TN VA XK";

/* No country's is mostly letters; words behind two letters and a number are. */
static bool has_digits_enough(const char *p, size_t n)
{
    size_t digits = 0;
    for (size_t i = 2; i < n; i++) {
        digits += checks_is_digit(p[i]);
    }
    return digits == n - 2 ||
           (digits >= n / 3 && !memmem(digit_ibans, sizeof digit_ibans - 1, p, 2));
}

bool check_iban(struct str text)
{
    char p[PLAIN_MAX + 1];
    size_t n = checks_plain(text, p);
    unsigned rest = 0;
    bool known = false;
    if (n < 15 || !checks_is_digit(p[2]) || !checks_is_digit(p[3]) || !has_digits_enough(p, n)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(ibans); i++) {
        known |= p[0] == ibans[i][0] && p[1] == ibans[i][1] && n == checks_number(ibans[i] + 2, 2);
    }
    /* ISO 7064 mod 97-10, the first four moved to the end */
    for (size_t i = 0; known && i < n; i++) {
        char c = p[(i + 4) % n];
        known = checks_is_digit(c) || is_capital(c);
        rest = checks_is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97
                                  : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    return known && rest == 1;
}

bool check_us_ssn(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 9 || !all_digits(p, 9) || is_repeat(p, 9)) {
        return false;
    }
    unsigned area = checks_number(p, 3);
    return area != 0 && area != 666 && area < 900 && checks_number(p + 3, 2) != 0 &&
           checks_number(p + 5, 4) != 0;
}

bool check_us_itin(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 9 || !all_digits(p, 9) || p[0] != '9' || is_repeat(p, 9)) {
        return false;
    }
    unsigned group = checks_number(p + 3, 2);
    return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
           (group >= 90 && group <= 92) || group >= 94;
}

bool check_us_mbi(struct str text)
{
    static const char shape[] = "CAXNAXNAANN"; /* C 1-9, N 0-9, A letter, X either */
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 11) {
        return false;
    }
    for (size_t i = 0; i < 11; i++) {
        bool letter = is_capital(p[i]) && !strchr("SLOIBZ", p[i]);
        bool fits = shape[i] == 'C'   ? checks_is_digit(p[i]) && p[i] != '0'
                    : shape[i] == 'N' ? checks_is_digit(p[i])
                    : shape[i] == 'A' ? letter
                                      : letter || checks_is_digit(p[i]);
        if (!fits) {
            return false;
        }
    }
    return true;
}

bool check_us_npi(struct str text)
{
    char p[PLAIN_MAX + 1];
    /* 80840 adds 24 */
    return checks_plain(text, p) == 10 && all_digits(p, 10) && (p[0] == '1' || p[0] == '2') &&
           !is_repeat(p, 10) && luhn(p, 10, 24);
}

bool check_us_dea(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 9 || !strchr("ABCDEFGHJKLMPRSTUX", p[0]) ||
        !(is_capital(p[1]) || p[1] == '9') || !all_digits(p + 2, 7) || is_repeat(p + 2, 7)) {
        return false;
    }
    const char *d = p + 2;
    unsigned sum = (unsigned)(d[0] - '0' + d[2] - '0' + d[4] - '0') +
                   2 * (unsigned)(d[1] - '0' + d[3] - '0' + d[5] - '0');
    return sum % 10 == (unsigned)(d[6] - '0');
}

bool check_us_aba(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 9 || !all_digits(p, 9) || is_repeat(p, 9)) {
        return false;
    }
    unsigned prefix = checks_number(p, 2), sum = 0;
    for (size_t i = 0; i < 9; i++) {
        sum += (unsigned)(p[i] - '0') * (i % 3 == 0 ? 3 : i % 3 == 1 ? 7 : 1);
    }
    bool reserve = (prefix >= 1 && prefix <= 12) || (prefix >= 21 && prefix <= 32) ||
                   (prefix >= 61 && prefix <= 72) || prefix == 80;
    return sum % 10 == 0 && reserve;
}

bool check_us_ndc(struct str text)
{
    size_t parts[3] = {0}, at = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-' && ++at > 2) {
            return false;
        }
        if (text.p[i] != '-' && !checks_is_digit(text.p[i])) {
            return false;
        }
        parts[at] += text.p[i] != '-';
    }
    size_t key = parts[0] * 100 + parts[1] * 10 + parts[2];
    return at == 2 && (key == 442 || key == 532 || key == 541 || key == 542);
}

bool check_uk_nhs(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 10 || !all_digits(p, 10) || is_repeat(p, 10)) {
        return false;
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < 9; i++) {
        sum += (10 - i) * (unsigned)(p[i] - '0');
    }
    unsigned digit = (11 - sum % 11) % 11; /* 10 is never given out */
    return digit != 10 && digit == (unsigned)(p[9] - '0');
}

bool check_uk_nino(struct str text)
{
    static const char never[][3] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
    char p[PLAIN_MAX + 1];
    size_t n = checks_plain(text, p);
    if (n != 9 || !is_capital(p[0]) || !is_capital(p[1]) || !all_digits(p + 2, 6) || p[8] < 'A' ||
        p[8] > 'D') {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (memcmp(p, never[i], 2) == 0) {
            return false;
        }
    }
    return !strchr("DFIQUV", p[0]) && !strchr("DFIQUVO", p[1]) && !is_repeat(p + 2, 6);
}

static bool checks_is_date(unsigned year, unsigned month, unsigned day)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (unsigned)(month == 2 && leap);
}

/* DVLA: five letters of the name (padded with 9), decade, month (+5: female), day, year,
 * initials, 9. */
bool check_uk_driver(struct str text)
{
    char p[PLAIN_MAX + 1];
    if (checks_plain(text, p) != 16 || !all_digits(p + 5, 6)) {
        return false;
    }
    bool padding = false;
    for (size_t i = 0; i < 5; i++) {
        padding |= p[i] == '9';
        if (padding ? p[i] != '9' : !is_capital(p[i])) {
            return false;
        }
    }
    unsigned month = checks_number(p + 6, 2),
             year = 1900 + checks_number(p + 5, 1) * 10 + checks_number(p + 10, 1);
    month = month > 50 ? month - 50 : month;
    bool leap_either = checks_is_date(year, month, checks_number(p + 8, 2)) ||
                       checks_is_date(year + 100, month, checks_number(p + 8, 2));
    return is_capital(p[0]) && leap_either &&
           (is_capital(p[11]) && (is_capital(p[12]) || p[12] == '9'));
}

/* Chapters of ICD-10-CM (CDC/NCHS, public domain): first and last category. */
static const char chapters[][2][4] = {
    {"A00", "B99"}, {"C00", "D49"}, {"D50", "D89"}, {"E00", "E89"}, {"F01", "F99"}, {"G00", "G99"},
    {"H00", "H59"}, {"H60", "H95"}, {"I00", "I99"}, {"J00", "J99"}, {"K00", "K95"}, {"L00", "L99"},
    {"M00", "M99"}, {"N00", "N99"}, {"O00", "O9A"}, {"P00", "P96"}, {"Q00", "Q99"}, {"R00", "R99"},
    {"S00", "T88"}, {"U07", "U09"}, {"V00", "Y99"}, {"Z00", "Z99"},
};

bool check_icd10cm(struct str text)
{
    char p[PLAIN_MAX + 1];
    size_t n = checks_plain(text, p);
    if (n < 3 || n > 7 || !is_capital(p[0]) || !checks_is_digit(p[1])) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(chapters); i++) {
        if (memcmp(p, chapters[i][0], 3) >= 0 && memcmp(p, chapters[i][1], 3) <= 0) {
            return true;
        }
    }
    return false;
}

bool check_hcpcs(struct str text)
{
    char p[PLAIN_MAX + 1];
    return checks_plain(text, p) == 5 && strchr("ABCDEGHJKLMPQRSTUV", p[0]) &&
           all_digits(p + 1, 4) && !is_repeat(p + 1, 4);
}

/* YYYY-MM-DD, or day and month in either order before or after the year. */
bool check_date(struct str text)
{
    unsigned parts[3] = {0};
    size_t at = 0, digits[3] = {0};
    for (size_t i = 0; i < text.n && at < 3; i++) {
        if (checks_is_digit(text.p[i])) {
            parts[at] = parts[at] * 10 + (unsigned)(text.p[i] - '0');
            if (++digits[at] > 4) {
                return false;
            }
        } else if (str_lower(text.p[i]) >= 'a' && str_lower(text.p[i]) <= 'z') {
            return true; /* a month by its name: the pattern knows them */
        } else {
            at++;
        }
    }
    if (at != 2) {
        return false;
    }
    if (digits[0] == 4) {
        return parts[0] >= 1900 && parts[0] <= 2100 && checks_is_date(parts[0], parts[1], parts[2]);
    }
    unsigned year = digits[2] == 4 ? parts[2] : 2000;
    return (digits[2] == 4 || digits[2] == 2) && year >= 1900 && year <= 2100 &&
           (checks_is_date(year, parts[0], parts[1]) || checks_is_date(year, parts[1], parts[0]));
}

/* "ghp_xxxxxxxx", "abcdefgh", "...EXAMPLE": what stands in handbooks in place of a key. */
bool check_token(struct str text)
{
    enum { RUN = 8, RISING = 16 };
    size_t same = 1, rising = 1;
    for (size_t i = 1; i < text.n; i++) {
        char a = str_lower(text.p[i - 1]), b = str_lower(text.p[i]);
        same = a == b ? same + 1 : 1;
        rising = b == a + 1 ? rising + 1 : 1;
        if (same >= RUN || rising >= RISING ||
            str_starts_nocase(str_slice(text, i, text.n), STR("example"))) {
            return false;
        }
    }
    return true;
}

/* RFC 7617: a name, a colon, a password. */
bool check_basic(struct str text)
{
    enum { PASSWORD_MIN = 3 };
    CLEANUP(buf_free) struct buf octets = BUF_INIT(1024);
    if (base64_read(text, &octets) < 0) {
        return false;
    }
    struct str plain = buf_str(&octets);
    size_t colon = str_find(plain, ':', 0);
    for (size_t i = 0; i < plain.n; i++) {
        if ((unsigned char)plain.p[i] < ' ' || plain.p[i] == 127) {
            return false;
        }
    }
    return colon > 0 && colon + PASSWORD_MIN < plain.n;
}

detect_check detect_check_find(struct str name)
{
    static const struct {
        const char *name;
        detect_check check;
    } checks[] = {
        {"card", check_card},         {"iban", check_iban},       {"us-ssn", check_us_ssn},
        {"us-itin", check_us_itin},   {"us-mbi", check_us_mbi},   {"us-npi", check_us_npi},
        {"us-dea", check_us_dea},     {"us-aba", check_us_aba},   {"us-ndc", check_us_ndc},
        {"uk-nhs", check_uk_nhs},     {"uk-nino", check_uk_nino}, {"uk-driver", check_uk_driver},
        {"icd-10-cm", check_icd10cm}, {"hcpcs", check_hcpcs},     {"date", check_date},
        {"token", check_token},       {"basic", check_basic},
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (str_eq(name, str_c(checks[i].name))) {
            return checks[i].check;
        }
    }
    return NULL;
}
