/*
 * The store on disk: tables in one LMDB environment, large fragments in a file beside it (fragment_file.h says how the
 * two stay together). Nothing else includes lmdb.h.
 *
 * - Fragments do not go into LMDB, because a value of many pages needs a run of free ones there, and small records
 *   leave none: docs/store.md has the figures.
 * - Commits use LMDB's default of two flushes (pages, then the meta page that names them): what store_commit()
 *   acknowledged survives a power cut. Never MDB_WRITEMAP (a stray pointer would write into the data base) and never
 *   MDB_NOMETASYNC (a power cut would take acknowledged commits back).
 * - The map is larger than any store will be, so it never has to grow. Address space costs nothing.
 * - A directory belongs to one process at a time: a lock file of our own says which.
 * - Reading is cheap: read transactions are kept and renewed, not begun anew.
 */
#include "core/check.h"
#include "store/backend.h"
#include "store/fragment_file.h"
#include "store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Tried first, and halved while the system refuses so much (valgrind, address-space limits). */
static const size_t MAP_BYTES_MAX = (size_t)8 << 40;
static const size_t MAP_BYTES_MIN = (size_t)1 << 30;

enum {
    READER_COUNT_MAX = 126,
    LOCK_TEXT_BYTES = 32,
    COMMIT_OVERHEAD_BYTES = 64 << 10,
    /* LMDB's file has that much of the disk beyond its last page, so that deleting, which takes some pages before it
     * gives others back, works on a disk that somebody else has filled. */
    HEADROOM_BYTES = 4 << 20,
};

struct lmdb_txn {
    struct store_txn base;
    MDB_txn *handle;
    uint64_t put_bytes;  /* values of this transaction: about what its commit writes to LMDB's file */
    uint64_t disk_bytes; /* free ones of the file system and those of the fragment file; 0: not asked for yet */
    struct lmdb_txn *next;
    struct lmdb_txn **link; /* open readers: what points here */
};

struct lmdb_store {
    struct store base;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    int directory;
    int lock_file;
    bool sync;

    pthread_mutex_t writer_lock; /* held by the open write transaction; it guards what follows */
    struct lmdb_txn writer;
    struct fragment_file fragments;
    uint64_t allocated_bytes; /* of LMDB's file */

    pthread_mutex_t readers_lock;
    struct lmdb_txn *open_readers;
    struct lmdb_txn *idle_readers; /* reset, to be renewed */
};

static struct lmdb_store *lmdb_store_of(struct store_txn *txn)
{
    return (struct lmdb_store *)txn->store;
}

static struct lmdb_txn *lmdb_txn_of(struct store_txn *txn)
{
    return (struct lmdb_txn *)txn;
}

static enum areg_error error_of(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return AREG_OK;
    case MDB_NOTFOUND:
        return AREG_ENOTFOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return AREG_EFULL;
    case ENOMEM:
        return AREG_ENOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_KEYEXIST: /* fragment numbers only rise, unless the state or the table is wrong */
        return AREG_ECORRUPT;
    case MDB_VERSION_MISMATCH:
        return AREG_EVERSION;
    case MDB_READERS_FULL:
        return AREG_EBUSY;
    default:
        return AREG_EIO;
    }
}

/* ---------------------------------------------------------------- tables */

static MDB_val value_of(struct slice slice)
{
    /* LMDB's struct has no const, but its functions leave keys alone. */
    union {
        const void *from;
        void *to;
    } pointer = {.from = slice.at};
    return (MDB_val){.mv_size = slice.bytes, .mv_data = pointer.to};
}

static struct slice slice_of_value(MDB_val value)
{
    return slice_borrow(value.mv_data, value.mv_size);
}

static enum areg_error lmdb_get(struct store_txn *txn, enum table table, struct slice key, struct slice *value)
{
    MDB_val from = value_of(key);
    MDB_val found;
    const int code = mdb_get(lmdb_txn_of(txn)->handle, lmdb_store_of(txn)->tables[table], &from, &found);
    if (code == MDB_SUCCESS)
        *value = slice_of_value(found);
    return error_of(code);
}

