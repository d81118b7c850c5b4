/* SPDX-License-Identifier: Apache-2.0
 * kind.h: what octets are, by what they begin with. Called by reader.c, and by proc/preflight.c
 * for rules that name kinds. Pure.
 */
#pragma once
#include "base/str.h"

#define KINDS(X) \
    X(TEXT, "text") \
    X(HTML, "html") \
    X(PDF, "pdf") \
    X(ZIP, "zip") \
    X(ARCHIVE, "archive") \
    X(PACKED, "packed") \
    X(RTF, "rtf") \
    X(TNEF, "tnef") \
    X(OLE, "office") \
    X(MESSAGE, "message") \
    X(CALENDAR, "calendar") \
    X(IMAGE, "image") \
    X(MEDIA, "media") \
    X(PROGRAM, "program") \
    X(UNKNOWN, "unknown")
#define KIND_ENUM(n, s) KIND_##n,
enum kind { KINDS(KIND_ENUM) };

/* The name decides only where the octets cannot: .eml, .html. */
enum kind kind_of(struct str octets, const char *name);
/* Others may take it for that, too: a calendar with HTML in it, HTML in a file that is called a
 * text. */
bool kind_may_be(struct str octets, const char *name, enum kind k);
/* A text from where it begins: behind the mark of UTF-8, and blank lines. */
struct str kind_text_begin(struct str octets);
/* Its first line begins that object (RFC 5545 3.4, RFC 6350 3.3): VCALENDAR, VCARD. */
bool kind_begins(struct str octets, struct str object);
const char *kind_name(enum kind k);
/* True for a word that the type of an attachment may be, in any case: a kind, or a document of
 * one. */
bool kind_is_known(const char *word);
