"""Publishing as a person sees it, and as a file or a pipe does."""

from __future__ import annotations

from typing import NoReturn

import pytest

from schemas.errors import SourceError
from schemas.settings import load_settings
from simulators import console
from simulators.publish import Speed


def test_where_standard_error_is_no_terminal_there_is_no_line_but_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise SourceError("a.hl7 cannot be read.")

    monkeypatch.setattr(console, "publish", fail)
    with pytest.raises(SourceError):
        console.publish_with_progress(iter([]), load_settings(), Speed.parse("max"), live_from=None, quiet=False)
    assert capsys.readouterr().err == ""
