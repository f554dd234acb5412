"""HTML attributes with a dash in their name, which Python cannot write as keywords."""

from __future__ import annotations

from typing import Any


def aria(**values: str) -> dict[str, Any]:
    """Return `aria-` attributes.

    Examples
    --------
    >>> aria(label="Main")
    {'aria-label': 'Main'}
    """
    return {f"aria-{name}": value for name, value in values.items()}


def data(**values: str) -> dict[str, Any]:
    """Return `data-` attributes.

    Examples
    --------
    >>> data(filter="all")
    {'data-filter': 'all'}
    """
    return {f"data-{name}": value for name, value in values.items()}
