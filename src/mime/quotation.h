/* SPDX-License-Identifier: Apache-2.0
 * quotation.h: which elements of HTML mail programs write around what they quote. Pure. Called
 * by html.c.
 *
 * What can go wrong: an element that nobody knows. Its text counts as new, the safe side; so
 * does a blockquote without a sign, which people make by the buttons "indent" and "quotation".
 */
#pragma once
#include "base/str.h"

#include <libxml/xmlstring.h>

enum quotation {
    QUOTATION_NONE,
    /* an element that is one where "Anna wrote on 3 May 2026:" stands above */
    QUOTATION_IF_INTRODUCED,
    /* an element that is one in a message that answers another: people use such elsewhere */
    QUOTATION_IF_ANSWER,
    QUOTATION_ELEMENT,
    QUOTATION_REST, /* what follows in the element around it, too */
};

/* attributes: names and values in turn, as libxml2 gives them. Borrows all. */
enum quotation quotation_of(const xmlChar *name, const xmlChar **attributes);