static enum areg_error lmdb_put(struct store_txn *txn, enum table table, struct slice key, size_t value_bytes,
                                uint8_t **room)
{
    MDB_val at = value_of(key);
    MDB_val value = {.mv_size = value_bytes};
    const unsigned flags = table == TABLE_FRAGMENTS ? MDB_RESERVE | MDB_APPEND : MDB_RESERVE;
    const int code = mdb_put(lmdb_txn_of(txn)->handle, lmdb_store_of(txn)->tables[table], &at, &value, flags);
    lmdb_txn_of(txn)->put_bytes += value_bytes;
    *room = value.mv_data;
    return error_of(code);
}

static enum areg_error lmdb_del(struct store_txn *txn, enum table table, struct slice key)
{
    MDB_val at = value_of(key);
    return error_of(mdb_del(lmdb_txn_of(txn)->handle, lmdb_store_of(txn)->tables[table], &at, NULL));
}

static enum areg_error lmdb_seek(struct store_txn *txn, enum table table, struct slice from, struct slice *key,
                                 struct slice *value)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(lmdb_txn_of(txn)->handle, lmdb_store_of(txn)->tables[table], &cursor);
    if (code)
        return error_of(code);
    MDB_val at = value_of(from);
    MDB_val found;
    code = mdb_cursor_get(cursor, &at, &found, MDB_SET_RANGE);
    if (code == MDB_SUCCESS) {
        *key = slice_of_value(at);
        *value = slice_of_value(found);
    }
    mdb_cursor_close(cursor);
    return error_of(code);
}

/* ---------------------------------------------------------------- fragments */

static enum areg_error lmdb_fragment_put(struct store_txn *txn, uint64_t number, struct slice fragment)
{
    struct extent extents[EXTENT_COUNT_MAX];
    uint32_t extent_count;
    uint8_t record[EXTENTS_RECORD_BYTES_MAX];
    uint8_t key[FRAGMENT_KEY_BYTES];
    uint8_t *room;
    enum areg_error error = fragment_file_write(&lmdb_store_of(txn)->fragments, fragment, extents, &extent_count);
    if (error)
        return error;
    const size_t record_bytes = extents_encode(extents, extent_count, record);
    error = lmdb_put(txn, TABLE_FRAGMENTS, fragment_key(number, key), record_bytes, &room);
    if (error == AREG_OK)
        memcpy(room, record, record_bytes);
    return error;
}

static enum areg_error extents_find(struct store_txn *txn, struct slice key, struct extent extents[EXTENT_COUNT_MAX],
                                    uint32_t *extent_count)
{
    struct slice record;
    const enum areg_error error = lmdb_get(txn, TABLE_FRAGMENTS, key, &record);
    return error ? error : extents_decode(record, extents, extent_count);
}

static enum areg_error lmdb_fragment_get(struct store_txn *txn, uint64_t number, uint8_t *to, size_t fragment_bytes)
{
    struct extent extents[EXTENT_COUNT_MAX];
    uint32_t extent_count;
    uint8_t key[FRAGMENT_KEY_BYTES];
    const enum areg_error error = extents_find(txn, fragment_key(number, key), extents, &extent_count);
    if (error)
        return error == AREG_ENOTFOUND ? AREG_ECORRUPT : error;
    return fragment_file_read(&lmdb_store_of(txn)->fragments, extents, extent_count, to, fragment_bytes);
}

static enum areg_error lmdb_fragment_del(struct store_txn *txn, uint64_t number)
{
    struct extent extents[EXTENT_COUNT_MAX];
    uint32_t extent_count;
    uint8_t key[FRAGMENT_KEY_BYTES];
    enum areg_error error = extents_find(txn, fragment_key(number, key), extents, &extent_count);
    if (error == AREG_ENOTFOUND)
        return AREG_OK;
    if (error == AREG_OK)
        error = fragment_file_drop(&lmdb_store_of(txn)->fragments, extents, extent_count,
                                   mdb_txn_id(lmdb_txn_of(txn)->handle));
    return error ? error : lmdb_del(txn, TABLE_FRAGMENTS, fragment_key(number, key));
}

