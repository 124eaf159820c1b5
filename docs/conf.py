"""How Sphinx builds the documents (`make docs`): Markdown by MyST, generated parts by `generated.py`."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generated  # noqa: E402

import scoregap  # noqa: E402

project = "scoregap"
author = "the authors of scoregap"
copyright = author
release = version = scoregap.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"scoregap {release}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # options begin with two hyphens
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
PYTHON = HERE / "reference" / "python"  # written here, because Sphinx reads pages only from its folder


def write_python_pages(app) -> None:
    """The pages of the Python interface, one per package; those of packages that are gone are removed."""
    shutil.rmtree(PYTHON, ignore_errors=True)
    PYTHON.mkdir()
    for name, text in generated.python_pages().items():
        (PYTHON / f"{name}.md").write_text(text, encoding="utf-8")


def setup(app) -> None:
    """Generated parts: in pages, in docstrings, and whole pages."""
    app.connect("builder-inited", write_python_pages)
    app.connect("source-read", lambda app, page, source: source.__setitem__(0, generated.fill(source[0])))
    app.connect(
        "autodoc-process-docstring",
        lambda app, what, name, thing, options, lines: lines.__setitem__(slice(None), generated.as_rst(lines)),
    )
