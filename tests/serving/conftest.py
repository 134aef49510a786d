"""A server that the tests of a module share."""

from collections.abc import Iterator

import pytest

from testing.servers import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), "-m", "nano", "--keep-alive", "5m") as running:
        yield running
