/* SPDX-License-Identifier: Apache-2.0
 * colour.c: names and numbers of colours, and how light they are (colour.h).
 */
#include "mime/colour.h"

static const struct {
    const char *name;
    unsigned value;
} names[] = {
    {"aliceblue", 0xf0f8ff},
    {"antiquewhite", 0xfaebd7},
    {"aqua", 0x00ffff},
    {"aquamarine", 0x7fffd4},
    {"azure", 0xf0ffff},
    {"beige", 0xf5f5dc},
    {"bisque", 0xffe4c4},
    {"black", 0x000000},
    {"blanchedalmond", 0xffebcd},
    {"blue", 0x0000ff},
    {"blueviolet", 0x8a2be2},
    {"brown", 0xa52a2a},
    {"burlywood", 0xdeb887},
    {"cadetblue", 0x5f9ea0},
    {"chartreuse", 0x7fff00},
    {"chocolate", 0xd2691e},
    {"coral", 0xff7f50},
    {"cornflowerblue", 0x6495ed},
    {"cornsilk", 0xfff8dc},
    {"crimson", 0xdc143c},
    {"cyan", 0x00ffff},
    {"darkblue", 0x00008b},
    {"darkcyan", 0x008b8b},
    {"darkgoldenrod", 0xb8860b},
    {"darkgray", 0xa9a9a9},
    {"darkgreen", 0x006400},
    {"darkgrey", 0xa9a9a9},
    {"darkkhaki", 0xbdb76b},
    {"darkmagenta", 0x8b008b},
    {"darkolivegreen", 0x556b2f},
    {"darkorange", 0xff8c00},
    {"darkorchid", 0x9932cc},
    {"darkred", 0x8b0000},
    {"darksalmon", 0xe9967a},
    {"darkseagreen", 0x8fbc8f},
    {"darkslateblue", 0x483d8b},
    {"darkslategray", 0x2f4f4f},
    {"darkslategrey", 0x2f4f4f},
    {"darkturquoise", 0x00ced1},
    {"darkviolet", 0x9400d3},
    {"deeppink", 0xff1493},
    {"deepskyblue", 0x00bfff},
    {"dimgray", 0x696969},
    {"dimgrey", 0x696969},
    {"dodgerblue", 0x1e90ff},
    {"firebrick", 0xb22222},
    {"floralwhite", 0xfffaf0},
    {"forestgreen", 0x228b22},
    {"fuchsia", 0xff00ff},
    {"gainsboro", 0xdcdcdc},
    {"ghostwhite", 0xf8f8ff},
    {"gold", 0xffd700},
    {"goldenrod", 0xdaa520},
    {"gray", 0x808080},
    {"green", 0x008000},
    {"greenyellow", 0xadff2f},
    {"grey", 0x808080},
    {"honeydew", 0xf0fff0},
    {"hotpink", 0xff69b4},
    {"indianred", 0xcd5c5c},
    {"indigo", 0x4b0082},
    {"ivory", 0xfffff0},
    {"khaki", 0xf0e68c},
    {"lavender", 0xe6e6fa},
    {"lavenderblush", 0xfff0f5},
    {"lawngreen", 0x7cfc00},
    {"lemonchiffon", 0xfffacd},
    {"lightblue", 0xadd8e6},
    {"lightcoral", 0xf08080},
    {"lightcyan", 0xe0ffff},
    {"lightgoldenrodyellow", 0xfafad2},
    {"lightgray", 0xd3d3d3},
    {"lightgreen", 0x90ee90},
    {"lightgrey", 0xd3d3d3},
    {"lightpink", 0xffb6c1},
    {"lightsalmon", 0xffa07a},
    {"lightseagreen", 0x20b2aa},
    {"lightskyblue", 0x87cefa},
    {"lightslategray", 0x778899},
    {"lightslategrey", 0x778899},
    {"lightsteelblue", 0xb0c4de},
    {"lightyellow", 0xffffe0},
    {"lime", 0x00ff00},
    {"limegreen", 0x32cd32},
    {"linen", 0xfaf0e6},
    {"magenta", 0xff00ff},
    {"maroon", 0x800000},
    {"mediumaquamarine", 0x66cdaa},
    {"mediumblue", 0x0000cd},
    {"mediumorchid", 0xba55d3},
    {"mediumpurple", 0x9370db},
    {"mediumseagreen", 0x3cb371},
    {"mediumslateblue", 0x7b68ee},
    {"mediumspringgreen", 0x00fa9a},
    {"mediumturquoise", 0x48d1cc},
    {"mediumvioletred", 0xc71585},
    {"midnightblue", 0x191970},
    {"mintcream", 0xf5fffa},
    {"mistyrose", 0xffe4e1},
    {"moccasin", 0xffe4b5},
    {"navajowhite", 0xffdead},
    {"navy", 0x000080},
    {"oldlace", 0xfdf5e6},
    {"olive", 0x808000},
    {"olivedrab", 0x6b8e23},
    {"orange", 0xffa500},
    {"orangered", 0xff4500},
    {"orchid", 0xda70d6},
    {"palegoldenrod", 0xeee8aa},
    {"palegreen", 0x98fb98},
    {"paleturquoise", 0xafeeee},
    {"palevioletred", 0xdb7093},
    {"papayawhip", 0xffefd5},
    {"peachpuff", 0xffdab9},
    {"peru", 0xcd853f},
    {"pink", 0xffc0cb},
    {"plum", 0xdda0dd},
    {"powderblue", 0xb0e0e6},
    {"purple", 0x800080},
    {"rebeccapurple", 0x663399},
    {"red", 0xff0000},
    {"rosybrown", 0xbc8f8f},
    {"royalblue", 0x4169e1},
    {"saddlebrown", 0x8b4513},
    {"salmon", 0xfa8072},
    {"sandybrown", 0xf4a460},
    {"seagreen", 0x2e8b57},
    {"seashell", 0xfff5ee},
    {"sienna", 0xa0522d},
    {"silver", 0xc0c0c0},
    {"skyblue", 0x87ceeb},
    {"slateblue", 0x6a5acd},
    {"slategray", 0x708090},
    {"slategrey", 0x708090},
    {"snow", 0xfffafa},
    {"springgreen", 0x00ff7f},
    {"steelblue", 0x4682b4},
    {"tan", 0xd2b48c},
    {"teal", 0x008080},
    {"thistle", 0xd8bfd8},
    {"tomato", 0xff6347},
    {"turquoise", 0x40e0d0},
    {"violet", 0xee82ee},
    {"wheat", 0xf5deb3},
    {"white", 0xffffff},
    {"whitesmoke", 0xf5f5f5},
    {"yellow", 0xffff00},
    {"yellowgreen", 0x9acd32},
};

