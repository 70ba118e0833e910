# What people and CI call. Each target does all of its own set-up.

CARGO ?= cargo

.PHONY: help demo test check clean

help: ## Show what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## Run the whole stack on this machine with the life of an online store
	$(CARGO) run --release --locked -- demo $(ARGS)

test: ## Lints, all tests, and the demo with and without faults
	@tests/run

check: ## Format and lints only
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

clean: ## Remove everything that was built
	$(CARGO) clean
