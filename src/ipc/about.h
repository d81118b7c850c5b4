/* SPDX-License-Identifier: Apache-2.0
 * about.h: what a message that another process hands to queue is about (field `about` of
 * system_mail and submit); it decides what the queue marks as done in the commit that takes the
 * mail.
 */
#pragma once

enum about {
    ABOUT_NOTHING,
    ABOUT_ALARMS,
    ABOUT_TLS_REPORT,
    ABOUT_ENVELOPE,
    ABOUT_REPLY,
    ABOUT_COMPOSE,
    ABOUT_OUTCOME,
    ABOUT_DAMAGE,
    ABOUT_END
};
