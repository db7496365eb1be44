"""Choosing one program per problem for less than it costs to run every test on every candidate.

`strategy` has the words (`certified`, `budget=2`), `choice` what comes out, `selection` leads the searches of one call;
`certified` and `budgeted` are the searches: what to run next in one problem, given what is known.
"""
