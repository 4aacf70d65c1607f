import pytest
from stand import Stand


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    one = Stand(tmp_path_factory.mktemp("chaos"), seed=1)
    yield one
    one.close()
