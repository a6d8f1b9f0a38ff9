/*
 * personal-csp-store.exe: puts the certificates of inserted tokens into the user's stores and takes them out again, as
 * the agent says. It decides nothing and keeps nothing: whose a certificate is stands in the store itself. It ends with
 * the agent, which starts it.
 */
#include "stores.h"

#include <string.h>

/* Carry out one order; `refused` is set to a certificate of somebody else's that stands where ours was to go. */
static void carry_out(const struct order *order, BYTE refused[THUMBPRINT_SIZE], BOOL *was_refused)
{
    DWORD status = ERROR_SUCCESS;

    *was_refused = FALSE;
    if (order->action == ACTION_ADD) {
        status = store_add(order);
    } else if (order->action == ACTION_REMOVE) {
        status = store_remove(order);
    }
    if (status != ERROR_SUCCESS) {
        *was_refused = TRUE;
        memcpy(refused, order->thumbprint, THUMBPRINT_SIZE);
    }
}

int main(void)
{
    struct buffer ours[STORES] = {{NULL, 0, 0, FALSE}, {NULL, 0, 0, FALSE}};
    BYTE refused[THUMBPRINT_SIZE];
    BOOL was_refused = FALSE;
    struct order order;
    DWORD status;

    for (;;) {
        if (!store_list(STORE_MY, &ours[STORE_MY]) || !store_list(STORE_CA, &ours[STORE_CA])) {
            return 2;
        }
        status = order_next(ours, was_refused ? refused : NULL, &order);
        if (status != ERROR_SUCCESS) {
            return status == WIRE_BUSY ? 3 : 1;
        }
        carry_out(&order, refused, &was_refused);
        order_free(&order);
    }
}
