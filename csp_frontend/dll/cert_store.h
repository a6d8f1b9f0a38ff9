/* PP_USER_CERTSTORE and PP_ROOT_CERTSTORE: of the certificates that the agent answers the program gets a store. */
#ifndef PERSONAL_CSP_CERT_STORE_H
#define PERSONAL_CSP_CERT_STORE_H

#include "platform.h"

/*
 * A store in memory, which the program closes, with the certificates of a message as csp_frontend/token_stores.py
 * describes it; those of keys carry CERT_KEY_PROV_INFO. NULL if the message is none, or the store cannot be made.
 */
HCERTSTORE cert_store_open(const BYTE *message, DWORD size);

#endif
