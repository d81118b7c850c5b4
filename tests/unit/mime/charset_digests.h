/* SPDX-License-Identifier: Apache-2.0
 * charset_digests.h: made by tests/mail/charset-digests.mjs with @exodus/bytes 1.16.0. Do not edit.
 */
#pragma once

static const struct {
    const char *name, *sha256;
} digests[] = {
    {"big5", "7d53a1336b7b32ff385880988615d7a7722b9b5ffe4bacd15121829266b473cd"},
    {"euc-jp", "ceb7f91614db846b6ea9b55dfbbae440c5134cab8dd3b04f5138d1934950536b"},
    {"euc-kr", "e0a35552e8a3095537b2df00428e0a0be908826d93245f0810f1ed8e1d35b3a8"},
    {"gb18030", "15171b310b2f8ed5d20865c1e7dae3849620ab986277de1c84669e2565e3d700"},
    {"gbk", "15171b310b2f8ed5d20865c1e7dae3849620ab986277de1c84669e2565e3d700"},
    {"ibm866", "c560a534faae753c207ef9cc1427ee2c466988d1097eb0df95c166108c4342ba"},
    {"iso-2022-jp", "abfa0c01c4cba2f61a840496b49afd86125a7ea14fed2e1ab4012f4348b91c73"},
    {"iso-8859-10", "e775856bed7375ac796d6f903c6ea05a27a3fe105201a198bcea706a65213353"},
    {"iso-8859-13", "ef7a8456e468cccae78839de295a0c7ea99a1000e9dbde81f0d6945b30639355"},
    {"iso-8859-14", "46ab01510531b2290e1639df3a8244c30a5d5ec30b92b3d137c0d588d8e368bf"},
    {"iso-8859-15", "1e52960140d5cec642b2e4a9c5886ebc5c36e01ba3bba42793eed27c5d85ae57"},
    {"iso-8859-16", "8f352bd882b12f038d60e0fe94201172f1977bc66bc66a8ac3deb1ce0684f121"},
    {"iso-8859-2", "4acfb67b27844f244fc2813c621ca1009d2bb54fc99f1f64f60fce67b7145388"},
    {"iso-8859-3", "5e3d64ef818d99de96a7f066f2336bf9e142129cdc29972c040d617600d5aca7"},
    {"iso-8859-4", "f9ca610d49115b73684faec0cdc2b28c93393fe8881d806e52a921a3d582eeba"},
    {"iso-8859-5", "68ed437336d887e3767889efe8234f3af054fddf6c16835e6c33ec64b25bd3e1"},
    {"iso-8859-6", "e223a3c84bb42a6bf6836b88ed6f6946ea442cc0ec0a30c0d4851a640be53fd1"},
    {"iso-8859-7", "2f43cb7004bd3a26b06b9220807e69030bbc68f7756f66966f66bb2727d8c37e"},
    {"iso-8859-8", "7e1f160f1055b32c01fb504bfaa4fb5955071997f3e76c27283cbac4d5f53d9a"},
    {"iso-8859-8-i", "7e1f160f1055b32c01fb504bfaa4fb5955071997f3e76c27283cbac4d5f53d9a"},
    {"koi8-r", "2fa1227a64474539d367158bac49d7eeb36815501f9ca1ba994e4ae5007c16e3"},
    {"koi8-u", "62bbb9a2b278350c69424e54b66655db29e7713ee013ff912b341d1c89a6acc2"},
    {"macintosh", "90d1ce3472ca30eb4f628894f1af090cd8653481375b0fdf57ebd4f7c85ecf22"},
    {"shift_jis", "83ad1c7f88f3ffeef842f3534939eeacf3fbb7d652711698a774cd216d31abe3"},
    {"utf-16be", "9c44d318f6f5a5079d40d975ceede672eae858a97b7ee5013244616c2c544802"},
    {"utf-16le", "af610570a7f724db200c7a4501c7db947002ed2fdb542635f574262cdad3f8b2"},
    {"utf-8", "1fd9f2921cb4e2b7cc25c4dce5d2becf06023d49c70c391db373440b373bfdfa"},
    {"windows-1250", "84f4039fc311bbc00675ff5b58fa5791c4f8f12ece29f1ca571abb2b233f79d0"},
    {"windows-1251", "e7fec2002f2ae811566ac28e784f2ca16c7011dac8fec21c9669b6ebd326e036"},
    {"windows-1252", "7154ef952e14c0f7d97fe5fb741bf72a18c51374ec7a1bf35b6bdccea9681585"},
    {"windows-1253", "43363450b1d697c02ea3898835f06aa80f5d8c995aa59857a712ca51c1ec4c29"},
    {"windows-1254", "90037451f48cc7619dcb347720d478e46db1311b3fd9477f3298241d2e5c8157"},
    {"windows-1255", "82bdba54011e5f71106a0d41a790815a114105ea44d1807d2d1e99f8e24d4e37"},
    {"windows-1256", "5ca7b95d7b4f7b077aa38982ac5bb6848f052e4d5e8b980012cdf99cce163f2d"},
    {"windows-1257", "9f02d9e55a94b6de51daaa057954ad507acbaa74ec1dbea348182ac1d092ec0b"},
    {"windows-1258", "b4313d5c2ad08d796289706a1fbdb72d7075b18a3897f5c40dfe662179b019fb"},
    {"windows-874", "43363b67f0780aef87940b747631c38a14daabeda5d72c79519c9bd68d7bea06"},
    {"x-mac-cyrillic", "96fb535201699ad1035229e1d562bf13d966efc6ec0046134acbe097e692c767"},
    {"x-user-defined", "633fa10beceff996d0c7b1a930cb47411c8ce64f7078f55094b93e2d1c0a3295"},
};

