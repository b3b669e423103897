#include "lab/markup.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The bytes of the UTF-8 sequence that begins here (RFC 3629), if it is a character that XML allows; 0 if not. */
static unsigned character_bytes(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned bytes = at[0] < 0x80 ? 1 : at[0] >= 0xC2 && at[0] < 0xE0 ? 2 : at[0] >= 0xE0 && at[0] < 0xF0 ? 3 : 4;
    if (bytes == 1)
        return at[0] >= ' ' || at[0] == '\t' || at[0] == '\n' ? at[0] != 0x7F : 0;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    uint32_t code = at[0] & (0xFFu >> (bytes + 1));
    for (unsigned i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80) /* the final NUL, too */
            return 0;
        code = code << 6 | (at[i] & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_allowed = code >= least[bytes] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) &&
                            (code < 0x80 || code > 0x9F) && code != 0xFFFE && code != 0xFFFF;
    return is_allowed ? bytes : 0;
}

static const char *entity(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void markup_text(FILE *to, const char *text)
{
    while (*text) {
        const unsigned bytes = character_bytes(text);
        const char *instead = bytes ? entity(*text) : "\xEF\xBF\xBD";
        if (instead)
            fputs(instead, to);
        else
            fwrite(text, 1, bytes, to);
        text += bytes ? bytes : 1;
    }
}

unsigned markup_character_count(const char *text)
{
    unsigned count = 0;
    for (; *text; count++) {
        const unsigned bytes = character_bytes(text);
        text += bytes ? bytes : 1;
    }
    return count;
}

double markup_width_px(const char *text, double font_px)
{
    double width = 0;
    for (; *text; text++) {
        if (strchr("iljtfr.,:;'|!()[] I", *text))
            width += 0.37;
        else if (strchr("mwMW%@", *text))
            width += 0.92;
        else if (*text >= 'A' && *text <= 'Z')
            width += 0.70;
        else if (((unsigned char)*text & 0xC0) != 0x80) /* no further byte of a character */
            width += 0.61;
    }
    return width * font_px;
}
