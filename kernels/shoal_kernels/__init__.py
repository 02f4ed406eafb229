"""Compiled kernels: typed arrays in, typed arrays out.

Nothing here knows a column name, a person or a policy. Preconditions are named in each kernel
and checked by the engine, which is the only caller.
"""
