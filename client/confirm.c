/*
 * Confirmations: "an operation of this tag has completed" [PROTOCOL §2]. They only save storage and rounds, so they
 * wait for a request to travel with, and are dropped when there are too many.
 */
#include "client/engine.h"
#include "core/ablation.h"
#include "dap/dap.h"

static struct confirmation *item_at(const struct confirmations *confirmations, uint32_t index)
{
    return &confirmations->items[index % CONFIRM_PENDING_MAX];
}

void confirm_later(struct client *client, struct view *view, struct slice key, struct tag tag, struct voters members,
                   uint64_t now_ns)
{
    struct confirmations *confirmations = &client->confirmations;
    if (SWITCHED_OFF(ABLATION_CONFIRM) || members.bits == 0 || tag_is_zero(tag) ||
        !dap_of(view->config.code.dap)->answer->sweep)
        return;
    if (confirmations->end - confirmations->first == CONFIRM_PENDING_MAX)
        return;
    *item_at(confirmations, confirmations->end++) = (struct confirmation){
        .view = view_ref(view), .key = slice_ref(key), .tag = tag, .due = members, .due_ns = now_ns + CONFIRM_DELAY_NS};
    if (confirmations->end - confirmations->first > CONFIRM_PENDING_MAX / 2)
        confirm_ride(confirmations);
}

void confirm_ride(struct confirmations *confirmations)
{
    confirmations->ready = confirmations->end;
}

void confirm_tick(struct confirmations *confirmations, uint64_t now_ns)
{
    if (confirm_wake_ns(confirmations) <= now_ns)
        confirm_ride(confirmations);
}

uint64_t confirm_wake_ns(const struct confirmations *confirmations)
{
    if (confirmations->ready == confirmations->end)
        return UINT64_MAX;
    return item_at(confirmations, confirmations->ready)->due_ns;
}

static void drop_first(struct confirmations *confirmations)
{
    struct confirmation *item = item_at(confirmations, confirmations->first++);
    slice_unref(&item->key);
    view_unref(item->view);
}

bool confirm_next_send(struct client *client, struct client_send *send)
{
    struct confirmations *confirmations = &client->confirmations;
    while (confirmations->first != confirmations->ready) {
        struct confirmation *item = item_at(confirmations, confirmations->first);
        if (item->due.bits == 0) {
            drop_first(confirmations);
            continue;
        }
        const unsigned member_index = (unsigned)__builtin_ctz(item->due.bits);
        voters_remove(&item->due, member_index);
        const unsigned peer_index = item->view->peers[member_index];
        if (!client->peers[peer_index].is_up)
            continue;
        send->peer_index = peer_index;
        send->request.kind = MESSAGE_CONFIRM;
        send->request.op = 0;
        send->request.phase = 0;
        send->request.shard = item->view->config.shard;
        send->request.config = item->view->config.id;
        send->request.key = item->key;
        send->request.descriptor = (struct slice){0};
        send->request.payload = (struct slice){0};
        send->request.confirm.tag = item->tag;
        return true;
    }
    return false;
}

void confirm_fini(struct client *client)
{
    struct confirmations *confirmations = &client->confirmations;
    while (confirmations->first != confirmations->end)
        drop_first(confirmations);
}
