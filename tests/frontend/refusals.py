"""How tests expect an error of the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from csp_frontend.constants import Code
from csp_frontend.errors import CspError


@contextmanager
def refused(code: Code, *, size: int | None = None) -> Iterator[None]:
    """The block fails with this code, and with this size for the caller's buffer if one is given."""
    with pytest.raises(CspError) as caught:
        yield
    assert caught.value.code is code, str(caught.value)
    assert size in (None, caught.value.size)
