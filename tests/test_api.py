"""The Python side: frames in, tables out, and nothing heavy imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

import rbmcli


def test_a_pandas_frame_goes_through_all_steps_in_memory() -> None:
    pairs = np.random.default_rng(2).choice(30 * 20, 350, replace=False)
    frame = pd.DataFrame({"user": pairs // 20, "item": pairs % 20, "rating": 1.0 + pairs % 5})
    parts = rbmcli.prepare(frame)
    settings = rbmcli.TrainSettings(hidden=4, epochs=3)
    model = rbmcli.train(parts.train, valid=parts.valid, settings=settings).model
    predictions = rbmcli.predict(model, parts.train, parts.test)
    figures = rbmcli.evaluate(predictions.table, history=parts.train)
    recommended = rbmcli.recommend(model, parts.train, settings=rbmcli.RecommendSettings(top=2))
    assert figures.n == len(predictions.to_pandas()) == parts.counts["test"]
    assert set(recommended.to_pandas().columns) == {"user", "rank", "item", "score"}


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(rbmcli, name) is not None for name in rbmcli.__all__)
    assert set(rbmcli.__all__) <= set(dir(rbmcli))


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, rbmcli; print({'numpy', 'numba', 'pandas', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
