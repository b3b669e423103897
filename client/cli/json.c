#include "client/cli/json.h"

/* The length of the well-formed sequence at `at`; 0 if there is none. */
static size_t sequence_bytes(const uint8_t *at, size_t left_bytes)
{
    const uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    const size_t bytes = first >= 0xC2 && first < 0xE0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : 0;
    const size_t sequence = first >= 0xF0 && first < 0xF5 ? 4 : bytes;
    if (sequence == 0 || sequence > left_bytes)
        return 0;
    for (size_t i = 1; i < sequence; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    const bool is_overlong = (first == 0xE0 && at[1] < 0xA0) || (first == 0xF0 && at[1] < 0x90);
    const bool is_surrogate = first == 0xED && at[1] >= 0xA0;
    const bool is_beyond = first == 0xF4 && at[1] >= 0x90;
    return is_overlong || is_surrogate || is_beyond ? 0 : sequence;
}

bool json_is_utf8(const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes > 0) {
        const size_t sequence = sequence_bytes(at, bytes);
        if (sequence == 0)
            return false;
        at += sequence;
        bytes -= sequence;
    }
    return true;
}

void json_print_string(FILE *to, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    fputc('"', to);
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] == '"' || at[i] == '\\')
            fprintf(to, "\\%c", at[i]);
        else if (at[i] == '\n')
            fputs("\\n", to);
        else if (at[i] == '\t')
            fputs("\\t", to);
        else if (at[i] < 0x20 || at[i] == 0x7F)
            fprintf(to, "\\u%04x", at[i]);
        else
            fputc(at[i], to);
    }
    fputc('"', to);
}

static void print_base64(FILE *to, const uint8_t *at, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fputc('"', to);
    for (size_t i = 0; i < bytes; i += 3) {
        const size_t group_bytes = bytes - i < 3 ? bytes - i : 3;
        uint32_t group = (uint32_t)at[i] << 16;
        group |= group_bytes > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        group |= group_bytes > 2 ? at[i + 2] : 0;
        fputc(digits[group >> 18], to);
        fputc(digits[group >> 12 & 63], to);
        fputc(group_bytes > 1 ? digits[group >> 6 & 63] : '=', to);
        fputc(group_bytes > 2 ? digits[group & 63] : '=', to);
    }
    fputc('"', to);
}

void json_print_member(FILE *to, const char *name, const void *data, size_t bytes)
{
    const bool is_text = json_is_utf8(data, bytes);
    fprintf(to, "\"%s%s\":", name, is_text ? "" : "_base64");
    if (is_text)
        json_print_string(to, data, bytes);
    else
        print_base64(to, data, bytes);
}
