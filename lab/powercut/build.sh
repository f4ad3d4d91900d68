#!/bin/bash
# build.sh OUT -- compile the shim to OUT/powercut.so and the undo tool to OUT/powercut. Safe to run several at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?folder for the results}
mkdir -p "$out"
flags=(-std=gnu11 -O2 -Wall -Wextra -Werror -U_FORTIFY_SOURCE)
${CC:-cc} "${flags[@]}" -fPIC -shared -o "$out/.powercut.so.$$" "$here/powercut.c" -ldl -lpthread
${CC:-cc} "${flags[@]}" -o "$out/.powercut.$$" "$here/undo.c"
mv -f "$out/.powercut.so.$$" "$out/powercut.so"
mv -f "$out/.powercut.$$" "$out/powercut"
