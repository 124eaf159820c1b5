"""The import of scikit-dimension changes nothing for others."""

import sys
import warnings
from importlib.util import find_spec

import pytest

from scoregap.peers import skdim


@pytest.fixture
def silencing(tmp_path, monkeypatch):
    """A package that ignores all warnings of the process, as skdim does in `skdim.id`."""
    (tmp_path / "skdim").mkdir()
    (tmp_path / "skdim" / "__init__.py").write_text("import warnings\nwarnings.simplefilter('ignore')\n")
    (tmp_path / "skdim" / "id.py").write_text("import warnings\nwarnings.filterwarnings('ignore')\nMLE = 'mle'\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "skdim"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("skdim", "skdim.id"):
        sys.modules.pop(name, None)


def test_warnings_are_heard_after_the_import(silencing):
    before = list(warnings.filters)
    assert skdim("id").MLE == "mle"
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


@pytest.mark.skipif(find_spec("skdim") is None, reason="needs scikit-dimension")
def test_the_filters_of_warnings_are_as_they_were():
    before = list(warnings.filters)
    skdim("id")
    assert warnings.filters == before
