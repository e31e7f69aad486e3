import json

from arae_toolkit.recipes.reproduce.transfer.systems import System
from arae_toolkit.recipes.reproduce.transfer.table import show_samples

ROWS = [
    {"text": text, "label": "bad", "to": to, "transferred": f"{text} for {to}"}
    for text in ("one", "two", "three")
    for to in ("good", "fair")
]


def test_sentences_are_shown_with_all_they_became(tmp_path, capsys):
    folder = tmp_path / "ae" / "seed-0" / "outputs"
    folder.mkdir(parents=True)
    lines = [json.dumps(row) for row in ({"weights": "", "rows": len(ROWS)}, *ROWS)]
    (folder / "ae@c2.jsonl").write_text("\n".join(lines) + "\n")

    def shown(count):
        show_samples(System("ae@c2", "ae"), tmp_path, count=count)
        out, err = capsys.readouterr()
        assert not out
        return [block.splitlines() for block in err.strip("\n").split("\n\n")]

    everything = shown(count=9)
    assert sorted(block[0].split() for block in everything) == [
        ["bad", "one"],
        ["bad", "three"],
        ["bad", "two"],
    ]
    for first, *became in everything:
        text = first.split()[1]
        assert [line.split(maxsplit=1) for line in became] == [
            ["good", f"{text} for good"],
            ["fair", f"{text} for fair"],
        ]
    assert shown(count=2) == everything[:2]
