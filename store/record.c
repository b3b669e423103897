#include "store/record.h"

#include "codec/checksum.h"
#include "core/bytes.h"
#include "core/check.h"

enum { REGISTER_VERSION = 1 };

_Static_assert(ENTRY_FLAGS_ALL <= UINT8_MAX, "flags are kept in one byte");

/* ---------------------------------------------------------------- seal */

void record_seal(uint8_t *record, size_t body_bytes)
{
    struct bytes_writer writer = bytes_writer_on(record, RECORD_SEAL_BYTES);
    bytes_put_u32(&writer, checksum_fragment(slice_borrow(record + RECORD_SEAL_BYTES, body_bytes)));
}

enum areg_error record_unseal(struct slice record, struct slice *body)
{
    struct bytes_reader reader = bytes_reader_on(record.at, record.bytes);
    const uint32_t checksum = bytes_get_u32(&reader);
    *body = bytes_get_slice(&reader, reader.left_bytes);
    return !reader.failed && checksum_fragment(*body) == checksum ? AREG_OK : AREG_ECORRUPT;
}

/* ---------------------------------------------------------------- register */

static size_t key_kept_bytes(struct slice key)
{
    return key.bytes > KEY_SORT_RAW_BYTES_MAX ? key.bytes : 0;
}

size_t register_head_bytes(struct slice key, uint32_t entry_count)
{
    return REGISTER_FIXED_BYTES + key_kept_bytes(key) + entry_count * (size_t)REGISTER_ENTRY_BYTES;
}

static void tag_put(struct bytes_writer *writer, struct tag tag)
{
    bytes_put_u64(writer, tag.z);
    bytes_put_u64(writer, tag.w);
}

static struct tag tag_get(struct bytes_reader *reader)
{
    struct tag tag;
    tag.z = bytes_get_u64(reader);
    tag.w = bytes_get_u64(reader);
    return tag;
}

static void entry_put(struct bytes_writer *writer, const struct stored_entry *from)
{
    CHECK(from->place != 0);
    tag_put(writer, from->entry.tag);
    bytes_put_u64(writer, from->entry.value_digest);
    bytes_put_u32(writer, from->entry.value_bytes);
    bytes_put_u32(writer, from->entry.fragment_checksum);
    bytes_put_u8(writer, (uint8_t)from->entry.flags);
    bytes_put_u32(writer, from->fragment_bytes);
    bytes_put_u64(writer, from->place);
}

size_t register_head_encode(struct slice key, const struct stored_register *from, uint8_t *to, size_t room_bytes)
{
    struct bytes_writer writer = bytes_writer_on(to, room_bytes);
    bytes_put_u32(&writer, 0);
    bytes_put_u8(&writer, REGISTER_VERSION);
    bytes_put_text(&writer, key.at, key_kept_bytes(key));
    tag_put(&writer, from->trimmed);
    tag_put(&writer, from->confirmed);
    bytes_put_u16(&writer, (uint16_t)from->entry_count);
    for (uint32_t i = 0; i < from->entry_count; i++)
        entry_put(&writer, &from->entries[i]);

    CHECK(!writer.failed);
    CHECK(writer.used_bytes == register_head_bytes(key, from->entry_count));
    record_seal(to, writer.used_bytes - RECORD_SEAL_BYTES);
    return writer.used_bytes;
}

static bool entry_get(struct bytes_reader *reader, struct stored_entry *to)
{
    to->entry.tag = tag_get(reader);
    to->entry.value_digest = bytes_get_u64(reader);
    to->entry.value_bytes = bytes_get_u32(reader);
    to->entry.fragment_checksum = bytes_get_u32(reader);
    to->entry.flags = bytes_get_u8(reader);
    to->fragment_bytes = bytes_get_u32(reader);
    to->place = bytes_get_u64(reader);
    to->payload = (struct slice){0};
    return !reader->failed && to->place != 0 && (to->entry.flags & ~(uint32_t)ENTRY_FLAGS_ALL) == 0 &&
           to->entry.value_bytes <= AREG_VALUE_BYTES_MAX && to->fragment_bytes <= AREG_VALUE_BYTES_MAX;
}

static bool head_get(struct bytes_reader *reader, struct slice *key_kept, struct stored_register *to)
{
    if (bytes_get_u8(reader) != REGISTER_VERSION)
        return false;
    *key_kept = bytes_get_text(reader);
    to->trimmed = tag_get(reader);
    to->confirmed = tag_get(reader);
    to->entry_count = bytes_get_u16(reader);
    if (reader->failed || to->entry_count > ENTRY_COUNT_MAX)
        return false;
    if (key_kept->bytes > 0 && (key_kept->bytes <= KEY_SORT_RAW_BYTES_MAX || key_kept->bytes > AREG_KEY_BYTES_MAX))
        return false;
    for (uint32_t i = 0; i < to->entry_count; i++) {
        if (!entry_get(reader, &to->entries[i]))
            return false;
        if (i > 0 && tag_compare(to->entries[i - 1].entry.tag, to->entries[i].entry.tag) >= 0)
            return false;
    }
    return true;
}

enum areg_error register_decode(struct slice record, struct slice *key_kept, struct stored_register *to)
{
    struct bytes_reader reader = bytes_reader_on(record.at, record.bytes);
    const uint32_t checksum = bytes_get_u32(&reader);
    const uint8_t *const body = reader.at;
    const bool is_head = !reader.failed && head_get(&reader, key_kept, to);
    if (!is_head || checksum_fragment(slice_borrow(body, (size_t)(reader.at - body))) != checksum) {
        to->entry_count = 0;
        return AREG_ECORRUPT;
    }
    for (uint32_t i = 0; i < to->entry_count; i++) {
        if (to->entries[i].place == PLACE_INLINE)
            to->entries[i].payload = bytes_get_slice(&reader, to->entries[i].fragment_bytes);
    }
    if (bytes_reader_is_done(&reader))
        return AREG_OK;
    to->entry_count = 0;
    return AREG_ECORRUPT;
}

/* ---------------------------------------------------------------- extents */

size_t extents_encode(const struct extent *extents, uint32_t extent_count, uint8_t to[EXTENTS_RECORD_BYTES_MAX])
{
    struct bytes_writer writer = bytes_writer_on(to, EXTENTS_RECORD_BYTES_MAX);
    bytes_put_u32(&writer, 0);
    for (uint32_t i = 0; i < extent_count; i++) {
        bytes_put_u64(&writer, extents[i].block);
        bytes_put_u32(&writer, extents[i].count);
    }
    CHECK(!writer.failed);
    record_seal(to, writer.used_bytes - RECORD_SEAL_BYTES);
    return writer.used_bytes;
}

enum areg_error extents_decode(struct slice record, struct extent extents[EXTENT_COUNT_MAX], uint32_t *extent_count)
{
    struct slice body;
    *extent_count = 0;
    if (record_unseal(record, &body) != AREG_OK)
        return AREG_ECORRUPT;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    while (reader.left_bytes > 0 && !reader.failed && *extent_count < EXTENT_COUNT_MAX) {
        struct extent *const extent = &extents[(*extent_count)++];
        extent->block = bytes_get_u64(&reader);
        extent->count = bytes_get_u32(&reader);
    }
    return bytes_reader_is_done(&reader) && *extent_count > 0 ? AREG_OK : AREG_ECORRUPT;
}
