"""The frontier of accuracy against throughput: what filters, rankers and strategies give, measured on given samples.

`recipe` says what is compared, `trial` runs and times it, `study` leads the trials; `accuracy` and `interval` make numbers
of them, `frontier` the rows; `prices` puts dollars to them. `ranks`, `patterns` and `false_positives` look at what filters
and reward model get wrong. `figures`, `tables` and `report` show it.
"""
