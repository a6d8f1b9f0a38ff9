/*
 * Shows the user's certificate stores to a test, as often as it asks: reads lines from stdin, answers each, ends at the end.
 *
 *   list        a line for each certificate in MY and CA: store|SHA-1|provider|container|key spec|friendly name
 *   add FILE    puts a certificate (DER) into MY, as another program would
 *   bind SHA1   says that the key of a certificate in MY is with another provider
 *   sign SHA1   signs with the key of a certificate in MY, by CryptAcquireCertificatePrivateKey; answers the provider
 *
 * Each answer ends with a line that is a dot.
 */
#define _WIN32_WINNT 0x0601
#include <windows.h>

#include <stdio.h>
#include <string.h>
#include <wincrypt.h>

#define LONGEST 1024

static HCERTSTORE open_store(const WCHAR *name)
{
    return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, name);
}

static void print_hash(PCCERT_CONTEXT certificate)
{
    BYTE hash[20];
    DWORD size = sizeof hash;
    DWORD i;

    if (CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size)) {
        for (i = 0; i < size; i++) {
            printf("%02x", hash[i]);
        }
    }
}

static void print_one(const char *store, PCCERT_CONTEXT certificate)
{
    static union {
        CRYPT_KEY_PROV_INFO info;
        BYTE room[4096];
    } found;
    WCHAR name[LONGEST] = {0};
    DWORD size = sizeof found;
    BOOL bound = CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, &found, &size);
    DWORD name_size = sizeof name - sizeof(WCHAR);

    (void)CertGetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, name, &name_size);
    printf("%s|", store);
    print_hash(certificate);
    printf("|%ls|%ls|%lu|%ls\n", bound ? found.info.pwszProvName : L"", bound ? found.info.pwszContainerName : L"",
           bound ? found.info.dwKeySpec : 0, name);
}

static void list(const char *store, const WCHAR *name)
{
    HCERTSTORE opened = open_store(name);
    PCCERT_CONTEXT certificate = NULL;

    while (opened != NULL && (certificate = CertEnumCertificatesInStore(opened, certificate)) != NULL) {
        print_one(store, certificate);
    }
    CertCloseStore(opened, 0);
}

static void add(const char *file)
{
    static BYTE der[8192];
    FILE *opened = fopen(file, "rb");
    size_t size = opened == NULL ? 0 : fread(der, 1, sizeof der, opened);
    HCERTSTORE store = open_store(L"MY");
    BOOL done = CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, (DWORD)size, CERT_STORE_ADD_NEW, NULL);

    printf("%s\n", done ? "added" : "failed");
    CertCloseStore(store, 0);
    if (opened != NULL) {
        fclose(opened);
    }
}

static PCCERT_CONTEXT find(HCERTSTORE store, const char *text)
{
    BYTE hash[20];
    CRYPT_HASH_BLOB blob = {sizeof hash, hash};
    unsigned value;
    DWORD i;

    for (i = 0; i < sizeof hash && sscanf(text + 2 * i, "%2x", &value) == 1; i++) {
        hash[i] = (BYTE)value;
    }
    return CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, &blob, NULL);
}

/* Takes the certificate out and puts it there anew with another provider's key. */
static void bind_elsewhere(const char *hash)
{
    HCERTSTORE store = open_store(L"MY");
    PCCERT_CONTEXT old = find(store, hash);
    PCCERT_CONTEXT certificate =
        old == NULL ? NULL : CertCreateCertificateContext(X509_ASN_ENCODING, old->pbCertEncoded, old->cbCertEncoded);
    WCHAR provider[] = L"Another Provider";
    WCHAR container[] = L"elsewhere";
    CRYPT_KEY_PROV_INFO info = {container, provider, PROV_RSA_FULL, 0, 0, NULL, AT_SIGNATURE};
    BOOL done = certificate != NULL && CertDeleteCertificateFromStore(old) &&
                CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL) &&
                CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info) &&
                CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_NEW, NULL) &&
                CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);

    printf("%s\n", done ? "bound" : "failed");
    CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
}

static void sign_with(HCRYPTPROV provider, DWORD key_spec)
{
    char name[LONGEST] = "";
    DWORD size = sizeof name;
    BYTE signature[512];
    DWORD signature_size = sizeof signature;
    HCRYPTHASH hash = 0;
    BOOL done = CryptGetProvParam(provider, PP_NAME, (BYTE *)name, &size, 0) &&
                CryptCreateHash(provider, CALG_SHA1, 0, 0, &hash) &&
                CryptHashData(hash, (const BYTE *)"letter", 6, 0) &&
                CryptSignHashA(hash, key_spec, NULL, 0, signature, &signature_size);

    if (done) {
        printf("%s|", name);
        while (signature_size-- > 0) {
            printf("%02x", signature[signature_size]);
        }
        printf("\n");
    } else {
        printf("failed %08lx\n", GetLastError());
    }
    CryptDestroyHash(hash);
}

static void sign(const char *text)
{
    HCERTSTORE store = open_store(L"MY");
    PCCERT_CONTEXT certificate = find(store, text);
    HCRYPTPROV provider = 0;
    DWORD key_spec = 0;
    BOOL release = FALSE;

    if (certificate != NULL &&
        CryptAcquireCertificatePrivateKey(certificate, 0, NULL, &provider, &key_spec, &release)) {
        sign_with(provider, key_spec);
    } else {
        printf("failed %08lx\n", GetLastError());
    }
    if (release) {
        CryptReleaseContext(provider, 0);
    }
    CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
}

int main(void)
{
    char line[LONGEST];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "list") == 0) {
            list("MY", L"MY");
            list("CA", L"CA");
        } else if (strncmp(line, "add ", 4) == 0) {
            add(line + 4);
        } else if (strncmp(line, "bind ", 5) == 0) {
            bind_elsewhere(line + 5);
        } else if (strncmp(line, "sign ", 5) == 0) {
            sign(line + 5);
        }
        printf(".\n");
        fflush(stdout);
    }
    return 0;
}
