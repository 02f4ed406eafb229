"""Whatever comes in: random tables, queries, files and rounds, judged by code that shares nothing with the engine.

A short round runs with the other tests. ``SHOAL_FUZZ=long python -m pytest tests/fuzz`` runs at least 10,000 releases,
2,500 queries, 10,000 mutated files and 10,000 rounds; ``SHOAL_FUZZ_SEED=7`` chooses others. The seed is fixed unless
given, so that a suite that passes keeps passing. What fails is minimized by Hypothesis, printed, and kept: as an
``@example`` above the test that it broke.
"""
