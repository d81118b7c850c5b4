/* SPDX-License-Identifier: Apache-2.0
 * inside.c: what the settings about our own machines must fit. Called by conf.c once all is
 * bound, and by reach.c.
 *
 * Devices are let in with mistakes that nobody else may make (docs/decisions/0028), so the
 * setting names machines of ours: a part of the inside networks, and never everybody.
 */
#include "conf/bind.h"
#include "conf/conf.h"
#include "wire/address.h"

bool conf_net_is_inside(const struct conf *c, const struct address_net *part)
{
    struct address_net whole;
    for (size_t i = 0; i < c->inside_networks.n; i++) {
        if (address_net_parse(str_c(c->inside_networks.v[i]), &whole) == 0 &&
            address_net_covers(&whole, part)) {
            return true;
        }
    }
    return false;
}

void conf_check_devices(struct binder *b)
{
    const struct conf *c = b->conf;
    const struct conf_node *inside = conf_node_find(c->root, "inside", NULL);
    for (size_t i = 0; i < c->inside_devices.n; i++) {
        struct conf_place at = inside ? conf_place_of(inside, "devices") : c->root->at;
        const char *text = c->inside_devices.v[i];
        struct address_net net;
        if (address_net_parse(str_c(text), &net) < 0) {
            continue; /* said where it stands */
        }
        if (net.prefix == 0) {
            conf_bad(b, at,
                     "inside: devices %s is everybody. Name the old machines, or the networks that "
                     "hold nothing else",
                     text);
        } else if (!conf_net_is_inside(c, &net)) {
            conf_bad(b, at,
                     "inside: devices %s does not lie in networks. Only machines that may send "
                     "here can be devices",
                     text);
        }
    }
}

bool conf_is_device(const struct conf *c, struct str ip)
{
    return conf_net_listed(&c->inside_devices, ip) && conf_net_listed(&c->inside_networks, ip);
}
