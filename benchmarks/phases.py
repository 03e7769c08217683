"""The phases of a mini-batch of CD-1, one call each, so that each can be timed.

The loops are those of `rbmcli.kernels.divergence.contrastive_divergence`, cut where one phase ends; what they
call is the same. An epoch done in phases ends with the same parameters.
"""

from __future__ import annotations

import time

from numba import prange

from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.divergence import (
    _hidden_run,
    _reconstruct_chunk,
)
from rbmcli.kernels.divergence_updates import add_block, update_chunk, update_shared
from rbmcli.kernels.jit import parallel_kernel
from rbmcli.kernels.shared import empty_blocks

PHASES = ("hidden from data", "reconstruction", "hidden from reconstruction", "update")


@parallel_kernel
def _hidden(batch, chain, parameters, row_bias, scratch, form, rule, key, move):
    """Compute the hidden units from the ratings (move 0) or from their reconstruction (move 1)."""
    if move == 0:
        for row in range(batch.rows.shape[0]):
            for k in range(row_bias.shape[1]):
                scratch.row_bias[row, k] = row_bias[batch.rows[row], k]
    runs = min(rule.runs, batch.row_chunk.shape[0] - 1)
    for run in prange(runs):
        hidden_key = derive(key, 2 * move)
        draws = move == 0
        _hidden_run(batch, parameters, form, rule, scratch, chain, run, runs, move, draws, hidden_key)


@parallel_kernel
def _reconstruct(batch, parameters, scratch, form, rule, key):
    """Reconstruct the ratings, and return the loss."""
    chunks, loss = batch.column_chunk.shape[0] - 1, 0.0
    for chunk in prange(chunks):
        _reconstruct_chunk(batch, parameters, form, rule, scratch, chunk, derive(key, 1))
    for chunk in range(chunks):
        loss += scratch.loss[chunk]
    return loss


@parallel_kernel
def _update(batch, parameters, velocity, scratch, form, rule):
    """Follow the gradient."""
    for chunk in prange(batch.column_chunk.shape[0] - 1):
        update_chunk(batch, parameters, velocity, form, rule, scratch, chunk)
    biases, factors = empty_blocks(batch.rows.shape[0], parameters)
    for block in prange(biases.shape[0]):
        add_block(batch, scratch, form, block, biases, factors)
    update_shared(batch, parameters, velocity, rule, biases, factors)


class PhaseClock:
    """In place of `contrastive_divergence`: does the same for CD-1, and adds up the seconds by phase.

    Attributes
    ----------
    seconds : dict of str to float
        Seconds spent so far in each of `PHASES`.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)

    def __call__(self, batch, chain, parameters, velocity, row_bias, scratch, form, rule, key):
        """Do one mini-batch; arguments and result are those of `contrastive_divergence`."""
        if rule.steps != 1 or rule.persistent:
            raise ValueError("phases are told apart for CD-1 alone")
        marks = [time.perf_counter()]
        _hidden(batch, chain, parameters, row_bias, scratch, form, rule, key, 0)
        marks.append(time.perf_counter())
        loss = _reconstruct(batch, parameters, scratch, form, rule, key)
        marks.append(time.perf_counter())
        _hidden(batch, chain, parameters, row_bias, scratch, form, rule, key, 1)
        marks.append(time.perf_counter())
        _update(batch, parameters, velocity, scratch, form, rule)
        marks.append(time.perf_counter())
        for place, phase in enumerate(PHASES):
            self.seconds[phase] += marks[place + 1] - marks[place]
        return loss
