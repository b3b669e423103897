/*
 * One line for each event worth a person's attention, on stderr, as text or as JSON. Any thread may log; lines of
 * different threads never mix. It never blocks on anything but stderr, and never fails.
 */
#ifndef SERVER_DAEMON_LOG_H
#define SERVER_DAEMON_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };
enum log_format { LOG_TEXT = 0, LOG_JSON, LOG_FORMAT_COUNT };

/** "error", "warn", "info", "debug"; "text", "json". NULL for a number that is none, so that they can be counted. */
const char *log_level_name(enum log_level level);
const char *log_format_name(enum log_format format);

struct log {
    enum log_level level; /* what is less urgent than this is left out */
    enum log_format format;
    const char *host; /* its id, lent for the life of the log; NULL: not known yet */
};

enum { LOG_LINE_BYTES_MAX = 2048 };

/** Longer lines are cut. A bare message: time, level and host are added. */
void log_write(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** A message with a JSON object, of any length. */
void log_object(const struct log *log, enum log_level level, const char *message, const char *object);

/** What keeps one kind of message, which a peer can provoke, from flooding the log: a few in each period, then a count
 * of the rest. Set to zero before the first use; it may be shared by threads. */
struct log_limit {
    pthread_mutex_t lock; /* zero is a valid one (PTHREAD_MUTEX_INITIALIZER) */
    uint64_t period_start_ns;
    unsigned logged_count;
    uint64_t hidden_count;
};

enum { LOG_LIMIT_COUNT_MAX = 5 };
#define LOG_LIMIT_PERIOD_NS UINT64_C(10000000000)

/** Whether this one may be logged. `*hidden_count` is how many have been hidden since the last that was. */
bool log_limit_take(struct log_limit *limit, uint64_t now_ns, uint64_t *hidden_count);

/** Write `text` as a JSON string, with its quotes; cut to fit, never half a character escape. Returns `to`. */
const char *log_quote(const char *text, char *to, size_t room_bytes);

#endif
