"""Mutual authentication of the administrator, and the way to the single one for cards that know no other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB

from cardcore.errors import PinError, StatusError
from cardcore.procedures import mutual_or_single
from cardcore.profile.reply import Result
from cardcore.profile.template import Values
from cardcore.secret import Secret
from cardcore.sw import Sw

KEY = bytes(range(24))
CHALLENGE = b"\x11" * 8


def encrypted(block: bytes) -> bytes:
    context = Cipher(TripleDES(KEY), ECB()).encryptor()  # noqa: S305 - one block, as SP 800-73-4 wants it
    return context.update(block) + context.finalize()


class Applet:
    """Refuses the witness as told, and knows KEY for the rest."""

    def __init__(self, witness: int | None) -> None:
        self.witness = witness
        self.asked: list[str] = []

    def run(self, operation: str, values: Values) -> Result:
        """One operation of the profile."""
        self.asked.append(operation)
        match operation:
            case "authenticate-witness" if self.witness is not None:
                raise StatusError("no witness", sw=self.witness)
            case "authenticate-witness":
                return encrypted(CHALLENGE)
            case "authenticate-answer" if values["witness"] == CHALLENGE:
                challenge = values["challenge"]
                assert isinstance(challenge, bytes)
                return encrypted(challenge)
            case "authenticate-challenge":
                return CHALLENGE
            case "authenticate-response" if values["response"] == encrypted(CHALLENGE):
                return b""
            case _:
                raise StatusError("wrong", sw=Sw.SECURITY_STATUS)


def test_a_card_with_mutual_authentication_is_asked_for_nothing_else() -> None:
    applet = Applet(witness=None)
    mutual_or_single(applet.run, Secret(KEY), "3des", {})
    assert applet.asked == ["authenticate-witness", "authenticate-answer"]


@pytest.mark.parametrize("sw", [Sw.INCORRECT_DATA, Sw.FUNCTION_NOT_SUPPORTED, Sw.INCORRECT_P1_P2])
def test_a_card_without_it_gets_the_single_one(sw: int) -> None:
    applet = Applet(witness=sw)
    mutual_or_single(applet.run, Secret(KEY), "3des", {})
    assert applet.asked == ["authenticate-witness", "authenticate-challenge", "authenticate-response"]


def test_another_refusal_is_told() -> None:
    applet = Applet(witness=Sw.DATA_NOT_FOUND)
    with pytest.raises(StatusError, match="no witness"):
        mutual_or_single(applet.run, Secret(KEY), "3des", {})
    assert applet.asked == ["authenticate-witness"]


def test_a_refused_key_is_not_tried_the_other_way() -> None:
    applet = Applet(witness=None)
    with pytest.raises(PinError, match="refused the admin key"):
        mutual_or_single(applet.run, Secret(KEY[::-1]), "3des", {})
    assert applet.asked == ["authenticate-witness", "authenticate-answer"]
