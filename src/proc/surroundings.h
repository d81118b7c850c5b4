/* SPDX-License-Identifier: Apache-2.0
 * surroundings.h: what a configuration meets on this machine.
 */
#pragma once
#include "conf/conf.h"

/* Warnings (conf/tree.h) about free space, the socket of syslog, addresses that lead nowhere,
 * and files that more may write or read than should. */
void surroundings_check(const struct conf *c, struct buf *problems);
