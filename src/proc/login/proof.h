/* SPDX-License-Identifier: Apache-2.0
 * proof.h: what people in front of the portal prove, for main.c of login.
 */
#pragma once
#include "ipc/channel.h"

/* The rule for IPC_prove of queue: one answer, IPC_proved, on the same channel. */
void proof_on_ask(void *owner, struct ipc_channel *ch, const struct ipc_prove *m);
