# SPDX-License-Identifier: Apache-2.0
"""What tools/make_family_models.py and the oracle tests make tiny models of: texts, tokenizers, configurations, and how goldens are written."""
