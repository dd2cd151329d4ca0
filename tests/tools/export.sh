#!/usr/bin/env bash
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# export.sh DIRECTORY: copies what git tracks or would track into DIRECTORY/ansible_collections/hotpass/prefect,
# without the links under collections/, and prints that path.
#
# ansible-test insists on such a path and resolves links before it looks, so the checkout itself will not do.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$1/ansible_collections/hotpass/prefect
mkdir -p "$target"
# A file that is tracked but deleted in the working copy is listed all the same.
git ls-files -z --cached --others --exclude-standard -- ':!collections' |
    while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done |
    sort -zu |
    tar --create --null --no-recursion --files-from=- |
    tar --extract --directory "$target"
printf '%s\n' "$target"
