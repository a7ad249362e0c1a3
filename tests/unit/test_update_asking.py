"""What an update says of names that failed."""

from __future__ import annotations

from analysis.update.fetch import by_reason


def test_names_that_failed_alike_share_a_sentence_whatever_the_address() -> None:
    failures = {
        "Qwen": "http://hub/api?author=Qwen answered 500 (asked 3 times)",
        "zai-org": "http://hub/api?author=zai-org answered 500 (asked twice)",
        "moonshotai": "not asked for after 3 failures in a row",
        "NVDA": "NVDA was delisted.",
        "AMD": "AMD was delisted.",
        "SAME": "its host is down",
        "ALSO": "its host is down",
    }
    assert list(by_reason(failures)) == [
        ("Qwen", "http://hub/api?author=Qwen answered 500 (asked 3 times). Likewise: zai-org."),
        ("NVDA", "NVDA was delisted. Likewise: AMD."),
        ("SAME, ALSO", "its host is down. Not asked for after that: moonshotai."),
    ]


def test_of_many_names_three_are_written() -> None:
    failures = dict.fromkeys([f"T{number}" for number in range(9)], "no answer")
    assert list(by_reason(failures)) == [("T0, T1, T2 and 6 more", "no answer")]
    assert list(by_reason({"": "The disk is full."})) == [("", "The disk is full.")]
    assert list(by_reason({})) == []