static struct rgb from_number(unsigned value)
{
    return (struct rgb){
        .known = true,
        .r = (unsigned char)(value >> 16),
        .g = (unsigned char)(value >> 8),
        .b = (unsigned char)value,
    };
}

/* 036 is 003366. */
static struct rgb from_digits(struct str s)
{
    unsigned value = 0;
    for (size_t i = 0; i < s.n && i < 8; i++) {
        int digit = str_hex(s.p[i]);
        if (digit < 0) {
            return (struct rgb){.known = false};
        }
        value = value << 4 | (unsigned)digit;
        value = s.n <= 4 ? value << 4 | (unsigned)digit : value;
    }
    bool alpha = s.n == 4 || s.n == 8, whole = alpha || s.n == 3 || s.n == 6;
    struct rgb ret = from_number(alpha ? value >> 8 : value);
    ret.known = whole;
    ret.faint = alpha && (value & 0xff) < 0xe0;
    return ret;
}

/* rgb(1, 2, 3), rgba(1 2 3 / 0.5): whole numbers only. */
static struct rgb from_function(struct str s)
{
    unsigned value[3] = {0}, n = 0;
    size_t i = str_find(s, '(', 0);
    i += i < s.n; /* "rgb" alone is none */
    for (; i < s.n && n < 3; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        value[n] = digit && value[n] < 1000 ? 10 * value[n] + (unsigned)(s.p[i] - '0') : value[n];
        n += !digit && i > 0 && s.p[i - 1] >= '0' && s.p[i - 1] <= '9';
        if (s.p[i] == '%' || (s.p[i] == '.' && n < 3)) {
            return (struct rgb){.known = false};
        }
    }
    struct str rest = str_slice(s, i, s.n);
    struct rgb ret = from_number(value[0] << 16 | value[1] << 8 | value[2]);
    ret.known = n == 3 && value[0] < 256 && value[1] < 256 && value[2] < 256;
    bool alpha = rest.n > 0 && (memchr(rest.p, '.', rest.n) || memmem(rest.p, rest.n, "0)", 2));
    ret.faint = alpha && !memmem(rest.p, rest.n, ".9", 2);
    return ret;
}

struct rgb colour_of_text(struct str text)
{
    text = str_trim(text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(text, str_c(names[i].name))) {
            return from_number(names[i].value);
        }
    }
    if (str_starts_nocase(text, STR("rgb"))) {
        return from_function(text);
    }
    bool marked = text.n > 0 && text.p[0] == '#';
    return from_digits(marked ? str_slice(text, 1, text.n) : text);
}

/* Relative luminance (WCAG 2.2), the power of 2.4 near enough. */
static double light(struct rgb c)
{
    static const double weights[] = {0.2126, 0.7152, 0.0722};
    const unsigned char parts[] = {c.r, c.g, c.b};
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        double x = (parts[i] / 255.0 + 0.055) / 1.055;
        double linear = x * x * (0.32 + 1.05 * x - 0.37 * x * x);
        sum += weights[i] * (parts[i] <= 10 ? parts[i] / 255.0 / 12.92 : linear);
    }
    return sum;
}

bool colour_is_lost_on(struct rgb text, struct rgb ground)
{
    double a = light(text) + 0.05, b = light(ground) + 0.05;
    return text.known && ground.known && (a > b ? a / b : b / a) < 2.5;
}

struct rgb colour_to_read_on(struct rgb ground)
{
    return from_number(light(ground) > 0.18 ? 0x111111 : 0xffffff);
}
