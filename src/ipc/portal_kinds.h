/* SPDX-License-Identifier: Apache-2.0
 * portal_kinds.h: what `web` may ask of `queue` for the people in front of it, and what comes back.
 */
#pragma once

/* Recipients begin without a pass; everything behind PORTAL_WHO needs one, and the queue checks
 * each time whose it is. */
enum portal_verb {
    /* secret: hash of a link or pickup code, or text: an address; with number 1 that of an inside
     * user who wants to see what they sent. A code is sent, or nothing is; the answer is the
     * same */
    PORTAL_SEND_CODE,
    /* text: the code, secret: hash of the new pass, number 1: remember the browser.
     * PORTAL_PROOF_WANTED has in text what can be shown besides: challenge, address of a login
     * elsewhere or nothing, then passkeys, a line each */
    PORTAL_CODE,
    /* after it. number: enum proof_kind, secret: hash of the new pass, data: the phrase; or of a
     * passkey its id, client data, authenticator data and signature, a line each; or state and
     * code of a login elsewhere */
    PORTAL_PROVE,
    /* secret as in PORTAL_SEND_CODE, pass: of a remembered browser, data: hash of the new pass */
    PORTAL_REMEMBERED,
    PORTAL_WHO,      /* whose pass is it? */
    PORTAL_LEAVE,    /* the pass ends; number 1: all of this person */
    PORTAL_LIST,     /* envelopes of the address */
    PORTAL_ENVELOPE, /* row, view in pieces, lease. number 1: by a pass for files */
    /* the message; text: which part, for the record. number 1: by a pass for files */
    PORTAL_BODY,
    /* data: hash of a pass of a minute that opens the files of one envelope, for the second name
     * of the portal. number 1: it is sealed, its link is needed as well */
    PORTAL_FILE_PASS,
    PORTAL_DRAFT,     /* lease and sealed draft */
    PORTAL_DRAFT_PUT, /* data: wrapped key and sealed octets; empty: none any more */
    PORTAL_PHRASE,    /* text: one's own phrase for notices */
    /* text: a challenge, then each passkey of this person, its id and the days it was made and
     * used, in a line */
    PORTAL_PASSKEYS,
    PORTAL_PASSKEY_NEW,  /* data: client data, authenticator data, a line each */
    PORTAL_PASSKEY_DROP, /* text: its id */
    PORTAL_SENT,         /* envelopes of a sender */
    PORTAL_EVENTS,       /* of one of their envelopes */
    PORTAL_ACT,          /* number: enum portal_act, text: its argument */
    PORTAL_EXPLAIN,      /* text: addresses; number 1: by the portal in any case. Rows of fates */
    /* a recipient of something that is over asks the sender to send it once more */
    PORTAL_ASK_AGAIN,
    PORTAL_VERB_END,
};

enum portal_act {
    ACT_EXTEND,
    ACT_RECALL,
    ACT_LOCK,
    ACT_UNLOCK,
    ACT_RESEND,
    ACT_LEVEL,
    ACT_HOLD,
    ACT_UNHOLD,
    ACT_PHRASE,
    ACT_END
};

enum portal_result {
    PORTAL_OK,
    PORTAL_NO,           /* not yours, not there, or wrong: nobody learns which */
    PORTAL_WRONG,        /* the code or phrase was wrong; number: tries left */
    PORTAL_OVER,         /* the code is used up or too old */
    PORTAL_PROOF_WANTED, /* the code was right, and the level asks for more */
    /* too many from there, or for that address; number: seconds until it makes sense again */
    PORTAL_SLOW_DOWN,
    PORTAL_LATER,     /* not possible just now */
    PORTAL_MUST_STAY, /* not before its legal hold ends */
    PORTAL_RESULT_END,
};

enum pass_kind {
    PASS_NONE,
    PASS_RECIPIENT,
    PASS_INSIDE,
    PASS_REMEMBERED,
    PASS_FILES, /* of one envelope */
    PASS_KIND_END
};

/* What would become of a message to somebody, as far as it is known before it is read. */
enum portal_fate {
    FATE_INSIDE,
    FATE_TLS,
    FATE_TLS_KNOWN,
    FATE_PORTAL,
    FATE_HELD,
    FATE_BACK,
    FATE_END
};

/* How a listening socket of the portal is meant. */
enum portal_listen { PORTAL_HTTPS, PORTAL_REDIRECT, PORTAL_PROXY };

/* Mail about an envelope. */
enum notice_kind { NOTICE_NEW, NOTICE_AGAIN, NOTICE_REMINDER, MAIL_CODE, NOTICE_KIND_END };
