#include "core/key.h"

#include "core/digest.h"

#include <sodium/crypto_shorthash.h>
#include <stdio.h>
#include <string.h>

void key_sort_form(struct slice key, struct key_sort_form *form)
{
    if (key.bytes <= KEY_SORT_RAW_BYTES_MAX) {
        form->bytes = (uint16_t)key.bytes;
        if (key.bytes)
            memcpy(form->at, key.at, key.bytes);
        return;
    }
    form->bytes = KEY_SORT_BYTES_MAX;
    memcpy(form->at, key.at, KEY_SORT_PREFIX_BYTES);
    digest_of(key, form->at + KEY_SORT_PREFIX_BYTES);
}

int key_compare(struct slice a, struct slice b)
{
    struct key_sort_form form_a;
    struct key_sort_form form_b;
    key_sort_form(a, &form_a);
    key_sort_form(b, &form_b);
    return slice_compare(slice_borrow(form_a.at, form_a.bytes), slice_borrow(form_b.at, form_b.bytes));
}

bool key_has_prefix(struct slice key, struct slice prefix)
{
    return key.bytes >= prefix.bytes && (prefix.bytes == 0 || memcmp(key.at, prefix.at, prefix.bytes) == 0);
}

bool key_is_valid(struct slice key)
{
    return key.bytes >= 1 && key.bytes <= AREG_KEY_BYTES_MAX;
}

uint64_t key_hash(struct slice key)
{
    static const uint8_t zero_key[crypto_shorthash_KEYBYTES];
    uint8_t out[crypto_shorthash_BYTES] = {0};
    crypto_shorthash(out, key.bytes ? key.at : out, key.bytes, zero_key);
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof out; i++)
        hash |= (uint64_t)out[i] << (8 * i);
    return hash;
}

/* The high bits: the low ones choose the shard. */
unsigned key_slice(struct slice key)
{
    _Static_assert(TRANSFER_SLICE_COUNT == 32, "five bits of the hash");
    return (unsigned)(key_hash(key) >> 59);
}

const char *key_print(struct slice key, char to[KEY_TEXT_BYTES])
{
    static const char cut[] = "...";
    size_t used_bytes = 0;
    to[0] = 0;
    for (size_t i = 0; i < key.bytes; i++) {
        const uint8_t byte = key.at[i];
        if (used_bytes + 4 + sizeof cut > KEY_TEXT_BYTES) {
            memcpy(to + used_bytes, cut, sizeof cut);
            break;
        }
        const bool is_plain = byte > 0x20 && byte < 0x7F && byte != '\\';
        used_bytes += (size_t)snprintf(to + used_bytes, KEY_TEXT_BYTES - used_bytes, is_plain ? "%c" : "\\x%02x", byte);
    }
    return to;
}
