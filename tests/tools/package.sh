#!/usr/bin/env bash
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# package.sh: builds the tarball from this checkout into dist/, proves that nothing untracked got in, has
# galaxy-importer check it (its own environment: $IMPORTER_VENV), installs it elsewhere, and from there
# reads each module's documentation and goes through the promotion's tasks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
venv=$(cd "${VENV:-.venv}" && pwd)
importer=$(cd "${IMPORTER_VENV:-.venv-importer}" && pwd)
step=$root/tests/tools/step.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rm -rf dist
"$step" "Building the tarball from the checkout" "$venv/bin/ansible-galaxy" collection build --output-path dist
tarball=$(compgen -G "$root/dist/hotpass-prefect-*.tar.gz")

"$step" "Comparing the tarball with what git knows" \
    "$venv/bin/python" tests/tools/tree_check.py --tarball "$tarball"

# From here on as on another machine: no configuration of the checkout, nothing of the user's home.
cd "$scratch"
: >ansible.cfg
export ANSIBLE_CONFIG=$scratch/ansible.cfg ANSIBLE_HOME=$scratch/home ANSIBLE_LOCAL_TEMP=$scratch/tmp
# galaxy-importer ends well when it has only warned, for instance of a module whose documentation it cannot read.
import_tarball() {
    PATH=$1/bin:$PATH GALAXY_IMPORTER_CONFIG=$2 python -m galaxy_importer.main "$3" | tee import.log
    ! grep -qE '^(WARNING|ERROR|CRITICAL):' import.log
}
export -f import_tarball
"$step" "Importing the tarball as a Galaxy server would" \
    bash -euo pipefail -c 'import_tarball "$@"' - "$importer" "$root/tests/galaxy-importer.cfg" "$tarball"

"$step" "Installing the tarball elsewhere, offline" \
    "$venv/bin/ansible-galaxy" collection install "$tarball" --offline -p "$scratch/site"
export ANSIBLE_COLLECTIONS_PATH=$scratch/site
"$step" "Verifying the installed files against their checksums" \
    "$venv/bin/ansible-galaxy" collection verify hotpass.prefect --offline -p "$scratch/site"
modules=("$scratch"/site/ansible_collections/hotpass/prefect/plugins/modules/*.py)
modules=("${modules[@]##*/}")
modules=("${modules[@]%.py}")
"$step" "Reading the documentation of ${#modules[@]} installed modules" \
    "$venv/bin/ansible-doc" "${modules[@]/#/hotpass.prefect.}"
mkdir elsewhere
cd elsewhere
for way in --syntax-check --list-tasks; do
    "$step" "Going through the installed promotion with $way" \
        "$venv/bin/ansible-playbook" hotpass.prefect.promote "$way" \
        -i "$scratch/site/ansible_collections/hotpass/prefect/inventories/staging"
done
