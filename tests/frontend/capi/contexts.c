/* Opening, enumerating and describing containers. */
#include "checks.h"

#include <stdio.h>
#include <string.h>

void enumerate_containers(char **arguments)
{
    const HCRYPTPROV provider = open_container(NULL, CRYPT_VERIFYCONTEXT);
    char name[300];
    DWORD longest = 0xDEADBEEF;
    DWORD size;
    DWORD flags = CRYPT_FIRST;

    (void)arguments;
    if (!SUCCEEDS(CryptGetProvParam(provider, PP_ENUMCONTAINERS, NULL, &longest, CRYPT_FIRST))) {
        return;
    }
    check(longest > 0 && longest <= sizeof name, "the longest name has %lu bytes", longest);
    for (;;) {
        size = longest;
        if (!CryptGetProvParam(provider, PP_ENUMCONTAINERS, (BYTE *)name, &size, flags)) {
            break;
        }
        check(strlen(name) < size && size <= longest, "name and size of %s", name);
        tell("container", "%s", name);
        flags = CRYPT_NEXT;
    }
    check(GetLastError() == ERROR_NO_MORE_ITEMS && size == 0, "the list ends with ERROR_NO_MORE_ITEMS");
    size = longest;
    SUCCEEDS(CryptGetProvParam(provider, PP_ENUMCONTAINERS, (BYTE *)name, &size, CRYPT_FIRST));
    size = 1;
    FAILS(CryptGetProvParam(provider, PP_ENUMCONTAINERS, (BYTE *)name, &size, CRYPT_FIRST), ERROR_MORE_DATA);
    check(size > 1, "the size is told: %lu", size);
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* EXPECTED NAME...: each of the names opens the container that calls itself EXPECTED. */
void acquire_by_names(char **arguments)
{
    const char *expected = arguments[0];

    for (arguments++; *arguments != NULL; arguments++) {
        const char *name = strcmp(*arguments, "NULL") == 0 ? NULL : *arguments;
        const HCRYPTPROV provider = open_container(name, CRYPT_SILENT);
        char own[300] = "";
        DWORD size = sizeof own;

        SUCCEEDS(CryptGetProvParam(provider, PP_CONTAINER, (BYTE *)own, &size, 0));
        check(strcmp(own, expected) == 0, "%s is %s", *arguments, own);
        SUCCEEDS(CryptReleaseContext(provider, 0));
    }
}

/* READER: a name that is not ASCII comes back as it was given, by both kinds of functions. */
void foreign_names(char **arguments)
{
    static const WCHAR wide[] = L"caf\xe9 \xfc\xdf";
    char name[300];
    char own[300] = "";
    int begin = snprintf(name, sizeof name, "\\\\.\\%s\\", arguments[0]);
    BOOL replaced = FALSE;
    HCRYPTPROV provider;
    DWORD size = sizeof own;

    WideCharToMultiByte(CP_ACP, 0, wide, -1, name + begin, (int)sizeof name - begin, NULL, &replaced);
    tell("code page", "%u", GetACP());
    check(!replaced, "the code page has the letters");
    provider = open_container(name, CRYPT_NEWKEYSET | CRYPT_SILENT);
    SUCCEEDS(CryptGetProvParam(provider, PP_CONTAINER, (BYTE *)own, &size, 0));
    check(strcmp(own, name + begin) == 0 && size == strlen(own) + 1, "PP_CONTAINER, %lu bytes", size);
    size = sizeof own;
    SUCCEEDS(CryptGetProvParam(provider, PP_UNIQUE_CONTAINER, (BYTE *)own, &size, 0));
    check(strcmp(own, name) == 0 && size == strlen(own) + 1, "PP_UNIQUE_CONTAINER, %lu bytes", size);
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* Whoever frees the library, as CryptoAPI does with each context: handles and what waits for a hash stay. */
void free_library(char **arguments)
{
    const HCRYPTPROV provider = open_container(NULL, CRYPT_VERIFYCONTEXT);
    const HCRYPTHASH hash = hash_of(provider, CALG_SHA1, (const BYTE *)"a", 1);
    const HMODULE library = GetModuleHandleA("personal-csp-x64.dll");
    BYTE value[20];
    DWORD size = sizeof value;
    int times;

    (void)arguments;
    SUCCEEDS(CryptHashData(hash, (const BYTE *)"b", 1, 0));
    check(library != NULL, "the library is loaded");
    for (times = 0; times < 100; times++) {
        FreeLibrary(library);
    }
    check(GetModuleHandleA("personal-csp-x64.dll") == library, "it cannot be unloaded");
    SUCCEEDS(CryptHashData(hash, (const BYTE *)"c", 1, 0));
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, value, &size, 0));
    check(memcmp(value, "\xa9\x99\x3e\x36", 4) == 0, "the hash of abc");
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* Each certificate of a token leads to its key. */
static void check_store(HCERTSTORE store)
{
    const CERT_CONTEXT *certificate = NULL;
    DWORD count = 0;

    while ((certificate = CertEnumCertificatesInStore(store, certificate)) != NULL) {
        HCRYPTPROV provider = 0;
        HCRYPTKEY key = 0;
        DWORD spec = 0;
        BOOL to_free = FALSE;

        if (SUCCEEDS(CryptAcquireCertificatePrivateKey(certificate, CRYPT_ACQUIRE_SILENT_FLAG, NULL, &provider, &spec,
                                                       &to_free))) {
            static struct bytes der;

            SUCCEEDS(CryptGetUserKey(provider, spec, &key));
            der.size = sizeof der.data;
            SUCCEEDS(CryptGetKeyParam(key, KP_CERTIFICATE, der.data, &der.size, 0));
            check(der.size == certificate->cbCertEncoded && memcmp(der.data, certificate->pbCertEncoded, der.size) == 0,
                  "the key's certificate is this one");
            SUCCEEDS(CryptDestroyKey(key));
        }
        if (to_free) {
            SUCCEEDS(CryptReleaseContext(provider, 0));
        }
        count++;
    }
    tell("certificates", "%lu", count);
}

/* CONTAINER READER FLAGS: what a context says of itself. */
void describe_context(char **arguments)
{
    const HCRYPTPROV provider = open_container(arguments[0], CRYPT_SILENT);
    static const DWORD numbers[][2] = {
        {PP_VERSION, 0x0100}, {PP_PROVTYPE, PROV_RSA_FULL}, {PP_KEYSPEC, AT_KEYEXCHANGE | AT_SIGNATURE}};
    char text[300] = "";
    DWORD size = sizeof text;
    DWORD value = 0;
    PROV_ENUMALGS_EX algorithm;
    HCERTSTORE store = NULL;
    DWORD flags = CRYPT_FIRST;
    DWORD count = 0;
    size_t i;

    SUCCEEDS(CryptGetProvParam(provider, PP_NAME, (BYTE *)text, &size, 0));
    check(strcmp(text, PROVIDER) == 0 && size == sizeof PROVIDER, "the provider calls itself %s", text);
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size = sizeof value;
        SUCCEEDS(CryptGetProvParam(provider, numbers[i][0], (BYTE *)&value, &size, 0));
        check(value == numbers[i][1], "parameter %lu is %lx", numbers[i][0], value);
    }
    size = sizeof text;
    SUCCEEDS(CryptGetProvParam(provider, PP_SMARTCARD_READER, (BYTE *)text, &size, 0));
    check(strcmp(text, arguments[1]) == 0, "the reader is %s", text);
    size = sizeof value;
    SUCCEEDS(CryptGetProvParam(provider, PP_NX_CONTEXT_FLAGS, (BYTE *)&value, &size, 0));
    check(value == number(arguments[2]), "PP_NX_CONTEXT_FLAGS is %lx", value);
    for (size = sizeof algorithm; CryptGetProvParam(provider, PP_ENUMALGS_EX, (BYTE *)&algorithm, &size, flags);
         size = sizeof algorithm) {
        count += algorithm.aiAlgid == CALG_SHA_256 || algorithm.aiAlgid == CALG_SHA1;
        flags = CRYPT_NEXT;
    }
    check(count == 2, "SHA-1 and SHA-256 are among the algorithms");
    size = 0xDEADBEEF;
    SUCCEEDS(CryptGetProvParam(provider, PP_USER_CERTSTORE, NULL, &size, 0));
    check(size == sizeof store, "a store's handle has %lu bytes", size);
    size = 1;
    FAILS(CryptGetProvParam(provider, PP_USER_CERTSTORE, (BYTE *)&store, &size, 0), ERROR_MORE_DATA);
    SUCCEEDS(CryptGetProvParam(provider, PP_USER_CERTSTORE, (BYTE *)&store, &size, 0));
    check_store(store);
    SUCCEEDS(CertCloseStore(store, 0));
    SUCCEEDS(CryptGetProvParam(provider, PP_ROOT_CERTSTORE, (BYTE *)&store, &size, 0));
    check(CertEnumCertificatesInStore(store, NULL) == NULL, "the token's store of roots is empty");
    SUCCEEDS(CertCloseStore(store, 0));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}
