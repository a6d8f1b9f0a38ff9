"""The numbers of CryptoAPI 1.0 that the provider speaks of, under their documented names (wincrypt.h, winerror.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

PROVIDER_NAME = "Personal CSP"
PROV_RSA_FULL = 1
VERSION = 0x0100
"""PP_VERSION: the major version in the second byte, the minor in the first."""


class Alg(IntEnum):
    """ALG_ID: class, type and number of an algorithm in one."""

    CALG_MD5 = 0x8003
    CALG_SHA1 = 0x8004
    CALG_MAC = 0x8005
    CALG_SSL3_SHAMD5 = 0x8008
    CALG_HMAC = 0x8009
    CALG_SHA_256 = 0x800C
    CALG_SHA_384 = 0x800D
    CALG_SHA_512 = 0x800E
    CALG_RSA_SIGN = 0x2400
    CALG_RSA_KEYX = 0xA400
    CALG_DES = 0x6601
    CALG_RC2 = 0x6602
    CALG_3DES = 0x6603
    CALG_3DES_112 = 0x6609
    CALG_AES_128 = 0x660E
    CALG_AES_192 = 0x660F
    CALG_AES_256 = 0x6610
    CALG_RC4 = 0x6801


AT_KEYEXCHANGE = 1
AT_SIGNATURE = 2


class Flag(IntFlag):
    """The low flags that several functions share; one bit means another thing in each of them."""

    CRYPT_FIRST = 0x1
    CRYPT_NEXT = 0x2

    CRYPT_EXPORTABLE = 0x1
    CRYPT_USER_PROTECTED = 0x2
    CRYPT_CREATE_SALT = 0x4
    CRYPT_UPDATE_KEY = 0x8
    CRYPT_NO_SALT = 0x10
    CRYPT_ARCHIVABLE = 0x4000

    CRYPT_OAEP = 0x40
    CRYPT_IPSEC_HMAC_KEY = 0x100

    CRYPT_USERDATA = 0x1
    CRYPT_LITTLE_ENDIAN = 0x1
    CRYPT_NOHASHOID = 0x1
    CRYPT_TYPE2_FORMAT = 0x2
    CRYPT_X931_FORMAT = 0x4


class Acquire(IntFlag):
    """Flags of CPAcquireContext."""

    CRYPT_VERIFYCONTEXT = 0xF0000000
    CRYPT_NEWKEYSET = 0x8
    CRYPT_DELETEKEYSET = 0x10
    CRYPT_MACHINE_KEYSET = 0x20
    CRYPT_SILENT = 0x40
    CRYPT_DEFAULT_CONTAINER_OPTIONAL = 0x80


class Blob(IntEnum):
    """Types of key blobs."""

    SIMPLEBLOB = 0x1
    PUBLICKEYBLOB = 0x6
    PRIVATEKEYBLOB = 0x7
    PLAINTEXTKEYBLOB = 0x8
    OPAQUEKEYBLOB = 0x9


class Kp(IntEnum):
    """Parameters of keys."""

    KP_IV = 1
    KP_SALT = 2
    KP_PADDING = 3
    KP_MODE = 4
    KP_MODE_BITS = 5
    KP_PERMISSIONS = 6
    KP_ALGID = 7
    KP_BLOCKLEN = 8
    KP_KEYLEN = 9
    KP_SALT_EX = 10
    KP_EFFECTIVE_KEYLEN = 19
    KP_CERTIFICATE = 26


class Mode(IntEnum):
    """Values of KP_MODE."""

    CRYPT_MODE_CBC = 1
    CRYPT_MODE_ECB = 2
    CRYPT_MODE_CFB = 4


PKCS5_PADDING = 1


class Permission(IntFlag):
    """Values of KP_PERMISSIONS."""

    CRYPT_ENCRYPT = 0x1
    CRYPT_DECRYPT = 0x2
    CRYPT_EXPORT = 0x4
    CRYPT_READ = 0x8
    CRYPT_WRITE = 0x10
    CRYPT_MAC = 0x20
    CRYPT_EXPORT_KEY = 0x40
    CRYPT_IMPORT_KEY = 0x80


USUAL_PERMISSIONS = (
    Permission.CRYPT_ENCRYPT
    | Permission.CRYPT_DECRYPT
    | Permission.CRYPT_READ
    | Permission.CRYPT_WRITE
    | Permission.CRYPT_MAC
)
"""What Microsoft's providers tell of keys that cannot be exported, session keys and key pairs."""


class Hp(IntEnum):
    """Parameters of hashes."""

    HP_ALGID = 1
    HP_HASHVAL = 2
    HP_HASHSIZE = 4
    HP_HMAC_INFO = 5


