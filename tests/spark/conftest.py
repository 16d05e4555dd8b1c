"""A lake of its own for tests of transform: bronze written by hand, built by dbt on the run's session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakehouse import settings
from tests.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def lake(own_catalog: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Empty bronze tables in a warehouse of the module's own, in place of those of the run while it lasts."""
    return Lake(settings.load({"paths.state": str(tmp_path_factory.mktemp("lake"))}).settings)
