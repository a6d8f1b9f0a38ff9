/* Key pairs made on a card, and session keys. */
#include "checks.h"

#include <stdio.h>
#include <string.h>

/* A certificate that the new key signs itself, by crypt32, which finds the provider by its name. */
static const CERT_CONTEXT *self_signed(const char *container, DWORD spec, HCRYPTPROV provider)
{
    WCHAR wide[300] = {0};
    CRYPT_KEY_PROV_INFO info = {.pwszContainerName = wide,
                                .pwszProvName = (WCHAR *)(ULONG_PTR)L"Personal CSP",
                                .dwProvType = PROV_RSA_FULL,
                                .dwKeySpec = spec};
    CRYPT_ALGORITHM_IDENTIFIER algorithm = {.pszObjId = (char *)(ULONG_PTR)szOID_RSA_SHA256RSA};
    BYTE name[100];
    CERT_NAME_BLOB subject = {sizeof name, name};

    MultiByteToWideChar(CP_ACP, 0, container, -1, wide, 300);
    if (!SUCCEEDS(CertStrToNameA(X509_ASN_ENCODING, "CN=Made by a test", CERT_X500_NAME_STR, NULL, name,
                                 &subject.cbData, NULL))) {
        return NULL;
    }
    return CertCreateSelfSignCertificate(provider, &subject, 0, &info, &algorithm, NULL, NULL, NULL);
}

/* CONTAINER SPEC PIN ADMIN OUT BITS: a new container, its key pair, and a certificate of its own on the card. */
void generate_pair(char **arguments)
{
    const char *container = arguments[0];
    const DWORD spec = number(arguments[1]);
    const DWORD flags = CRYPT_USER_PROTECTED | number(arguments[5]) << 16;
    const HCRYPTPROV provider = open_with_pin(container, arguments[2], CRYPT_NEWKEYSET | CRYPT_SILENT);
    static struct bytes read;
    const CERT_CONTEXT *certificate;
    HCRYPTKEY key = 0;
    HCRYPTKEY second = 0;
    HCRYPTPROV again;

    SUCCEEDS(CryptSetProvParam(provider, PP_KEYEXCHANGE_PIN, (const BYTE *)arguments[2], 0));
    if (arguments[3][0] != 0) {
        SUCCEEDS(CryptSetProvParam(provider, 31 /* PP_ADMIN_PIN */, (const BYTE *)arguments[3], 0));
    }
    FAILS(CryptGetUserKey(provider, spec, &key), NTE_NO_KEY);
    FAILS(CryptGenKey(provider, spec, CRYPT_EXPORTABLE, &key), NTE_BAD_FLAGS);
    FAILS(CryptGenKey(provider, spec, 0, &key), NTE_BAD_FLAGS);
    if (!SUCCEEDS(CryptGenKey(provider, spec, flags, &key))) {
        return;
    }
    FAILS(CryptGenKey(provider, spec, flags, &second), NTE_EXISTS);
    certificate = self_signed(container, spec, provider);
    if (!check(certificate != NULL, "a self-signed certificate: %08lx", GetLastError())) {
        return;
    }
    SUCCEEDS(CryptSetKeyParam(key, KP_CERTIFICATE, certificate->pbCertEncoded, 0));
    read.size = sizeof read.data;
    SUCCEEDS(CryptGetKeyParam(key, KP_CERTIFICATE, read.data, &read.size, 0));
    check(read.size == certificate->cbCertEncoded && memcmp(read.data, certificate->pbCertEncoded, read.size) == 0,
          "the card gives back what was written");
    write_file(arguments[4], read.data, read.size);
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
    CertFreeCertificateContext(certificate);
    again = open_container(container, CRYPT_SILENT);
    SUCCEEDS(CryptGetUserKey(again, spec, &key));
    SUCCEEDS(CryptReleaseContext(again, 0));
}

static void cipher_roundtrip(HCRYPTPROV provider, HCRYPTKEY key, const char *name)
{
    static const BYTE plain[] = "a message of some length, which is no multiple of any block";
    BYTE data[128];
    DWORD size = sizeof plain;
    DWORD needed = sizeof plain;
    HCRYPTKEY copy = 0;

    memcpy(data, plain, sizeof plain);
    SUCCEEDS(CryptDuplicateKey(key, NULL, 0, &copy));
    SUCCEEDS(CryptEncrypt(key, 0, TRUE, 0, NULL, &needed, 0));
    size = sizeof plain;
    FAILS(CryptEncrypt(key, 0, TRUE, 0, data, &size, sizeof plain - 1), ERROR_MORE_DATA);
    check(size == needed, "%s: %lu bytes of room are needed", name, size);
    size = sizeof plain;
    SUCCEEDS(CryptEncrypt(key, 0, TRUE, 0, data, &size, sizeof data));
    check(size == needed && memcmp(data, plain, sizeof plain) != 0, "%s: encrypted to %lu bytes", name, size);
    SUCCEEDS(CryptDecrypt(copy, 0, TRUE, 0, data, &size));
    check(size == sizeof plain && memcmp(data, plain, sizeof plain) == 0, "%s: decrypted again", name);
    SUCCEEDS(CryptDestroyKey(copy));
    (void)provider;
}

