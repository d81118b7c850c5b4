/* SPDX-License-Identifier: Apache-2.0
 * test_renewal.c: which pair is in force, step by step as renewal tools write. Orders of
 * writing: certbot turns over the links of cert, chain, fullchain and privkey one after the
 * other (certbot/certbot, storage.py), acme.sh writes the key before the chain, Kubernetes turns
 * over one link for all (AtomicWriter).
 */
#include "../check.h"
#include "cmd/posternd/renewal.h"

static void all_cases(void **state)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        const struct renewal_facts f = {
            .has_old = bits & 1,
            .differs = bits & 2,
            .fits = bits & 4,
            .rests = bits & 8,
        };
        enum renewal r = renewal_decide(&f);
        if (r == RENEWAL_TAKE) {
            assert_true(f.fits); /* never a mismatch in force */
        }
        if (f.has_old) {
            assert_int_not_equal(r, RENEWAL_REFUSE); /* never without TLS */
        }
        if (f.fits && f.rests && f.differs) {
            assert_int_equal(r, RENEWAL_TAKE); /* never a refusal of a good pair */
        }
    }
}

struct step {
    bool differs, fits, rests;
    enum renewal right;
};

static void steps(void **state)
{
    static const struct step key_first[] = {
        {false, true, true, RENEWAL_KEEP}, /* before */
        /* the key is new */
        {true, false, false, RENEWAL_WAIT},
        /* and stays alone for a while */
        {true, false, true, RENEWAL_WAIT},
        /* the chain came: is it whole? */
        {true, true, false, RENEWAL_WAIT},
        {true, true, true, RENEWAL_TAKE},
    }; /* it rests */
    static const struct step taken_back[] = {
        {true, false, false, RENEWAL_WAIT}, /* half a file */
        /* the old one was put back */
        {false, true, false, RENEWAL_KEEP},
    };
    for (size_t i = 0; i < ARRAY_LEN(key_first); i++) {
        const struct step *s = &key_first[i];
        assert_int_equal(renewal_decide(&(struct renewal_facts){
                             .has_old = true,
                             .differs = s->differs,
                             .fits = s->fits,
                             .rests = s->rests,
                         }),
                         s->right);
    }
    for (size_t i = 0; i < ARRAY_LEN(taken_back); i++) {
        const struct step *s = &taken_back[i];
        assert_int_equal(renewal_decide(&(struct renewal_facts){
                             .has_old = true,
                             .differs = s->differs,
                             .fits = s->fits,
                             .rests = s->rests,
                         }),
                         s->right);
    }
    /* at the start */
    assert_int_equal(renewal_decide(&(struct renewal_facts){.differs = true}), RENEWAL_REFUSE);
    assert_int_equal(renewal_decide(&(struct renewal_facts){.differs = true, .fits = true}),
                     RENEWAL_TAKE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases), cmocka_unit_test(steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
