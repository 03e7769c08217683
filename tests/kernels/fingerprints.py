"""Runs every kernel in every form, and whole fits, and prints the number of threads and a hash of each.

A program of its own, because Numba's largest number of threads is fixed when a process starts:

    NUMBA_NUM_THREADS=4 python -m tests.kernels.fingerprints
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numba
import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.autoencoder import learn_batch
from rbmcli.kernels.autoencoder_arrays import Centring, Course, Weights, Workspace
from rbmcli.kernels.bootstrap import resampled_squares, resampled_sums
from rbmcli.kernels.calibration import drawn_hits
from rbmcli.kernels.dense_scoring import expect_rows
from rbmcli.kernels.folding import fold_in_groups
from rbmcli.kernels.neighbours import find_neighbours
from rbmcli.kernels.ridge import ridge_groups
from rbmcli.kernels.row_bias import Tallies, row_biases, tally_rows
from rbmcli.kernels.scoring import (
    NOT_OWN,
    Asked,
    activate_also_rated,
    activate_rows,
    empty_states,
    score_pairs,
)
from rbmcli.models.alternation import stacked
from rbmcli.models.autoencoder import Autoencoder
from rbmcli.models.autoencoder_training import starting_weights
from rbmcli.models.factorization import expected
from rbmcli.models.fit import fit
from rbmcli.models.gibbs import ALIKE, Sampler
from rbmcli.models.least_squares import LeastSquares, Penalties
from rbmcli.models.neighbourhood import Neighbourhood, Residuals, starts_of
from rbmcli.models.plan import plan_batch
from rbmcli.models.training_data import TrainingData, Validation
from rbmcli.progress import SILENT
from tests.kernels.cases import KINDS, LAYERED, Kind, Problem, Shape, random_problem
from tests.kernels.runs import diverge, objective, propagate_back, rule, smoothing

# Several chunks of rows and of columns, and several blocks of rows, for the threads to share.
SHAPE = Shape(rows=200, columns=60, levels=5, hidden=12, density=0.3, unknown=0.1)
# Of four hidden units the compiler once made other sums in one process than in the next.
FEW_HIDDEN = replace(SHAPE, hidden=4, unknown=0.0)
JOINT = replace(SHAPE, unknown=0.0, kind=Kind(conditional=False))

WAYS = {"mean-field": {}, "sampled": {"sampled": True}, "persistent": {"persistent": True}}
FITS = {
    "mean-field": {"objective": "divergence"},
    "mean-field, few hidden units": {"objective": "divergence", "hidden": FEW_HIDDEN.hidden},
    "sampled, exact": {"objective": "divergence", "reconstruction": "sampled", "inference": "exact"},
    "persistent, factored": {"objective": "divergence", "persistent": True, "factors": 3},
    "fine-tuned": {"objective": "divergence", "fine_tune": True},
    "discriminative, shared": {"objective": "discriminative", "level_functions": 2},
    "two layers": {"objective": "discriminative", "layers": "12,5"},
    "three layers, one by one": {"objective": "divergence", "fine_tune": True, "layers": "12,5,4"},
}


def digest(results: Iterable[object]) -> str:
    """Return a hash of arrays and numbers, in their order."""
    state = hashlib.blake2b(digest_size=16)
    for result in results:
        state.update(result.tobytes() if isinstance(result, np.ndarray) else repr(result).encode())
    return state.hexdigest()


def diverged(problem: Problem, key: int, way: dict[str, bool]) -> Iterator[object]:
    """Yield what two mini-batches of contrastive divergence make of a problem."""
    how, chain = rule(2, rate=0.05, **way), problem.batch.level
    for number in range(2):
        outcome = diverge(problem, how, key + number, chain if how.persistent else None)
        problem = replace(problem, parameters=outcome.parameters, velocity=outcome.velocity)
        chain = outcome.chain
        yield from (*outcome.parameters, *outcome.velocity, outcome.loss, chain)


def propagated_back(problem: Problem, key: int) -> Iterator[object]:
    """Yield what two mini-batches of back-propagation make of a problem."""
    what = objective(problem)
    for number in range(2):
        found = propagate_back(problem, what, key + number)
        problem = replace(
            problem, parameters=found.parameters, velocity=found.mean, square=found.square, times=found.times
        )
        yield from (*found.parameters, *found.mean, *found.square, found.times, found.loss, found.hidden)


def scored(problem: Problem) -> Iterator[object]:
    """Yield the states of the rows of a problem, and scores and expected ratings of all pairs."""
    ratings, besides, prior = problem.ratings, problem.also_rated, problem.column_prior
    rows, columns = len(ratings), ratings.columns
    states = empty_states(rows, problem.parameters)
    of_ratings = (ratings.start, ratings.column, ratings.level)
    how = smoothing(prior.shape[1])
    activate_rows(*of_ratings, problem.parameters, prior, how.values, problem.form, states)
    activate_also_rated(besides.start, besides.column, problem.parameters, states)
    yield from states
    own = np.full((rows, columns), NOT_OWN, np.uint8)
    own[ratings.row_of_each(), ratings.column] = ratings.level
    start = np.arange(rows + 1, dtype=np.int64) * columns
    nothing = np.empty((0, prior.shape[1]), np.float32)
    asked = Asked(start, np.tile(np.arange(columns, dtype=np.int32), rows), own.ravel(), nothing)
    for exact in (False, True):
        probability = np.empty((rows * columns, prior.shape[1]), np.float32)
        score_pairs(asked, states, problem.parameters, prior, problem.form, how, exact, probability)
        yield probability
    expected = np.empty((rows, columns), np.float32)
    every = (np.arange(rows, dtype=np.int32), np.arange(columns, dtype=np.int32))
    values = np.arange(prior.shape[1], dtype=np.float64)
    expect_rows(*every, states, problem.parameters, problem.form, how, values, expected)
    yield expected


def counted(problem: Problem) -> Iterator[np.ndarray]:
    """Yield tallies and row biases of all rows of a problem."""
    ratings, prior = problem.ratings, problem.column_prior
    how, tallies = smoothing(prior.shape[1]), Tallies.zeros(len(ratings), prior.shape[1])
    tally_rows(ratings.start, ratings.column, ratings.level, prior, how.values, tallies)
    bias = np.empty_like(tallies.counts)
    row_biases(tallies, how, bias)
    yield from (*tallies, bias)


def folded_in(problem: Problem) -> Iterator[np.ndarray]:
    """Yield parameters of groups that are folded in, of the rows of a problem."""
    ratings, generator = problem.ratings, np.random.default_rng(4)
    levels, features = problem.row_bias.shape[1], generator.random((ratings.columns, 7), np.float32)
    centre = generator.standard_normal((len(ratings), levels, 8))
    offset, value = generator.random((ratings.n_ratings, levels), np.float32), np.empty_like(centre)
    of_ratings = (ratings.start, ratings.column, ratings.level)
    fold_in_groups(*of_ratings, features, offset, np.ones(8), np.eye(levels), levels, centre, value)
    yield value


def resampled(key: int) -> Iterator[np.ndarray]:
    """Yield sums over users drawn anew, and squares of what they add to six figures of two models."""
    generator, resamples = np.random.default_rng(9), 40
    rows, sums = generator.standard_normal((150, 2, 12)), np.empty((resamples, 24))
    resampled_sums(rows.reshape(150, 24), np.uint64(key), sums)
    yield sums
    slopes, squares = generator.standard_normal((resamples, 2, 6, 12)), np.empty((resamples, 2, 6))
    resampled_squares(rows, np.uint64(key), slopes, np.array([[0, -1], [0, 1]]), squares)
    yield squares


def drawn(key: int) -> Iterator[np.ndarray]:
    """Yield how often levels are drawn from their probabilities."""
    probability = np.random.default_rng(10).dirichlet(np.ones(5), 300).astype(np.float32)
    hits = np.empty((20, 5, 15), np.int64)
    drawn_hits(probability, np.uint64(key), hits)
    yield hits


def factorized(problem: Problem, sides: Sampler | LeastSquares) -> Iterator[object]:
    """Yield samples of a factorization of the ratings of a problem, and what they say of its pairs."""
    ratings, samples = problem.ratings, []
    value = ratings.level.astype(np.float64)
    # Until users and items have a noise of their own, and a little longer.
    for sweep in range(ALIKE + 4):
        sides.sweep()
        if sweep >= ALIKE:
            samples.append(sides.sample())
    yield from (sides.users.factors, sides.items.squares)
    items = stacked(samples)
    yield from items
    row, own = ratings.row_of_each(), np.where(np.arange(len(value)) % 2, value, np.nan)
    known = ratings.start, ratings.column, value
    yield from expected(
        items, sides.mean, known, (row, ratings.column[::-1].copy(), own * np.nan), (0.0, 4.0)
    )
    yield from expected(items, sides.mean, known, (row, ratings.column, own), (0.0, 4.0))


def encoded(problem: Problem, key: int) -> Iterator[object]:
    """Yield what two mini-batches make of an autoencoder of two layers, and what it says of all ratings."""
    ratings, sizes = problem.ratings, (12, 20)
    weights = starting_weights(ratings.columns, sizes, key)
    mean, square = (Weights(*(np.zeros_like(array) for array in weights)) for _ in range(2))
    times, layers = np.zeros(ratings.columns + 1, np.int64), np.array(sizes, np.int64)
    effect = np.linspace(-1, 1, ratings.columns, dtype=np.float32)
    centring = Centring(np.arange(-2, 3, dtype=np.float32), effect, np.float32(5))
    decay = np.full(ratings.columns + 1, 0.01, np.float32)
    course = Course(np.float32(0.7), np.float32(0.3), np.float32(0.05), decay)
    batch = plan_batch(ratings, np.arange(len(ratings), dtype=np.int32))
    work = Workspace.sized(len(ratings), ratings.n_ratings, weights)
    for number in range(2):
        yield learn_batch(
            batch, weights, mean, square, times, layers, centring, course, work, np.uint64(key + number)
        )
        yield from (*weights, *mean, *square, times)
    network = Autoencoder(sizes, weights, 3.0, centring)
    sums = network.sums_of(ratings)
    yield from sums
    yield from network.codes(sums)
    yield network.said(sums, ratings.row_of_each(), ratings.column, ratings.level)
    features, start = network.codes(sums)[0], ratings.transposed().start
    row, count = ratings.transposed().column, ratings.columns
    target, wanted = np.cos(np.arange(len(row))), np.arange(len(row)) % 2 == 0
    value, left = np.empty((count, features.shape[1])), np.zeros(len(row))
    penalty = np.ones(features.shape[1])
    ridge_groups(start, row, target, features, penalty, np.zeros_like(value), wanted, value, left)
    yield from (value, left)


def near(problem: Problem) -> Iterator[object]:
    """Yield neighbours of the columns of a problem, and what they add up to for its pairs."""
    ratings = problem.ratings
    residual = np.random.default_rng(3).normal(size=ratings.n_ratings)
    by_user = ratings.start, ratings.column, residual
    order = np.argsort(ratings.column, kind="stable")
    by_item = starts_of(ratings.column, ratings.columns), ratings.row_of_each()[order], residual[order]
    neighbour = np.empty((ratings.columns, 9), np.int32)
    similarity = np.empty((ratings.columns, 9), np.float32)
    bound = np.linspace(0, ratings.columns, 8).astype(np.int64)
    find_neighbours(by_item, by_user, bound, 5.0, neighbour, similarity)
    yield from (neighbour, similarity)
    found = Neighbourhood(neighbour, similarity, 1.5, 0.3, 1.0)
    yield from found.sums(Residuals(*by_user), ratings.row_of_each(), ratings.column[::-1].copy())


def fitted(seed: int, changes: dict[str, object]) -> Iterator[object]:
    """Yield parameters and figures of a fit."""
    generator, problem = np.random.default_rng(7), random_problem(SHAPE, seed=7)
    options = {"hidden": SHAPE.hidden, "epochs": 2, "batch_size": 150, "cd_steps": "1,2@2", "seed": seed}
    values = np.arange(1, SHAPE.levels + 1, dtype=np.float32)
    data = TrainingData(problem.ratings, problem.column_prior, values, smoothing(SHAPE.levels))
    column = generator.integers(SHAPE.columns, size=SHAPE.rows).astype(np.int32)
    level = generator.integers(SHAPE.levels, size=SHAPE.rows).astype(np.uint8)
    own = np.full(SHAPE.rows, NOT_OWN, np.uint8)
    validation = Validation(
        Asked(np.arange(SHAPE.rows + 1, dtype=np.int64), column, own, np.empty((0, 5), np.float32)),
        level,
        values[level],
    )
    outcome = fit(data, ResolvedSettings(**options | changes), validation, SILENT)
    yield from outcome.parameters
    for report in outcome.epochs:
        yield report.loss, report.valid_rmse, report.valid_nll


def fingerprints(seed: int = 0) -> dict[str, str]:
    """Return a hash of the results of every kernel in every form, and of every fit, by name."""
    results = {}
    shapes = {name: replace(SHAPE, kind=kind) for name, kind in KINDS.items()}
    shapes["few hidden units"] = FEW_HIDDEN
    for name, shape in shapes.items():
        problem = random_problem(shape, seed=1)
        for way, how in WAYS.items():
            results[f"contrastive_divergence, {name}, {way}"] = digest(diverged(problem, 5 + seed, how))
        results[f"backpropagate, {name}"] = digest(propagated_back(problem, 6 + seed))
        results[f"score_pairs, {name}"] = digest(scored(problem))
    for name, kind in LAYERED.items():
        problem = random_problem(replace(SHAPE, kind=kind), seed=1)
        results[f"backpropagate, {name}"] = digest(propagated_back(problem, 8 + seed))
        results[f"score_pairs, {name}"] = digest(scored(problem))
    problem = random_problem(JOINT, seed=2)
    for way, how in WAYS.items():
        in_weights = digest(diverged(problem, 7 + seed, {"joint": True, **how}))
        results[f"contrastive_divergence, D in the weights, {way}"] = in_weights
    results["tally_rows and row_biases"] = digest(counted(problem))
    results["fold_in_groups"] = digest(folded_in(problem))
    results["resampled_sums and resampled_squares"] = digest(resampled(8 + seed))
    results["drawn_hits"] = digest(drawn(9 + seed))
    rated = problem.ratings, problem.ratings.level.astype(np.float64), 3, seed
    results["factorization"] = digest(factorized(problem, Sampler(*rated)))
    results["least squares"] = digest(factorized(problem, LeastSquares(*rated, Penalties(3.0, 1.0, 5.0))))
    results["autoencoder"] = digest(encoded(problem, 10 + seed))
    results["neighbours"] = digest(near(problem))
    for name, changes in FITS.items():
        results[f"fit, {name}"] = digest(fitted(seed, changes))
    return results


if __name__ == "__main__":
    print(json.dumps({"threads": numba.get_num_threads(), "fingerprints": fingerprints()}))  # noqa: T201