class Pp(IntEnum):
    """Parameters of the provider that CPGetProvParam answers, and PP_NX_ for those of this provider alone."""

    PP_ENUMALGS = 1
    PP_ENUMCONTAINERS = 2
    PP_IMPTYPE = 3
    PP_NAME = 4
    PP_VERSION = 5
    PP_CONTAINER = 6
    PP_KEYSET_SEC_DESCR = 8
    PP_PROVTYPE = 16
    PP_ENUMALGS_EX = 22
    PP_KEYSET_TYPE = 27
    PP_SIG_KEYSIZE_INC = 34
    PP_KEYX_KEYSIZE_INC = 35
    PP_UNIQUE_CONTAINER = 36
    PP_USE_HARDWARE_RNG = 38
    PP_KEYSPEC = 39
    PP_USER_CERTSTORE = 42
    PP_SMARTCARD_READER = 43
    PP_SMARTCARD_GUID = 45
    PP_ROOT_CERTSTORE = 46
    PP_NX_LAST_ERROR = 0x80000001
    PP_NX_CONTEXT_FLAGS = 0x80000002


class SetPp(IntEnum):
    """Parameters of the provider that CPSetProvParam takes."""

    PP_CLIENT_HWND = 1
    PP_KEYSET_SEC_DESCR = 8
    PP_ADMIN_PIN = 31
    PP_KEYEXCHANGE_PIN = 32
    PP_SIGNATURE_PIN = 33
    PP_USE_HARDWARE_RNG = 38
    PP_PIN_PROMPT_STRING = 44


class Implementation(IntFlag):
    """Values of PP_IMPTYPE."""

    CRYPT_IMPL_HARDWARE = 1
    CRYPT_IMPL_SOFTWARE = 2
    CRYPT_IMPL_MIXED = 3
    CRYPT_IMPL_REMOVABLE = 8


class TokenFlag(IntFlag):
    """Values of PP_NX_CONTEXT_FLAGS."""

    NX_FLAG_HW_TOKEN = 1
    NX_FLAG_HAS_PROTECTED_AUTH_PATH = 2
    NX_FLAG_TOKEN_REMOVABLE = 4
    NX_FLAG_TOKEN_PRESENT = 8


class Nx(IntEnum):
    """Values of PP_NX_LAST_ERROR: why a function failed with NTE_FAIL."""

    ERROR_NX_UNDEFINED = 0x80007000
    ERROR_NX_PIN_INCORRECT = 0x80007001
    ERROR_NX_PIN_BLOCKED = 0x80007002


class Code(IntEnum):
    """What GetLastError says after a function of the provider failed."""

    ERROR_INVALID_PARAMETER = 87
    ERROR_MORE_DATA = 234
    ERROR_NO_MORE_ITEMS = 259
    NTE_BAD_UID = 0x80090001
    NTE_BAD_HASH = 0x80090002
    NTE_BAD_KEY = 0x80090003
    NTE_BAD_LEN = 0x80090004
    NTE_BAD_DATA = 0x80090005
    NTE_BAD_SIGNATURE = 0x80090006
    NTE_BAD_VER = 0x80090007
    NTE_BAD_ALGID = 0x80090008
    NTE_BAD_FLAGS = 0x80090009
    NTE_BAD_TYPE = 0x8009000A
    NTE_BAD_KEY_STATE = 0x8009000B
    NTE_BAD_HASH_STATE = 0x8009000C
    NTE_NO_KEY = 0x8009000D
    NTE_NO_MEMORY = 0x8009000E
    NTE_EXISTS = 0x8009000F
    NTE_PERM = 0x80090010
    NTE_NOT_FOUND = 0x80090011
    NTE_BAD_KEYSET = 0x80090016
    NTE_PROVIDER_DLL_FAIL = 0x8009001D
    NTE_FAIL = 0x80090020
    NTE_SILENT_CONTEXT = 0x80090022
    NTE_TOKEN_KEYSET_STORAGE_FULL = 0x80090023
    NTE_NOT_SUPPORTED = 0x80090029
    SCARD_E_UNKNOWN_READER = 0x80100009
    SCARD_E_SHARING_VIOLATION = 0x8010000B
    SCARD_E_TIMEOUT = 0x8010000A
    SCARD_E_NO_SMARTCARD = 0x8010000C
    SCARD_E_CARD_UNSUPPORTED = 0x8010001C
    SCARD_E_NO_SERVICE = 0x8010001D
    SCARD_E_SERVICE_STOPPED = 0x8010001E
    SCARD_E_UNEXPECTED = 0x8010001F
    SCARD_F_COMM_ERROR = 0x80100013
    SCARD_W_RESET_CARD = 0x80100068
    SCARD_W_REMOVED_CARD = 0x80100069
    SCARD_W_SECURITY_VIOLATION = 0x8010006A
    SCARD_W_CANCELLED_BY_USER = 0x8010006E
