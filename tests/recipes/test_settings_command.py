import json

from command_line import call

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.config.presets import preset


def values(*words):
    shown = json.loads(call("settings", *words, "--json").stdout)["settings"]
    return {(one["section"], one["name"]): one["value"] for one in shown}


def test_each_setting_has_a_row_with_meaning_range_default_and_value():
    rows = call("settings", "demo").stdout.splitlines()
    (row,) = [row for row in rows if row.startswith("| code_size |")]
    assert (
        row == "| code_size | 96 | 64 | whole number: from 1 to 65536 | Z is the size of a code. |"
    )
    assert rows[0] == "| setting | value | default | may be | meaning |"
    assert any("`lstm`" in row for row in rows) and not any("``" in row for row in rows)


def test_the_values_are_those_that_pretrain_starts_from():
    config = to_dict(preset("paper-2018", corpus="yelp", kind="ae", transfer=True))
    shown = values("paper-2018", "--kind", "ae", "--corpus", "yelp", "--transfer")
    assert shown == {(part, name): v for part in config for name, v in config[part].items()}


def test_systems_of_transfer_have_settings_of_their_own():
    assert ("training", "recognizer_hides") in values("--kind", "infilling")
    learnt = call("settings", "--kind", "delete-and-replace")
    assert learnt.stdout == ""
    assert "learns nothing" in learnt.stderr


def test_what_cannot_go_together_is_refused():
    assert "has no attribute" in call("settings", "--kind", "vae", "--transfer", code=2).stderr
    assert "no presets" in call("settings", "fast", "--kind", "infilling", code=2).stderr
    assert "'nope' is not one of" in call("settings", "nope", code=2).stderr


def test_a_corpus_that_there_is_not_is_no_other_one(tmp_path):
    """Its settings would be those of a corpus without any of its own."""
    assert "no corpus 'yepl'; there are snli" in call("settings", "--corpus", "yepl", code=2).stderr
    path = tmp_path / "own.txt"
    path.write_text("a text\n")
    assert values("--corpus", str(path)) == values("--corpus", "synthetic-topics")