/* All labels of the standard, by encoding. */
static const struct {
    const char *name, *labels;
} labelled[] = {
    {"big5", "big5 big5-hkscs cn-big5 csbig5 x-x-big5"},
    {"euc-jp", "cseucpkdfmtjapanese euc-jp x-euc-jp"},
    {"euc-kr",
     "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
     "ksc_5601 windows-949"},
    {"gb18030", "gb18030"},
    {"gbk", "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk"},
    {"ibm866", "866 cp866 csibm866 ibm866"},
    {"iso-2022-jp", "csiso2022jp iso-2022-jp"},
    {"iso-8859-10", "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6"},
    {"iso-8859-13", "iso-8859-13 iso8859-13 iso885913"},
    {"iso-8859-14", "iso-8859-14 iso8859-14 iso885914"},
    {"iso-8859-15", "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9"},
    {"iso-8859-16", "iso-8859-16"},
    {"iso-8859-2",
     "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 "
     "latin2"},
    {"iso-8859-3",
     "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 "
     "latin3"},
    {"iso-8859-4",
     "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 "
     "latin4"},
    {"iso-8859-5",
     "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
     "iso_8859-5:1988"},
    {"iso-8859-6",
     "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 "
     "iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987"},
    {"iso-8859-7",
     "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
     "iso_8859-7 iso_8859-7:1987 sun_eu_greek"},
    {"iso-8859-8",
     "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 "
     "iso88598 iso_8859-8 iso_8859-8:1988 visual"},
    {"iso-8859-8-i", "csiso88598i iso-8859-8-i logical"},
    {"koi8-r", "cskoi8r koi koi8 koi8-r koi8_r"},
    {"koi8-u", "koi8-ru koi8-u"},
    {"macintosh", "csmacintosh mac macintosh x-mac-roman"},
    {"replacement", "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement"},
    {"shift_jis", "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis"},
    {"utf-16be", "unicodefffe utf-16be"},
    {"utf-16le", "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le"},
    {"utf-8", "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8"},
    {"windows-1250", "cp1250 windows-1250 x-cp1250"},
    {"windows-1251", "cp1251 windows-1251 x-cp1251"},
    {"windows-1252",
     "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
     "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252"},
    {"windows-1253", "cp1253 windows-1253 x-cp1253"},
    {"windows-1254",
     "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 "
     "l5 latin5 windows-1254 x-cp1254"},
    {"windows-1255", "cp1255 windows-1255 x-cp1255"},
    {"windows-1256", "cp1256 windows-1256 x-cp1256"},
    {"windows-1257", "cp1257 windows-1257 x-cp1257"},
    {"windows-1258", "cp1258 windows-1258 x-cp1258"},
    {"windows-874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874"},
    {"x-mac-cyrillic", "x-mac-cyrillic x-mac-ukrainian"},
    {"x-user-defined", "x-user-defined"},
};
