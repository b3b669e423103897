/*
 * areg.h - the client library of areg, a cluster of atomic registers.
 *
 * A register is a named value. Every operation on a register is atomic: it appears to take effect at
 * one instant between its call and its completion (linearizability), whatever other clients do, and
 * whichever hosts crash and restart meanwhile, as long as the register's configuration keeps a quorum.
 *
 * Conventions that hold for every function here:
 *
 * Threads     A client handle belongs to one thread at a time; open one for each thread. Values may be
 *             read and freed on any thread.
 * Time        Milliseconds, always relative. 0 means "the default", AREG_NO_WAIT and AREG_FOREVER say
 *             the rest.
 * Ownership   "borrowed": until the call returns. "copied": the caller keeps its own. "taken": the
 *             library frees it, also when the call fails. "lent": valid until the stated event.
 * Errors      Every function that can fail returns an enum areg_error, of one of three classes:
 *             done (AREG_OK) - no effect, now or ever (all others) - unknown (AREG_EMAYBE alone: the
 *             write may take effect now, later, or never). A read never answers AREG_EMAYBE.
 * Zero        A zeroed struct of options asks for the defaults.
 */
#ifndef AREG_H
#define AREG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AREG_VERSION_MAJOR 0
#define AREG_VERSION_MINOR 1
#define AREG_VERSION_PATCH 0

#if defined(__GNUC__)
#define AREG_MUST_USE __attribute__((warn_unused_result))
#define AREG_API __attribute__((visibility("default")))
#else
#define AREG_MUST_USE
#define AREG_API
#endif

#define AREG_KEY_BYTES_MAX 1024u         /* a key has 1..1024 bytes of any content */
#define AREG_VALUE_BYTES_MAX (16u << 20) /* a value has 0..16 MiB */

#define AREG_NO_WAIT 0u /* areg_run: look, do not wait */
#define AREG_FOREVER UINT32_MAX

/** What became of a call or an operation. The numbers are part of the ABI. */
enum areg_error {
    AREG_OK = 0,
    /* No effect, now or ever. */
    AREG_ENOTFOUND = 1,  /* the register holds no value */
    AREG_ESTALE = 2,     /* covering write: the register has moved on from `base` */
    AREG_EINVAL = 3,     /* a bad argument */
    AREG_ETOOBIG = 4,    /* value above AREG_VALUE_BYTES_MAX */
    AREG_EBUSY = 5,      /* too many operations in flight; try again */
    AREG_EUNAVAIL = 6,   /* no quorum answered before the deadline */
    AREG_EFULL = 7,      /* too many hosts have no room for another value */
    AREG_EACCES = 8,     /* a host refused this client */
    AREG_EVERSION = 9,   /* a host speaks another version of the protocol */
    AREG_ECORRUPT = 10,  /* fewer than k intact fragments of the newest value are left */
    AREG_ECANCELED = 11, /* canceled before any effect */
    AREG_ENOMEM = 12,    /* out of memory */
    AREG_EIO = 13,       /* a local file, socket or disk failed */
    /* Outcome unknown. */
    AREG_EMAYBE = 14, /* the write may take effect now, later, or never */
};

/**
 * Version of one register's value: totally ordered (z first, then writer), unique for every write.
 * {0,0} is the version of a register that was never written.
 */
struct areg_tag {
    uint64_t z;
    uint64_t writer;
};

/** Room for a printed tag, "z.writer" with the writer in hexadecimal, and its final NUL. */
#define AREG_TAG_TEXT_BYTES 40

struct areg_client;
struct areg_value;

/* ---------------------------------------------------------------- errors */

/** One English sentence for an error; never NULL; static. */
AREG_API const char *areg_strerror(enum areg_error error);
/** The constant's own name, "AREG_EUNAVAIL"; never NULL; static. */
AREG_API const char *areg_error_name(enum areg_error error);
/** Whether the same call may succeed later without a change by the caller, and is safe to repeat. */
AREG_API bool areg_may_retry(enum areg_error error);

/* ---------------------------------------------------------------- tags */

/** Print `tag` as "z.writer" into `text`; returns `text`. */
AREG_API const char *areg_tag_print(struct areg_tag tag, char text[AREG_TAG_TEXT_BYTES]);
/** Parse what areg_tag_print() printed; AREG_EINVAL for anything else. */
AREG_API enum areg_error areg_tag_parse(const char *text, struct areg_tag *tag) AREG_MUST_USE;

/* ---------------------------------------------------------------- values */

