import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import CheckpointMismatch, ToolkitError, TrainingDiverged
from arae_toolkit.search.objectives import Objective, objectives
from arae_toolkit.search.space import all_varied
from arae_toolkit.training.loop import Interrupted
from arae_toolkit.training.metrics_log import RunLog

pytest.importorskip("optuna")
from arae_toolkit.search.plots import draw_front, draw_sensitivity
from arae_toolkit.search.storage import open_storage
from arae_toolkit.search.sweep import IDENTITY, PLACE, Plan, Sweep
from arae_toolkit.search.trials import (
    importances,
    in_order,
    medians,
    own_trial,
    precisions,
    records,
    sensitivities,
)

CONFIG = with_overrides(Config(), ["word_drop=0.3"])
SPACE = all_varied(["word_drop=0:1", "adversarial_weight=log:1:100"], CONFIG)
EVALUATIONS = 4


def plan(asked="nats_per_sentence", *, space=SPACE, **facts):
    return Plan(CONFIG, space, objectives(asked), {"corpus": "abc", **facts})


class Killed(BaseException):
    """Stands for SIGKILL."""


class Trainer:
    """Stands for a training: its figures on dev follow from its settings, at once.

    Args:
        fails: By the number of a call, what it raises after its second evaluation.
    """

    def __init__(self, fails=None):
        self.fails, self.calls, self.evaluated = fails or {}, [], 0

    def __call__(self, config, folder, *, title, listeners, stop_signal):
        failure = self.fails.get(len(self.calls))
        self.calls.append(title.partition(":")[0])
        folder.mkdir(parents=True, exist_ok=True)
        log = RunLog(folder, listeners)
        drop, weight = config.training.word_drop, config.training.adversarial_weight
        path = folder / "checkpoint"
        done = int(path.read_text()) if path.exists() else 0
        log.rewind(done)
        for number in range(done + 1, EVALUATIONS + 1):
            place = {"iteration": number, "epoch": float(number), "seconds": 2.0 * number}
            figures = {"nats_per_sentence": drop + 1 / number, "exact": weight}
            log.row({"kind": "dev", **place, **figures})
            self.evaluated += 1
            if number == 2 and failure is not None:
                raise failure
            path.write_text(str(number))
            if (signal := stop_signal()) and number < EVALUATIONS:
                raise Interrupted(signal, number)


def never():
    return 0


def states(sweep):
    return [trial.state for trial in records(sweep)]


def test_the_first_trial_is_that_of_the_settings_as_they_are(tmp_path):
    sweep = Sweep(tmp_path, plan(), 3)
    sweep.work(Trainer(), stop_signal=never)
    first = records(sweep)[0]
    assert first.parameters == {"word_drop": 0.3, "adversarial_weight": 5.0}
    assert first.values == (0.3 + 1 / EVALUATIONS,)
    assert own_trial(sweep, records(sweep)) == first
    assert [trial.number for trial in records(sweep)] == [0, 1, 2]
    assert first.seconds == 2.0 * EVALUATIONS
    assert first.curve == tuple(0.3 + 1 / number for number in (1, 2, 3, 4))


def test_a_sweep_in_pieces_tries_what_one_in_one_piece_tries(tmp_path):
    whole = Sweep(tmp_path / "whole", plan(), 14, prune=False)
    whole.work(Trainer(), stop_signal=never)
    for trials in (3, 3, 12, 14):
        part = Sweep(tmp_path / "parts", plan(), trials, prune=False)
        part.work(Trainer(), stop_signal=never)
        assert len(records(part)) == trials
    tried = [[t.parameters for t in records(sweep)] for sweep in (whole, part)]
    assert tried[0] == tried[1]
    assert len({str(parameters) for parameters in tried[0]}) == 14


def test_a_killed_trial_is_gone_on_with_in_its_own_folder(tmp_path):
    sweep = Sweep(tmp_path, plan(), 3)
    with pytest.raises(Killed):
        sweep.work(Trainer({1: Killed()}), stop_signal=never)
    assert states(sweep) == ["done", "running"]
    before = records(sweep)[1].parameters
    trainer, notes = Trainer(), []
    again = Sweep(tmp_path, plan(), 3, note=notes.append)
    again.work(trainer, stop_signal=never)
    assert states(again) == ["done"] * 3
    assert records(again)[1].parameters == before
    assert trainer.calls == ["trial 1 of 3", "trial 2 of 3"]
    assert trainer.evaluated == EVALUATIONS - 1 + EVALUATIONS  # the second one was not kept
    assert notes[0] == "trial 1 is gone on with"
    assert len(records(again)[1].curve) == EVALUATIONS


