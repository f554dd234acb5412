from __future__ import annotations

from dashboard.data.cache import ShortMemory


def test_an_answer_is_remembered_for_its_time_and_then_asked_for_again() -> None:
    now = 0.0
    memory = ShortMemory[int](0.5, clock=lambda: now)
    answers = iter([1, 2])
    assert memory.get("list", lambda: next(answers)) == 1
    now = 0.4
    assert memory.get("list", lambda: next(answers)) == 1
    now = 0.5
    assert memory.get("list", lambda: next(answers)) == 2


def test_different_questions_have_different_answers() -> None:
    memory = ShortMemory[str](10)
    assert [memory.get(name, lambda name=name: name) for name in ("a", "b", "a")] == ["a", "b", "a"]  # type: ignore[misc]


def test_after_something_was_written_nothing_is_remembered() -> None:
    memory = ShortMemory[int](10, clock=lambda: 0.0)
    memory.get("list", lambda: 1)
    memory.forget()
    assert memory.get("list", lambda: 2) == 2
