#!/usr/bin/env bash
# Reads `go test -v` and prints a listing that a person can read: one line for
# each test that ran, and everything else (failures, logs, results) as it is.
# What tests announce while they run is left out.
set -euo pipefail
exec sed -u -E '/^=== (RUN|PAUSE|CONT|NAME) /d'