/* CONTAINER PIN: session keys with IV, salt and HMAC; one that travels to the card's key and comes back. */
void session_keys(char **arguments)
{
    static const ALG_ID algorithms[] = {CALG_RC2, CALG_RC4, CALG_DES, CALG_3DES, CALG_AES_128, CALG_AES_256};
    static const BYTE iv[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const HCRYPTPROV provider = open_with_pin(arguments[0], arguments[1], CRYPT_SILENT);
    HMAC_INFO hmac = {.HashAlgid = CALG_SHA_256};
    static struct bytes blob;
    BYTE value[64] = {0};
    HCRYPTKEY key = 0;
    HCRYPTKEY pair = 0;
    HCRYPTKEY back = 0;
    HCRYPTHASH hash = 0;
    DWORD size;
    size_t i;

    for (i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        char name[20];

        snprintf(name, sizeof name, "algorithm %x", algorithms[i]);
        SUCCEEDS(CryptGenKey(provider, algorithms[i], CRYPT_EXPORTABLE, &key));
        if (algorithms[i] != CALG_RC4) {
            SUCCEEDS(CryptSetKeyParam(key, KP_IV, iv, 0));
            size = sizeof value;
            SUCCEEDS(CryptGetKeyParam(key, KP_IV, value, &size, 0));
            check(memcmp(value, iv, size) == 0, "%s: an IV of %lu bytes", name, size);
        }
        cipher_roundtrip(provider, key, name);
        SUCCEEDS(CryptDestroyKey(key));
    }
    SUCCEEDS(CryptGenKey(provider, CALG_AES_128, CRYPT_EXPORTABLE, &key));
    SUCCEEDS(CryptCreateHash(provider, CALG_HMAC, key, 0, &hash));
    SUCCEEDS(CryptSetHashParam(hash, HP_HMAC_INFO, (const BYTE *)&hmac, 0));
    SUCCEEDS(CryptHashData(hash, (const BYTE *)"abc", 3, 0));
    size = sizeof value;
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, value, &size, 0));
    check(size == 32, "an HMAC of %lu bytes", size);
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptGetUserKey(provider, AT_KEYEXCHANGE, &pair));
    blob.size = sizeof blob.data;
    SUCCEEDS(CryptExportKey(key, pair, SIMPLEBLOB, 0, blob.data, &blob.size));
    SUCCEEDS(CryptImportKey(provider, blob.data, blob.size, pair, 0, &back));
    SUCCEEDS(CryptDestroyKey(pair));
    size = 16;
    memcpy(value, "sixteen bytes!!!", 16);
    SUCCEEDS(CryptEncrypt(key, 0, TRUE, 0, value, &size, sizeof value));
    SUCCEEDS(CryptDecrypt(back, 0, TRUE, 0, value, &size));
    check(size == 16 && memcmp(value, "sixteen bytes!!!", 16) == 0, "the key went to the card's key pair and back");
    SUCCEEDS(CryptDestroyKey(back));
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* More than one message of the wire at a time. */
void large_data(char **arguments)
{
    enum { SIZE = 5 * 1024 * 1024 + 7 };
    const HCRYPTPROV provider = open_container(NULL, CRYPT_VERIFYCONTEXT);
    BYTE *data = VirtualAlloc(NULL, SIZE, MEM_COMMIT, PAGE_READWRITE);
    HCRYPTHASH hash;
    HCRYPTHASH copy = 0;
    HCRYPTPROV theirs = 0;
    DWORD size = SIZE;
    BYTE ours[32] = {0};
    BYTE other[32] = {1};
    DWORD at;
    DWORD part;

    (void)arguments;
    SUCCEEDS(CryptGenRandom(provider, SIZE, data));
    check(data[SIZE - 1] != 0 || data[SIZE - 2] != 0 || data[SIZE - 3] != 0, "random bytes up to the last");
    SUCCEEDS(CryptAcquireContextA(&theirs, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT));
    hash = hash_of(theirs, CALG_SHA_256, data, SIZE);
    size = sizeof other;
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, other, &size, 0));
    SUCCEEDS(CryptCreateHash(provider, CALG_SHA_256, 0, 0, &hash));
    for (at = 0, part = 1; at < SIZE; at += part, part = part * 3 + 1) {
        part = part < SIZE - at ? part : SIZE - at;
        if (!CryptHashData(hash, data + at, part, 0)) {
            check(FALSE, "CryptHashData of %lu bytes: %08lx", part, GetLastError());
        }
        if (at < 1000000 && copy == 0 && at > 1000) {
            SUCCEEDS(CryptDuplicateHash(hash, NULL, 0, &copy));
        }
    }
    size = sizeof ours;
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, ours, &size, 0));
    check(memcmp(ours, other, sizeof ours) == 0, "pieces of all sizes give the hash of the whole");
    SUCCEEDS(CryptGetHashParam(copy, HP_HASHVAL, ours, &size, 0));
    check(memcmp(ours, other, sizeof ours) != 0, "a copy goes its own way");
    SUCCEEDS(CryptDestroyHash(copy));
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptReleaseContext(theirs, 0));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* The same key with another provider. */
static HCRYPTKEY copy_to(HCRYPTPROV provider, HCRYPTKEY key)
{
    static struct bytes blob;
    HCRYPTKEY copy = 0;

    blob.size = sizeof blob.data;
    SUCCEEDS(CryptExportKey(key, 0, PLAINTEXTKEYBLOB, 0, blob.data, &blob.size));
    SUCCEEDS(CryptImportKey(provider, blob.data, blob.size, 0, 0, &copy));
    return copy;
}

