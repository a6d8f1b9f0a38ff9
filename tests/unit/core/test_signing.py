"""What exactly goes to a card for what was asked, and what comes back; nothing else is ever signed."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from cardcore import padding, signing
from cardcore.errors import CardError, InputError, NotSupported, ReplyError
from cardcore.keytypes import KEY_TYPES, KeyType
from cardcore.profile.model import Algorithm, DecipherResult, InputForm, Profile, Scheme, SignatureForm
from cardcore.signing import SignRequest
from tests.unit.core.fakecard import piv
from tests.unit.core.rsakeys import HASHES, raw_private, rsa_key

MESSAGE = b"what is signed"
RSA, P256, P384, P521 = (KEY_TYPES[name] for name in ("rsa2048", "ecp256", "ecp384", "ecp521"))
SHA256 = padding.digest("sha256", MESSAGE)
SHA512 = padding.digest("sha512", MESSAGE)
TLS = padding.digest("md5sha1", MESSAGE)
INFO = padding.digest_info("sha256", SHA256)
REQUESTS: dict[str, tuple[KeyType, dict[str, object]]] = {
    "oid": (RSA, {}),
    "bare": (RSA, {"oid": False}),
    "tls": (RSA, {"hash_name": "md5sha1"}),
    "pss": (RSA, {"scheme": Scheme.PSS}),
    "prehashed": (RSA, {"prehashed": True}),
    "ecdsa": (P256, {}),
    "ecdsa-long": (P256, {"hash_name": "sha512"}),
    "ecdsa-wide": (P384, {}),
    "ecdsa-521": (P521, {"hash_name": "sha512"}),
}
# The `$input` of each form for each request; None: refused. The scheme is what the card's algorithm makes by itself.
TABLE: dict[tuple[InputForm, Scheme | None], dict[str, bytes | None]] = {
    (InputForm.PADDED, None): {
        "oid": padding.pkcs1_sign_block(INFO, 256),
        "prehashed": padding.pkcs1_sign_block(INFO, 256),
        "bare": padding.pkcs1_sign_block(SHA256, 256),
        "tls": padding.pkcs1_sign_block(TLS, 256),
        "ecdsa": None,
    },
    (InputForm.DIGEST_INFO, None): {"oid": INFO, "prehashed": INFO, "bare": SHA256, "tls": TLS, "pss": None},
    (InputForm.DIGEST_INFO_CHECKED, None): {"oid": INFO, "prehashed": INFO, "bare": None, "tls": None, "pss": None},
    (InputForm.HASH, None): {"oid": SHA256, "prehashed": SHA256, "bare": None, "tls": None, "pss": None},
    (InputForm.HASH, Scheme.PSS): {"oid": None, "bare": None, "tls": None, "pss": SHA256},
    (InputForm.MESSAGE, None): {"oid": MESSAGE, "prehashed": None, "bare": None, "tls": None, "pss": None},
    (InputForm.MESSAGE, Scheme.PSS): {"oid": None, "pss": MESSAGE},
    (InputForm.HASH, Scheme.ECDSA): {
        "ecdsa": SHA256,
        "ecdsa-long": SHA512[:32],
        "ecdsa-wide": SHA256,
        "ecdsa-521": SHA512,
    },
    (InputForm.HASH_LEFT_PADDED, Scheme.ECDSA): {
        "ecdsa": SHA256,
        "ecdsa-long": SHA512[:32],
        "ecdsa-wide": bytes(16) + SHA256,
        "ecdsa-521": bytes(2) + SHA512,
    },
    (InputForm.MESSAGE, Scheme.ECDSA): {"ecdsa": MESSAGE},
}
CASES = [
    pytest.param(form, scheme, name, expected, id=f"{form}-{scheme}-{name}")
    for (form, scheme), row in TABLE.items()
    for name, expected in row.items()
]


def profile_with(*algorithms: Algorithm) -> Profile:
    """A profile with just these algorithms."""
    return replace(piv(), algorithms={algorithm.name: algorithm for algorithm in algorithms})


def algorithm(form: InputForm, kind: KeyType, scheme: Scheme | None = None) -> Algorithm:
    """An algorithm of one input form."""
    return Algorithm(name="only", types=(kind.name,), sign=form, scheme=scheme)


def request(name: str) -> tuple[KeyType, SignRequest]:
    """The request of that name and the type of its key."""
    kind, wishes = REQUESTS[name]
    prehashed = bool(wishes.get("prehashed"))
    scheme = wishes.get("scheme")
    made = signing.request_for(
        kind,
        SHA256 if prehashed else MESSAGE,
        hash_name=str(wishes.get("hash_name", "sha256")),
        scheme=scheme if isinstance(scheme, Scheme) else None,
        oid=wishes.get("oid") is not False,
        prehashed=prehashed,
    )
    return kind, made


@pytest.mark.parametrize(("form", "scheme", "name", "expected"), CASES)
def test_each_request_in_each_form(form: InputForm, scheme: Scheme | None, name: str, expected: bytes | None) -> None:
    kind, wanted = request(name)
    only = algorithm(form, kind, scheme)
    if expected is None:
        with pytest.raises(NotSupported, match="cannot make that signature"):
            signing.choose_for_signing(profile_with(only), kind, wanted)
        return
    assert signing.choose_for_signing(profile_with(only), kind, wanted) == only
    assert signing.signature_input(only, kind, wanted) == expected


def test_a_padded_pss_block_verifies() -> None:
    kind, wanted = request("pss")
    block = signing.signature_input(algorithm(InputForm.PADDED, kind), kind, wanted)
    key = rsa_key(2048)
    scheme = oracle.PSS(oracle.MGF1(HASHES["sha256"]), 32)
    key.public_key().verify(raw_private(key, block), MESSAGE, scheme, HASHES["sha256"])


def test_the_reason_of_a_refusal_is_told() -> None:
    kind, wanted = request("bare")
    with pytest.raises(NotSupported, match="insists on the hash's OID"):
        signing.choose_for_signing(profile_with(algorithm(InputForm.HASH, kind)), kind, wanted)
    with pytest.raises(NotSupported, match="no signature with keys of type rsa2048"):
        signing.choose_for_signing(profile_with(Algorithm(name="x", types=("rsa2048",))), kind, wanted)
    kind, wanted = request("prehashed")
    with pytest.raises(NotSupported, match="only its hash was given"):
        signing.choose_for_signing(profile_with(algorithm(InputForm.MESSAGE, kind)), kind, wanted)
    limited = replace(algorithm(InputForm.HASH, kind), hashes=("sha1",))
    with pytest.raises(NotSupported, match="takes sha1 only, not sha256"):
        signing.choose_for_signing(profile_with(limited), kind, wanted)


def test_the_first_algorithm_that_can_is_taken() -> None:
    kind, wanted = request("pss")
    first = replace(algorithm(InputForm.HASH, kind), name="first")
    second = replace(algorithm(InputForm.HASH, kind, Scheme.PSS), name="second", hashes=("sha256",))
    assert signing.choose_for_signing(profile_with(first, second), kind, wanted) == second


@pytest.mark.parametrize(
    ("kind", "wishes"),
    [
        (RSA, {"scheme": Scheme.ECDSA}),
        (RSA, {"scheme": Scheme.OAEP}),
        (P256, {"scheme": Scheme.PKCS1}),
        (P256, {"scheme": Scheme.PSS}),
        (P256, {"scheme": Scheme.OAEP}),
        (P256, {"hash_name": "md5sha1"}),
        (RSA, {"hash_name": "md5sha1", "scheme": Scheme.PSS}),
        (RSA, {"hash_name": "whirlpool"}),
        (RSA, {"prehashed": True}),
        (RSA, {"prehashed": True, "hash_name": "md5sha1"}),
    ],
)
def test_a_meaningless_request_is_refused(kind: KeyType, wishes: dict[str, object]) -> None:
    scheme = wishes.get("scheme")
    with pytest.raises(InputError):
        signing.request_for(
            kind,
            MESSAGE,
            hash_name=str(wishes.get("hash_name", "sha256")),
            scheme=scheme if isinstance(scheme, Scheme) else None,
            prehashed=bool(wishes.get("prehashed")),
        )


def test_the_default_scheme_follows_the_key() -> None:
    assert signing.default_scheme(RSA) is Scheme.PKCS1
    assert signing.default_scheme(P256) is Scheme.ECDSA


def test_what_does_not_fit_is_refused_whoever_pads() -> None:
    small = KEY_TYPES["rsa512"]
    wanted = SignRequest(scheme=Scheme.PKCS1, hash_name="sha512", value=SHA512)
    for form in (InputForm.PADDED, InputForm.DIGEST_INFO, InputForm.DIGEST_INFO_CHECKED):
        with pytest.raises(InputError, match="512-bit"):
            signing.signature_input(algorithm(form, small), small, wanted)


# Signatures that come back


@pytest.mark.parametrize("missing", [0, 1, 2, 8])
def test_dropped_zeros_of_a_signature_are_put_back(missing: int) -> None:
    raw = b"\x01" * (256 - missing)
    assert signing.finish_signature(algorithm(InputForm.PADDED, RSA), RSA, raw) == bytes(missing) + raw


@pytest.mark.parametrize("size", [0, 1, 247, 257, 300])
def test_a_signature_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ReplyError, match=f"returned {size} bytes"):
        signing.finish_signature(algorithm(InputForm.PADDED, RSA), RSA, bytes(size))


def test_ecdsa_in_every_form_comes_out_as_der() -> None:
    r, s = 0x80 << 248, 5
    der = encode_dss_signature(r, s)
    for form, raw in (
        (SignatureForm.RS, r.to_bytes(32) + s.to_bytes(32)),
        (SignatureForm.DER, der),
        (SignatureForm.AS_IS, der),
        (SignatureForm.DER, bytes.fromhex("3025 0220") + r.to_bytes(32) + b"\x02\x01\x05"),
    ):
        assert (
            signing.finish_signature(replace(algorithm(InputForm.HASH, P256), signature=form), P256, raw).hex()
            == der.hex()
        )


@pytest.mark.parametrize("size", [0, 1, 62, 63, 65, 66, 96])
def test_r_and_s_of_another_size_are_refused(size: int) -> None:
    raw_form = replace(algorithm(InputForm.HASH, P256), signature=SignatureForm.RS)
    with pytest.raises(ReplyError):
        signing.finish_signature(raw_form, P256, b"\x01" * size)


@pytest.mark.parametrize("raw", [b"", b"\x30\x00", b"\x01" * 64, encode_dss_signature(1 << 256, 1)])
def test_what_is_no_der_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(ReplyError):
        signing.finish_signature(algorithm(InputForm.HASH, P256), P256, raw)


# Decryption


def deciphering(result: DecipherResult, scheme: Scheme | None = None) -> Algorithm:
    """An algorithm that decrypts."""
    return Algorithm(name="only", types=("rsa2048",), decipher=result, scheme=scheme)


def test_a_plain_result_is_left_alone() -> None:
    only = deciphering(DecipherResult.PLAIN)
    assert signing.choose_for_deciphering(profile_with(only), RSA, Scheme.PKCS1) == only
    for raw in (b"", b"secret", bytes(300)):
        assert signing.plain_text(only, RSA, Scheme.PKCS1, "sha256", raw) == raw


@pytest.mark.parametrize("short", [False, True])
def test_a_padded_result_is_unpadded_with_or_without_its_first_zero(short: bool) -> None:
    key, only = rsa_key(2048), deciphering(DecipherResult.PADDED)
    oaep = oracle.OAEP(oracle.MGF1(HASHES["sha256"]), HASHES["sha256"], None)
    for scheme, scheme_oracle in ((Scheme.PKCS1, oracle.PKCS1v15()), (Scheme.OAEP, oaep)):
        block = raw_private(key, key.public_key().encrypt(b"session key", scheme_oracle))
        assert block[0] == 0
        assert signing.plain_text(only, RSA, scheme, "sha256", block[1:] if short else block) == b"session key"


@pytest.mark.parametrize("raw", [b"", b"\x02" + b"\x11" * 9 + b"\x00x", b"\x00\x02" + b"\x11" * 200 + b"\x00" * 60])
def test_a_padded_result_of_another_size_is_refused(raw: bytes) -> None:
    with pytest.raises(ReplyError, match="where 256 were wanted"):
        signing.plain_text(deciphering(DecipherResult.PADDED), RSA, Scheme.PKCS1, "sha256", raw)


@pytest.mark.parametrize(
    ("result", "own", "scheme", "possible"),
    [
        (DecipherResult.PADDED, None, Scheme.OAEP, True),
        (DecipherResult.PADDED, None, Scheme.PKCS1, True),
        (DecipherResult.PLAIN, None, Scheme.OAEP, False),
        (DecipherResult.PLAIN, Scheme.OAEP, Scheme.OAEP, True),
        (DecipherResult.PLAIN, Scheme.OAEP, Scheme.PKCS1, False),
    ],
)
def test_who_can_decrypt_what(result: DecipherResult, own: Scheme | None, scheme: Scheme, possible: bool) -> None:
    profile = profile_with(Algorithm(name="none", types=("rsa2048",)), deciphering(result, own))
    if possible:
        assert signing.choose_for_deciphering(profile, RSA, scheme).name == "only"
    else:
        with pytest.raises(NotSupported, match="cannot decrypt"):
            signing.choose_for_deciphering(profile, RSA, scheme)


@pytest.mark.parametrize(("kind", "scheme"), [(RSA, Scheme.PSS), (RSA, Scheme.ECDSA), (P256, Scheme.PKCS1)])
def test_what_does_not_decrypt_is_refused(kind: KeyType, scheme: Scheme) -> None:
    with pytest.raises(InputError, match="does not go with"):
        signing.choose_for_deciphering(piv(), kind, scheme)


# The other choices


def test_agreement_and_keys_by_type() -> None:
    assert signing.choose_for_agreement(piv(), P256).name == "ecc"
    assert signing.choose_by_type(piv(), RSA).name == "rsa"
    for choose, kind in product((signing.choose_for_agreement, signing.choose_by_type), (P521, KEY_TYPES["rsa512"])):
        with pytest.raises(CardError) as caught:
            choose(piv(), kind)
        assert isinstance(caught.value, NotSupported)
    with pytest.raises(NotSupported) as refused:
        signing.choose_by_type(piv(), P521)
    assert "ecp256, ecp384, rsa1024" in refused.value.hint
