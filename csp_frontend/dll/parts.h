/* Functions whose data may be more than one message holds: it goes in parts. */
#ifndef PERSONAL_CSP_PARTS_H
#define PERSONAL_CSP_PARTS_H

#include "arguments.h"

/* CPGenRandom, of any size. */
DWORD random_in_parts(struct session *session, HCRYPTPROV context, BYTE *data, DWORD size);

/* Whether it is CPEncrypt or CPDecrypt, of more data than a message or the caller's buffer holds. */
BOOL is_for_crypt_in_parts(const struct pending *pending);

/*
 * CPEncrypt or CPDecrypt. What can be refused is refused before the key or the buffer is changed; what is found out
 * later, as padding that is none, leaves the buffer changed in part, and the length as it was.
 */
DWORD crypt_in_parts(const struct pending *pending);

#endif
