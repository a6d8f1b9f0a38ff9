/* PP_USER_CERTSTORE and PP_ROOT_CERTSTORE: of the PKCS #7 message that the agent answers the program gets a store. */
#ifndef PERSONAL_CSP_CERT_STORE_H
#define PERSONAL_CSP_CERT_STORE_H

#include "platform.h"

/* A store in memory, which the program closes; empty if there is no message. NULL if it cannot be made. */
HCERTSTORE cert_store_open(const BYTE *message, DWORD size);

#endif
