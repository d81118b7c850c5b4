/* SPDX-License-Identifier: Apache-2.0
 * records.h: the stored records as their fields (records/records.def), for the journal's codec,
 * the tables and the queue.
 */
#pragma once
#include "records/record.h"

/* Fields of the journal first, in its order; behind them those of the tables alone. */
extern const struct record store_record_message, store_record_rcpt, store_record_attempt,
    store_record_inspection;
