/* SPDX-License-Identifier: Apache-2.0
 * view_build.h: the inside of a view under way, between view.c (what is shown) and view_files.c
 * (what can be saved).
 */
#pragma once
#include "mime/tree.h"
#include "mime/view.h"

enum { PICTURES_MAX = 50 };

/* A view under way. */
struct build {
    struct view *v;
    struct reader *r; /* for character sets and the limits of parsing */
    struct str message;
    struct tree *tree;
    bool *in_text, *in_html; /* for each part: is it shown there? */
    bool *is_other;          /* for each part: another alternative is shown as HTML */
    /* the attached message that it is inside of: its number in the view; 0: none */
    unsigned within;
    struct build **inner; /* for each part: what a signature is wrapped around, or NULL */
    struct buf content;   /* of this one, where it is such */
    unsigned depth;
    struct nested_place around[NESTED_MAX]; /* where it lies itself; none: it is the message */
    unsigned n_around;
    bool has_no_place; /* that cannot be told: its files can be had with the whole only */
    struct picture pictures[PICTURES_MAX];
    struct buf picture_octets[PICTURES_MAX];
    const struct part *picture_parts[PICTURES_MAX];
    bool picture_used[PICTURES_MAX];
    char *picture_cids[PICTURES_MAX]; /* of those in winmail.dat */
    size_t n_pictures, picture_total;
    bool has_text, has_body; /* has_body: a text of its own with something in it */
    bool has_tnef_html;      /* winmail.dat says it in HTML: known when it has been shown as text */
};

/* The first value of a field on one line, "" where there is none. The caller frees it. */
char *view_value(const struct tree_fields *f, const char *name);
/* Is it shown where it stands? An event that has a card is not shown once more. */
bool view_is_body(const struct build *b, const struct part *p);
/* image/png and the like, by its octets; NULL: none that browsers show. */
const char *view_picture_type(struct str octets);
struct nested_place view_place_of(const struct build *b, const struct part *part);
/* Those around, and n more inside them. How many they are, also beyond NESTED_MAX. */
unsigned view_places_with(const struct build *b, const struct nested_place *inner, size_t n,
                          struct nested_place ret[NESTED_MAX]);
/* Notes all that can be saved in the view, and keeps the pictures that its HTML may name. */
void view_attach_all(struct build *b);
