/* SPDX-License-Identifier: Apache-2.0
 * routes.h: what a row of the portal's table of paths (routes.def) says, and who finds one. Pure.
 */
#pragma once
#include "base/str.h"

struct request;

/* Whom a page is for. Who it is, the queue says to each question (queue/visits.c): a page for
 * others than anybody asks it before it shows anything. */
enum route_who {
    WHO_ANYBODY,
    WHO_LINK,      /* has a link of a notice, in the path */
    WHO_BROWSER,   /* asked for a code before, and has the cookie that came with it */
    WHO_FILE_PASS, /* has a pass of a minute for one mail's files, in the path */
    /* from here on it has a pass, in a cookie, which its browser sends with any form */
    WHO_PASS, /* of any kind */
    WHO_RECIPIENT,
    WHO_INSIDE,
};

/* How a form is known to come from our own page. That browsers say so (Sec-Fetch-Site, Origin) is
 * asked of each. */
enum route_csrf {
    CSRF_READS,       /* no form */
    CSRF_TOKEN,       /* by the token of the pass: at its end, and before any file of it is taken */
    CSRF_BEFORE_PASS, /* there is no pass yet that a page could hold a token of */
    CSRF_LANGUAGE,    /* it changes nothing but the language that this browser is shown */
};

/* The names of the portal that have the page. */
enum route_names {
    NAME_MAIN = 1,
    NAME_FILES = 2, /* where HTML and attachments of messages have an origin of their own */
    NAME_BOTH = NAME_MAIN | NAME_FILES,
};

typedef void (*route_fn)(struct request *r);
typedef void (*route_file_fn)(struct request *r, const char *file, struct str octets, uint64_t at);

struct route {
    bool post; /* else GET or HEAD */
    const char *path;
    route_fn begin;     /* files of the form are taken: the header section is there; else NULL */
    route_file_fn file; /* with begin: a piece of one */
    route_fn answer;
    enum route_who who;
    enum route_csrf csrf;
    enum route_names names;
};

/* What a path says where its route has a name; views into it. */
struct route_values {
    uint64_t envelope;
    struct str part, token, file, pass;
};

enum { ROUTE_TEXT_MAX = 63 }; /* octets of a ":token" or ":file" */

extern const struct route routes[];
extern const size_t n_routes;

/* path begins with "/"; "/mail/:envelope" matches "/mail/" and one part that is an id. */
bool route_match(const char *route, struct str path, struct route_values *ret);
/* NULL: there is no such page. */
const struct route *route_find(bool post, enum route_names name, struct str path,
                               struct route_values *ret);
