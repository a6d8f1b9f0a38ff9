/* What the agent wants done to the user's certificate stores, one thing at a time. */
#ifndef PERSONAL_CSP_ORDERS_H
#define PERSONAL_CSP_ORDERS_H

#include "process.h"

/* As in csp_frontend/certificates.py. */
enum { STORE_MY = 0, STORE_CA = 1, STORES = 2 };
enum action { ACTION_NONE = 0, ACTION_ADD = 1, ACTION_REMOVE = 2 };
enum { THUMBPRINT_SIZE = 20 };

/* Texts and certificate are copies, to be given back by `order_free`. */
struct order {
    enum action action;
    DWORD store;
    BYTE thumbprint[THUMBPRINT_SIZE];
    BYTE *certificate;
    DWORD certificate_size;
    WCHAR *container;
    DWORD key_spec;
    WCHAR *friendly_name;
};

/*
 * Tell the agent which certificates of ours are in each store, and which one was refused because somebody else's stands
 * there (NULL: none); wait for its order. ERROR_SUCCESS, or why there is none: the agent has gone, or has another helper.
 */
DWORD order_next(const struct buffer ours[STORES], const BYTE *refused, struct order *order);

void order_free(struct order *order);

#endif
