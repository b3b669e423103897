/*
 * Every limit of the system, with its unit and its reason.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <areg.h>

enum {
    /* A configuration. 32 members fit one word of a vote set, and a code of 32 fragments is past any sensible one. */
    MEMBER_COUNT_MAX = 32,
    DELTA_MAX = 32,

    /* Patterns of fragments that are there and wanted whose tables a codec keeps: 3 KiB for [5,3], 128 KiB at most. */
    CODEC_TABLE_COUNT_MAX = 16,

    /* Names. */
    HOST_ID_BYTES_MAX = 32,
    ADDRESS_BYTES_MAX = 128,
    POOL_NAME_BYTES_MAX = 32,
    POOL_PREFIX_BYTES_MAX = 128,
    CLUSTER_NAME_BYTES_MAX = 64,
    REASON_BYTES_MAX = 256,

    /* A cluster. Lists of hosts and pools are read by every client when it starts. */
    HOST_COUNT_MAX = 256,
    POOL_COUNT_MAX = 64,
    SHARD_COUNT_MAX = 1024,

    /* Entries of one register on one host: delta + 1 superseded ones, and those of writes under way or abandoned.
     * Past it the paper's rule applies: the smallest goes, confirmed or not (PROTOCOL §2). */
    ENTRY_COUNT_MAX = 64,
    /* The same limit in bytes of fragments. */
    ENTRY_FRAGMENT_BYTES_MAX = 256 << 20,

    /* A key in its sorted form (core/key.h) and 4 bytes of a slot stay below LMDB's key limit of 511 bytes. */
    KEY_SORT_RAW_BYTES_MAX = 463,
    KEY_SORT_PREFIX_BYTES = 448,
    KEY_SORT_BYTES_MAX = 464,

    /* Canonical encodings: 32 members of an id, an address, a key; a cluster of 256 hosts and 64 pools. */
    CONFIG_ENCODED_BYTES_MAX = 8 << 10,
    CLUSTER_ENCODED_BYTES_MAX = 256 << 10,

    /* One page of a key listing: bounds the time of a read transaction and the size of the reply. */
    KEY_PAGE_COUNT_MAX = 1000,
    KEY_PAGE_BYTES_MAX = 256 << 10,

    /* A packet: messages for one peer that travel together. */
    PACKET_MESSAGE_COUNT_MAX = 256,
    PACKET_HEADER_BYTES_MAX = 1 << 20,
    PACKET_PAYLOAD_BYTES_MAX = 64 << 20,
    /* Replies to one packet leave in packets with so many bytes of fragments: the first ones are on their way, and out
     * of the processor's cache, while the others are being read. (Puts stay together: one packet is one commit.) */
    PACKET_REPLY_PAYLOAD_BYTES = 1 << 20,
    STATUS_BYTES_MAX = 64 << 10,
    /* The largest part of a packet: a whole value, a header, a cluster map or a page of keys. */
    FRAME_BYTES_MAX = 16 << 20,
    /* Packets and bytes that wait for one peer's socket; past either, packets for it are dropped. A peer that is slower
     * than this must not pin more memory; two of the largest packets fit. */
    PEER_QUEUE_PACKET_MAX = 256,
    PEER_QUEUE_BYTES_MAX = 160 << 20,
    /* Peers that one host has bytes queued for; past it, replies to further peers are dropped. */
    PEER_COUNT_MAX = 4096,
    /* Peers of one client handle: all hosts of a cluster, under two addresses each. */
    DEALER_COUNT_MAX = 2 * HOST_COUNT_MAX,
    MESSAGE_DEPTH_MAX = 8,

    /* Hosts that one change of a configuration names: all may go, and as many come. */
    CHANGE_HOST_COUNT_MAX = 2 * MEMBER_COUNT_MAX,

    /* A reconfiguration. Registers are moved in as many slices as fit one word: each worker takes some, and those of
     * one that fails go to others. */
    TRANSFER_SLICE_COUNT = 32,
    /* Registers that one worker moves at a time: enough to fill a network of some milliseconds with small values. */
    TRANSFER_INFLIGHT_MAX = 64,
    /* And bytes over the network, unless it is a single one: enough for 10 Gbit/s and ten milliseconds. */
    TRANSFER_INFLIGHT_BYTES_MAX = 16 << 20,
    /* Configurations that one host is a member of, retired ones included until it restarts; past it, it refuses to
     * join. */
    MEMBERSHIP_COUNT_MAX = 4 * SHARD_COUNT_MAX,

    /* A client. */
    INFLIGHT_DEFAULT = 1024,
    INFLIGHT_MAX = 4096,
    CONFIRM_PENDING_MAX = 1024,

    /* A host: mutating messages that wait for the writer; past either, BUSY. */
    QUEUE_MESSAGE_COUNT_MAX = 4096,
    QUEUE_BYTES_MAX = 256 << 20,
    /* One commit: bounds its latency and the dirty pages that it holds in memory. */
    BATCH_MESSAGE_COUNT_MAX = 512,
    BATCH_BYTES_MAX = 64 << 20,
    /* Registers whose superseded entries wait for their grace time; past it a scan of all registers finds them. */
    SWEEP_PENDING_MAX = 1 << 16,
};

_Static_assert(DELTA_MAX + 1 < ENTRY_COUNT_MAX, "the entries that delta keeps must fit the list");
_Static_assert(KEY_SORT_RAW_BYTES_MAX < KEY_SORT_BYTES_MAX, "raw and shortened keys must differ in length");
_Static_assert(PACKET_PAYLOAD_BYTES_MAX > 2 * (int)AREG_VALUE_BYTES_MAX, "a whole value must fit a packet");
_Static_assert(FRAME_BYTES_MAX >= (int)AREG_VALUE_BYTES_MAX, "a whole value must fit a frame");
_Static_assert(FRAME_BYTES_MAX >= PACKET_HEADER_BYTES_MAX && FRAME_BYTES_MAX >= CLUSTER_ENCODED_BYTES_MAX &&
                   FRAME_BYTES_MAX >= KEY_PAGE_BYTES_MAX,
               "everything else that travels must fit a frame, too");
_Static_assert(PEER_QUEUE_BYTES_MAX > 2 * (PACKET_PAYLOAD_BYTES_MAX + PACKET_HEADER_BYTES_MAX), "packets must fit it");
_Static_assert(BATCH_BYTES_MAX > (int)AREG_VALUE_BYTES_MAX, "a whole value must fit a commit");
_Static_assert(QUEUE_BYTES_MAX > BATCH_BYTES_MAX, "a batch must fit the queue");

#endif
