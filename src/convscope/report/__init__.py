"""Results to text, pictures and pages.

Every module of this package registers its renderers with
`convscope.result.renders` when it is imported; importing the package imports
them all. Nothing here computes: a renderer shows the numbers of a result, and
its caption says how they were scaled. matplotlib and Pillow are imported
inside the functions that draw, so that importing this package stays cheap.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
