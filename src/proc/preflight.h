/* SPDX-License-Identifier: Apache-2.0
 * preflight.h: the one list of checks before a configuration is put in force: check-config, the
 * start of posternd and each reload go through it, so that what one of them refuses no other
 * calls fine.
 */
#pragma once
#include "conf/conf.h"

enum preflight_for {
    /* only looking: each port is bound for a moment: is it free, is its address one of this
     * machine? */
    PREFLIGHT_CHECK,
    PREFLIGHT_START, /* the caller binds the ports itself */
    /* the caller judges certificates with their keys itself: a pair that is just being renewed
     * waits */
    PREFLIGHT_RELOAD,
};

/* Judges the configuration (conf_judge) and opens everything that a start opens: certificates
 * and keys, trust store, DKIM key, password files, packs, templates, users, directories. Lines
 * in problems (conf/tree.h, conf_finding): errors and warnings. in_force: for a reload what runs
 * now, else NULL: names that no certificate has are an error unless files alone changed (a
 * renewal). 0, or -EINVAL when there is an error. */
int preflight(const struct conf *c, enum preflight_for what, const struct conf *in_force,
              struct buf *problems) MUST_USE;
/* A store without its at-rest key is most likely a backup put back without it: a new key would
 * hide that its mail cannot be read. 0, or -ENOENT with a sentence in problem. */
int preflight_key_of_store(const struct conf *c, char *problem, size_t size) MUST_USE;
/* Listens on "address:port" for a moment. 0, or -errno: -EADDRINUSE, -EADDRNOTAVAIL (not one of
 * this machine), -EACCES... */
int preflight_port(const char *text) MUST_USE;
/* The user a process runs as: NAME-process, else NAME; without root everybody is who we are
 * (*ret zeroed). 0, or -errno with a sentence in problem. */
struct spawn_user;
int preflight_user(const struct conf *c, const char *process, struct spawn_user *ret, char *problem,
                   size_t size) MUST_USE;
