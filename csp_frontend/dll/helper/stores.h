/* The user's certificate stores, and in them the certificates that are ours by a mark of ours. */
#ifndef PERSONAL_CSP_STORES_H
#define PERSONAL_CSP_STORES_H

#include "orders.h"

/* Collect the thumbprints of our certificates in a store. FALSE if the store cannot be read. */
BOOL store_list(DWORD store, struct buffer *thumbprints);

/*
 * Put a certificate into its store, with the mark, and in MY with provider, container and key spec. CRYPT_E_EXISTS if
 * there is one already that is not ours: it is left as it is.
 */
DWORD store_add(const struct order *order);

/* Take a certificate out that has our mark; one that has not is left alone. */
DWORD store_remove(const struct order *order);

#endif
