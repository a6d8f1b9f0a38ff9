"""Sealing and the raw RSA operation, apart from any application."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa as library

from cardcore.softcard import ScryptCost, rsa
from cardcore.softcard.vault import OpenVault, Vault, seal

COST = ScryptCost(n=16)


def test_each_secret_opens_the_vault_and_no_other_does() -> None:
    vault = Vault.from_json(Vault.new({"pin": b"123456", "puk": b"12345678"}, COST).to_json())
    opened = vault.unlock("pin", b"123456")
    assert opened is not None
    assert opened.public == vault.public
    assert vault.unlock("puk", b"12345678") == opened
    assert vault.unlock("pin", b"12345678") is None
    changed = vault.rewrapped(opened, "pin", b"654321")
    assert changed.unlock("pin", b"123456") is None
    assert changed.unlock("pin", b"654321") == changed.unlock("puk", b"12345678") == opened


def test_a_wrap_serves_its_role_only() -> None:
    vault = Vault.new({"pin": b"123456", "puk": b"123456"}, COST)
    swapped = replace(vault, wraps={"pin": vault.wraps["puk"]})
    assert swapped.unlock("pin", b"123456") is None


def test_what_is_sealed_opens_with_the_right_vault_and_subject() -> None:
    mine, other = OpenVault.new(), OpenVault.new()
    box = seal(mine.public, b"private", b"about")
    assert b"private" not in box
    assert mine.unseal(box, b"about") == b"private"
    for vault, changed, about in ((other, box, b"about"), (mine, box, b"else"), (mine, box[:-1] + b"\x00", b"about")):
        with pytest.raises(ValueError, match="does not open"):
            vault.unseal(changed, about)


def test_secrets_have_no_repr() -> None:
    opened = OpenVault.new()
    assert repr(opened.private)[2:-1] not in repr(opened)
    assert opened.private.hex() not in repr(opened)


def test_the_raw_operation_inverts_the_public_one() -> None:
    key = library.generate_private_key(65537, 2048)
    public = key.public_key().public_numbers()
    for message in (0, 1, 2, public.n - 1):
        result = rsa.private_operation(key, message.to_bytes(256))
        assert pow(int.from_bytes(result), public.e, public.n) == message
    for bad in (public.n.to_bytes(256), b"\x01", bytes(257)):
        with pytest.raises(ValueError, match="modulus"):
            rsa.private_operation(key, bad)


def test_numbers_that_do_not_belong_together_are_refused() -> None:
    numbers = library.generate_private_key(65537, 2048).private_numbers()
    parts = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    assert rsa.from_crt(*parts).private_numbers() == numbers
    for position in range(5):
        changed = [part + 2 * (place == position) for place, part in enumerate(parts)]
        with pytest.raises(ValueError, match=r"."):
            rsa.from_crt(*changed)
    with pytest.raises(ValueError, match="primes"):
        rsa.from_crt(numbers.p, numbers.p, numbers.dmp1, numbers.dmp1, 1)
