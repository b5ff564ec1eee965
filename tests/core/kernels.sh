#!/usr/bin/env bash
# Builds the core without Python, for one instruction set, and runs tests/core/kernels.cpp on it.
#
#     [RUN="emulator ..."] tests/core/kernels.sh FOLDER COMPILER FLAGS...
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1 compiler=$2
shift 2
mkdir -p "$folder"
flags=(-std=c++17 -ffp-contract=fast -Wall -Wextra -Wno-psabi -DCONVSCOPE_ISA=baseline -DCONVSCOPE_ONE_SET "$@")
compile() { "$compiler" "${flags[@]}" "${@:3}" -c "$1" -o "$folder/$2.o"; }

compile cpp/isa.cpp float -DCONVSCOPE_ELEMENT=float &
float=$!
compile cpp/isa.cpp double -DCONVSCOPE_ELEMENT=double
for file in dispatch threads memory; do compile "cpp/$file.cpp" "$file"; done
compile tests/core/kernels.cpp kernels
wait "$float"
"$compiler" "${flags[@]}" "$folder"/*.o -pthread -o "$folder/kernels"
${RUN:-} "$folder/kernels"
