import ast
import dataclasses
import inspect
import itertools
import textwrap

import pytest

from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig
from arae_toolkit.nli.settings import PairConfig, PairModelConfig, PairTrainingConfig
from arae_toolkit.transfer.cross_aligned.settings import (
    CrossAlignedConfig,
    CrossAlignedSchedule,
    CrossAlignedSizes,
)
from arae_toolkit.transfer.infilling.settings import (
    InfillingConfig,
    InfillingModelConfig,
    InfillingTrainingConfig,
    Search,
)


@pytest.mark.parametrize(
    "kind",
    [
        *(ModelConfig, TrainingConfig, Config),
        *(PairModelConfig, PairTrainingConfig, PairConfig),
        *(CrossAlignedSizes, CrossAlignedSchedule, CrossAlignedConfig),
        *(InfillingModelConfig, InfillingTrainingConfig, InfillingConfig, Search),
    ],
)
def test_every_setting_is_explained(kind):
    """A docstring stands under each field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    explained = {
        first.target.id
        for first, second in itertools.pairwise(body)
        if isinstance(first, ast.AnnAssign) and isinstance(second, ast.Expr)
    }
    assert explained == {f.name for f in dataclasses.fields(kind)}
