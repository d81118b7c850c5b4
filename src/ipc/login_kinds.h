/* SPDX-License-Identifier: Apache-2.0
 * login_kinds.h: how a step of a login ended, as login tells smtpin and web.
 */
#pragma once

enum login_outcome {
    LOGIN_MORE,     /* the text is the next challenge */
    LOGIN_OK,       /* name and addresses say who it is */
    LOGIN_WRONG,    /* name or password are not right, or the exchange broke its rules */
    LOGIN_LATER,    /* too many failures from there, or for that account: nothing was looked at */
    LOGIN_AWAY,     /* the directory or the queue cannot be asked */
    LOGIN_NOT_KEPT, /* it was right, and could not be written down */
    LOGIN_NOT_OURS, /* it was right, and has no address of this house */
    LOGIN_OUTCOME_END,
};