/** Frees memory that was given to areg_value_wrap(); may run on a thread of the library. */
typedef void areg_free_fn(void *data, void *arg);

/**
 * A new value of `value_bytes` bytes, to be filled in through areg_value_data_mutable() before it is written.
 * NULL if there is no memory or the value is above AREG_VALUE_BYTES_MAX.
 */
AREG_API struct areg_value *areg_value_create(size_t value_bytes) AREG_MUST_USE;
/**
 * A value around memory of the caller's, without a copy. The memory must stay as it is until `free_fn`
 * runs, once, which may be well after the write has completed (a slow host is still being sent to).
 * `free_fn` may be NULL for memory that outlives the process's last use of the library.
 * NULL if there is no memory or the value is too large: then nothing has changed hands.
 */
AREG_API struct areg_value *areg_value_wrap(const void *data, size_t value_bytes, areg_free_fn *free_fn,
                                            void *arg) AREG_MUST_USE;
/** One more reference to the same value. */
AREG_API struct areg_value *areg_value_ref(struct areg_value *value);
/** Give one reference back; NULL is allowed. */
AREG_API void areg_value_free(struct areg_value *value);
/** Its size in bytes. */
AREG_API size_t areg_value_bytes(const struct areg_value *value);
/**
 * All bytes in one piece, lent until the value is freed; never NULL, also for an empty value.
 * A value that was read may have arrived in up to k pieces, and is gathered (one copy, kept) by the
 * first call; areg_value_pieces() avoids that copy. NULL if there is no memory for it.
 */
AREG_API const void *areg_value_data(struct areg_value *value);
/** The bytes of a value made by areg_value_create() and not yet written; else NULL. */
AREG_API void *areg_value_data_mutable(struct areg_value *value);

/** One contiguous part of a value. */
struct areg_piece {
    const void *data;
    size_t piece_bytes;
};
#define AREG_PIECES_MAX 32u
/** The value as up to AREG_PIECES_MAX pieces in order, lent until it is freed; returns their number. */
AREG_API size_t areg_value_pieces(const struct areg_value *value, struct areg_piece pieces[AREG_PIECES_MAX]);

/* ---------------------------------------------------------------- client */

struct areg_options {
    uint32_t timeout_ms;   /* default deadline of an operation; 0 = 5000 */
    uint32_t inflight_max; /* operations under way at once, 1..4096; 0 = 1024 */
    char *detail;          /* room for one line that says what was wrong when areg_open() fails; or NULL */
    size_t detail_bytes;
};

/**
 * Open a client handle.
 *
 * @where    Seeds, "tcp://h1:7600,tcp://h2:7600" (any one live host is enough), or the path of a client
 *           settings file (one that contains no "://"), which holds, in libconfig's syntax,
 *               seeds = [ "tcp://h1:7600", "tcp://h2:7600" ];
 *               timeout = "5 s";      # optional; options->timeout_ms goes before it
 *           Copied.
 * @options  NULL for the defaults; copied, but `detail` is written to before this call returns.
 *
 * Returns at once, without waiting for a host: operations wait for the cluster, up to their deadlines.
 * A handle does not survive fork(): the child must not touch it, not even to close it.
 * Returns  AREG_EINVAL (malformed address, file or option), AREG_ENOMEM, AREG_EIO.
 */
AREG_API enum areg_error areg_open(struct areg_client **client, const char *where,
                                   const struct areg_options *options) AREG_MUST_USE;

/**
 * Close the handle. Operations under way are completed first, with AREG_ECANCELED or AREG_EMAYBE; their
 * callbacks run inside this call, and can submit no more. What is on its way to slow hosts still leaves, for up
 * to one second. NULL is allowed. Inside a callback of this handle it is forbidden, and ignored.
 */
AREG_API void areg_close(struct areg_client *client);

/* ---------------------------------------------------------------- operations */

enum areg_op {
    AREG_GET = 1,  /* the value and its tag */
    AREG_PUT = 2,  /* a new value */
    AREG_DEL = 3,  /* no value any more */
    AREG_STAT = 4, /* the tag and the size, without the value */
};

/** The outcome of one operation; lent to the callback until it returns, but `value` is the callee's. */
struct areg_result {
    uint64_t id; /* as areg_submit() gave it out */
    enum areg_error error;
    /* Of the value read or written; AREG_ENOTFOUND: of the delete, or {0,0}; AREG_ESTALE: of the newer value;
     * AREG_EMAYBE: of this write, if it had one already. */
    struct areg_tag tag;
    struct areg_value *value; /* GET, AREG_OK: the callee frees it with areg_value_free(); else NULL */
    uint64_t value_bytes;     /* GET, STAT */
    uint32_t rounds;          /* rounds of messages that it took */
    uint32_t configuration;   /* number of the newest configuration that it asked; the first one has 0 */
    const char *detail;       /* one line for people: the hosts that did not answer, if any; never NULL */
};

