#!/usr/bin/env bash
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# step.sh SENTENCE COMMAND [ARGUMENT...]: says what is done, does it, and shows the command's output only if it fails.
set -euo pipefail

sentence=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT

printf '%s ... ' "$sentence"
begin=$SECONDS
if "$@" >"$log" 2>&1; then
    printf 'ok (%d s)\n' $((SECONDS - begin))
else
    code=$?
    printf 'FAILED (%d s, exit code %d)\n' $((SECONDS - begin)) "$code"
    cat "$log"
    exit "$code"
fi
