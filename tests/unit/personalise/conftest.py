"""What the tests of personalisation have in common."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.personalise.bureau import folder_in_memory


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = folder_in_memory()
    yield folder
    shutil.rmtree(folder)
