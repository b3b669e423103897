#include "client/cli/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---------------------------------------------------------------- in */

enum { FIRST_ROOM_BYTES = 64 << 10 };

static enum areg_error too_big(const char *name, char why[CONTENT_WHY_BYTES])
{
    snprintf(why, CONTENT_WHY_BYTES, "%s: larger than %u MiB", name, AREG_VALUE_BYTES_MAX >> 20);
    return AREG_ETOOBIG;
}

static enum areg_error failed(const char *name, char why[CONTENT_WHY_BYTES])
{
    snprintf(why, CONTENT_WHY_BYTES, "%s: %s", name, strerror(errno));
    return errno == ENOMEM ? AREG_ENOMEM : AREG_EIO;
}

static void free_content(void *data, void *arg)
{
    (void)arg;
    free(data);
}

/*
 * Everything up to the end of the file, in memory that grows; a byte above the limit is enough to refuse it. Files are
 * read and not mapped: one that somebody changes meanwhile must not change a value that is being written.
 */
static enum areg_error read_all(int fd, const char *name, size_t room_bytes, struct areg_value **value,
                                char why[CONTENT_WHY_BYTES])
{
    const size_t room_bytes_max = AREG_VALUE_BYTES_MAX + 1;
    char *content = malloc(room_bytes);
    size_t used_bytes = 0;
    ssize_t got_bytes = 1;
    while (content && got_bytes != 0 && used_bytes < room_bytes_max) {
        if (used_bytes == room_bytes) {
            room_bytes = 2 * room_bytes < room_bytes_max ? 2 * room_bytes : room_bytes_max;
            char *larger = realloc(content, room_bytes);
            if (!larger)
                break;
            content = larger;
        }
        got_bytes = read(fd, content + used_bytes, room_bytes - used_bytes);
        if (got_bytes < 0 && errno == EINTR)
            continue;
        if (got_bytes < 0)
            break;
        used_bytes += (size_t)got_bytes;
    }
    enum areg_error error = AREG_OK;
    if (used_bytes == room_bytes_max)
        error = too_big(name, why);
    else if (!content || got_bytes != 0)
        error = failed(name, why);
    if (!error) {
        *value = areg_value_wrap(content, used_bytes, free_content, NULL);
        error = *value ? AREG_OK : failed(name, why);
    }
    if (error)
        free(content);
    return error;
}

static enum areg_error read_file(const char *path, struct areg_value **value, char why[CONTENT_WHY_BYTES])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        const enum areg_error error = failed(path, why);
        if (fd >= 0)
            close(fd);
        return error;
    }
    const bool has_size = S_ISREG(status.st_mode) && status.st_size > 0;
    enum areg_error error;
    if (has_size && (uint64_t)status.st_size > AREG_VALUE_BYTES_MAX)
        error = too_big(path, why);
    else /* one byte more than it has, so that its end is seen without growing */
        error = read_all(fd, path, has_size ? (size_t)status.st_size + 1 : FIRST_ROOM_BYTES, value, why);
    close(fd);
    return error;
}

enum areg_error content_read(const char *word, struct areg_value **value, char why[CONTENT_WHY_BYTES])
{
    if (word[0] == '@')
        return read_file(word + 1, value, why);
    if (strcmp(word, "-") == 0)
        return read_all(STDIN_FILENO, "stdin", FIRST_ROOM_BYTES, value, why);
    *value = areg_value_wrap(word, strlen(word), NULL, NULL);
    return *value ? AREG_OK : failed("value", why);
}

/* ---------------------------------------------------------------- out */

static bool write_pieces(int fd, const struct areg_value *value)
{
    struct areg_piece pieces[AREG_PIECES_MAX];
    const size_t count = areg_value_pieces(value, pieces);
    size_t at = 0;
    size_t skip_bytes = 0; /* of the piece at `at` */
    while (at < count) {
        struct iovec parts[AREG_PIECES_MAX];
        for (size_t i = at; i < count; i++) {
            union {
                const void *data;
                void *base;
            } part = {.data = pieces[i].data}; /* writev() only reads, though it does not say so */
            parts[i - at] = (struct iovec){part.base, pieces[i].piece_bytes};
        }
        parts[0].iov_base = (char *)parts[0].iov_base + skip_bytes;
        parts[0].iov_len -= skip_bytes;
        const ssize_t written_bytes = writev(fd, parts, (int)(count - at));
        if (written_bytes < 0 && errno != EINTR)
            return false;
        skip_bytes += written_bytes < 0 ? 0 : (size_t)written_bytes;
        for (; at < count && skip_bytes >= pieces[at].piece_bytes; at++)
            skip_bytes -= pieces[at].piece_bytes;
    }
    return true;
}

/* What may be done to a new file; the process's mask can only be learned by changing it. */
static mode_t usual_mode(void)
{
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* To a neighbour of the file first, which then takes its place. */
static bool replace_file(const char *path, mode_t mode, const struct areg_value *value)
{
    const size_t room_bytes = strlen(path) + sizeof ".XXXXXX";
    char *draft = malloc(room_bytes);
    if (!draft)
        return false;
    snprintf(draft, room_bytes, "%s.XXXXXX", path);
    const int fd = mkostemp(draft, O_CLOEXEC);
    bool is_ok = fd >= 0;
    if (is_ok) {
        is_ok = write_pieces(fd, value) && fchmod(fd, mode) == 0;
        is_ok = close(fd) == 0 && is_ok && rename(draft, path) == 0;
        const int cause = errno;
        if (!is_ok)
            unlink(draft);
        errno = cause;
    }
    free(draft);
    return is_ok;
}

enum areg_error content_write(const char *path, const struct areg_value *value, char why[CONTENT_WHY_BYTES])
{
    enum { PERMISSIONS = 0777 };
    struct stat status;
    bool is_ok;
    if (strcmp(path, "-") == 0) {
        is_ok = write_pieces(STDOUT_FILENO, value);
    } else if (stat(path, &status) != 0) {
        is_ok = replace_file(path, usual_mode(), value);
    } else if (!S_ISREG(status.st_mode)) {
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        is_ok = fd >= 0 && write_pieces(fd, value);
        if (fd >= 0)
            is_ok = close(fd) == 0 && is_ok;
    } else {
        char *target = realpath(path, NULL); /* a link stays one */
        is_ok = target && replace_file(target, status.st_mode & PERMISSIONS, value);
        free(target);
    }
    return is_ok ? AREG_OK : failed(strcmp(path, "-") == 0 ? "stdout" : path, why);
}
