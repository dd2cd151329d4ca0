#!/usr/bin/env bash
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ee.sh: does what the build of the execution environment does, without a container engine. It has ansible-builder
# write the build context, runs the context's own commands on a fresh virtual environment, and from there, with nothing
# of the checkout and few programs of the system, promotes a release into a ring of a live Prefect server.
# Not one of the pytest tests, because it installs from a package index, which they never need.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
venv=$(cd "${VENV:-.venv}" && pwd)
step=$root/tests/tools/step.sh

scratch=$(mktemp -d)
# Before anything else, for what is started beside us has to be stopped with it.
server=$scratch/server
stop() {
    wait
    cd "$root"
    env HOTPASS_STATE_DIR="$server" PATH="$venv/bin:$PATH" \
        ansible-playbook playbooks/stop.yml >"$scratch/stop.log" 2>&1 || cat "$scratch/stop.log"
    rm -rf "$scratch"
}
trap stop EXIT

# The Prefect server is another machine's business: it runs from the checkout's environment, and starts meanwhile.
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env HOTPASS_STATE_DIR="$server" PATH="$venv/bin:$PATH" \
    ansible-playbook playbooks/start.yml -i inventories/dev -e "prefect_port=$port" >"$scratch/start.log" 2>&1 &
starting=$!

source=$scratch/source
context=$source/context
mkdir "$source"
cp -r execution-environment.yml requirements "$source"
"$step" "Building the tarball from the checkout" \
    "$venv/bin/ansible-galaxy" collection build --output-path "$source/dist"
cd "$source"
"$step" "Writing the build context with ansible-builder" env PATH="$venv/bin:$PATH" \
    ansible-builder create -f execution-environment.yml -c "$context" --output-filename Containerfile

# What stands in the Containerfile after RUN, with the places of the image moved below the scratch directory.
image=$scratch/image
containerfile_runs() {
    local line
    line=$(grep -E "^RUN .*$1" "$context/Containerfile") || {
        echo "the Containerfile runs nothing with $1" >&2
        return 1
    }
    line=${line#RUN }
    line=${line//\/output\/requirements\//$context/_build/requirements/}
    printf '%s\n' "${line//\/usr\/share\/ansible/$image/share}"
}
# The environment of a container: nothing of the caller's, except where pip finds its packages.
pip_settings=(HOME="$HOME")
for name in "${!PIP_@}" SSL_CERT_FILE REQUESTS_CA_BUNDLE {http,https,no}_proxy {HTTP,HTTPS,NO}_PROXY; do
    [ -z "${!name:-}" ] || pip_settings+=("$name=${!name}")
done
mkdir -p "$image/home" "$image/system"
contained=(env -i -C "$context/_build" HOME="$image/home" LANG=C.UTF-8 PYCMD="$image/venv/bin/python")
install=$(containerfile_runs 'pip install .*--require-hashes')
# Only an image has to be small: what `make` has fetched is not fetched again. The hashes are checked all the same.
install=${install/ --no-cache-dir/}
collect=$(containerfile_runs 'ansible-galaxy collection install')
"$step" "Making a fresh environment with $("$venv/bin/python" --version)" "$venv/bin/python" -m venv "$image/venv"
"$step" "Installing the locks into it as the Containerfile says" \
    "${contained[@]}" "${pip_settings[@]}" PATH="$image/venv/bin:$PATH" PIP_NO_COMPILE=1 sh -c "$install"

# Of the system only what bindep.txt brings and every base image has: the environment's commands come first.
for program in env git sh timeout; do
    ln -s "$(command -v "$program")" "$image/system/$program"
done
contained+=(PATH="$image/venv/bin:$image/system" ANSIBLE_COLLECTIONS_PATH="$image/share/collections" ANSIBLE_NOCOLOR=1
    ANSIBLE_GALAXY_CLI_COLLECTION_OPTS=--offline)
"$step" "Installing the collection as the Containerfile says, offline" \
    "${contained[@]}" sh -c "$collect"
"$step" "Introspecting it with ansible-builder's own script" "${contained[@]}" sh -c \
    "\$PYCMD scripts/introspect.py introspect '$image/share/collections' --write-pip='$image/requirements.txt'"
"$step" "Asking pip whether what the collection requires is there: it may fetch nothing" \
    "${contained[@]}" sh -c "\$PYCMD -m pip install --no-index -r '$image/requirements.txt'"
"$step" "Importing every library that the plugins import" \
    "${contained[@]}" sh -c "\$PYCMD '$root/tests/tools/ee_imports.py' '$image/share/collections'"
"$step" "Reading the documentation of an installed module" \
    "${contained[@]}" ansible-doc hotpass.prefect.hotpass_ring_info

# A site's own project: its settings, manifests and flows, and playbooks that AWX can offer.
installed=$image/share/collections/ansible_collections/hotpass/prefect
runner=$scratch/runner
project=$runner/project
mkdir -p "$project/playbooks"
cp -r "$installed"/{inventories,prefect,requirements} "$project"
for playbook in promote status reconcile; do
    printf -- '- name: Run it\n  ansible.builtin.import_playbook: hotpass.prefect.%s\n' "$playbook" \
        >"$project/playbooks/$playbook.yml"
done
author=(-c user.name=builder -c user.email=builder@example.com -c commit.gpgsign=false)
git -C "$project" init --quiet
git -C "$project" add --all
git -C "$project" "${author[@]}" commit --quiet --message "A project of a site"

wait "$starting" || {
    cat "$scratch/start.log"
    exit 1
}
mkdir "$runner/env"
cat >"$runner/env/extravars" <<END
prefect_embedded: false
prefect_api_url: http://127.0.0.1:$port/api
prefect_state_dir: $scratch/state
ring_demo_keys: true
ring_gates: [tests, health]
END
play() {
    local sentence=$1 playbook=$2
    shift 2
    "$step" "$sentence" "${contained[@]}" ansible-runner run "$runner" --inventory "$project/inventories/dev" \
        --ident "$playbook" -p "playbooks/$playbook.yml" "$@"
}
play "Promoting a release with ansible-runner: built from git, tested, deployed" promote
play "Looking at the ring" status
"$step" "Finding there that the release is Active" grep -E '\bActive\b' "$runner/artifacts/status/stdout"
play "Asking for drift: there is none" reconcile --cmdline=--check