/**
 * Runs exactly once for each admitted operation, inside areg_run(), areg_wait(), areg_close() or a blocking call.
 * It may submit and cancel on the same handle, but not run, wait, block or close: those are refused there.
 */
typedef void areg_done_fn(const struct areg_result *result, void *arg);

/** One operation to submit. */
struct areg_request {
    enum areg_op op;
    const void *key; /* 1..AREG_KEY_BYTES_MAX bytes of any content; copied */
    size_t key_bytes;
    const void *data; /* PUT without `value`: copied */
    size_t data_bytes;
    struct areg_value *value; /* PUT: written without a copy; one more reference is held while needed; or NULL */
    const struct areg_tag
        *base;           /* PUT, DEL: covering write: only if the register's tag is still this; copied; or NULL */
    uint32_t timeout_ms; /* 0 = the handle's default; AREG_FOREVER = no deadline */
    areg_done_fn *done;  /* or NULL: nobody wants to know, and a value that was read is freed */
    void *arg;
};

/**
 * Begin operations. All are admitted, or none.
 *
 * Two writes of one handle to one key take effect in the order of submission. Reads are not ordered by
 * the order of submission. They leave in the next areg_run(), and those that leave together travel together,
 * so submit all that there is before running.
 *
 * @ids      Room for `count` ids, or NULL.
 *
 * Returns   AREG_EINVAL, AREG_ETOOBIG, AREG_EBUSY (`inflight_max` reached), AREG_ENOMEM: nothing was begun, and
 *           areg_detail() says what was wrong.
 * Delivers  GET, STAT: AREG_OK, AREG_ENOTFOUND, AREG_EUNAVAIL, AREG_ECORRUPT, AREG_ECANCELED, AREG_EVERSION,
 *           AREG_ENOMEM. PUT, DEL: AREG_OK, AREG_EMAYBE, and the same but AREG_ENOTFOUND and AREG_ECORRUPT,
 *           and AREG_EFULL; over a base also AREG_ESTALE, AREG_ECORRUPT.
 * Cost      GET: one round of messages and one value received, two rounds when hosts disagree. PUT: two
 *           rounds, n/k values sent. DEL, STAT: no value.
 */
AREG_API enum areg_error areg_submit(struct areg_client *client, const struct areg_request *requests, size_t count,
                                     uint64_t *ids) AREG_MUST_USE;

/**
 * Do what there is to do, until at least one completion has run or `wait_ms` is over; with AREG_FOREVER also until
 * no operation is under way. Returns the number of completions that ran.
 */
AREG_API size_t areg_run(struct areg_client *client, uint32_t wait_ms);
/** areg_run() until the operation `id` has completed; AREG_EINVAL if there is no such operation under way. */
AREG_API enum areg_error areg_wait(struct areg_client *client, uint64_t id) AREG_MUST_USE;
/**
 * Give an operation up: it completes, in the next areg_run(), with AREG_ECANCELED, or AREG_EMAYBE for a write
 * that may have reached a host. AREG_EINVAL if there is no such operation under way.
 */
AREG_API enum areg_error areg_cancel(struct areg_client *client, uint64_t id) AREG_MUST_USE;
/**
 * A descriptor that polls readable when areg_run(client, AREG_NO_WAIT) has something to do: news from hosts, timers,
 * operations that were submitted since. It belongs to the handle; wait for it, do not read from it.
 */
AREG_API int areg_fd(struct areg_client *client);

/* ---------------------------------------------------------------- blocking calls */

/*
 * Each returns what the operation's completion delivered, or why it was not begun; areg_detail() says more. They
 * run the loop of areg_run() meanwhile, so that callbacks of other operations may run inside them. `tag` may be NULL;
 * it is set as in struct areg_result on AREG_OK, AREG_ENOTFOUND, AREG_ESTALE and AREG_EMAYBE, and zeroed otherwise.
 */

/** Options of one blocking operation; NULL or zeroed for the defaults. */
struct areg_op_options {
    uint32_t timeout_ms;
    const struct areg_tag *base;
};

