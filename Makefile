# What people and CI call. Each target does all of its own set-up.

CARGO ?= cargo

# The functions' processor: arm64 as Terraform has it, or x86_64.
ARCH ?= arm64

.PHONY: help demo test check package contract-test browser-test deploy-test bench clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## Run the whole stack on this machine with the life of an online store
	$(CARGO) run --release --locked -- demo $(ARGS)

test: ## Lints, all tests, and the demo with and without faults
	@tests/run

check: ## Format and lints only
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

package: ## Build the functions' zips, target/lambda/ARCH; ARCH=arm64 or x86_64
	@infra/packaging/run $(ARCH)

contract-test: ## Judge the connectors' requests and answers by the vendors' own OpenAPI files
	@tests/contract/run

browser-test: ## Use the demo's console in a real browser: every screen and state, sign-in, what forgers get
	@tests/browser/run

deploy-test: ## Deploy the example store to an emulator of AWS with Terraform, and check that changes arrive
	@tests/deploy/run

bench: ## What the packaged functions cost: CPU, start, memory, size
	@tests/bench/run

clean: ## Remove everything that was built
	$(CARGO) clean