def test_a_trial_of_a_worker_that_lives_is_left_alone(tmp_path):
    """Two workers share the trials; each is trained once."""
    meet = threading.Barrier(2, timeout=60)

    class Meets(Trainer):
        def __call__(self, *arguments, **more):
            if not self.calls:
                meet.wait()  # both have a trial by now
            super().__call__(*arguments, **more)

    workers = [Meets(), Meets()]

    def work(trainer):
        Sweep(tmp_path, plan(), 6).work(trainer, stop_signal=never)

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    names = [name for worker in workers for name in worker.calls]
    assert sorted(names) == [f"trial {number} of 6" for number in range(6)]
    found = records(Sweep(tmp_path, plan(), 6))
    assert len({str(trial.parameters) for trial in found}) == 6
    assert all(worker.calls for worker in workers)


def test_a_trial_that_ended_since_it_was_looked_at_is_not_taken(tmp_path):
    sweep = Sweep(tmp_path, plan(), 1)
    with pytest.raises(Killed):
        sweep.work(Trainer({0: Killed()}), stop_signal=never)
    (seen,) = sweep.study.get_trials(deepcopy=True)
    with ExitStack() as stack:
        assert sweep._takes(seen, stack)
    sweep.work(Trainer(), stop_signal=never)
    with ExitStack() as stack:
        assert not sweep._takes(seen, stack)
        assert not sweep._takes(seen, stack)  # nor does its lock stay


def test_a_poor_dev_curve_is_pruned_and_its_run_kept(tmp_path):
    class Worse(Trainer):
        def __call__(self, config, *arguments, **more):
            number = len(self.calls)
            config = with_overrides(config, [f"word_drop={min(1.0, number / 10)}"])
            super().__call__(config, *arguments, **more)

    trainer = Worse()
    sweep = Sweep(tmp_path, plan(), 8)
    sweep.work(trainer, stop_signal=never)
    assert states(sweep) == ["done"] * 5 + ["pruned"] * 3
    assert len(records(sweep)[7].curve) == 2
    assert (sweep.trial_folder(7) / "metrics.jsonl").exists()
    unpruned = Sweep(tmp_path / "all", plan(), 8, prune=False)
    unpruned.work(Worse(), stop_signal=never)
    assert states(unpruned) == ["done"] * 8


def test_trials_that_diverge_or_fail_are_told_and_others_go_on(tmp_path):
    notes = []
    sweep = Sweep(tmp_path, plan(), 4, note=notes.append)
    fails = {1: TrainingDiverged("not finite"), 2: ValueError("cannot go together")}
    sweep.work(Trainer(fails), stop_signal=never)
    assert states(sweep) == ["done", "diverged", "failed", "done"]
    assert [trial.problem for trial in records(sweep)][1:3] == ["not finite", "cannot go together"]
    assert "trial 1: diverged: not finite" in notes


def test_what_every_trial_would_meet_stops_the_sweep(tmp_path):
    sweep = Sweep(tmp_path, plan(), 4)
    with pytest.raises(ToolkitError, match="disk"):
        sweep.work(Trainer({0: ToolkitError("the disk is full")}), stop_signal=never)
    assert states(sweep) == ["failed"]
    unknown = Sweep(tmp_path / "unknown", plan("nats_per_pair"), 4)
    with pytest.raises(ToolkitError, match="no figure 'nats_per_pair'"):
        unknown.work(Trainer(), stop_signal=never)


def test_a_signal_leaves_the_trial_to_the_next_worker(tmp_path):
    sweep = Sweep(tmp_path, plan(), 2)
    with pytest.raises(Interrupted) as stopped:
        sweep.work(Trainer(), stop_signal=iter([0, 15, 15, 15]).__next__)
    assert stopped.value.exit_code == 143
    assert states(sweep) == ["running"]
    sweep.work(Trainer(), stop_signal=never)
    assert states(sweep) == ["done", "done"]


