#!/bin/sh
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A post-receive hook for a bare repository: a push to one branch updates the first ring. docs/dev-on-push.md has the
# settings, which are in the repository's own configuration. The push does not wait, and cannot fail because of the ring.
#
#   post-receive.sh               as git calls it: "old new ref" lines on standard input
#   post-receive.sh --run COMMIT  as it calls itself, in the background
set -eu
umask 077

say() {
    printf '%s %s\n' "$(date -u '+%Y-%m-%dT%H:%M:%SZ')" "$1"
}

setting() {
    git config --get "hotpass.$1" || printf '%s' "$2"
}

# A commit's id, and not the zeros that stand for a branch that was deleted.
is_commit() {
    case $1 in
    '' | *[!0-9a-f]*) return 1 ;;
    *[!0]*) return 0 ;;
    *) return 1 ;;
    esac
}

repository=$(git rev-parse --absolute-git-dir)
state=$repository/hotpass
mkdir -p "$state"
log=$(setting log "$state/push.log")
wanted=$(setting ref refs/heads/main)

if [ "${1-}" != --run ]; then
    commit=
    while read -r _old new ref; do
        if [ "$ref" = "$wanted" ] && is_commit "$new"; then
            commit=$new
        fi
    done
    [ -n "$commit" ] || exit 0
    nohup "$0" --run "$commit" </dev/null >>"$log" 2>&1 &
    printf 'The first ring will be updated to %s; see %s.\n' "$commit" "$log"
    exit 0
fi

commit=${2-}
if ! is_commit "$commit"; then
    say "This is no commit; nothing was done."
    exit 2
fi
directory=$(setting directory "$PWD")
inventory=$(setting inventory inventories/dev)
playbook=$(setting playbook playbooks/dev_on_push.yml)
command=$(setting command ansible-playbook)

# One at a time. Who waited while a later push came leaves the ring to that one, which has a hook of its own.
exec 9>"$state/lock"
flock 9
if [ "$(git rev-parse --verify --quiet "$wanted")" != "$commit" ]; then
    say "$commit: a later push has taken its place."
    exit 0
fi

# Git tells a hook where it is by variables, which every git below would believe.
for name in $(git rev-parse --local-env-vars); do
    unset "$name"
done
say "$commit: begins."
code=0
cd "$directory"
# The lock is not for the servers that the playbook may start: they would keep it.
HOTPASS_PUSH_REPOSITORY=$repository HOTPASS_PUSH_COMMIT=$commit ANSIBLE_NOCOLOR=1 \
    "$command" "$playbook" -i "$inventory" 9>&- || code=$?
if [ "$code" -eq 0 ]; then
    say "$commit: done."
else
    say "$commit: FAILED with exit status $code."
fi
exit "$code"
