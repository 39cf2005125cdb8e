# SPDX-License-Identifier: Apache-2.0
"""Hostile names and listings: every 12th of the tables in hostile.py; all of them in `make hub-long`."""
import itertools

import hostile
from machine import NAME


def test_names(wick, hub):
    assert hostile.try_names(wick, hub, itertools.islice(hostile.names(), 0, None, 12)) > 40


def test_listings(wick, hub):
    assert hostile.try_listings(wick, hub, itertools.islice(hostile.listings(hub.repositories[NAME]), 0, None, 12)) > 20