/** Tell the fragment file, when it is opened, which blocks are in use. */
static enum areg_error fragments_claim(struct lmdb_store *store, struct store_txn *txn)
{
    uint8_t from[FRAGMENT_KEY_BYTES + 1] = {0};
    size_t from_bytes = FRAGMENT_KEY_BYTES;
    for (;;) {
        struct extent extents[EXTENT_COUNT_MAX];
        uint32_t extent_count;
        struct slice key;
        struct slice record;
        enum areg_error error = lmdb_seek(txn, TABLE_FRAGMENTS, slice_borrow(from, from_bytes), &key, &record);
        if (error)
            return error == AREG_ENOTFOUND ? AREG_OK : error;
        if (key.bytes != FRAGMENT_KEY_BYTES)
            return AREG_ECORRUPT;
        error = extents_decode(record, extents, &extent_count);
        for (uint32_t i = 0; i < extent_count && error == AREG_OK; i++)
            error = fragment_file_claim(&store->fragments, extents[i]);
        if (error)
            return error;
        memcpy(from, key.at, key.bytes);
        from_bytes = sizeof from;
    }
}

/* ---------------------------------------------------------------- room */

/** Pages of all trees, LMDB's list of free pages (table 0) included: each tree keeps count of its own. */
static enum areg_error pages_used(struct store_txn *txn, uint64_t *bytes)
{
    const struct lmdb_store *const store = lmdb_store_of(txn);
    const MDB_dbi trees[] = {0, store->tables[TABLE_HOST], store->tables[TABLE_REGISTERS],
                             store->tables[TABLE_FRAGMENTS]};
    uint64_t page_count = 2; /* LMDB's meta pages */
    MDB_stat stat;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        const int code = mdb_stat(lmdb_txn_of(txn)->handle, trees[i], &stat);
        if (code)
            return error_of(code);
        page_count += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    *bytes = page_count * stat.ms_psize;
    return AREG_OK;
}

