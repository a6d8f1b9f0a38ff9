#include "digest.h"

#include <bcrypt.h>

BOOL random_fill(BYTE *data, DWORD size)
{
    return BCRYPT_SUCCESS(BCryptGenRandom(NULL, data, size, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
}

static BOOL digest_of(BCRYPT_ALG_HANDLE algorithm, const BYTE *key, DWORD key_size, const struct buffer *message,
                      BYTE digest[DIGEST_SIZE])
{
    BCRYPT_HASH_HANDLE hash = NULL;
    BOOL done;

    /* BCrypt takes pointers to what it only reads without const. */
    if (!BCRYPT_SUCCESS(BCryptCreateHash(algorithm, &hash, NULL, 0, (PUCHAR)(ULONG_PTR)key, key_size, 0))) {
        return FALSE;
    }
    done = BCRYPT_SUCCESS(BCryptHashData(hash, message->data, message->size, 0)) &&
           BCRYPT_SUCCESS(BCryptFinishHash(hash, digest, DIGEST_SIZE, 0));
    (void)BCryptDestroyHash(hash);
    return done;
}

BOOL hmac_sha256(const BYTE *key, DWORD key_size, const struct buffer *message, BYTE digest[DIGEST_SIZE])
{
    BCRYPT_ALG_HANDLE algorithm = NULL;
    BOOL done;

    if (!BCRYPT_SUCCESS(BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, NULL,
                                                    BCRYPT_ALG_HANDLE_HMAC_FLAG))) {
        return FALSE;
    }
    done = digest_of(algorithm, key, key_size, message, digest);
    (void)BCryptCloseAlgorithmProvider(algorithm, 0);
    return done;
}

BOOL is_same_digest(const BYTE left[DIGEST_SIZE], const BYTE right[DIGEST_SIZE])
{
    volatile BYTE difference = 0;
    DWORD i;

    for (i = 0; i < DIGEST_SIZE; i++) {
        difference = (BYTE)(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}
