/* What has to fail, and by which code a program learns why. */
#include "checks.h"

#include <string.h>

static DWORD last_reason(HCRYPTPROV provider)
{
    DWORD reason = 0;
    DWORD size = sizeof reason;

    SUCCEEDS(CryptGetProvParam(provider, PP_NX_LAST_ERROR, (BYTE *)&reason, &size, 0));
    return reason;
}

/* CONTAINER SPEC: without a PIN a silent context is told so, and nobody is asked. */
void silent_contexts(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    const HCRYPTPROV provider = open_container(arguments[0], CRYPT_SILENT);
    const HCRYPTHASH hash = hash_of(provider, CALG_SHA1, (const BYTE *)"silent", 6);
    BYTE signature[512];
    DWORD size = sizeof signature;

    SUCCEEDS(CryptSignHashA(hash, spec, NULL, 0, NULL, &size));
    FAILS(CryptSignHashA(hash, spec, NULL, 0, signature, &size), NTE_SILENT_CONTEXT);
    check(size == 0, "the size of no signature is %lu", size);
    SUCCEEDS(CryptDestroyHash(hash));
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

static void sign_with(HCRYPTPROV provider, HCRYPTHASH hash, DWORD spec, const char *pin, DWORD code, DWORD reason)
{
    BYTE signature[512];
    DWORD size = sizeof signature;

    if (pin != NULL) {
        SUCCEEDS(CryptSetProvParam(provider, PP_SIGNATURE_PIN, (const BYTE *)pin, 0));
    }
    check_call(CryptSignHashA(hash, spec, NULL, 0, signature, &size), code, pin == NULL ? "sign without PIN" : "sign");
    check(last_reason(provider) == reason, "the reason is %08lx", reason);
}

/* CONTAINER SPEC PIN: a wrong PIN, its reason, and the right one; then a person who answers, and one who cancels. */
void pins(char **arguments)
{
    const DWORD spec = number(arguments[1]);
    HCRYPTPROV provider = open_container(arguments[0], CRYPT_SILENT);
    HCRYPTHASH hash = hash_of(provider, CALG_SHA1, (const BYTE *)"pins", 4);
    BYTE value = 0;
    DWORD size = 1;

    sign_with(provider, hash, spec, "999999", (DWORD)NTE_FAIL, ERROR_NX_PIN_INCORRECT);
    FAILS(CryptGetProvParam(provider, PP_KEYSET_SEC_DESCR, &value, &size, 0), NTE_BAD_TYPE);
    check(last_reason(provider) == ERROR_NX_UNDEFINED, "another call resets the reason");
    sign_with(provider, hash, spec, NULL, (DWORD)NTE_SILENT_CONTEXT, ERROR_NX_UNDEFINED);
    sign_with(provider, hash, spec, arguments[2], 0, ERROR_NX_UNDEFINED);
    SUCCEEDS(CryptReleaseContext(provider, 0));
}

/* READER CONTAINER SPEC: every documented code that takes no special card. */
void refusals(char **arguments)
{
    char name[300] = "\\\\.\\";
    const DWORD spec = number(arguments[2]);
    HCRYPTPROV provider = 0;
    HCRYPTPROV other = 0;
    HCRYPTHASH hash = 0;
    HCRYPTKEY key = 0;
    BYTE data[600] = {0};
    DWORD size = sizeof data;

    FAILS(CryptAcquireContextA(&provider, "\\\\.\\", PROVIDER, PROV_RSA_FULL, CRYPT_SILENT), NTE_BAD_KEYSET);
    FAILS(CryptAcquireContextA(&provider, "no such container", PROVIDER, PROV_RSA_FULL, 0), NTE_BAD_KEYSET);
    FAILS(CryptAcquireContextA(&provider, "\\\\.\\no such reader\\", PROVIDER, PROV_RSA_FULL, 0),
          NTE_BAD_KEYSET);
    FAILS(CryptAcquireContextA(&provider, NULL, PROVIDER, PROV_RSA_FULL, 0x4000), NTE_BAD_FLAGS);
    strcat(name, arguments[0]);
    strcat(name, "\\");
    provider = open_container(arguments[1], CRYPT_SILENT | CRYPT_MACHINE_KEYSET);
    FAILS(CryptGetUserKey(provider, spec == AT_SIGNATURE ? AT_KEYEXCHANGE : AT_SIGNATURE, &key), NTE_NO_KEY);
    FAILS(CryptGetUserKey(provider, 9, &key), NTE_BAD_KEY);
    FAILS(CryptGetProvParam(provider, 999, data, &size, 0), NTE_BAD_TYPE);
    check(size == 0, "the size of no answer is %lu", size);
    size = sizeof data;
    FAILS(CryptSetProvParam(provider, 999, data, 0), NTE_BAD_TYPE);
    FAILS(CryptGetProvParam(provider, PP_NAME, data, &size, 0x100), NTE_BAD_FLAGS);
    size = 1;
    FAILS(CryptGetProvParam(provider, PP_NAME, data, &size, 0), ERROR_MORE_DATA);
    check(size == sizeof PROVIDER, "the size that it takes is told");
    FAILS(CryptCreateHash(provider, CALG_RC4, 0, 0, &hash), NTE_BAD_ALGID);
    FAILS(CryptCreateHash(provider, 0x80FF, 0, 0, &hash), NTE_BAD_ALGID);
    SUCCEEDS(CryptCreateHash(provider, CALG_SHA1, 0, 0, &hash));
    FAILS(CryptHashData(hash, data, 5, CRYPT_USERDATA), NTE_BAD_FLAGS);
    FAILS(CryptSetHashParam(hash, 99, data, 0), NTE_BAD_TYPE);
    size = sizeof data;
    SUCCEEDS(CryptGetHashParam(hash, HP_HASHVAL, data, &size, 0));
    FAILS(CryptHashData(hash, data, 5, 0), NTE_BAD_HASH_STATE);
    SUCCEEDS(CryptDestroyHash(hash));
    FAILS(CryptGenKey(provider, 0x66FF, 0, &key), NTE_BAD_ALGID);
    SUCCEEDS(CryptGetUserKey(provider, spec, &key));
    size = sizeof data;
    FAILS(CryptExportKey(key, 0, PRIVATEKEYBLOB, 0, data, &size), NTE_BAD_TYPE);
    FAILS(CryptExportKey(key, 0, OPAQUEKEYBLOB, 0, data, &size), NTE_BAD_TYPE);
    FAILS(CryptSetKeyParam(key, KP_KEYLEN, data, 0), NTE_BAD_TYPE);
    FAILS(CryptSetKeyParam(key, KP_CERTIFICATE, (const BYTE *)"\x30\x80\0\0", 0), NTE_BAD_DATA);
    FAILS(CryptGetKeyParam(key, 99, data, &size, 0), NTE_BAD_TYPE);
    FAILS(CryptImportKey(provider, (const BYTE *)"\x06\x02\0\0", 4, 0, 0, &other), NTE_BAD_DATA);
    SUCCEEDS(CryptDestroyKey(key));
    SUCCEEDS(CryptReleaseContext(provider, 0));
    check(TRUE, "%s", name);
}
