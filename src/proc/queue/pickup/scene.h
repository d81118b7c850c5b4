/* SPDX-License-Identifier: Apache-2.0
 * scene.h: all that the store knows of those a request is about, read before anybody answers it:
 * who answers has everything in hand, of one moment, and asks the store nothing. For the files of
 * the queue process.
 */
#pragma once
#include "base/arena.h"
#include "proc/queue/pickup/pickup.h"
#include "proc/queue/pickup/visits.h"
#include "store/read.h"

enum { SCENE_PASSKEYS = 16 };

enum scene_need {
    NEEDS_PASS = 1 << 0,
    NEEDS_ENVELOPE = 1 << 1,
    /* of an envelope that is there, where a pass was found if one is needed: */
    NEEDS_RCPT = 1 << 2,    /* its recipient */
    NEEDS_READERS = 1 << 3, /* all recipients of its message */
    NEEDS_VIEW = 1 << 4,
    NEEDS_MESSAGE = 1 << 5, /* with its body, if that is inline */
    NEEDS_DRAFT = 1 << 6,
    /* of somebody outside: */
    NEEDS_PERSON = 1 << 7,
    NEEDS_PASSKEYS = 1 << 8,
};

/* Whose person and passkeys these are. */
enum scene_whose { WHOSE_PASS, WHOSE_ENVELOPE, WHOSE_ADDRESS };

/* What a scene is about; all views are copied. */
struct scene_of {
    unsigned needs; /* enum scene_need */
    struct str pass;
    /* the envelope: by a token, else by the address it waits for (not a sealed one), else by a
     * number */
    struct str token, waits_for;
    enum envelope_by by;
    uint64_t number;
    enum scene_whose whose;
    struct str address;              /* WHOSE_ADDRESS */
    uint64_t visit;                  /* which visit (visits.c) it is about */
    char address_text[ADDRESS_ROOM]; /* room for who fills it */
};

struct kept_person {
    bool found;
    char phrase[256], agreed[256], language[256];
};

struct scene;
typedef void (*scene_fn)(struct scene *s, void *arg);

struct scene {
    struct queue *q;
    struct scene_of of;
    bool failed; /* the store could not be read: nothing below is there */
    struct kept_pass pass;
    struct kept_envelope envelope;
    bool has_rcpt;
    struct store_rcpt rcpt;
    struct str *readers; /* addresses */
    size_t n_readers;
    struct str view; /* sealed; p NULL: there is none */
    bool has_message;
    struct store_message message; /* size, spool and body alone */
    struct str draft_key, draft;  /* sealed; p NULL: there is none */
    struct kept_person person;
    struct store_passkey passkeys[SCENE_PASSKEYS];
    size_t n_passkeys;
    /* until fn returns: */
    struct arena text;
    struct store_reading *reading;
    unsigned round;
    scene_fn fn;
    void *arg;
};

/* Reads it, then calls fn, never before this returns; the scene is gone when fn returns. */
struct scene *scene_read(struct queue *q, const struct scene_of *of, scene_fn fn, void *arg);
/* Nobody waits for it any more; not from fn. NULL is harmless. */
void scene_cancel(struct scene *s);