static uint64_t excess(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/** The system is asked once in a transaction: every put wants to know. Since then the fragment file may have grown. */
static enum areg_error disk_free(struct store_txn *txn, uint64_t blocks_end_bytes, uint64_t *free_bytes)
{
    uint64_t *const disk_bytes = &lmdb_txn_of(txn)->disk_bytes;
    if (*disk_bytes == 0) {
        struct statvfs file_system;
        if (fstatvfs(lmdb_store_of(txn)->directory, &file_system) != 0)
            return AREG_EIO;
        *disk_bytes = (uint64_t)file_system.f_bavail * file_system.f_frsize + blocks_end_bytes;
    }
    *free_bytes = excess(*disk_bytes, blocks_end_bytes);
    return AREG_OK;
}

static enum areg_error lmdb_usage(struct store_txn *txn, struct usage *usage)
{
    struct lmdb_store *const store = lmdb_store_of(txn);
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t pages_bytes = 0;
    uint64_t disk_free_bytes = 0;
    if (mdb_env_info(store->env, &info) || mdb_env_stat(store->env, &stat))
        return AREG_EIO;
    const uint64_t pages_end_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    const uint64_t blocks_bytes = atomic_load(&store->fragments.used_count) * BLOCK_BYTES;
    const uint64_t blocks_end_bytes = atomic_load(&store->fragments.end_count) * BLOCK_BYTES;
    enum areg_error error = pages_used(txn, &pages_bytes);
    if (error == AREG_OK)
        error = disk_free(txn, blocks_end_bytes, &disk_free_bytes);
    if (error)
        return error;
    *usage = (struct usage){
        .used_bytes = pages_bytes + blocks_bytes,
        .file_bytes = pages_end_bytes + blocks_end_bytes,
        /* The last eighth of free blocks may be too scattered to be used (blocks.c). */
        .reusable_bytes = excess(pages_end_bytes, pages_bytes) +
                          excess(blocks_end_bytes - blocks_end_bytes / BLOCK_SLACK_SHARE, blocks_bytes),
        .disk_free_bytes = disk_free_bytes,
    };
    return AREG_OK;
}

/**
 * Whether the disk has no room for what the transaction wrote. LMDB reports a write that was cut short by a full disk
 * as EIO; a request for as much space tells the two apart.
 */
static bool disk_is_full(const struct lmdb_store *store, uint64_t bytes)
{
    struct stat file;
    int data_file;
    if (mdb_env_get_fd(store->env, &data_file) || fstat(data_file, &file))
        return false;
    if (fallocate(data_file, 0, file.st_size, (off_t)bytes) == 0)
        return false;
    return error_of(errno) == AREG_EFULL;
}

/* ---------------------------------------------------------------- transactions */

/** The oldest commit that an open reader sees. */
static uint64_t commit_seen(struct lmdb_store *store)
{
    uint64_t seen = UINT64_MAX;
    pthread_mutex_lock(&store->readers_lock);
    for (const struct lmdb_txn *reader = store->open_readers; reader; reader = reader->next) {
        const uint64_t commit = mdb_txn_id(reader->handle);
        seen = commit < seen ? commit : seen;
    }
    pthread_mutex_unlock(&store->readers_lock);
    return seen;
}

/** Without success there is less headroom, or none, and nothing else is wrong. */
static void headroom_keep(struct lmdb_store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    int data_file;
    if (mdb_env_info(store->env, &info) || mdb_env_stat(store->env, &stat))
        return;
    const uint64_t end_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    if (store->allocated_bytes >= end_bytes + HEADROOM_BYTES / 2 || mdb_env_get_fd(store->env, &data_file))
        return;
    if (fallocate(data_file, 0, (off_t)end_bytes, HEADROOM_BYTES) == 0)
        store->allocated_bytes = end_bytes + HEADROOM_BYTES;
    else if (errno == EOPNOTSUPP)
        store->allocated_bytes = UINT64_MAX; /* do not ask again */
}

static enum areg_error begin_write(struct lmdb_store *store, struct store_txn **txn)
{
    MDB_txn *handle;
    pthread_mutex_lock(&store->writer_lock);
    const int code = mdb_txn_begin(store->env, NULL, 0, &handle);
    if (code) {
        pthread_mutex_unlock(&store->writer_lock);
        return error_of(code);
    }
    headroom_keep(store);
    fragment_file_begin(&store->fragments, commit_seen(store));
    store->writer = (struct lmdb_txn){.base = {.store = &store->base, .mode = STORE_WRITE}, .handle = handle};
    *txn = &store->writer.base;
    return AREG_OK;
}

/** Renew an idle reader, or make one. Under the lock: what a reader sees must be known before a writer asks. */
static int reader_open(struct lmdb_store *store, struct lmdb_txn **opened)
{
    struct lmdb_txn *reader = store->idle_readers;
    int code;
    if (reader) {
        store->idle_readers = reader->next;
        code = mdb_txn_renew(reader->handle);
        if (code)
            mdb_txn_abort(reader->handle);
    } else {
        reader = calloc(1, sizeof *reader);
        if (!reader)
            return ENOMEM;
        code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader->handle);
    }
    if (code) {
        free(reader);
        return code;
    }
    reader->link = &store->open_readers;
    reader->next = store->open_readers;
    if (reader->next)
        reader->next->link = &reader->next;
    store->open_readers = reader;
    *opened = reader;
    return MDB_SUCCESS;
}

static enum areg_error begin_read(struct lmdb_store *store, struct store_txn **txn)
{
    struct lmdb_txn *reader;
    pthread_mutex_lock(&store->readers_lock);
    const int code = reader_open(store, &reader);
    pthread_mutex_unlock(&store->readers_lock);
    if (code)
        return error_of(code);
    reader->base = (struct store_txn){.store = &store->base, .mode = STORE_READ};
    reader->disk_bytes = 0;
    *txn = &reader->base;
    return AREG_OK;
}

static void reader_close(struct lmdb_store *store, struct lmdb_txn *reader)
{
    pthread_mutex_lock(&store->readers_lock);
    *reader->link = reader->next;
    if (reader->next)
        reader->next->link = reader->link;
    mdb_txn_reset(reader->handle);
    reader->next = store->idle_readers;
    store->idle_readers = reader;
    pthread_mutex_unlock(&store->readers_lock);
}

static enum areg_error lmdb_begin(struct store *store, enum store_mode mode, struct store_txn **txn)
{
    struct lmdb_store *const lmdb = (struct lmdb_store *)store;
    return mode == STORE_WRITE ? begin_write(lmdb, txn) : begin_read(lmdb, txn);
}

