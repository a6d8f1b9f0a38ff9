/* The only cryptography there is here: random numbers and the handshake's HMAC-SHA256, both by the system. */
#ifndef PERSONAL_CSP_DIGEST_H
#define PERSONAL_CSP_DIGEST_H

#include "buffer.h"

#define DIGEST_SIZE 32u

BOOL random_fill(BYTE *data, DWORD size);

BOOL hmac_sha256(const BYTE *key, DWORD key_size, const struct buffer *message, BYTE digest[DIGEST_SIZE]);

/* Takes the same time wherever the difference is. */
BOOL is_same_digest(const BYTE left[DIGEST_SIZE], const BYTE right[DIGEST_SIZE]);

#endif
