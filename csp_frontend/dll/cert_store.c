#include "cert_store.h"

typedef HCERTSTORE(WINAPI *open_store_function)(LPCSTR, DWORD, HCRYPTPROV_LEGACY, DWORD, const void *);

/* crypt32 is in every program that asks for a store, and need not be in the others. Only the system's own is taken. */
static open_store_function find_open_store(void)
{
    const HMODULE library = LoadLibraryExW(L"crypt32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    FARPROC found = library == NULL ? NULL : GetProcAddress(library, "CertOpenStore");

    return (open_store_function)(void (*)(void))found;
}

HCERTSTORE cert_store_open(const BYTE *message, DWORD size)
{
    const open_store_function open_store = find_open_store();
    CRYPT_DATA_BLOB blob = {size, (BYTE *)(ULONG_PTR)message};

    if (open_store == NULL) {
        return NULL;
    }
    if (size == 0) {
        return open_store(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);
    }
    return open_store(CERT_STORE_PROV_PKCS7, PKCS_7_ASN_ENCODING | X509_ASN_ENCODING, 0, 0, &blob);
}