def test_another_sweep_in_the_same_folder_is_refused(tmp_path):
    Sweep(tmp_path, plan(), 2).work(Trainer(), stop_signal=never)
    others = (
        plan(corpus="def"),
        plan("exact"),
        plan(space=SPACE[:1]),
        plan(space=all_varied(["word_drop=0:0.5", "adversarial_weight=log:1:100"], CONFIG)),
    )
    for other in others:
        with pytest.raises(CheckpointMismatch, match="a sweep of other trials"):
            Sweep(tmp_path, other, 2)
    with pytest.raises(CheckpointMismatch, match="the storage knows nothing"):
        Sweep(tmp_path, plan(), 2, storage=str(tmp_path / "other.log"))


def test_several_objectives_have_a_front(tmp_path):
    sweep = Sweep(tmp_path, plan("nats_per_sentence,exact"), 8)
    sweep.work(Trainer(), stop_signal=never)
    found = records(sweep)
    assert states(sweep) == ["done"] * 8  # none is pruned
    for trial in found:
        nats, exact = trial.values
        better = [t for t in found if t.values[0] < nats and t.values[1] > exact]
        assert trial.best is not bool(better)
    shown = in_order(found, sweep.plan.objectives)
    assert [t.values[0] for t in shown] == sorted(t.values[0] for t in found)
    own = own_trial(sweep, found)
    figure = draw_front(found, sweep.plan.objectives, own=own)
    assert figure.axes[0].get_xlabel() == "nats_per_sentence (lower is better)"
    assert figure.axes[0].get_ylabel() == "exact (higher is better)"
    grid = draw_sensitivity(found, SPACE, sweep.plan.objectives, own=own).axes
    assert [axes.get_xlabel() for axes in grid] == [one.key for one in SPACE] * 2
    many = [replace(one, key=f"{one.key}{copy}") for copy in ("", 2) for one in SPACE]
    for trial in found:
        trial.parameters.update({f"{key}2": value for key, value in trial.parameters.items()})
    grid = draw_sensitivity(found, many, sweep.plan.objectives).axes
    assert [axes.get_xlabel() for axes in grid] == [one.key for one in many for _ in range(2)]
    assert [axes.get_ylabel() for axes in grid] == ["nats_per_sentence", "exact"] * len(many)
    titles = ["nats_per_sentence (lower is better)", "exact (higher is better)"]
    assert [axes.get_title().partition("\n")[0] for axes in grid[:3]] == [*titles, ""]


def test_perplexities_are_weighed_and_shown_by_their_logarithm(tmp_path, monkeypatch):
    reverse, nats = objectives("reverse-perplexity,reconstruction")
    assert reverse.logarithmic and not nats.logarithmic
    sweep = Sweep(tmp_path, plan("nats_per_sentence,exact"), 12, sampler="random")
    sweep.work(Trainer(), stop_signal=never)
    found = records(sweep)
    for asked, scale in (((reverse, nats), "log"), ((nats, reverse), "linear")):
        figure = draw_sensitivity(found, SPACE, asked)
        assert figure.axes[0].get_yscale() == scale
        front = draw_front(found, asked).axes[0]
        assert front.get_xscale() == scale != front.get_yscale()
    plain = importances(sweep, 0)
    monkeypatch.setattr(Objective, "logarithmic", True)
    assert importances(sweep, 0) != plain


def test_the_setting_that_an_objective_follows_is_the_important_one(tmp_path):
    sweep = Sweep(tmp_path, plan("nats_per_sentence,exact"), 24, sampler="random")
    sweep.work(Trainer(), stop_signal=never)
    found = {(one.objective, one.key): one for one in sensitivities(sweep, records(sweep))}
    assert found["nats_per_sentence", "word_drop"].importance > 0.9
    assert found["exact", "adversarial_weight"].importance > 0.9
    lows = list(found["nats_per_sentence", "word_drop"].medians.values())
    assert lows == sorted(lows) and len(lows) == 3


def test_a_choice_has_a_median_of_its_own():
    (one,) = all_varied(["generator_output=sphere,tanh,none"], CONFIG)
    points = [("tanh", 2.0), ("sphere", 1.0), ("tanh", 4.0)]
    assert medians(one, points) == {"sphere": 1.0, "tanh": 3.0}