static void lmdb_abort(struct store_txn *txn)
{
    struct lmdb_store *const store = lmdb_store_of(txn);
    if (txn->mode == STORE_READ) {
        reader_close(store, lmdb_txn_of(txn));
        return;
    }
    mdb_txn_abort(store->writer.handle);
    fragment_file_end(&store->fragments, false);
    pthread_mutex_unlock(&store->writer_lock);
}

/** Fragments first: the commit that names them must not be there without them. */
static enum areg_error lmdb_commit(struct store_txn *txn)
{
    struct lmdb_store *const store = lmdb_store_of(txn);
    enum areg_error error = store->sync ? fragment_file_flush(&store->fragments) : AREG_OK;
    if (error) {
        lmdb_abort(txn);
        return error;
    }
    const int code = mdb_txn_commit(store->writer.handle);
    error = error_of(code);
    if (code == EIO && disk_is_full(store, store->writer.put_bytes + COMMIT_OVERHEAD_BYTES))
        error = AREG_EFULL;
    fragment_file_end(&store->fragments, error == AREG_OK);
    pthread_mutex_unlock(&store->writer_lock);
    return error;
}

/* ---------------------------------------------------------------- open, close */

static void lmdb_close(struct store *store)
{
    struct lmdb_store *const lmdb = (struct lmdb_store *)store;
    CHECK(!lmdb->open_readers);
    for (struct lmdb_txn *reader = lmdb->idle_readers; reader;) {
        struct lmdb_txn *const next = reader->next;
        mdb_txn_abort(reader->handle);
        free(reader);
        reader = next;
    }
    fragment_file_close(&lmdb->fragments);
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    if (lmdb->lock_file >= 0)
        close(lmdb->lock_file); /* and with it the lock */
    if (lmdb->directory >= 0)
        close(lmdb->directory);
    pthread_mutex_destroy(&lmdb->readers_lock);
    pthread_mutex_destroy(&lmdb->writer_lock);
    free(lmdb);
}

static const struct backend LMDB_BACKEND = {
    .close = lmdb_close,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .seek = lmdb_seek,
    .fragment_put = lmdb_fragment_put,
    .fragment_get = lmdb_fragment_get,
    .fragment_del = lmdb_fragment_del,
    .usage = lmdb_usage,
};

/** Take the directory for this process: the lock goes with the process, the text in it says whose it is. */
static enum areg_error directory_lock(struct lmdb_store *store, const char *path, char why[STORE_WHY_BYTES])
{
    char text[LOCK_TEXT_BYTES] = {0};
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory >= 0)
        store->lock_file = openat(store->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_file < 0) {
        snprintf(why, STORE_WHY_BYTES, "%s: cannot open the data directory: %s", path, strerror(errno));
        return AREG_EIO;
    }
    if (flock(store->lock_file, LOCK_EX | LOCK_NB) != 0) {
        const bool has_text = pread(store->lock_file, text, sizeof text - 1, 0) > 0;
        snprintf(why, STORE_WHY_BYTES, "%s: in use by another process (pid %ld)", path,
                 has_text ? strtol(text, NULL, 10) : 0L);
        return AREG_EBUSY;
    }
    const int text_bytes = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(store->lock_file, 0) != 0 || pwrite(store->lock_file, text, (size_t)text_bytes, 0) != text_bytes) {
        snprintf(why, STORE_WHY_BYTES, "%s: cannot write the lock file: %s", path, strerror(errno));
        return error_of(errno);
    }
    return AREG_OK;
}

static int env_open_with_map(struct lmdb_store *store, const char *path, bool sync, size_t map_bytes)
{
    int code = mdb_env_create(&store->env);
    if (code) {
        store->env = NULL;
        return code;
    }
    const unsigned flags = MDB_NOTLS | (sync ? 0 : MDB_NOSYNC);
    code = mdb_env_set_mapsize(store->env, map_bytes);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(store->env, READER_COUNT_MAX);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(store->env, path, flags, 0600);
    if (code) {
        mdb_env_close(store->env);
        store->env = NULL;
    }
    return code;
}

