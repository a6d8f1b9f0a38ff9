/* Signatures over hashes, and who verifies them. */
#include "checks.h"

#include <string.h>

/* CONTAINER SPEC PIN ALGORITHM FLAGS OUT...: sign the file `data`; the signature, turned to big endian, goes to OUT. */
void sign_file(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    const DWORD flags = number(arguments[4]);
    const HCRYPTPROV provider = open_with_pin(arguments[0], arguments[2], CRYPT_SILENT);
    static struct bytes data;
    static struct bytes signature;
    HCRYPTHASH hash;
    HCRYPTKEY key = 0;
    DWORD i;

    read_file("data", &data);
    hash = hash_of(provider, number(arguments[3]), data.data, data.size);
    signature.size = 0xDEADBEEF;
    if (!SUCCEEDS(CryptSignHashA(hash, spec, NULL, flags, NULL, &signature.size))) {
        return;
    }
    check(signature.size == 256, "the signature has %lu bytes", signature.size);
    signature.size = 255;
    FAILS(CryptSignHashA(hash, spec, NULL, flags, signature.data, &signature.size), ERROR_MORE_DATA);
    check(signature.size == 256, "the size comes with the error");
    if (!SUCCEEDS(CryptSignHashA(hash, spec, NULL, flags, signature.data, &signature.size))) {
        return;
    }
    SUCCEEDS(CryptGetUserKey(provider, spec, &key));
    SUCCEEDS(CryptVerifySignatureA(hash, signature.data, signature.size, key, NULL, flags));
    signature.data[3] ^= 1;
    FAILS(CryptVerifySignatureA(hash, signature.data, signature.size, key, NULL, flags), NTE_BAD_SIGNATURE);
    signature.data[3] ^= 1;
    for (i = 0; i < signature.size / 2; i++) {
        const BYTE byte = signature.data[i];

        signature.data[i] = signature.data[signature.size - 1 - i];
        signature.data[signature.size - 1 - i] = byte;
    }
    write_file(arguments[5], signature.data, signature.size);
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* CONTAINER SPEC PIN OUT: what a TLS 1.0 client does; the 36 bytes that it signs are in the file `data`. */
void sign_tls(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    const HCRYPTPROV provider = open_with_pin(arguments[0], arguments[2], CRYPT_SILENT);
    static struct bytes data;
    static struct bytes signature;
    static struct bytes blob;
    HCRYPTHASH hash = 0;
    HCRYPTKEY key = 0;
    DWORD i;

    read_file("data", &data);
    SUCCEEDS(CryptGetUserKey(provider, spec, &key));
    blob.size = 0xDEADBEEF;
    SUCCEEDS(CryptExportKey(key, 0, PUBLICKEYBLOB, 0, NULL, &blob.size));
    SUCCEEDS(CryptExportKey(key, 0, PUBLICKEYBLOB, 0, blob.data, &blob.size));
    SUCCEEDS(CryptCreateHash(provider, CALG_SSL3_SHAMD5, 0, 0, &hash));
    SUCCEEDS(CryptSetHashParam(hash, HP_HASHVAL, data.data, 0));
    signature.size = sizeof signature.data;
    SUCCEEDS(CryptSignHashA(hash, spec, NULL, 0, signature.data, &signature.size));
    for (i = 0; i < signature.size; i++) {
        blob.data[i] = signature.data[signature.size - 1 - i];
    }
    write_file(arguments[3], blob.data, signature.size);
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* CONTAINER SPEC PIN: the system's own provider verifies our signatures, and we verify its. */
void verify_elsewhere(char **arguments)
{
    static const ALG_ID algorithms[] = {CALG_MD5, CALG_SHA1, CALG_SHA_256, CALG_SHA_384, CALG_SHA_512};
    const DWORD spec = number(arguments[1]);
    const HCRYPTPROV ours = open_with_pin(arguments[0], arguments[2], CRYPT_SILENT);
    static struct bytes blob;
    static struct bytes signature;
    HCRYPTPROV theirs = 0;
    HCRYPTKEY key = 0;
    HCRYPTKEY imported = 0;
    size_t i;

    SUCCEEDS(CryptAcquireContextA(&theirs, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT));
    SUCCEEDS(CryptGetUserKey(ours, spec, &key));
    blob.size = sizeof blob.data;
    SUCCEEDS(CryptExportKey(key, 0, PUBLICKEYBLOB, 0, blob.data, &blob.size));
    SUCCEEDS(CryptImportKey(theirs, blob.data, blob.size, 0, 0, &imported));
    for (i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        const HCRYPTHASH hash = hash_of(ours, algorithms[i], (const BYTE *)"elsewhere", 9);
        const HCRYPTHASH their_hash = hash_of(theirs, algorithms[i], (const BYTE *)"elsewhere", 9);

        signature.size = sizeof signature.data;
        SUCCEEDS(CryptSignHashA(hash, spec, NULL, 0, signature.data, &signature.size));
        check(CryptVerifySignatureA(their_hash, signature.data, signature.size, imported, NULL, 0),
              "algorithm %x is verified elsewhere", algorithms[i]);
        signature.data[0] ^= 1;
        check(!CryptVerifySignatureA(their_hash, signature.data, signature.size, imported, NULL, 0),
              "algorithm %x: a wrong signature is not", algorithms[i]);
        CryptDestroyHash(hash);
        CryptDestroyHash(their_hash);
    }
    SUCCEEDS(CryptDestroyKey(imported));
    SUCCEEDS(CryptReleaseContext(theirs, 0));
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(ours, 0));
}
