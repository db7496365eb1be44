"""Models that write programs, behind one seam: `Generator` in `generator`, one kind of model per file beside it."""
