"""A model, its predictions and what belongs to them -> one HTML file, for those who decide."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rbmcli.config import CatalogueSettings, InputSettings, ReportSettings
from rbmcli.data.catalogue import Catalogue, read_catalogue
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.outputs import Target, check_target, local_path, open_output, open_outputs, told_target
from rbmcli.data.paths import is_folder
from rbmcli.data.remote import file_name, is_remote
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import MismatchError, UsageError
from rbmcli.models.hidden_units import strongest_units
from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import nearest
from rbmcli.pipeline.asking import Model, open_model
from rbmcli.pipeline.evaluate import EvaluateResult, evaluate
from rbmcli.progress import SILENT, Progress