def test_a_database_is_a_storage_like_a_file(tmp_path):
    address = f"sqlite:///{tmp_path / 'sweeps.db'}"
    sweep = Sweep(tmp_path / "one", plan(), 2, storage=address)
    sweep.work(Trainer(), stop_signal=never)
    # Another folder of the same name, as on another machine, works for the same sweep.
    elsewhere = Sweep(tmp_path / "machine" / "one", plan(), 3, storage=address)
    elsewhere.work(Trainer(), stop_signal=never)
    assert states(sweep) == ["done"] * 3
    with pytest.raises(ToolkitError, match="cannot be used as a storage"):
        Sweep(tmp_path / "two", plan(), 1, storage=f"sqlite:///{tmp_path}/no/folder/x.db")


def test_a_trial_that_runs_on_another_machine_is_left_to_it(tmp_path):
    address = f"sqlite:///{tmp_path / 'sweeps.db'}"
    there = Sweep(tmp_path / "there" / "one", plan(), 2, storage=address)
    with pytest.raises(Killed):
        there.work(Trainer({0: Killed()}), stop_signal=never)
    here = Sweep(tmp_path / "here" / "one", plan(), 2, storage=address)
    here.work(Trainer(), stop_signal=never)
    assert states(here) == ["running", "done"]
    there.work(Trainer(), stop_signal=never)
    assert states(here) == ["done", "done"]


def test_a_worker_takes_its_own_precision_and_leaves_trials_of_another(tmp_path):
    coarse = Sweep(tmp_path, replace(plan(), precision="bf16"), 3)
    with pytest.raises(Killed):
        coarse.work(Trainer({1: Killed()}), stop_signal=never)
    fine = Sweep(tmp_path, replace(plan(), precision="fp32"), 3)
    fine.work(Trainer(), stop_signal=never)
    assert states(fine) == ["done", "running", "done"]
    assert [trial.precision for trial in records(fine)] == ["bf16", "bf16", "fp32"]
    assert precisions(records(fine)) == ("bf16", "fp32")
    coarse.work(Trainer(), stop_signal=never)
    assert states(fine) == ["done"] * 3


def test_a_sweep_that_noted_one_precision_for_all_its_trials_is_gone_on_with(tmp_path):
    old = Sweep(tmp_path, plan(), 1)
    old.study.set_user_attr(IDENTITY, {**old.plan.identity, "precision": "bf16"})
    trial = old.study.ask()
    trial.set_user_attr(PLACE, old.place)
    old.study.tell(trial, [one.suggest(trial) for one in SPACE][:1])
    new = Sweep(tmp_path, replace(plan(), precision="fp32"), 2)
    new.work(Trainer(), stop_signal=never)
    assert [trial.precision for trial in records(new)] == ["bf16", "fp32"]


@pytest.mark.parametrize(
    "content",
    [
        b"no journal\n{}\n",
        b"a thesis",
        b"\xff\xfe\x00\n",
        b"[1]\n",
        b'{"op_code": 99}\n',
        b'{"a": 1}\n',
    ],
)
def test_a_damaged_journal_is_told(tmp_path, content):
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    with pytest.raises(CheckpointMismatch, match="no journal of Optuna's"):
        Sweep(tmp_path, plan(), 1)
    assert path.read_bytes() == content


def test_a_lock_of_a_killed_worker_is_no_obstacle(tmp_path, monkeypatch):
    """Optuna waits until its time has stood still, which a link to nowhere does not have."""
    monkeypatch.chdir(tmp_path)
    storage = open_storage(Path("sweep"), None)
    lock = storage._backend._lock
    lock.acquire()
    assert Path(lock._lock_file).exists()
    lock.release()


def test_a_line_that_a_kill_has_cut_short_is_written_anew(tmp_path):
    Sweep(tmp_path, plan(), 2).work(Trainer(), stop_signal=never)
    path = tmp_path / "journal.log"
    path.write_bytes(path.read_bytes()[:-20])
    for _ in range(2):
        sweep = Sweep(tmp_path, plan(), 3)
        sweep.work(Trainer(), stop_signal=never)
        assert states(sweep) == ["done"] * 3
