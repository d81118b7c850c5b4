/* SPDX-License-Identifier: Apache-2.0
 * envelope_names.c: names of states and events, for those who show them without a store. Called by
 * reports and pages.
 */
#include "store/envelope.h"

#define NAME_OF(n, s) s,

const char *envelope_state_name(enum envelope_state s)
{
    static const char *const names[] = {ENVELOPE_STATES(NAME_OF)};
    return s < ENVELOPE_STATE_END ? names[s] : "unknown";
}

const char *envelope_event_name(enum envelope_event e)
{
    static const char *const names[] = {ENVELOPE_EVENTS(NAME_OF)};
    return e < EVENT_END ? names[e] : "unknown";
}
