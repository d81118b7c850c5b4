/* SPDX-License-Identifier: Apache-2.0
 * budget.h: how much address space each process that reads untrusted input may have, from what the
 * configuration lets it do at the same time.
 */
#pragma once
#include "conf/conf.h"
#include "proc/child.h"

/* 0: no limit (queue and keys read our own messages alone; inspect has a fixed one of its own). */
uint64_t budget_of(enum role role, const struct conf *c);
