/* SPDX-License-Identifier: Apache-2.0
 * visits.h: codes and passes of the portal, for portal.c of the queue process.
 */
#pragma once
#include "proc/queue/pickup/pickup.h"
#include "wire/limits.h"

/* A pass that outlives its walk. */
struct kept_pass {
    struct store_pass p; /* strings below */
    char address[ADDRESS_ROOM];
    unsigned char hash[ENVELOPE_HASH];
    bool found;
};

struct scene;
struct scene_of;

void visits_init(struct queue *q);
/* Forgets what is too old. */
void visits_tick(struct queue *q);
/* What the scenes of these requests are about: the envelope that is wanted, by link or address; the
 * visit of a browser, its envelope and address. */
void visits_wants(const struct ipc_portal_ask *a, struct scene_of *of);
void visits_about(struct queue *q, struct str browser, struct scene_of *of);
/* PORTAL_SEND_CODE: words of at least 64 octets. ret_wait_s: with PORTAL_SLOW_DOWN. */
enum portal_result visits_send_code(struct queue *q, const struct ipc_portal_ask *a,
                                    const struct scene *s, char *words, size_t size,
                                    int64_t *ret_wait_s);
/* PORTAL_CODE. ret: number: tries left; envelope: the one whose link began it, 0: none; kind:
 * PASS_INSIDE for somebody of ours. offers: what can be shown besides. */
enum portal_result visits_code(struct queue *q, const struct ipc_portal_ask *a,
                               const struct scene *s, struct ipc_portal_answer *ret,
                               struct buf *offers);

enum { CHALLENGE_TEXT = 44 };

/* Somebody whose code was right, and who must show more. Views last until the visit ends. */
struct second_step {
    uint64_t visit;       /* what was shown belongs to it alone */
    struct str address;   /* whose it is */
    struct str challenge; /* base64url; the nonce of a login elsewhere, too */
    /* of a login elsewhere; the verifier never leaves for the browser */
    struct str state, verifier;
};
/* False: that browser is in front of no second step. */
bool visits_step(struct queue *q, struct str browser, struct second_step *ret_step);
/* PORTAL_PROVE takes one try; passkeys have their own. False: that browser is in front of none,
 * or has none left. */
bool visits_second(struct queue *q, struct str browser, bool passkey, struct second_step *ret_step);
/* It was right or not; how: in plain words, for the record. ret_left: tries; ret_envelope: as
 * above. Of another visit than the one that browser is in by now: over. */
enum portal_result visits_shown(struct queue *q, uint64_t visit, const struct ipc_portal_ask *a,
                                bool right, const char *how, int64_t *ret_left,
                                uint64_t *ret_envelope);
/* A new challenge for a passkey of the one with this pass, base64url; and the same once more,
 * which uses it up (empty: there is none). */
void visits_challenge(struct queue *q, struct str pass, char ret[CHALLENGE_TEXT]);
void visits_challenge_used(struct queue *q, struct str pass, char ret[CHALLENGE_TEXT]);
/* PORTAL_REMEMBERED. */
enum portal_result visits_known(struct queue *q, const struct ipc_portal_ask *a, struct scene *s,
                                uint64_t *ret_envelope);
/* The password was right. */
void visits_inside(struct queue *q, const char *address, struct str hash);
/* PORTAL_FILE_PASS: a pass of a minute for the files of that envelope, for somebody with p. */
void visits_files(struct queue *q, const struct kept_pass *p, uint64_t envelope, struct str hash);
/* Copies a row. */
void visits_keep(struct kept_pass *k, const struct store_pass *p);
/* It was found and is in force; looking at it keeps it alive. */
bool visits_pass(struct queue *q, const struct kept_pass *p);
void visits_forget(struct queue *q, struct str hash);
