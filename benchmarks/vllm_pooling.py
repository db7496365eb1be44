"""Scores rows of token ids with vLLM's pooling runner, in a process and environment of its own; see `scoring.py`.

    python benchmarks/vllm_pooling.py JOB.json RESULT.json

It imports nothing of this project: the environment that has vLLM need not have it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter


def main(job_file: str, result_file: str) -> None:
    """Read model, dtype, rows and whether prefixes are cached; write seconds, warm-up apart, and scores."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # what is timed is this process' work
    from vllm import LLM, PoolingParams

    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    engine = LLM(
        model=job["model"],
        runner="pooling",
        dtype=job["dtype"],
        enforce_eager=True,
        max_model_len=2048,
        gpu_memory_utilization=0.3,  # on a CPU: of its memory, for keys and values
        enable_prefix_caching=job["prefix_caching"],
    )
    prompts = [{"prompt_token_ids": row} for row in job["rows"]]
    params = PoolingParams(use_activation=False)  # raw logits
    engine.classify(prompts[:8], pooling_params=params, use_tqdm=False)
    engine.reset_prefix_cache()
    start = perf_counter()
    outputs = engine.classify(prompts, pooling_params=params, use_tqdm=False)
    seconds = perf_counter() - start
    result = {"seconds": seconds, "scores": [output.outputs.probs[0] for output in outputs]}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
