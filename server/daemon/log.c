#include "server/daemon/log.h"

#include "core/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug"};
static const char *const FORMAT_NAMES[] = {"text", "json"};

_Static_assert(sizeof LEVEL_NAMES / sizeof LEVEL_NAMES[0] == LOG_LEVEL_COUNT, "every level has a name");
_Static_assert(sizeof FORMAT_NAMES / sizeof FORMAT_NAMES[0] == LOG_FORMAT_COUNT, "every format has a name");

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LOG_LEVEL_COUNT ? LEVEL_NAMES[level] : NULL;
}

const char *log_format_name(enum log_format format)
{
    return (unsigned)format < LOG_FORMAT_COUNT ? FORMAT_NAMES[format] : NULL;
}

const char *log_quote(const char *text, char *to, size_t room_bytes)
{
    enum { ESCAPE_BYTES_MAX = 6, END_BYTES = 2 };
    CHECK(room_bytes >= 1 + ESCAPE_BYTES_MAX + END_BYTES);
    size_t used = 0;
    to[used++] = '"';
    for (; *text && used + ESCAPE_BYTES_MAX + END_BYTES <= room_bytes; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            to[used++] = '\\';
            to[used++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            used += (size_t)snprintf(to + used, ESCAPE_BYTES_MAX + 1, "\\u%04x", c);
        } else {
            to[used++] = (char)c;
        }
    }
    to[used++] = '"';
    to[used] = 0;
    return to;
}

/** "2025-03-01T12:00:00.123Z" */
static void print_time(char text[32])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    char seconds[24];
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 32, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000 % 1000));
}

/** One system call for a line, so that lines do not mix. */
static void write_line(const char *line, const char *object, const char *end)
{
    struct iovec parts[] = {
        {(void *)(uintptr_t)line, strlen(line)},
        {(void *)(uintptr_t)object, strlen(object)},
        {(void *)(uintptr_t)end, strlen(end)},
    };
    const ssize_t written = writev(STDERR_FILENO, parts, 3);
    (void)written; /* There is nobody left to tell. */
}

static void write_text(const struct log *log, enum log_level level, const char *message, const char *object)
{
    char line[LOG_LINE_BYTES_MAX + 128];
    char time_text[32];
    print_time(time_text);
    snprintf(line, sizeof line, "%s %-5s %s%s%s%s", time_text, log_level_name(level), log->host ? log->host : "",
             log->host ? ": " : "", message, object ? " " : "");
    /* A message may carry a peer's bytes: it stays one line. */
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = '?';
    write_line(line, object ? object : "", "\n");
}

static void write_json(const struct log *log, enum log_level level, const char *message, const char *object)
{
    char line[2 * LOG_LINE_BYTES_MAX + 256];
    char quoted_message[2 * LOG_LINE_BYTES_MAX];
    char quoted_host[64];
    char time_text[32];
    print_time(time_text);
    snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"host\":%s,\"message\":%s%s", time_text,
             log_level_name(level), log->host ? log_quote(log->host, quoted_host, sizeof quoted_host) : "null",
             log_quote(message, quoted_message, sizeof quoted_message), object ? ",\"object\":" : "");
    write_line(line, object ? object : "", "}\n");
}

static void write_message(const struct log *log, enum log_level level, const char *message, const char *object)
{
    if (level > log->level)
        return;
    if (log->format == LOG_JSON)
        write_json(log, level, message, object);
    else
        write_text(log, level, message, object);
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
    char message[LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    write_message(log, level, message, NULL);
}

void log_object(const struct log *log, enum log_level level, const char *message, const char *object)
{
    write_message(log, level, message, object);
}

bool log_limit_take(struct log_limit *limit, uint64_t now_ns, uint64_t *hidden_count)
{
    pthread_mutex_lock(&limit->lock);
    if (now_ns - limit->period_start_ns >= LOG_LIMIT_PERIOD_NS) {
        limit->period_start_ns = now_ns;
        limit->logged_count = 0;
    }
    const bool may_log = limit->logged_count < LOG_LIMIT_COUNT_MAX;
    *hidden_count = may_log ? limit->hidden_count : 0;
    limit->logged_count += may_log;
    limit->hidden_count = may_log ? 0 : limit->hidden_count + 1;
    pthread_mutex_unlock(&limit->lock);
    return may_log;
}
