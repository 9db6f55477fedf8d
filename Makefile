# Two commands for a stranger: `make run` starts the order platform, `make test` proves everything.

SHELL := /bin/bash

PORT ?= 8080
DATA ?= shop-data
# release is faster, and takes twice as long to build.
CONFIGURATION ?= debug

# How many Raft clusters are simulated.
SEEDS ?= 2000

# How long a cluster of real processes is attacked, and from which seed.
ATTACK_SECONDS ?= 300
SEED ?= 1

# How long the control plane and etcd are soaked, each.
SOAK_SECONDS ?= 240

# How long the thread sanitizer watches.
TSAN_SECONDS ?= 20

# What kills processes, counts memory or fills every core is tested by itself, one after the other.
ALONE := ShopTests\.LiveTests|HostingTests\.FuzzTests|RaftSimulationTests\.MutationTests|NodeTests\.CounterTests|GRPCTests\.MemoryTests|EtcdTests\.FailoverTests|EtcdTests\.ServicesOverEtcdTests|EtcdCompatibilityTests\.|AttackTests\.ClusterAttackTests|ApusTests\.BadInput

# Who looks for a failure among thousands of lines finds it at their end.
define run-tests
@echo swift test $(1); log="$$(mktemp)"; trap 'rm -f "$$log"' EXIT; \
	swift test --skip-build $(1) 2>&1 | tee "$$log"; result=$${PIPESTATUS[0]}; \
	if [ $$result -ne 0 ]; then echo; echo 'What failed:'; grep -aE '✘|error:' "$$log"; fi >&2; \
	exit $$result
endef

.PHONY: help run run-cluster test attack simulate resilience-figures tsan bench bench-channels bench-grpc bench-kv bench-log bench-raft bench-resilience smoke soak format lint tidy clean

help:
	@echo 'make run      build and start the order platform;  PORT=8080 DATA=shop-data CONFIGURATION=debug'
	@echo 'make run-cluster  the same as 19 processes: three control-plane nodes, two of each service;  PORT=8080 (and 8081) DATA=shop-cluster-data'
	@echo 'make test     build and run every test'
	@echo 'make simulate  run Raft clusters with faults, from seeds 1 to SEEDS=2000'
	@echo 'make attack   attack three members of the control plane, as root;  ATTACK_SECONDS=300 SEED=1'
	@echo 'make resilience-figures  simulate overload and faults with the policies and without'
	@echo 'make tsan     run channels and their like under the thread sanitizer;  TSAN_SECONDS=20'
	@echo 'make bench    compare with the peers (Go, go-resiliency, grpc-go, hashicorp/raft, the disk), side by side on this machine; make bench-channels, bench-grpc, bench-kv, bench-log, bench-raft, bench-resilience  only one table'
	@echo 'make soak     a long, steady load on the control plane and on etcd, one after the other;  SOAK_SECONDS=240'
	@echo 'make smoke    walk through the order platform with curl, as the README does'
	@echo 'make format   format the sources;  make lint  only check them;  make tidy  check the rules of the house'

run:
	@scripts/prepare
	swift build --configuration $(CONFIGURATION) --product shop
	@exec "$$(swift build --configuration $(CONFIGURATION) --show-bin-path)/shop" run --port $(PORT) --data "$(DATA)"

# Its data are not those of `make run`, which has a registry of its own.
run-cluster:
	@scripts/prepare
	swift build --configuration $(CONFIGURATION) --product apus
	swift build --configuration $(CONFIGURATION) --product shop
	@exec "$$(swift build --configuration $(CONFIGURATION) --show-bin-path)/shop" cluster --port $(PORT) \
		--data "$(if $(filter file,$(origin DATA)),shop-cluster-data,$(DATA))"

test:
	@scripts/prepare test
	swift build --build-tests
	$(call run-tests,--experimental-maximum-parallelization-width $$(nproc) --skip '$(ALONE)')
	$(call run-tests,--no-parallel --filter '$(ALONE)')

simulate:
	@scripts/prepare
	scripts/simulate --seeds $(SEEDS)

attack:
	@scripts/prepare
	swift build --product attack
	swift build --product AttackClock
	swift build --product apus
	@folder="$$(swift build --show-bin-path)"; \
	"$$folder/attack" --program "$$folder/apus server" --seconds $(ATTACK_SECONDS) --seed $(SEED)

# What the policies do together, simulated: the table of docs/resilience.md.
resilience-figures:
	@scripts/prepare
	@swift test --filter 'ResilienceTests\.SimulationTests' 2>&1 | grep -aE '^\||✘|error:'; test $${PIPESTATUS[0]} -eq 0

# Only Primitives and Channels are built. A planted race must be found, or the sanitizer does not look.
tsan:
	@scripts/prepare
	swift build --sanitize=thread --scratch-path .build-tsan --product channels-stress
	@stress="$$(swift build --scratch-path .build-tsan --show-bin-path)/channels-stress"; \
	if TSAN_OPTIONS=halt_on_error=1 "$$stress" plant-a-race 2> /dev/null; then \
		echo 'the thread sanitizer missed a planted race' >&2; exit 1; \
	fi; \
	TSAN_OPTIONS=halt_on_error=1 timeout 300 "$$stress" $(TSAN_SECONDS)

bench: bench-channels bench-grpc bench-kv bench-log bench-raft bench-resilience

bench-channels:
	@scripts/prepare bench
	Benchmarks/channels.py

bench-grpc:
	@scripts/prepare bench
	Benchmarks/grpc.py

# The control plane beside etcd 3.5.1, both with fsync; takes a quarter of an hour.
bench-kv:
	@scripts/prepare bench
	Benchmarks/kv.py

# The Raft log's appends beside the disk's own rate, in one run; BENCH_DISK is the folder whose disk is measured.
bench-log:
	swift build --configuration release --package-path Benchmarks --product raftlog
	Benchmarks/raftlog.py --folder "$${BENCH_DISK:-/tmp}"

bench-raft:
	@scripts/prepare bench
	Benchmarks/raft.py

bench-resilience:
	@scripts/prepare bench
	Benchmarks/resilience.py --into docs/resilience.md

# 10,000 leases, 10,000 watchers and 1,000,000 keys, on the control plane and on etcd 3.5.1.
soak:
	@scripts/prepare bench
	Benchmarks/soak.py --seconds $(SOAK_SECONDS)

smoke:
	@scripts/prepare
	swift build --product shop
	scripts/smoke "$$(swift build --show-bin-path)/shop"

format:
	swift format format --in-place --recursive Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Channels Benchmarks/GRPC Benchmarks/Log Benchmarks/Raft Benchmarks/Resilience

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Channels Benchmarks/GRPC Benchmarks/Log Benchmarks/Raft Benchmarks/Resilience

tidy:
	scripts/tidy

clean:
	rm -rf .build .build-tsan
