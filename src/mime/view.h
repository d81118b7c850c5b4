/* SPDX-License-Identifier: Apache-2.0
 * view.h: a message as a person sees it in a browser: who, when, what about; its text; its HTML,
 * made harmless; and what is attached, by where it lies in the original octets (RFC 5322, 2045,
 * 2046, 2183, 2387).
 *
 * Called by the `inspect` process for mail that waits in the portal. What can go wrong: nothing
 * that is not in the view: what cannot be shown is attached, what is too large is cut and says
 * so.
 */
#pragma once
#include "wire/nested.h"

enum {
    VIEW_TEXT_MAX = 1024 * 1024,
    VIEW_HTML_MAX = 2 * 1024 * 1024, /* with its pictures */
    VIEW_PICTURES_MAX = 1024 * 1024, /* octets of pictures inside the HTML */
    VIEW_PARTS_MAX = 200,
    VIEW_FIELD_MAX = 4096,
    VIEW_EVENTS_MAX = 8,
};

enum event_kind {
    EVENT_ENTRY,
    EVENT_INVITATION,
    EVENT_CANCELLED,
    EVENT_ANSWER,
    EVENT_ACCEPTED,
    EVENT_DECLINED,
    EVENT_KIND_END,
};

/* An event of a calendar part, for a card (calendar.h); "" where it does not say. */
struct view_event {
    enum event_kind kind;
    bool repeats;
    char what[512], when[200], where[512]; /* one line each */
    char organizer[512];                   /* of an answer, who answers */
    char people[1024];                     /* who is invited, with commas between */
    /* begin, end, both in UTC, zone, for the reader's own clock; "-": not known */
    char times[200];
    char rule[64];  /* of repetition: calendar.h */
    char url[1024]; /* an address of it, or of the conference */
    char about[4096];
};

struct view_part {
    char *name, *type;      /* what it is called, never empty; media type in small letters */
    uint64_t at, octets;    /* where it lies in the message, encoded */
    enum transfer encoding; /* not TRANSFER_WORD */
    /* a file inside that: where, in what it decodes to, and so on */
    struct nested_place inner[NESTED_MAX - 1];
    unsigned n_inner;
    uint64_t size; /* decoded */
    /* the number of the attached message that it is inside of, from 1; 0: none */
    unsigned within;
    bool is_cut;              /* its end is missing */
    unsigned char sha256[32]; /* of the decoded octets */
};

struct view {
    /* decoded, one line each, never NULL */
    char *from, *from_name, *to, *cc, *subject, *date, *message_id, *references;
    struct buf text, html; /* UTF-8; html may be empty */
    struct view_part *parts;
    size_t n_parts;
    struct view_event events[VIEW_EVENTS_MAX];
    size_t n_events;
    bool cut;        /* not all of the text is here */
    bool incomplete; /* it arrived without its end */
    /* pictures that lie elsewhere were left out, frames, films or drawings */
    bool remote;
    bool pgp, smime; /* its sender encrypted it, or some of it: OpenPGP, S/MIME */
    bool blank;      /* nothing of it can be seen but its files, if it has any */
    bool elsewhere;  /* some of it is not in it: RFC 2046 5.2.2, 5.2.3 */
};

/* Reads a whole message (borrowed). Never NULL; free with view_free. mime_init() first. */
struct view *view_of_message(struct str message);
void view_free(struct view *v);

/* sanitise.c: HTML of a stranger as HTML without scripts, forms, styles that move things about,
 * and anything from elsewhere. By an allow-list of elements, attributes and properties. */
struct picture {
    const char *cid;      /* Content-ID without < >, or NULL */
    const char *location; /* Content-Location (RFC 2557), or NULL */
    const char *type;     /* image/png, image/jpeg, image/gif, image/webp, image/bmp */
    struct str octets;
    bool *used; /* set when the HTML shows it; NULL: nobody asks */
};
struct reader;
/* Appends the body's content. False: it did not fit, its beginning is there. ret_remote:
 * pictures, frames, films were left out. */
bool sanitise_html(struct reader *r, struct str html, const struct picture *pictures, size_t n,
                   struct buf *out, bool *ret_remote);
