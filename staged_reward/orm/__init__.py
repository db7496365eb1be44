"""The outcome reward model (ORM): a causal language model with a scalar head that scores what survives the filters.

`checkpoint` loads a trained one, `scorer` runs it. Nothing here decides a verdict: filters decide what survives, scores
order it.
"""
