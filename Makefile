# Everything a stranger needs: `make test` builds and proves it.

SHELL := /bin/bash

.PHONY: help test format lint tidy clean

help:
	@echo 'make test     build and run every test'
	@echo 'make format   format the sources;  make lint  only check them;  make tidy  check the rules of the house'

test:
	@scripts/prepare
	swift build --build-tests
	swift test --skip-build

format:
	swift format format --in-place --recursive Package.swift Sources Tests

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

tidy:
	scripts/tidy

clean:
	rm -rf .build
