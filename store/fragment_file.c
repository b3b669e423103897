#include "store/fragment_file.h"

#include "core/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LIST_ROOM_MIN = 64 };

static enum areg_error error_of(int code)
{
    const bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return is_full ? AREG_EFULL : AREG_EIO;
}

/* ---------------------------------------------------------------- open, close */

enum areg_error fragment_file_open(struct fragment_file *file, int directory)
{
    *file = (struct fragment_file){.descriptor = -1};
    blocks_init(&file->blocks);
    file->descriptor = openat(directory, "fragments", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return file->descriptor >= 0 ? AREG_OK : AREG_EIO;
}

void fragment_file_close(struct fragment_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    blocks_fini(&file->blocks);
    free(file->written);
    free(file->dropped);
}

static void publish(struct fragment_file *file)
{
    atomic_store(&file->used_count, file->blocks.used - file->dropped_blocks);
    atomic_store(&file->end_count, file->blocks.end);
}

enum areg_error fragment_file_claim(struct fragment_file *file, struct extent extent)
{
    const enum areg_error error = blocks_claim(&file->blocks, extent);
    publish(file);
    return error;
}

/* ---------------------------------------------------------------- transactions */

void fragment_file_begin(struct fragment_file *file, uint64_t commit_seen)
{
    CHECK(file->written_count == 0 && file->dropped_committed == file->dropped_count);
    uint64_t freed = 0;
    for (; freed < file->dropped_count && file->dropped[freed].commit <= commit_seen; freed++) {
        blocks_free(&file->blocks, file->dropped[freed].extent);
        file->dropped_blocks -= file->dropped[freed].extent.count;
    }
    if (freed == 0)
        return;
    file->dropped_count -= freed;
    file->dropped_committed = file->dropped_count;
    memmove(file->dropped, file->dropped + freed, file->dropped_count * sizeof *file->dropped);
}

enum areg_error fragment_file_drop(struct fragment_file *file, const struct extent *extents, uint32_t extent_count,
                                   uint64_t commit)
{
    if (file->dropped_room - file->dropped_count < extent_count) {
        const uint64_t room = 2 * file->dropped_room + LIST_ROOM_MIN;
        struct dropped_extent *const dropped = realloc(file->dropped, room * sizeof *dropped);
        if (!dropped)
            return AREG_ENOMEM;
        file->dropped = dropped;
        file->dropped_room = room;
    }
    for (uint32_t i = 0; i < extent_count; i++) {
        file->dropped[file->dropped_count++] = (struct dropped_extent){.extent = extents[i], .commit = commit};
        file->dropped_blocks += extents[i].count;
    }
    publish(file);
    return AREG_OK;
}

enum areg_error fragment_file_flush(struct fragment_file *file)
{
    if (file->written_count == 0 || fdatasync(file->descriptor) == 0)
        return AREG_OK;
    return error_of(errno);
}

void fragment_file_end(struct fragment_file *file, bool is_committed)
{
    if (is_committed) {
        file->dropped_committed = file->dropped_count;
    } else {
        while (file->dropped_count > file->dropped_committed)
            file->dropped_blocks -= file->dropped[--file->dropped_count].extent.count;
        for (uint32_t i = 0; i < file->written_count; i++)
            blocks_free(&file->blocks, file->written[i]);
    }
    file->written_count = 0;
    publish(file);
}

/* ---------------------------------------------------------------- write, read */

/** Write all of two pieces of memory; the kernel may take them in parts. */
static enum areg_error write_fully(int descriptor, uint64_t offset, struct iovec parts[2])
{
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        const ssize_t written = pwritev(descriptor, parts, 2, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? error_of(errno) : AREG_EIO;
        offset += (uint64_t)written;
        size_t left = (size_t)written;
        for (int i = 0; i < 2; i++) {
            const size_t taken = left < parts[i].iov_len ? left : parts[i].iov_len;
            parts[i].iov_base = (uint8_t *)parts[i].iov_base + taken;
            parts[i].iov_len -= taken;
            left -= taken;
        }
    }
    return AREG_OK;
}

/** The last block is filled up with zeroes: so the kernel need not read what was there before. */
static enum areg_error write_extent(const struct fragment_file *file, struct extent extent, struct slice part)
{
    static const uint8_t zeroes[BLOCK_BYTES];
    union {
        const void *from;
        void *to;
    } payload = {.from = part.at}, padding = {.from = zeroes}; /* struct iovec has no const */
    struct iovec parts[2] = {
        {.iov_base = payload.to, .iov_len = part.bytes},
        {.iov_base = padding.to, .iov_len = (size_t)extent.count * BLOCK_BYTES - part.bytes},
    };
    return write_fully(file->descriptor, extent.block * BLOCK_BYTES, parts);
}

/** Room in the list of what the transaction wrote. */
static enum areg_error written_reserve(struct fragment_file *file, uint32_t extent_count)
{
    if (file->written_room - file->written_count >= extent_count)
        return AREG_OK;
    const uint32_t room = 2 * file->written_room + LIST_ROOM_MIN;
    struct extent *const written = realloc(file->written, room * sizeof *written);
    if (!written)
        return AREG_ENOMEM;
    file->written = written;
    file->written_room = room;
    return AREG_OK;
}

enum areg_error fragment_file_write(struct fragment_file *file, struct slice fragment,
                                    struct extent extents[EXTENT_COUNT_MAX], uint32_t *extent_count)
{
    CHECK(fragment.bytes > 0);
    const uint32_t block_count = (uint32_t)((fragment.bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
    enum areg_error error = written_reserve(file, EXTENT_COUNT_MAX);
    if (error == AREG_OK)
        error = blocks_allocate(&file->blocks, block_count, extents, extent_count);
    if (error)
        return error;
    memcpy(file->written + file->written_count, extents, *extent_count * sizeof *extents);
    file->written_count += *extent_count;
    publish(file);

    size_t offset = 0;
    for (uint32_t i = 0; i < *extent_count && error == AREG_OK; i++) {
        const size_t extent_bytes = (size_t)extents[i].count * BLOCK_BYTES;
        const size_t left_bytes = fragment.bytes - offset;
        const size_t bytes = extent_bytes < left_bytes ? extent_bytes : left_bytes;
        error = write_extent(file, extents[i], slice_borrow(fragment.at + offset, bytes));
        offset += bytes;
    }
    return error;
}

static enum areg_error read_fully(int descriptor, uint64_t offset, uint8_t *to, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t count = pread(descriptor, to, bytes, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return AREG_ECORRUPT;
        offset += (uint64_t)count;
        to += count;
        bytes -= (size_t)count;
    }
    return AREG_OK;
}

enum areg_error fragment_file_read(const struct fragment_file *file, const struct extent *extents,
                                   uint32_t extent_count, uint8_t *to, size_t bytes)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < extent_count && offset < bytes; i++) {
        const size_t extent_bytes = (size_t)extents[i].count * BLOCK_BYTES;
        const size_t part_bytes = extent_bytes < bytes - offset ? extent_bytes : bytes - offset;
        const enum areg_error error =
            read_fully(file->descriptor, extents[i].block * BLOCK_BYTES, to + offset, part_bytes);
        if (error)
            return error;
        offset += part_bytes;
    }
    return offset == bytes ? AREG_OK : AREG_ECORRUPT;
}
