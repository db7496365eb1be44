"""The filters, one per file: Problem + program → `StageResult`. Each is usable alone; the verifier orders them."""
