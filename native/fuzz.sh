#!/bin/bash
# The kernel's tests, and its decoder on mutated payloads, under an address sanitizer; then Miri over the modules
# that look at memory by themselves.
#
#     native/fuzz.sh [ROUNDS]     # batches of mutated payloads, 20,000 if it is not said
#
# Needs a nightly Rust: rustup toolchain install nightly --component miri,rust-src
set -euo pipefail
cd "$(dirname "$0")"
export PYO3_PYTHON=${PYO3_PYTHON:-$PWD/../.venv/bin/python}
target=$(rustc +nightly -vV | sed -n 's/^host: //p')
library=$("$PYO3_PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
export LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# With the compiler's optimisations, as in the wheel, and its checks of overflow. What Python holds at the end is
# no leak.
FUZZ_ROUNDS=${1:-20000} RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 CARGO_PROFILE_TEST_OPT_LEVEL=2 \
  cargo +nightly test --locked --lib --target "$target" --target-dir target/sanitized

cargo +nightly miri test --locked --lib --target-dir target/miri -- columns:: plan:: skip:: string:: text:: fuzz::
