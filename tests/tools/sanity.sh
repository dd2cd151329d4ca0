#!/usr/bin/env bash
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sanity.sh [ARGUMENT...]: ansible-test sanity on a copy of the working tree, with no ignore entries.
# Without arguments: every test on the Python of $VENV, then compile and import on each other supported Python found.
# With arguments: `ansible-test sanity ARGUMENT...` on the copy, for instance `sanity.sh --test validate-modules`.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
venv=$(cd "${VENV:-.venv}" && pwd)
supported=(3.11 3.12 3.13)

if compgen -G 'tests/sanity/ignore-*.txt' >/dev/null; then
    echo "tests/sanity: this collection has no ignore entries; mend what ansible-test reports instead" >&2
    exit 1
fi

# ansible-test keeps its environments under the home directory: give it one of its own, with the user's pip settings.
home=$root/.cache/ansible-test
mkdir -p "$home/.config" "$home/.cache"
for entry in .config/pip .pip .cache/pip; do
    [ ! -e "$HOME/$entry" ] || ln -sfn "$HOME/$entry" "$home/$entry"
done
"$venv/bin/python" tests/tools/get_pip.py --install "$home/.ansible/test/cache"

print_directory='import os, sys; print(os.path.join(sys.base_prefix, "bin"))'

# The directory of a real interpreter of one version: ansible-test refuses a launcher that may start another.
interpreter_directory() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*"/bin/python$1"; do
        "$candidate" -c "$print_directory" 2>/dev/null && return
    done
    return 1
}

own=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
path=$venv/bin:$("$venv/bin/python" -c "$print_directory")
others=()
for version in "${supported[@]}"; do
    [ "$version" != "$own" ] || continue
    if directory=$(interpreter_directory "$version"); then
        others+=("$version")
        path=$path:$directory
    else
        echo "Python $version is not installed here: its compile and import tests are left out"
    fi
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$(tests/tools/export.sh "$scratch")
cd "$tree"

sanity() {
    HOME=$home PATH=$path:$PATH ansible-test sanity --color no "$@"
}

if [ $# -gt 0 ]; then
    sanity "$@"
    exit
fi

# With --lint the findings come alone on standard output; the progress beside them matters only if there are none.
failed=0
judge() {
    echo "ansible-test sanity $*"
    if ! sanity --lint "$@" 2>"$scratch/progress" | tee "$scratch/findings"; then
        failed=1
        [ -s "$scratch/findings" ] || cat "$scratch/progress"
    fi
}
judge --python "$own"
for version in "${others[@]}"; do
    judge --python "$version" --test compile --test import
done
exit "$failed"
