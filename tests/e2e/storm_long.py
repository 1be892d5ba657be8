#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
# test-timeout: 900 s
# test-dataplanes: dpdk xdp auto
"""A storm of a hundred hits (storm.py)."""
import os
import sys

os.environ.setdefault("STORM_HITS", "100")
sys.dont_write_bytecode = True

import storm  # noqa: E402
from storm import tap  # noqa: E402

tap.run(storm.storm)
