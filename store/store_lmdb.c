/*
 * The tables on disk, in one LMDB environment. Nothing else includes lmdb.h.
 *
 * - Commits use LMDB's default of two flushes (pages, then the meta page that names them): what store_commit()
 *   acknowledged survives a power cut. Never MDB_WRITEMAP (a stray pointer would write into the data base) and never
 *   MDB_NOMETASYNC (a power cut would take acknowledged commits back).
 * - The map is larger than any store will be, so it never has to grow. Address space costs nothing.
 * - A directory belongs to one process at a time: a lock file of our own says which.
 * - Reading is cheap: read transactions are kept and renewed, not begun anew.
 */
#include "core/check.h"
#include "store/backend.h"

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

enum { READER_COUNT_MAX = 126, LOCK_TEXT_BYTES = 32, COMMIT_OVERHEAD_BYTES = 64 << 10 };

struct lmdb_txn {
    struct store_txn base;
    MDB_txn *handle;
    uint64_t put_bytes; /* values of this transaction: about what its commit writes */
    struct lmdb_txn *next_idle;
};

struct lmdb_store {
    struct store base;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    int directory;
    int lock_file;
    struct lmdb_txn writer; /* LMDB lets one in at a time */
    pthread_mutex_t idle_lock;
    struct lmdb_txn *idle; /* read transactions that have been reset, to be renewed */
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
    case MDB_KEYEXIST: /* piece numbers only rise, unless the state or the table is wrong */
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
    const unsigned flags = table == TABLE_PIECES ? MDB_RESERVE | MDB_APPEND : MDB_RESERVE;
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

/* ---------------------------------------------------------------- room */

/** Pages of all trees, LMDB's list of free pages (table 0) included: each tree keeps count of its own. */
static enum areg_error used_bytes(struct store_txn *txn, uint64_t *bytes)
{
    const struct lmdb_store *const store = lmdb_store_of(txn);
    const MDB_dbi trees[] = {0, store->tables[TABLE_HOST], store->tables[TABLE_REGISTERS], store->tables[TABLE_PIECES]};
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

static enum areg_error lmdb_usage(struct store_txn *txn, struct usage *usage)
{
    const struct lmdb_store *const store = lmdb_store_of(txn);
    struct statvfs file_system;
    struct stat file;
    int data_file;
    if (mdb_env_get_fd(store->env, &data_file) || fstat(data_file, &file) || fstatvfs(data_file, &file_system))
        return AREG_EIO;
    usage->file_bytes = (uint64_t)file.st_size;
    usage->disk_free_bytes = (uint64_t)file_system.f_bavail * file_system.f_frsize;
    return used_bytes(txn, &usage->used_bytes);
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

static enum areg_error begin_write(struct lmdb_store *store, struct store_txn **txn)
{
    MDB_txn *handle;
    const int code = mdb_txn_begin(store->env, NULL, 0, &handle);
    if (code)
        return error_of(code);
    store->writer = (struct lmdb_txn){.base = {.store = &store->base, .mode = STORE_WRITE}, .handle = handle};
    *txn = &store->writer.base;
    return AREG_OK;
}

static struct lmdb_txn *idle_take(struct lmdb_store *store)
{
    pthread_mutex_lock(&store->idle_lock);
    struct lmdb_txn *const txn = store->idle;
    if (txn)
        store->idle = txn->next_idle;
    pthread_mutex_unlock(&store->idle_lock);
    return txn;
}

static void idle_give(struct lmdb_store *store, struct lmdb_txn *txn)
{
    pthread_mutex_lock(&store->idle_lock);
    txn->next_idle = store->idle;
    store->idle = txn;
    pthread_mutex_unlock(&store->idle_lock);
}

static enum areg_error begin_read(struct lmdb_store *store, struct store_txn **txn)
{
    struct lmdb_txn *reader = idle_take(store);
    int code;
    if (reader) {
        code = mdb_txn_renew(reader->handle);
        if (code)
            mdb_txn_abort(reader->handle);
    } else {
        reader = calloc(1, sizeof *reader);
        if (!reader)
            return AREG_ENOMEM;
        code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader->handle);
    }
    if (code) {
        free(reader);
        return error_of(code);
    }
    reader->base = (struct store_txn){.store = &store->base, .mode = STORE_READ};
    *txn = &reader->base;
    return AREG_OK;
}

static enum areg_error lmdb_begin(struct store *store, enum store_mode mode, struct store_txn **txn)
{
    struct lmdb_store *const lmdb = (struct lmdb_store *)store;
    return mode == STORE_WRITE ? begin_write(lmdb, txn) : begin_read(lmdb, txn);
}

static enum areg_error lmdb_commit(struct store_txn *txn)
{
    const struct lmdb_store *const store = lmdb_store_of(txn);
    /* The next writer may take over store->writer as soon as this one is done. */
    const uint64_t put_bytes = lmdb_txn_of(txn)->put_bytes;
    const int code = mdb_txn_commit(lmdb_txn_of(txn)->handle);
    if (code == EIO && disk_is_full(store, put_bytes + COMMIT_OVERHEAD_BYTES))
        return AREG_EFULL;
    return error_of(code);
}

static void lmdb_abort(struct store_txn *txn)
{
    struct lmdb_store *const store = lmdb_store_of(txn);
    if (txn->mode == STORE_WRITE) {
        mdb_txn_abort(lmdb_txn_of(txn)->handle);
        return;
    }
    mdb_txn_reset(lmdb_txn_of(txn)->handle);
    idle_give(store, lmdb_txn_of(txn));
}

/* ---------------------------------------------------------------- open, close */

static void lmdb_close(struct store *store)
{
    struct lmdb_store *const lmdb = (struct lmdb_store *)store;
    for (struct lmdb_txn *txn = lmdb->idle; txn;) {
        struct lmdb_txn *const next = txn->next_idle;
        mdb_txn_abort(txn->handle);
        free(txn);
        txn = next;
    }
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    if (lmdb->lock_file >= 0)
        close(lmdb->lock_file); /* and with it the lock */
    if (lmdb->directory >= 0)
        close(lmdb->directory);
    pthread_mutex_destroy(&lmdb->idle_lock);
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
        code = mdb_dbi_open(txn, "pieces", MDB_CREATE, &store->tables[TABLE_PIECES]);
    if (code == MDB_SUCCESS)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
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
    /* LMDB leaves the names of new files to chance: a power cut must not leave an empty directory behind. */
    if (code == MDB_SUCCESS && options->sync && fsync(store->directory) != 0)
        code = errno;
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
    return error;
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
    pthread_mutex_init(&lmdb->idle_lock, NULL);
    const enum areg_error error = lmdb_open(lmdb, options, why);
    if (error)
        lmdb_close(&lmdb->base);
    else
        *store = &lmdb->base;
    return error;
}
