"""Text from the templates that come with the package. The only importer of jinja2, and lazily."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import netbuilder

_PACKAGE = os.path.dirname(netbuilder.__file__)
# Installed as netbuilder.templates; beside the package in a checkout.
_PLACES = (os.path.join(_PACKAGE, "templates"),
           os.path.join(os.path.dirname(_PACKAGE), "templates"))


def templates() -> str:
    """The folder of the templates."""
    return next(place for place in _PLACES if os.path.isdir(place))


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>.j2``. A value that it lacks is a jinja2 UndefinedError."""
    return _environment().get_template(f"{template}.j2").render(**values)


@cache
def _environment() -> Any:
    """Keeps templates that are compiled: a solver's is rendered twice for each of its regimes."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
    )
