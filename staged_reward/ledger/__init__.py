"""What verification cost in a training, and what it was worth: one line per call, and audits by the full suite.

`entry` is a call, `audit` checks a sample of it, `estimates` says what that shows, `book` writes and reads the files,
`callback` takes it to a tracker, `figures` draws it.
"""
