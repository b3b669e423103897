/*
 * Text into XML and HTML. Whatever the bytes are, what comes out is well-formed: nothing that stands in a file can
 * become a tag, an attribute or a broken document.
 */
#ifndef LAB_MARKUP_H
#define LAB_MARKUP_H

#include <stdio.h>

/** Print text between tags or between the double quotes of an attribute; bytes that no document may hold become U+FFFD.
 */
void markup_text(FILE *to, const char *text);
/** How many characters the text has. */
unsigned markup_character_count(const char *text);
/** About how wide the text is in any sans-serif font of this size: rather more than less. */
double markup_width_px(const char *text, double font_px);

#endif