/** Read; on AREG_OK `*value` is the caller's, to be freed with areg_value_free(); otherwise NULL. */
AREG_API enum areg_error areg_get(struct areg_client *client, const void *key, size_t key_bytes,
                                  const struct areg_op_options *options, struct areg_value **value,
                                  struct areg_tag *tag) AREG_MUST_USE;
/** Write the bytes at `data` (copied once). */
AREG_API enum areg_error areg_put(struct areg_client *client, const void *key, size_t key_bytes, const void *data,
                                  size_t data_bytes, const struct areg_op_options *options,
                                  struct areg_tag *tag) AREG_MUST_USE;
/** Write a counted value, without a copy; the caller keeps its reference. */
AREG_API enum areg_error areg_put_value(struct areg_client *client, const void *key, size_t key_bytes,
                                        struct areg_value *value, const struct areg_op_options *options,
                                        struct areg_tag *tag) AREG_MUST_USE;
/** Delete: the register holds no value afterwards. Deleting a register without a value is AREG_OK. */
AREG_API enum areg_error areg_del(struct areg_client *client, const void *key, size_t key_bytes,
                                  const struct areg_op_options *options, struct areg_tag *tag) AREG_MUST_USE;
/** Tag and size of the value, which is not moved. */
AREG_API enum areg_error areg_stat(struct areg_client *client, const void *key, size_t key_bytes,
                                   const struct areg_op_options *options, struct areg_tag *tag,
                                   uint64_t *value_bytes) AREG_MUST_USE;
/** The detail line of the handle's last blocking call or areg_submit(), never NULL; lent until the next one. */
AREG_API const char *areg_detail(const struct areg_client *client);

/** One listed key; lent to the callback until it returns. */
typedef bool areg_key_fn(const void *key, size_t key_bytes, struct areg_tag tag, void *arg);
/**
 * List the keys that begin with `prefix`, in the order of their bytes (keys above 463 bytes that share their
 * first 448 stand in a fixed, but not their bytes', order). `each` returns false to stop.
 *
 * Weak: keys written or deleted meanwhile may be missing or listed; all others are right.
 * Returns AREG_OK, AREG_EUNAVAIL, AREG_EINVAL, AREG_ENOMEM. The deadline is for each page of keys.
 */
AREG_API enum areg_error areg_list(struct areg_client *client, const void *prefix, size_t prefix_bytes,
                                   const struct areg_op_options *options, areg_key_fn *each, void *arg) AREG_MUST_USE;

/** How one host answered a ping. */
struct areg_host_status {
    const char *id;      /* "s1" */
    const char *address; /* "tcp://127.0.0.1:7601" */
    bool is_up;
    uint32_t round_trip_us;
    const char *status; /* a JSON object with the host's counters, "" when it is down */
};
typedef void areg_host_fn(const struct areg_host_status *host, void *arg);
/** Ask every host of the cluster for its status; AREG_EUNAVAIL if no host at all answered. */
AREG_API enum areg_error areg_ping(struct areg_client *client, const struct areg_op_options *options,
                                   areg_host_fn *each, void *arg) AREG_MUST_USE;

/* ---------------------------------------------------------------- counters */

enum areg_counter {
    AREG_COUNT_READS = 0,   /* GET and STAT completed, any outcome */
    AREG_COUNT_WRITES,      /* PUT and DEL completed, any outcome */
    AREG_COUNT_READ_ROUNDS, /* rounds of messages of those reads */
    AREG_COUNT_WRITE_ROUNDS,
    AREG_COUNT_WRITE_BACKS,   /* reads that had to write back */
    AREG_COUNT_MESSAGES_SENT, /* requests; several travel in one packet */
    AREG_COUNT_PACKETS_SENT,
    AREG_COUNT_BYTES_SENT, /* bytes of values and fragments */
    AREG_COUNT_BYTES_RECEIVED,
    AREG_COUNT_OVERHEAD_SENT, /* bytes of headers */
    AREG_COUNT_OVERHEAD_RECEIVED,
    AREG_COUNT_RETRANSMITS, /* requests sent again because no answer came */
    AREG_COUNT_HEDGES,      /* fragments asked from one more host because another was slow */
    AREG_COUNT_END
};
/** A counter of this handle since areg_open(); 0 for a number that is none. */
AREG_API uint64_t areg_counter(const struct areg_client *client, enum areg_counter counter);
/** Its name, "read_rounds"; NULL for a number that is none. */
AREG_API const char *areg_counter_name(enum areg_counter counter);

/** The library's version, "0.1.0". */
AREG_API const char *areg_version(void);

#ifdef __cplusplus
}
#endif
#endif
