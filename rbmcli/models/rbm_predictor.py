"""An RBM applied to the histories of some users: level probabilities of pairs, and where each is from."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import UsageError
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.dense_scoring import expect_rows
from rbmcli.kernels.scoring import NOT_OWN, Asked, RowStates, activate_also_rated, score_pairs
from rbmcli.models.calibration import apply
from rbmcli.models.day_bias import Occasions, day_offsets
from rbmcli.models.fold_in import fold_in_users
from rbmcli.models.histories import Histories
from rbmcli.models.predictor import Answers, Predictor, Source
from rbmcli.models.priors import smoothed
from rbmcli.models.rbm import Rbm
from rbmcli.models.states import row_states

_FOLDED_AT_ONCE = 1 << 13
"""Users folded in together; each takes some kilobytes while it lasts."""


class RbmPredictor(Predictor):
    """A Restricted Boltzmann Machine together with the ratings of the users who are asked for.

    Parameters
    ----------
    model : Rbm
        The machine.
    histories : Histories
        The users and their ratings.
    exact : bool or None
        Whether hidden units are summed out exactly; None does as the model was trained to.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated besides, from `rbmcli.models.also_rated.for_asked`.

    Raises
    ------
    UsageError
        If several layers of hidden units are to be summed out.
    """

    def __init__(
        self,
        model: Rbm,
        histories: Histories,
        *,
        exact: bool | None = None,
        also_rated: CompressedRows | None = None,
    ) -> None:
        self.model: Rbm = model
        self.histories = histories
        self.exact = model.settings.inference == "exact" if exact is None else exact
        if self.exact and len(model.form.upper):
            raise UsageError(
                "--inference exact sums out one layer of hidden units, and this model has "
                f"{1 + len(model.form.upper)}",
                hint="leave out --inference",
            )
        self.is_dense = model.by_user and not self.exact and model.calibration is None
        self._states = (
            self._states_of_users(also_rated) if model.by_user else self._states_of_items(also_rated)
        )

    def on(self, histories: Histories) -> RbmPredictor:
        """Return the same for other histories, without pairs of unknown rating."""
        return RbmPredictor(self.model, histories, exact=self.exact)

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return the expected rating of pairs, with what `probabilities` says."""
        return Answers.expected(*self.probabilities(user, item, own, day), self.model.levels.values)

    def ratings_of(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the expected ratings of items by users; see `Predictor`."""
        model = self.model
        if not self.is_dense:
            return super().ratings_of(user, item)
        ratings = np.empty((len(user), len(item)), np.float32)
        values = model.levels.values.astype(np.float64)
        expect_rows(
            np.ascontiguousarray(user, np.int32),
            np.ascontiguousarray(item, np.int32),
            self._states,
            model.parameters,
            model.form,
            model.row_smoothing,
            values,
            ratings,
        )
        # Who has rated nothing that the model knows gets base rates.
        silent = np.flatnonzero(self._states.counts.sum(axis=1)[user] <= 0)
        for place in silent:
            ratings[place] = super().ratings_of(user[place : place + 1], item)[0]
        return ratings

    def _states_of_users(self, also_rated: CompressedRows | None) -> RowStates:
        model = self.model
        known = self.histories.known()
        return row_states(
            known, model.parameters, model.column_prior, model.row_smoothing, model.form, also_rated
        )

    def _states_of_items(self, also_rated: CompressedRows | None) -> RowStates:
        states = self.model.states
        assert states is not None
        if also_rated is None:
            return states
        states = states._replace(activation=states.activation.copy())
        activate_also_rated(also_rated.start, also_rated.column, self.model.parameters, states)
        return states

    def probabilities(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the level probabilities of pairs, never null.

        Parameters
        ----------
        user : ndarray of int32, shape (pairs,)
            Position of each user in the histories.
        item : ndarray of int32, shape (pairs,)
            The model's index of each item; -1 for an item that it does not know.
        own : ndarray of uint8, shape (pairs,)
            Level of the pair in the user's history, which is then left out of it; `NOT_OWN` elsewhere.
        day : ndarray of int64, shape (pairs,), optional
            Day of each pair, for a model with a day bias and histories with days.

        Returns
        -------
        probability : ndarray of float32, shape (pairs, K)
            Level probabilities.
        source : ndarray of uint8, shape (pairs,)
            A `Source` each.
        """
        has_own = own != NOT_OWN
        others = self.histories.count_left(user, own)
        probability = np.empty((len(user), len(self.model.levels)), np.float32)
        if self.model.by_user:
            usable = self._states.counts.sum(axis=1)[user] - (has_own & (item >= 0)) > 0
            source = np.where(usable, self._trained_or_folded(user), Source.VISIBLE_PRIOR)
            unknown_item = np.where(others.sum(axis=1) > 0, Source.ROW_PRIOR, Source.GLOBAL_PRIOR)
        else:
            usable = self._known_ratings()[user] - (has_own & (item >= 0)) > 0
            known_user = (self.histories.model_user[user] >= 0) | usable
            source = np.where(known_user, self._trained_or_folded(user), Source.ROW_PRIOR)
            unknown_item = np.where(
                (self.histories.model_user[user] >= 0) | (others.sum(axis=1) > 0),
                Source.VISIBLE_PRIOR,
                Source.GLOBAL_PRIOR,
            )
        source = np.where(item >= 0, source, unknown_item).astype(np.uint8)
        scored = np.flatnonzero(source <= Source.FOLDED_IN)
        score = self._score_user_rows if self.model.by_user else self._score_item_rows
        offset = self._day_offsets(
            user[scored], item[scored], own[scored], day if day is None else day[scored]
        )
        scores = score(user[scored], item[scored], own[scored], offset)
        # Base rates are left as they are: what sets the model right was fitted on what it says itself.
        calibration = self.model.calibration
        probability[scored] = scores if calibration is None else apply(calibration, scores)
        self._fill_priors(probability, source, user, item, others)
        return probability, source

    def _known_ratings(self) -> np.ndarray:
        """Return how many items that the model knows each user has rated, int64 (U,)."""
        known = self.histories.model_item[self.histories.rated.column] >= 0
        return np.bincount(self.histories.rated.row_of_each()[known], minlength=len(self.histories.users))

    def _trained_or_folded(self, user: np.ndarray) -> np.ndarray:
        return np.where(self._serves_as_trained()[user], Source.MODEL, Source.FOLDED_IN)

    def _serves_as_trained(self) -> np.ndarray:
        """Return which users are predicted by what was trained on just their ratings.

        With rows of items that holds for a user without a history too, whose parameters the model has.
        """
        if self.model.by_user:
            return self.histories.as_trained
        silent = self.histories.count.sum(axis=1) == 0
        return self.histories.as_trained | (silent & (self.histories.model_user >= 0))

    def _fill_priors(
        self,
        probability: np.ndarray,
        source: np.ndarray,
        user: np.ndarray,
        item: np.ndarray,
        others: np.ndarray,
    ) -> None:
        """Fill the pairs that the model cannot score with base rates, of the side that is known."""
        model = self.model
        by_item = Source.VISIBLE_PRIOR if model.by_user else Source.ROW_PRIOR
        by_person = Source.ROW_PRIOR if model.by_user else Source.VISIBLE_PRIOR
        of_item, of_user = np.flatnonzero(source == by_item), np.flatnonzero(source == by_person)
        probability[of_item] = model.item_prior[item[of_item]]
        counts = others[of_user]
        own_prior = smoothed(counts, model.global_prior, model.column_smoothing)
        if not model.by_user:
            # The base rates of a trained user allow for who else has rated the items.
            trained = self.histories.model_user[user[of_user]]
            serves = self._serves_as_trained()[user[of_user]]
            own_prior = np.where(serves[:, None], model.column_prior[trained], own_prior)
        probability[of_user] = own_prior
        probability[source == Source.GLOBAL_PRIOR] = model.global_prior

    def _day_offsets(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None
    ) -> np.ndarray:
        """Return the day bias of pairs, float32 (pairs, K); of shape (0, K) where days do not count."""
        model, histories = self.model, self.histories
        if day is None or histories.day is None:
            return np.empty((0, len(model.levels)), np.float32)
        asked = Occasions(user, item, own, day)
        return day_offsets(histories.occasions(), asked, model.item_prior, *model.day_smoothings)

    def _score_user_rows(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, offset: np.ndarray
    ) -> np.ndarray:
        return self._score(user, item, own, offset, self.model.parameters, self.model.column_prior)

    def _score_item_rows(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, offset: np.ndarray
    ) -> np.ndarray:
        """Score pairs whose column is a user: one as trained, or one folded in.

        A user who is folded in and asked for a pair of the own history is folded in once more for it,
        without that rating.
        """
        model, histories = self.model, self.histories
        assert model.states is not None
        trained = self._serves_as_trained()
        left_out = np.where((own != NOT_OWN) & ~trained[user], item, -1)
        choices = len(model.row_ids) + 1
        keys, column = np.unique(user.astype(np.int64) * choices + left_out + 1, return_inverse=True)
        case_user, case_left_out = keys // choices, keys % choices - 1
        column = column.astype(np.int32)
        known = histories.model_user[case_user]
        fold = np.flatnonzero(~trained[case_user])
        if len(fold) > _FOLDED_AT_ONCE and len(user) > _FOLDED_AT_ONCE:
            parts = np.array_split(np.arange(len(user)), -(-len(user) // _FOLDED_AT_ONCE))
            return np.concatenate(
                [
                    self._score_item_rows(user[at], item[at], own[at], offset[at] if len(offset) else offset)
                    for at in parts
                ]
            )
        parameters, prior = model.parameters.of_columns(known), model.column_prior[known]
        if len(fold):
            fold_in_users(
                model, self._states, histories, case_user[fold], case_left_out[fold], parameters, fold
            )
        # Ratings other than those trained on were perhaps never added to the rows: they stay as they are.
        own = np.where(trained[user], own, np.uint8(NOT_OWN))
        return self._score(item, column, own, offset, parameters, prior)

    def _score(
        self,
        row: np.ndarray,
        column: np.ndarray,
        own: np.ndarray,
        offset: np.ndarray,
        parameters: Parameters,
        prior: np.ndarray,
    ) -> np.ndarray:
        states = self._states
        order = np.argsort(row, kind="stable")
        start = np.zeros(len(states.activation) + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=len(states.activation)), out=start[1:])
        asked = Asked(
            start,
            np.ascontiguousarray(column[order], np.int32),
            np.ascontiguousarray(own[order], np.uint8),
            offset[order] if len(offset) else offset,
        )
        scores = np.empty((len(row), prior.shape[1]), np.float32)
        model = self.model
        score_pairs(asked, states, parameters, prior, model.form, model.row_smoothing, self.exact, scores)
        probability = np.empty_like(scores)
        probability[order] = scores
        return probability
