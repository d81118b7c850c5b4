/* SPDX-License-Identifier: Apache-2.0
 * checks.h: is this number one that its issuer could have given out? Check digits, ranges, dates.
 *
 * Pure. Called by detect/pack.c (by name) and the unit tests. Each check gets the matched text;
 * what parts groups (blanks, dots, slashes, dashes, ends of lines) is skipped, letters count
 * without case.
 */
#pragma once
#include "base/str.h"

/* True: may be real. False: certainly not. */
typedef bool (*detect_check)(struct str text);

/* The check of that name, as pack files write it; NULL: not known. */
detect_check detect_check_find(struct str name);

bool check_card(struct str text);      /* ISO/IEC 7812: issuer ranges, length, Luhn */
bool check_iban(struct str text);      /* ISO 13616: country, length, mod 97 */
bool check_us_ssn(struct str text);    /* SSA rules since 2011-06-25 */
bool check_us_itin(struct str text);   /* IRS: 9xx and the fourth and fifth digit */
bool check_us_mbi(struct str text);    /* CMS: eleven characters, a class for each place */
bool check_us_npi(struct str text);    /* 45 CFR 162.406: Luhn over 80840 and the number */
bool check_us_dea(struct str text);    /* two letters, seven digits, the last a check digit */
bool check_us_aba(struct str text);    /* prefixes of the Federal Reserve, weights 3 7 1 */
bool check_us_ndc(struct str text);    /* 21 CFR 207.33: 4-4-2, 5-3-2, 5-4-1 or 5-4-2 */
bool check_uk_nhs(struct str text);    /* modulus 11 */
bool check_uk_nino(struct str text);   /* prefixes never given out */
bool check_uk_driver(struct str text); /* the date of birth inside */
bool check_icd10cm(struct str text);   /* the category lies in a chapter */
bool check_hcpcs(struct str text);     /* level II: the first letter has a section */
bool check_date(struct str text);      /* a day of the calendar, 1900 to 2100 */
bool check_token(struct str text);     /* not what handbooks write in place of a key */
bool check_basic(struct str text);     /* base64 of a name, a colon and a password */
