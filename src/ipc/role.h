/* SPDX-License-Identifier: Apache-2.0
 * role.h: the kinds of processes that posternd starts (docs/security.md says what each may do).
 */
#pragma once

enum role {
    ROLE_QUEUE,
    ROLE_LOOKUP,
    ROLE_KEYS,
    ROLE_SMTPIN,
    ROLE_SMTPOUT,
    ROLE_LOGIN,
    ROLE_METRICS,
    ROLE_INSPECT,
    ROLE_WEB,
    ROLE_END
};
