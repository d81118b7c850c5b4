/* SPDX-License-Identifier: Apache-2.0
 * tree.h: a message as MIME sees it: its fields, and its parts in order, each with what is said
 * about it and where its octets lie (RFC 5322, 2045, 2046, 2183, 2231). The one reading of
 * structure: detection (message.c) and the page of the portal (view.c) both go through it.
 *
 * What can go wrong is a problem noted in the reader; a message that is too large in its
 * structure has no tree.
 */
#pragma once
#include "mime/reader.h"
#include "wire/nested.h"

enum part_kind {
    PART_LEAF,
    PART_MULTIPART,
    /* message/rfc822 and its like: its fields are here, its body is the next part below it */
    PART_MESSAGE,
    PART_POINTER, /* message/partial, message/external-body: what is meant lies elsewhere */
};

enum part_disposition { PART_UNSAID, PART_INLINE, PART_ATTACHMENT };

struct tree_field {
    char *name, *raw, *value; /* raw: as it came; value: decoded, UTF-8 */
};

struct tree_fields {
    struct tree_field *v;
    size_t n;
};

struct part {
    enum part_kind kind;
    char number[MIME_PART]; /* "" where the message has no parts */
    size_t parent;          /* the index of the part around it; its own: there is none */
    unsigned depth;
    char *type; /* "text/plain", lowercase, never NULL */
    char *charset, *boundary, *smime_type, *content_id, *location; /* as said, or NULL */
    /* Content-Description, decoded, or NULL: some programs show it where there is no name */
    char *description;
    /* every name it is given, as cleaned by tree_clean_name; the first is the one to show */
    char **names;
    size_t n_names;
    enum part_disposition disposition;
    enum transfer encoding;
    char *encoding_said;  /* NULL: nothing */
    bool encoding_is_odd; /* some readers take it otherwise, or it is there twice and differs */
    bool is_flowed, deletes_space; /* format=flowed, delsp=yes (RFC 3676) */
    struct str raw;                /* its octets as encoded, borrowed from the message */
    struct tree_fields fields;     /* of PART_MESSAGE */
    char *stray; /* of PART_MESSAGE: lines of its header section that are no fields, or NULL */
    char *before, *behind; /* text outside the parts of a multipart, or NULL */
    size_t n_children;
    bool is_open; /* a multipart without its last boundary (RFC 2046 5.1.1) */
    bool is_cut;  /* the end of the message is missing, and it is the last in it */
};

/* octets of a text with a name that people still read where it stands */
enum { TREE_NAMED_MAX = 64 * 1024 };

struct tree {
    struct tree_fields fields;
    char *stray; /* lines of the header section that are no fields, or NULL */
    struct part *parts;
    size_t n;
    bool cut;     /* some of it lies too deep */
    bool is_open; /* its end is missing: so is the last boundary of the multipart that it is */
};

/* names.c: adds a name, once; one too many is noted. */
void names_add(struct reader *r, struct part *p, const char *value);
/* The last piece of a place, or a description, where it looks like the name of a file and is
 * none of the part's names. The caller frees it; NULL: it does not. */
char *names_beside(const struct part *p, const char *value);
/* encoding.c: what the value of Content-Transfer-Encoding, without its comments, means to most.
 * *ret_is_odd: not to all. */
enum transfer encoding_read(struct str said, bool *ret_is_odd);
/* Reads the structure of a whole message (borrowed for the tree's life), whose parts are
 * numbered below `number`. NULL: limits do not allow it, or it is no message at all; that was
 * noted. Free with tree_free. */
struct tree *tree_read(struct reader *r, struct str message, const char *number);
void tree_free(struct tree *t);
/* Appends the decoded octets of a leaf. *ret_sound: they were encoded as the encoding demands. 0
 * or -ENOSPC. */
int tree_octets(const struct part *p, struct buf *out, bool *ret_sound) MUST_USE;
/* Appends the MIME entity inside an S/MIME part that is signed and not encrypted; ret_place, if
 * not NULL: where it lies in the decoded octets of the part, 0 octets long where that cannot be
 * told. 0, -EBADMSG: it is none, -ENOSPC. */
int tree_signed_content(const struct part *p, struct buf *out,
                        struct nested_place *ret_place) MUST_USE;
/* A whole message that was encoded: RFC 2046 5.2.1 forbids it, GroupWise writes it. */
bool tree_is_encoded_message(const struct part *p);
bool part_is(const struct part *p, const char *type);
/* The first value of a field, decoded; NULL: it is not there. */
const struct tree_field *tree_field(const struct tree_fields *f, const char *name);
/* A name as a person and a system see it: one line, without the letters that cannot be seen,
 * change the direction of writing, or stand as blanks and dots at the end. The caller frees it;
 * NULL: nothing is left. */
char *tree_clean_name(struct str name);
