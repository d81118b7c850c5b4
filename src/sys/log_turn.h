/* SPDX-License-Identifier: Apache-2.0
 * log_turn.h: lines of the log that were not taken at once (base/log.h) are given away later, by
 * the loop.
 */
#pragma once

struct loop;

/* At the end of each turn, and a little later again while any wait. Once a process. */
void log_turn_begin(struct loop *l);