static void encrypt_large(HCRYPTPROV ours, HCRYPTPROV theirs, ALG_ID algorithm, BYTE *data, DWORD total, DWORD room)
{
    const HCRYPTHASH in = hash_of(ours, CALG_SHA_256, (const BYTE *)"", 0);
    const HCRYPTHASH out = hash_of(ours, CALG_SHA_256, (const BYTE *)"", 0);
    HCRYPTKEY key = 0;
    HCRYPTKEY copy;
    BYTE values[2][32] = {{1}, {2}};
    DWORD size = total;
    DWORD i;

    for (i = 0; i < total; i++) {
        data[i] = (BYTE)(i * 7 >> 3);
    }
    SUCCEEDS(CryptGenKey(ours, algorithm, CRYPT_EXPORTABLE, &key));
    if (algorithm != CALG_RC4) {
        FAILS(CryptEncrypt(key, in, FALSE, 0, data, &size, room), NTE_BAD_DATA);
        FAILS(CryptDecrypt(key, in, TRUE, 0, data, &size), NTE_BAD_DATA);
        FAILS(CryptEncrypt(key, in, TRUE, 0, data, &size, total), ERROR_MORE_DATA);
        check(size > total && size <= room, "%x: %lu bytes are needed", algorithm, size);
        size = total;
    }
    SUCCEEDS(CryptEncrypt(key, in, TRUE, 0, data, &size, room));
    copy = copy_to(theirs, key);
    SUCCEEDS(CryptDecrypt(copy, 0, TRUE, 0, data, &size));
    for (i = 0; i < total && data[i] == (BYTE)(i * 7 >> 3); i++) {
    }
    check(i == total && size == total, "%x: another provider decrypts it, %lu of %lu bytes", algorithm, i, size);
    SUCCEEDS(CryptEncrypt(copy, 0, TRUE, 0, data, &size, room));
    SUCCEEDS(CryptDecrypt(key, out, TRUE, 0, data, &size));
    for (i = 0; i < total && data[i] == (BYTE)(i * 7 >> 3); i++) {
    }
    check(i == total && size == total, "%x: and the other way round, %lu of %lu bytes", algorithm, i, size);
    size = sizeof values[0];
    SUCCEEDS(CryptGetHashParam(in, HP_HASHVAL, values[0], &size, 0));
    SUCCEEDS(CryptGetHashParam(out, HP_HASHVAL, values[1], &size, 0));
    check(memcmp(values[0], values[1], size) == 0, "%x: both times the same was hashed", algorithm);
    if (algorithm != CALG_RC4) {
        size = total / 16 * 16;
        FAILS(CryptDecrypt(key, 0, TRUE, 0, data, &size), NTE_BAD_DATA);
        check(size == total / 16 * 16, "%x: the length stays as it was", algorithm);
    }
    SUCCEEDS(CryptDestroyKey(copy));
    SUCCEEDS(CryptDestroyKey(key));
}

/* Messages of several mebibytes, as a mail with attachments is. */
void large_messages(char **arguments)
{
    enum { SIZE = 5 * 1024 * 1024 + 7, ROOM = SIZE + 16 };
    static const ALG_ID algorithms[] = {CALG_AES_128, CALG_3DES, CALG_RC4};
    const HCRYPTPROV ours = open_container(arguments[0], CRYPT_SILENT);
    HCRYPTPROV theirs = 0;
    HCRYPTKEY pair = 0;
    BYTE *data = VirtualAlloc(NULL, ROOM, MEM_COMMIT, PAGE_READWRITE);
    DWORD size = SIZE;
    size_t i;

    SUCCEEDS(CryptAcquireContextA(&theirs, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT));
    for (i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        encrypt_large(ours, theirs, algorithms[i], data, SIZE, ROOM);
    }
    SUCCEEDS(CryptGetUserKey(ours, AT_KEYEXCHANGE, &pair));
    FAILS(CryptEncrypt(pair, 0, TRUE, 0, data, &size, ROOM), NTE_BAD_LEN);
    FAILS(CryptDecrypt(pair, 0, TRUE, 0, data, &size), NTE_BAD_LEN);
    SUCCEEDS(CryptDestroyKey(pair));
    SUCCEEDS(CryptReleaseContext(theirs, 0));
    SUCCEEDS(CryptReleaseContext(ours, 0));
}
