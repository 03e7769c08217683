"""Contrastive divergence: one call is one mini-batch, and every loop is over observed ratings only.

Each phase is one of three walks, none of which races:

- by row: a thread owns a row and computes its hidden units;
- by column: a thread owns a visible group: it reconstructs the group's entries and updates its parameters;
- by blocks of rows, for what all rows share (hidden biases and factors): blocks are summed in order.

Sums over a row or a column are made by one thread in the order of the ratings, and random numbers come
from counters, so that the result has the same bits at any number of threads.

Source: Salakhutdinov, Mnih, Hinton (2007), equations 1, 2 and 6, and for D equation 10; with the row
bias of `rbmcli.kernels.row_bias.row_bias` added to the visible logits. Persistent chains: T. Tieleman (2008),
"Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, uniform
from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.kernels.columns import BLOCK, SMALLEST, block_logits, block_memory
from rbmcli.kernels.divergence_updates import add_block, update_chunk, update_shared
from rbmcli.kernels.groups import choose_level, softmax_block
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.rows import (
    row_key,
    sample_hidden,
    squash,
    to_features,
)
from rbmcli.kernels.shared import empty_blocks
from rbmcli.kernels.tiles import rows_from_levels, rows_from_shares


class Rule(NamedTuple):
    """How one mini-batch is learned from.

    Attributes
    ----------
    steps : int
        T, the Gibbs steps.
    sampled : bool
        Whether reconstructions are drawn levels, or (mean field) their probabilities.
    persistent : bool
        Whether chains go on from where they were; then reconstructions are drawn.
    joint : bool
        Whether weights hold D in them; then the form has no term D of its own.
    rate, momentum, decay : float32
        Learning rate, momentum, weight decay.
    runs : int
        In how many runs rows are walked, best one for each thread; it makes no difference to what comes out.
    """

    steps: int
    sampled: bool
    persistent: bool
    joint: bool
    rate: np.float32
    momentum: np.float32
    decay: np.float32
    runs: int = 1


@inner_kernel
def _hidden_run(batch, parameters, form, rule, scratch, chain, run, runs, move, draws, key):
    """E[h | v] for a run of chunks of rows, and the state that the next reconstruction starts from.

    Move 0 is from the ratings, and move 1 of a persistent chain from where it was; any other from the
    reconstruction.
    """
    from_chain, chunks = rule.persistent and move == 1, batch.row_chunk.shape[0] - 1
    first_row, last_row = batch.row_chunk[run * chunks // runs], batch.row_chunk[(run + 1) * chunks // runs]
    sums = scratch.data_sums if move == 0 else scratch.model_sums
    mean = scratch.data_hidden if move == 0 else scratch.model_hidden
    features = scratch.data_features if move == 0 else scratch.model_features
    if move == 0 or rule.sampled:
        level = batch.level if move == 0 else (chain if from_chain else scratch.drawn)
        rows_from_levels(batch, parameters, form, level, first_row, last_row, sums, mean)
    else:
        rows_from_shares(batch, parameters, form, scratch.outcome, first_row, last_row, sums, mean)
    for row in range(first_row, last_row):
        squash(mean, row, form)
        to_features(parameters, form, mean, row, features)
        if draws:
            sample_hidden(mean, scratch.state, row, form, row_key(batch, key, row))
            to_features(parameters, form, scratch.state, row, scratch.state_features)


@inner_kernel
def _reconstruct_chunk(batch, parameters, form, rule, scratch, chunk, key):
    """p(v_i^k = 1 | h) of the ratings of a chunk, and a level drawn from it; fills the chunk's loss."""
    levels = form.basis.shape[0]
    places, products, logits, total = block_memory(form)
    loss = 0.0
    place = batch.column_start[batch.column_chunk[chunk]]
    last = batch.column_start[batch.column_chunk[chunk + 1]]
    while place < last:
        count = 0
        while place < last and count < BLOCK:
            places[count] = place
            count += batch.entry_level[place] != UNKNOWN
            place += 1
        block_logits(
            batch,
            parameters,
            form,
            scratch.state_features,
            scratch.row_bias,
            places,
            count,
            products,
            logits,
        )
        softmax_block(logits, total, count)
        likelihood = 1.0
        for n in range(count):
            e = batch.entry[places[n]]
            # The logarithm of eight factors at once; the least product is 1e-240.
            likelihood *= np.float64(max(logits[batch.entry_level[places[n]], n], SMALLEST))
            if n % 8 == 7 or n == count - 1:
                loss -= np.log(likelihood)
                likelihood = 1.0
            if rule.sampled:
                level = choose_level(logits, n, uniform(key, e))
                scratch.drawn[e] = level
                scratch.entry_drawn[places[n]] = level
            else:
                for k in range(levels):
                    scratch.outcome[e, k] = logits[k, n]
    scratch.loss[chunk] = loss


@parallel_kernel
def contrastive_divergence(batch, chain, parameters, velocity, row_bias, scratch, form, rule, key):
    """Do one mini-batch of CD-T: Gibbs chains of T steps from the data, then one update.

    Parameters
    ----------
    batch : Batch
        The ratings.
    chain : uint8 (E,)
        With persistent chains their levels by rating, changed in place; else empty.
    parameters, velocity : Parameters
        Changed in place, for the columns of the batch only (lazy momentum and decay).
    row_bias : float32 (R, K)
        b_u^k of every training row.
    scratch : Scratch
        Work memory, at least as large as the batch.
    form : Form
        What kind of machine it is.
    rule : Rule
        How it learns.
    key : uint64
        Key of the random numbers of this mini-batch.

    Returns
    -------
    float
        Sum of -log p(level | h) over the batch, in nats, in the first reconstruction of the data.
    """
    runs = min(rule.runs, batch.row_chunk.shape[0] - 1)
    column_chunks = batch.column_chunk.shape[0] - 1
    for row in range(batch.rows.shape[0]):
        for k in range(row_bias.shape[1]):
            scratch.row_bias[row, k] = row_bias[batch.rows[row], k]
    moves = rule.steps + 1 + (1 if rule.persistent else 0)
    loss = 0.0
    for move in range(moves):
        for run in prange(runs):
            hidden_key = derive(key, 2 * move)
            draws = move < moves - 1
            _hidden_run(batch, parameters, form, rule, scratch, chain, run, runs, move, draws, hidden_key)
        if move == moves - 1:
            break
        for chunk in prange(column_chunks):
            _reconstruct_chunk(batch, parameters, form, rule, scratch, chunk, derive(key, 2 * move + 1))
        if move == 0:
            for chunk in range(column_chunks):
                loss += scratch.loss[chunk]
    if rule.persistent:
        for e in range(batch.level.shape[0]):
            if batch.level[e] != UNKNOWN:
                chain[e] = scratch.drawn[e]
    for chunk in prange(column_chunks):
        update_chunk(batch, parameters, velocity, form, rule, scratch, chunk)
    biases, factors = empty_blocks(batch.rows.shape[0], parameters)
    for block in prange(biases.shape[0]):
        add_block(batch, scratch, form, block, biases, factors)
    update_shared(batch, parameters, velocity, rule, biases, factors)
    return loss