static int env_open(struct lmdb_store *store, const char *path, bool sync)
{
    size_t map_bytes = MAP_BYTES_MAX;
    int code;
    do {
        code = env_open_with_map(store, path, sync, map_bytes);
        map_bytes /= 2;
    } while ((code == ENOMEM || code == EINVAL || code == EOVERFLOW) && map_bytes >= MAP_BYTES_MIN);
    return code;
}

static int tables_open(struct lmdb_store *store)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code)
        return code;
    /* The main table holds the records of the others under their names; our keys in it begin with a small byte. */
    code = mdb_dbi_open(txn, NULL, 0, &store->tables[TABLE_HOST]);
    if (code == MDB_SUCCESS)
        code = mdb_dbi_open(txn, "registers", MDB_CREATE, &store->tables[TABLE_REGISTERS]);
    if (code == MDB_SUCCESS)
        code = mdb_dbi_open(txn, "fragments", MDB_CREATE, &store->tables[TABLE_FRAGMENTS]);
    if (code == MDB_SUCCESS)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static enum areg_error fragments_open(struct lmdb_store *store, const struct store_options *options,
                                      char why[STORE_WHY_BYTES])
{
    enum areg_error error = fragment_file_open(&store->fragments, store->directory);
    /* The names of new files are not durable by themselves: a power cut must not leave an empty directory behind. */
    if (error == AREG_OK && options->sync && fsync(store->directory) != 0)
        error = AREG_EIO;
    if (error) {
        snprintf(why, STORE_WHY_BYTES, "%s: cannot open the file of fragments: %s", options->path, strerror(errno));
        return error;
    }
    struct store_txn *txn;
    error = begin_read(store, &txn);
    if (error == AREG_OK) {
        error = fragments_claim(store, txn);
        lmdb_abort(txn);
    }
    if (error)
        snprintf(why, STORE_WHY_BYTES, "%s: cannot find the fragments: %s", options->path, error_sentence(error));
    return error;
}

static enum areg_error lmdb_open(struct lmdb_store *store, const struct store_options *options,
                                 char why[STORE_WHY_BYTES])
{
    enum areg_error error = directory_lock(store, options->path, why);
    if (error)
        return error;
    int code = env_open(store, options->path, options->sync);
    int stale_reader_count;
    if (code == MDB_SUCCESS)
        code = mdb_reader_check(store->env, &stale_reader_count);
    if (code == MDB_SUCCESS)
        code = tables_open(store);
    if (code) {
        snprintf(why, STORE_WHY_BYTES, "%s: cannot open the data base: %s", options->path, mdb_strerror(code));
        return error_of(code) == AREG_ENOTFOUND ? AREG_ECORRUPT : error_of(code);
    }
    error = store_state_settle(&store->base);
    if (error == AREG_EVERSION)
        snprintf(why, STORE_WHY_BYTES, "%s: not in the format %d that this program reads", options->path, STORE_FORMAT);
    else if (error)
        snprintf(why, STORE_WHY_BYTES, "%s: cannot read the state of the store: %s", options->path,
                 error_sentence(error));
    return error ? error : fragments_open(store, options, why);
}

enum areg_error store_lmdb_open(struct store **store, const struct store_options *options, char why[STORE_WHY_BYTES])
{
    *store = NULL;
    why[0] = 0;
    struct lmdb_store *const lmdb = calloc(1, sizeof *lmdb);
    if (!lmdb) {
        snprintf(why, STORE_WHY_BYTES, "%s: out of memory", options->path);
        return AREG_ENOMEM;
    }
    lmdb->base.backend = &LMDB_BACKEND;
    store_set_quota(&lmdb->base, options->quota_bytes, options->reserve_bytes);
    lmdb->directory = -1;
    lmdb->lock_file = -1;
    lmdb->fragments.descriptor = -1;
    lmdb->sync = options->sync;
    pthread_mutex_init(&lmdb->readers_lock, NULL);
    pthread_mutex_init(&lmdb->writer_lock, NULL);
    const enum areg_error error = lmdb_open(lmdb, options, why);
    if (error)
        lmdb_close(&lmdb->base);
    else
        *store = &lmdb->base;
    return error;
}
