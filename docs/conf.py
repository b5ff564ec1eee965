"""How Sphinx builds the site: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from convscope import __version__

project = "convscope"
author = "the convscope authors"
release = version = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
# two dashes are an option, not a dash
smartquotes = False
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# in the docstrings a single backtick is code
default_role = "literal"
autodoc_default_options = {"members": True, "imported-members": True}
autodoc_member_order = "groupwise"
# the types stand in the docstrings, with shapes and units
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
# types are plain words, such as "(rows, columns)", and no references
napoleon_use_param = False
napoleon_custom_sections = [("Attributes", "params_style")]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = f"convscope {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2166ac", "color-brand-content": "#2166ac"},
    "dark_css_variables": {"color-brand-primary": "#92c5de", "color-brand-content": "#92c5de"},
}


def escape_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep |x|, a magnitude, from being read as a substitution; code stays as it is."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`[^`]*`)", line)
            lines[i] = "".join(p if p.startswith("`") else p.replace("|", r"\|") for p in parts)


def trim_code(app: Any, name: str, source: list[str]) -> None:
    """Drop the empty line that ends a block of code for the doctests."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def list_other_pages(app: Any, name: str, source: list[str]) -> None:
    """Put the pages that the front page does not name where it says "every-other-page"."""
    if name == "index":
        named = set(re.findall(r"^[\w/-]+$", source[0], re.MULTILINE))
        others = sorted({page.stem for page in Path(__file__).parent.glob("*.md")} - named - {"index"})
        source[0] = source[0].replace("every-other-page", "\n".join(others))


def mend_for_readers(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the theme's headings their level, and let code wider than the page be reached by keyboard."""
    for part in ("furo_navigation_tree", "body"):
        if isinstance(context.get(part), str):
            headed = context[part].replace('role="heading">', 'role="heading" aria-level="2">')
            context[part] = headed.replace("<pre>", '<pre tabindex="0">')


def setup(app: Any) -> None:
    """Connect the above."""
    # after the theme has made its navigation
    app.connect("html-page-context", mend_for_readers, priority=900)
    app.connect("source-read", trim_code)
    app.connect("source-read", list_other_pages)
    app.connect("autodoc-process-docstring", escape_bars)
